# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What texts tell users to install can be installed."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_named_extra_is_one_of_the_package() -> None:
    call = next(
        node
        for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text()))
        if isinstance(node, ast.keyword) and node.arg == 'extras_require'
    )
    assert isinstance(call.value, ast.Dict)
    known = {ast.literal_eval(key) for key in call.value.keys if key is not None}
    files = [
        *ROOT.glob('*.md'),
        *(ROOT / 'docs').rglob('*.md'),
        *(ROOT / 'vis_ros').rglob('*.py'),
        *(ROOT / 'benchmarks').rglob('*.*'),
    ]
    named = {
        extra
        for file in files
        if file.suffix in ('.md', '.py')
        for listed in re.findall(r'vis_ros\[([\w,]+)\]', file.read_text(encoding='utf-8'))
        for extra in listed.split(',')
    }
    assert {'cluster', 'training'} <= named
    assert named <= known
