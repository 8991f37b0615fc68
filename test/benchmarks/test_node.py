# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the node: counts, the report's form, bars, ratios, never how long it takes."""

from __future__ import annotations

import copy
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('cyclonedds')

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import node
import node_turn
import over_dds
from node_turn import Case

from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import TRACKS_TYPE

ROOT = Path(__file__).parents[2]
SECOND_NS = 10**9
GPU = {'device': 'cuda', 'method': 'rgnnvis_pp'}


def turn(p50=3.0, fps=100.0, images_a_second=30.0, exit_code=0, **counts):
    """Return the figures of a good turn, with changes."""
    good = dict.fromkeys(('received', 'published', 'processed', 'sent', 'heard'), 90)
    zeros = ('dropped', 'failed', 'out_of_order', 'ignored', 'lost_on_the_way', 'open')
    return {
        'counts': {**good, **dict.fromkeys(zeros, 0), **counts},
        'stages_ms': {'callback_to_publish': {'p50': p50}},
        'stamp_to_arrival_ms': {'p50': 2 * p50},
        'frames_a_second': fps,
        'images_a_second': images_a_second,
        'exit_code': exit_code,
    }


def missed(found, case):
    """Return the bars of a turn that are missed."""
    return [text for text, is_kept in node.verdicts(found, case) if not is_kept]


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_a_good_turn_keeps_all_bars(device):
    assert missed(turn(), Case(parameters={**GPU, 'device': device})) == []


@pytest.mark.parametrize(
    ('changes', 'fault'),
    [
        ({'open': 1}, '90 received = 90 processed + 0 dropped'),
        ({'heard': 89}, '89 results came of 90 published'),
        ({'heard': 0, 'published': 0}, '0 results came'),
        ({'failed': 2}, '2 images failed'),
        ({'exit_code': -9}, 'the node ended with -9'),
    ],
)
def test_faults_on_every_device(changes, fault):
    for device in ('cpu', 'cuda'):
        (text,) = missed(turn(**changes), Case(parameters={**GPU, 'device': device}))
        assert fault in text


def test_the_bar_of_one_camera_is_of_a_gpu_and_of_one_method():
    slow = turn(p50=5.0)
    (text,) = missed(slow, Case(parameters=GPU))
    assert text == 'callback to publication 5.00 ms, below 5 ms'
    assert missed(slow, Case(parameters={**GPU, 'device': 'cpu'})) == []
    assert missed(slow, Case(parameters={**GPU, 'method': 'iai'})) == []
    assert missed(slow, Case(cameras=2, parameters=GPU)) == []


@pytest.mark.parametrize(
    'changes', [{'dropped': 1}, {'lost_on_the_way': 1}, {'images_a_second': 200.0}]
)
def test_eight_cameras_lose_no_image(changes):
    found = turn(**{'images_a_second': 240.0, 'p50': 9.0, **changes})
    assert len(missed(found, Case(cameras=8, hz=30.0, parameters=GPU))) == 1
    assert missed(found, Case(cameras=8, hz=15.0, parameters=GPU)) == []
    assert missed(found, Case(cameras=8, hz=30.0, parameters={**GPU, 'device': 'cpu'})) == []


def test_ratios_are_of_rounds_and_of_what_both_measure():
    own, other = [turn(2.0, 150.0), turn(4.0, 50.0)], [turn(3.0, 100.0), turn(4.0, 100.0)]
    found = node.ratios(own, other, 0.0)
    assert found == {
        'stamp_to_arrival': [1.5, 1.0],
        'callback_to_publish': [1.5, 1.0],
        'frames_a_second': [1.5, 0.5],
    }
    other = copy.deepcopy(other)
    del other[0]['stages_ms']['callback_to_publish']
    assert list(node.ratios(own, other, 30.0)) == ['stamp_to_arrival']


def test_figures():
    counts = dict.fromkeys(node_turn.COUNTS, 0) | {'received': 4, 'processed': 2, 'dropped': 1}
    arrivals = [(SECOND_NS, SECOND_NS + 10**7), (2 * SECOND_NS, 2 * SECOND_NS + 3 * 10**7)]
    found = node_turn.figures({**counts, 'sent': 5}, arrivals, SECOND_NS)
    assert (found['counts']['open'], found['counts']['lost_on_the_way']) == (1, 1)
    assert found['stamp_to_arrival_ms']['p50'] == 20.0
    assert found['frames_a_second'] == pytest.approx(2 / 1.03, abs=0.01)
    assert node_turn.figures({**counts, 'sent': 5}, [], 0)['frames_a_second'] == 0.0


def test_stages_are_those_of_the_slowest_camera():
    cameras = [
        {'method_ms_p50': '1.50', 'method_ms_p99': '4.00', 'received': '3'},
        {'method_ms_p50': '2.50', 'method_ms_p99': '3.00', 'decode_ms_p50': '0.10'},
    ]
    found = node_turn.stages_of(cameras)
    assert found == {'method': {'p50': 2.5, 'p99': 4.0}, 'decode': {'p50': 0.1}}


