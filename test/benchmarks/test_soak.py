# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The soak: what it calls a fault, and one run of a few seconds."""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip('cyclonedds')

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import over_dds
import soak

MB = 1_000_000


def figures(**changes):
    """Return the figures of a good run of ten bins, with changes."""
    bins = [
        {
            'resident_bytes': 500 * MB + 1000 * index,
            'processor_ms_per_frame': 20.0,
            'latency_ms': {'p50': 30.0},
            'yardstick_ms': 40.0,
        }
        for index in range(10)
    ]
    counts = dict.fromkeys(over_dds.COUNTS, 0) | {'received': 80, 'processed': 79, 'dropped': 1}
    return {
        'bins': bins,
        'counts': {**counts, 'published': 79},
        'results': 79,
        'sessions': 1,
        'new_ids_that_fell': 0,
        'memory_file_was_written': True,
        'exit_code': 0,
        **changes,
    }


def with_bins(change):
    """Return the figures of a run whose bins were changed by `change(index, bin)`."""
    found = copy.deepcopy(figures())
    for index, item in enumerate(found['bins']):
        change(index, item)
    return found


def test_a_good_run_has_no_fault():
    assert soak.judge(figures())['faults'] == []


def test_growth_while_warming_up_is_none():
    def start_small(index, item):
        item['resident_bytes'] -= 200 * MB * (index == 0)

    assert soak.judge(with_bins(start_small))['faults'] == []


def test_a_leak_is_found():
    def leak(index, item):
        item['resident_bytes'] += index * MB

    verdict = soak.judge(with_bins(leak))
    assert verdict['faults'] == ['memory grew']
    before, after = verdict['resident_bytes_first_and_last_third']
    assert after - before > 5 * MB


def test_latency_that_grows_is_found_unless_the_whole_machine_is_slower():
    def slower(index, item):
        item['latency_ms']['p50'] += 5 * index

    def all_slower(index, item):
        slower(index, item)
        item['yardstick_ms'] *= item['latency_ms']['p50'] / 30

    assert soak.judge(with_bins(slower))['faults'] == ['latency grew']
    assert soak.judge(with_bins(all_slower))['faults'] == []


def test_no_results_at_all_are_found():
    def none(index, item):
        item['latency_ms']['p50'] = float('nan')

    assert 'latency grew' in soak.judge(with_bins(none))['faults']


@pytest.mark.parametrize(
    ('changes', 'fault'),
    [
        ({'counts': {**figures()['counts'], 'failed': 1, 'processed': 78}}, 'frames failed'),
        ({'counts': {**figures()['counts'], 'received': 81}}, 'counters do not add up'),
        ({'results': 78}, 'results are missing'),
        ({'sessions': 2}, 'a new session began'),
        ({'new_ids_that_fell': 1}, 'an id was lower than an earlier one'),
        ({'memory_file_was_written': False}, 'no memory file'),
        ({'exit_code': -9}, 'the exit code is not 0'),
    ],
)
def test_other_faults(changes, fault):
    assert soak.judge(figures(**changes))['faults'] == [fault]


def test_a_run_of_three_seconds(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
    monkeypatch.setattr(soak, 'DRAIN_S', 1.5)
    words = ['--minutes', '0.05', '--bin-s', '1', '--hz', '5', '--width', '160', '--height', '120']
    soak.main([*words, '--json', str(tmp_path / 'soak.json')])  # its verdict is of this machine
    found = json.loads((tmp_path / 'soak.json').read_text())
    assert len(found['bins']) == 3
    assert found['frames_sent'] == 15
    assert 0 < found['results'] <= 15
    assert found['sessions'] == 1
    assert (found['new_ids_that_fell'], found['exit_code']) == (0, 0)
    assert found['memory_file_was_written']
    assert found['bins'][-1]['resident_bytes'] > 50 * MB
    assert 'soak: ' in capsys.readouterr().out
