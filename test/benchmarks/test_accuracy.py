# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of accuracy: what it compares, and when it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import accuracy


def way(easy: float, crowded: float) -> dict[str, Any]:
    return {'easy': {'AP': easy, 'IDF1': 0.5}, 'crowded': {'AP': crowded, 'IDF1': 0.5}}


def test_a_way_may_differ_by_a_fifth_of_a_point() -> None:
    ways = {
        'float32/none': way(0.5, 0.2),
        'tf32/none': way(0.5015, 0.1985),
        'float16/none': way(0.5, 0.197),
    }
    found = dict(accuracy.verdicts(ways))
    assert list(found.values()) == [True, True, True, False]
    assert 'float16/none on crowded: AP 19.70, float32 20.00' in found


def test_each_way_follows_the_same_videos(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = []

    class Built:
        def __init__(self, accelerator: str) -> None:
            self.accelerator = accelerator

    def build(name: str, **options: Any) -> Built:
        built.append((options['precision'], options['accelerate']))
        return Built('none' if options['accelerate'] == 'tensorrt' else options['accelerate'])

    monkeypatch.setattr(accuracy, 'build_method', build)
    monkeypatch.setattr(accuracy, 'videos_of', lambda name, count: ([], name * count))
    monkeypatch.setattr(accuracy, 'figures', lambda method, videos: way(0.5, 0.2))
    line = ['--videos', '2', '--precisions', 'float16', '--json', str(tmp_path / 'a.json')]
    assert accuracy.main([*line, '--accelerate', 'none', 'compile', 'tensorrt']) == 0
    ways = json.loads((tmp_path / 'a.json').read_text())['ways']
    assert list(ways) == ['float32/none', 'float16/none', 'float16/compile']  # one fell back
    assert built[0] == ('float32', 'none') and len(built) == 4
    assert capsys.readouterr().out.count('pass') == 4
