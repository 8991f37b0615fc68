# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""docs/faults.md names only tests that exist, at least one for each fault."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs/faults.md').read_text()
ROWS = [
    line
    for section in re.split('^## ', PAGE, flags=re.M)
    if '| fault |' in section
    for line in section.splitlines()
    if line.startswith('| ') and not line.startswith('| fault |')
]
FAULTS = [  # that must be there, in the words of the page
    'stops and returns',
    'changes resolution',
    'changes encoding',
    '5 Hz',
    '120 Hz',
    '30 %',
    'out of order',
    'repeats stamps',
    'depth is missing',
    'depth is late',
    'depth has another size',
    'without calibration',
    'never reads',
    'raises on one frame',
    'raises on every frame',
    'hangs for 5 s',
    'returns NaN',
    'GPU out of memory',
    'SIGTERM',
    'SIGKILL',
    'disk is full',
    'swapped',
]


def names_in(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def carriers_of(path):
    """Return what carries the node in the tests of a file: its fixtures tell."""
    tree = ast.parse((ROOT / path).read_text())
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return 'DDS, rclpy' if arguments & {'make_robot', 'transport'} else 'memory'


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.split('|')[1].strip())
def test_each_row_names_tests_that_exist(row):
    fault, what, report, on, tests = (cell.strip() for cell in row.split('|')[1:-1])
    assert all((fault, what, report))
    named = re.findall(r'`(test/[\w/]+\.py)::(test_\w+)`', tests)
    assert named
    assert re.sub(r'`[^`]+`(, )?', '', tests) == ''
    assert [name for path, name in named if name not in names_in(path)] == []
    found = {carriers_of(path) for path, _ in named}
    assert on == ', '.join(sorted(found))


@pytest.mark.parametrize('fault', FAULTS)
def test_each_fault_has_a_row(fault):
    assert any(fault in row.split('|')[1] for row in ROWS)


def test_each_figure_of_the_fuzzing_belongs_to_a_target():
    sys.path.append(str(ROOT / 'test/fuzz'))
    from fuzz_all import all_targets

    names = set(re.findall(r'^\| ([a-z ]+) \| [\d,]+ \|', PAGE, flags=re.M)) - {'all'}
    assert names == {target.name for target in all_targets()}
