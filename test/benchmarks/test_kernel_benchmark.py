# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of kernels: what it compares and adds up, never how long that takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import kernels as benchmark

from vis_ros.ops import kernels

CPU = torch.device('cpu')


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert benchmark.main([]) == 2
    assert 'need a CUDA device, and there is none' in capsys.readouterr().err


def test_all_ways_of_a_case_are_timed_and_compared(capsys):
    nms = dict(benchmark.nms_case(50, CPU).ways)
    nms['kernel'] = nms['torch in steps']  # on a CPU what stands there has another size
    case = benchmark.Case('nms', nms)
    found = benchmark.measure([case], CPU, repetitions=2, warm_up=1)
    assert set(found[0]['ms']) == {'kernel', 'torchvision', 'torch in steps'}
    assert set(found[0]['times_the_kernel']) == {'torchvision', 'torch in steps'}
    assert [is_kept for _, is_kept in benchmark.verdicts([case])] == [True]
    benchmark.show(found)
    assert capsys.readouterr().out.count(' times the kernel\n') == 2


def test_a_ratio_is_the_median_and_a_difference_is_a_fault():
    zeros = torch.zeros(4)
    case = benchmark.Case('x', {'kernel': lambda: (zeros,), 'torch': lambda: (zeros + 1,)})
    spans = [{'kernel': 1.0, 'torch': ratio} for ratio in (2.0, 9.0, 4.0)]
    assert benchmark.figures(case, spans)['times_the_kernel'] == {'torch': 4.0}
    assert benchmark.verdicts([case]) == [('x: 100.0000% differ, at most 0.1%', False)]


@pytest.mark.gpu
def test_it_runs_on_a_gpu(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    if not kernels.can_run(torch.device('cuda')):
        pytest.skip('Triton does not run here')
    path = tmp_path / 'found.json'
    assert benchmark.main(['--repetitions', '2', '--json', str(path)]) == 0
    cases = json.loads(path.read_text())['cases']
    assert len(cases) == len(benchmark.PICTURES) + len(benchmark.BOXES)
    labels = [one['peak_mb'] for one in cases if one['case'].startswith('label')]
    assert all(one['kernel'] < one['torch'] / 10 for one in labels)
