# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The suite of speed: what it measures and what the page says, never how long that takes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks' / 'suite'))

import measure
import one_case
import performance_page
import speed_cases
from speed_cases import CAMERAS, FREE, LEARNED, OTHERS, PICTURES, Case, sections

from vis_ros.methods import METHODS
from vis_ros.nn.acceleration import ACCELERATORS
from vis_ros.nn.precision import PRECISIONS

ROOT = Path(__file__).parents[2]
SMALL = Case('iou', picture=(48, 64), objects=4, frames=12)
MACHINE = {'cpu': 'Abacus 3', 'gpu': 'Beads', 'torch': '2.15', 'threads': 1, 'python': '3'}


def figures(p50: float, **values: Any) -> dict[str, Any]:
    plain = {f'{name}_ms': p50 for name in ('p50', 'p95', 'p99')}
    counts = {'fps': 1e3 / p50, 'objects': 10, 'rss_mib': 900.0, 'warm_up_s': 1.0, 'fallback': ''}
    return {**plain, **counts, **values}


def document(device: str, **values: float) -> dict[str, Any]:
    """Return a file of results in which every case took 10 ms, or what its method says."""
    wanted = sections(device, 4)
    cases = {
        case.key: figures(values.get(case.method, 10.0))
        for each in wanted.values()
        for case in each
    }
    return {'machine': MACHINE, 'device': device, 'frames': 4, 'cases': cases}


def test_every_method_size_and_way_is_there() -> None:
    assert set(LEARNED) | set(FREE) == set(METHODS)
    for device in ('cpu', 'cuda'):
        found = sections(device, 4)
        assert {case.method for case in found['methods']} == set(METHODS)
        assert {case.picture for case in found['pictures']} == set(PICTURES.values())
        assert [case.cameras for case in found['cameras']] == list(CAMERAS)
        assert {case.method for case in found['others']} >= set(OTHERS)
        assert all(case.device == device for each in found.values() for case in each)
    ways = {(case.precision, case.accelerate) for case in found['ways']}
    assert ways == {(p, a) for p in PRECISIONS for a in ACCELERATORS}


def test_a_case_comes_back_from_its_key() -> None:
    case = Case('ifr', precision='tf32', picture=(3, 4))
    assert Case.of(case.key) == case


@pytest.mark.parametrize(
    ('case', 'objects'),
    [
        (SMALL, None),
        (replace(SMALL, method='rgnnvis', objects=3, frames=2), 3),
        (replace(SMALL, method='rgnnvis_pp', cameras=2, frames=2), None),
        (replace(SMALL, method='maskprop', objects=2, frames=2), 2),
    ],
)
def test_a_case_is_measured(case: Case, objects: int | None) -> None:
    found = one_case.measure(case)
    assert found['p50_ms'] <= found['p95_ms'] <= found['p99_ms']
    assert found['fps'] > 0 and found['rss_mib'] > 0 and found['fallback'] == ''
    assert objects in (None, found['objects'])
    assert found['floor_ms'] > 0
    assert (found['gflop'] > 0) is (case.method not in FREE)


def test_what_falls_back_says_so() -> None:
    found = one_case.measure(replace(SMALL, method='rgnnvis', accelerate='tensorrt', frames=1))
    assert 'the device is cpu' in found['fallback']


def test_figures_of_times() -> None:
    found = one_case.figures([1.0] * 10 + [2.0] * 80 + [4.0] * 10, cameras=3)
    assert (found['p50_ms'], found['p95_ms']) == (2.0, 4.0)
    assert found['fps'] == pytest.approx(3 * 1000 / 2.1, abs=0.01)


def test_a_case_that_fails_is_kept_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = replace(SMALL, method='nobody')
    monkeypatch.setattr(measure, 'sections', lambda *_: {'methods': [bad]})
    args = measure.arguments(['--into', str(tmp_path), '--frames', '3'])
    assert measure.measure_all(args) == 1
    stored = json.loads((tmp_path / 'cpu.json').read_text())
    assert 'nobody' in stored['cases'][bad.key]['error']
    monkeypatch.setattr(measure, 'measure', lambda case: figures(1.0))
    assert measure.measure_all(args) == 0  # it is tried again
    monkeypatch.setattr(measure, 'measure', lambda case: pytest.fail('measured twice'))
    assert measure.measure_all(args) == 0
    other = measure.arguments(['--into', str(tmp_path), '--frames', '4'])
    with pytest.raises(SystemExit, match='frames was 3, is 4'):
        measure.measure_all(other)