def test_messages_are_those_of_the_checkout(tmp_path):
    folder = shutil.copytree(ROOT / 'vis_msgs', tmp_path / 'vis_msgs') / 'msg'
    definition = folder / 'InstanceTrackArray.msg'
    definition.write_text(definition.read_text().replace('frame_id_3d', 'old_name'))
    own = bare_messages().fields(TRACKS_TYPE)
    with node_turn.messages_of(tmp_path):
        assert own ^ bare_messages().fields(TRACKS_TYPE) == {'frame_id_3d', 'old_name'}
    assert bare_messages().fields(TRACKS_TYPE) == own


def test_what_is_given_counts_more_than_what_the_benchmark_sets():
    case = Case(picture=(48, 64), cameras=2, parameters={'device': 'cpu', 'warm_up_width': '0'})
    words = node_turn.command_of(case)
    assert {'warm_up_width:=0', 'warm_up_height:=48', 'device:=cpu'} <= set(words)
    assert 'cameras:=[camera0, camera1]' in words


def test_a_node_that_cannot_track_ends_the_benchmark(monkeypatch, capfd):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
    with pytest.raises(RuntimeError, match='the tracker ended with -9'):
        node.main(['--picture', '48', '64', '--seconds', '1', '--weights', 'nonsense'])
    assert 'nonsense' in capfd.readouterr().err


def test_settings_and_options_become_parameters():
    words = ['--precision', 'float32', '--weights', 'synth_small', '--set', 'config.a.b=x=y']
    _, case = node.arguments(words)
    assert case.parameters == {
        'method': 'rgnnvis_pp',
        'device': 'cpu',
        'weights': 'synth_small',
        'config.precision': 'float32',
        'config.a.b': 'x=y',
    }


@pytest.mark.parametrize(
    'words',
    [
        ['--cameras', '0'],
        ['--hz', '-1'],
        ['--seconds', '0'],
        ['--warm-up', '0'],
        ['--rounds', '0'],
        ['--picture', '31', '64'],
        ['--method', 'nonsense'],
        ['--device', 'tpu'],
        ['--set', 'queue'],
        ['--compare', '/nowhere'],
    ],
)
def test_bad_arguments(words, capsys):
    with pytest.raises(SystemExit) as error:
        node.main(words)
    assert error.value.code == 2
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'cameras'),
    [(['--hz', '0', '--compare', str(ROOT), '--rounds', '1'], 1), (['--cameras', '2'], 2)],
    ids=['compared', 'two cameras'],
)
def test_the_command(words, cameras, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
    case = ['--method', 'iou', '--picture', '48', '64', '--seconds', '1', '--warm-up', '0.5']
    assert node.main([*case, *words, '--json', str(tmp_path / 'found.json')]) == 0
    document = json.loads((tmp_path / 'found.json').read_text())
    assert document['machine']['cpu'] and document['case']['cameras'] == cameras
    turns = [found for own in document['turns'].values() for found in own]
    assert len(turns) == (1 if cameras == 2 else 2)
    for found in turns:
        counts = found['counts']
        ends = sum(counts[name] for name in over_dds.ENDS)
        assert counts['sent'] == counts['lost_on_the_way'] + ends + counts['open']
        assert 0 < counts['processed'] == counts['published'] == counts['heard']
        assert {'decode', 'method', 'publish', 'callback_to_publish'} <= set(found['stages_ms'])
        assert all(set(times) == {'p50', 'p95', 'p99'} for times in found['stages_ms'].values())
    assert len(document['times_as_fast']) == (0 if cameras == 2 else 3)
    assert 'pass  0 images failed' in capsys.readouterr().out


def test_a_report_may_lie_in_a_new_folder(tmp_path):
    report = tmp_path / 'new' / 'report.json'
    assert node.conclude([('a bar', False)], {'figure': 1}, report) == 1
    assert json.loads(report.read_text()) == {'figure': 1}


def test_one_command_runs_the_cases_with_bars_on_a_gpu(monkeypatch):
    """What the Makefile says can be read, and is what the bars are for."""
    monkeypatch.setattr(node.torch.cuda, 'is_available', lambda: True)
    words = ['make', '--dry-run', 'performance', 'DEVICE=cuda']
    plan = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [line.partition('benchmarks/node.py ')[2] for line in plan.splitlines()]
    cases = [node.arguments(shlex.split(line))[1] for line in lines if line]
    assert [(case.cameras, case.hz) for case in cases] == [(1, 30.0), (8, 30.0)]
    for case in cases:
        assert len(node.gpu_verdicts(turn(p50=1.0, images_a_second=240.0), case)) == 1
        assert case.parameters['config.network'] == 'resnet50'
    assert cases[0].picture == (480, 864) and cases[1].picture == (720, 1280)