def test_the_page_says_what_was_stored(tmp_path: Path) -> None:
    stored, page = tmp_path / 'performance', tmp_path / 'performance.md'
    performance_page.write_page(stored, page)
    assert 'nothing was measured' in page.read_text()
    stored.mkdir()
    found = document('cpu', torchvision_maskrcnn=25.0)
    case = sections('cpu', 4)['ways'][1]
    found['cases'][case.key] = figures(5.0, fallback='accelerate: compile cannot be had: tired')
    broken = sections('cpu', 4)['others'][-1]
    found['cases'][broken.key] = {'error': 'no such module'}
    (stored / 'cpu.json').write_text(json.dumps(found))
    performance_page.write_page(stored, page)
    text = page.read_text()
    assert '## Abacus 3, torch 2.15' in text
    assert '| `rgnnvis` | float32 | compile | 5.0 | 2.00 | 1.0 |' in text
    assert '| `torchvision_maskrcnn` | 25.0 | 2.50 | 900 |' in text
    assert 'compile cannot be had: tired' in text and 'not measured: no such module' in text
    for name in ('objects', 'pictures', 'cameras'):
        assert (tmp_path / 'images' / f'performance_cpu_{name}.svg').exists()


def test_bars_of_a_gpu(tmp_path: Path) -> None:
    found = document('cuda')
    fast, slow, *_ = sections('cuda', 4)['bars']
    found['cases'][fast.key] = figures(2.5, fps=400.0)
    found['cases'][slow.key] = figures(4.1, fps=244.0)
    tmp_path.joinpath('performance').mkdir()
    (tmp_path / 'performance' / 'cuda.json').write_text(json.dumps(found))
    performance_page.write_page(tmp_path / 'performance', tmp_path / 'page.md')
    text = (tmp_path / 'page.md').read_text()
    assert '## Beads' in text
    assert '| float16 graphs | 864x480, 1 cameras | 400 | 400 | kept |' in text
    assert '| float16 graphs | 640x360, 1 cameras | 244 | 250 | missed |' in text
    assert speed_cases.bar_of(fast) == 400.0 and speed_cases.bar_of(SMALL) is None


def test_association_has_a_section_and_is_no_device(tmp_path: Path) -> None:
    ours = {'ms': 2.0, 'ratio': 1.0, 'switches': 1, 'mota': 0.9996}
    found = {
        'machine': MACHINE,
        'load': [0.5, 1.25],
        'cores': 2,
        'frames': 300,
        'packages': {'motpy': '0.0.10'},
        'missing': {'norfair': 'no such module'},
        'figures': {'1': {'iou': ours, 'motpy': {**ours, 'ms': 0.5, 'ratio': 0.25}}},
    }
    (tmp_path / 'association.json').write_text(json.dumps(found))
    performance_page.write_page(tmp_path, tmp_path / 'page.md')
    text = (tmp_path / 'page.md').read_text()
    assert '## Association beside other trackers' in text
    assert 'Abacus 3, 2 cores, load 0.5 to 1.25, 300 frames' in text
    assert '- `norfair`: not measured: no such module' in text
    assert '| objects | 1 |\n|---|---|\n| `iou` | 2.00 (1.00) |' in text
    assert '| `motpy` | 0.50 (0.25) |' in text and '| `motpy` | 1 (0.9996) |' in text
    (tmp_path / 'cpu.json').write_text(json.dumps(document('cpu')))
    performance_page.write_page(tmp_path, tmp_path / 'page.md')
    text = (tmp_path / 'page.md').read_text()
    assert text.index('## Abacus 3, torch 2.15') < text.index('## Association')


def test_streams_without_an_end_have_a_section(tmp_path: Path) -> None:
    early, late = {'ms': 8.0, 'state_bytes': 77}, {'ms': 8.08, 'state_bytes': 78}
    one = {'machine': MACHINE, 'device': 'cpu', 'after': [1000, 100000], 'picture': [192, 320]}
    found = {'methods': {'iou': {**one, 'early': early, 'late': late, 'ratio': 1.01}}}
    (tmp_path / 'endless.json').write_text(json.dumps(found))
    performance_page.write_page(tmp_path, tmp_path / 'page.md')
    row = '| `iou` | Abacus 3, torch 2.15 | 320x192 | 1000, 100000 | 8.00, 8.08 | 1.010 | 77, 78 |'
    assert row in (tmp_path / 'page.md').read_text()


def test_the_stored_page_is_that_of_the_stored_files(tmp_path: Path) -> None:
    page = tmp_path / 'performance.md'
    performance_page.write_page(ROOT / 'docs' / 'performance', page)
    assert page.read_text() == (ROOT / 'docs' / 'performance.md').read_text()
