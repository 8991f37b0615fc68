# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of stages: what it runs and what it adds up, never how long that takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import stages
from full_tracker import FullTracker, ellipses
from stopwatch import Stopwatch

from vis_ros.methods import rgnnvis
from vis_ros.nn.yolact import rgnnvis_config
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import TRACKS_TYPE


def figures(device: str, network: str, share: float, fps: float, books: float = 0.1) -> dict:
    return {
        'device': device,
        'network': network,
        'precision': 'float32',
        'tracker_share': share,
        'books_share': books,
        'fps': fps,
    }


@pytest.mark.parametrize(('tracks', 'detections'), [(24, 16), (3, 5), (7, 3)])
def test_the_memory_is_full_and_stays_so(tracks, detections):
    case = FullTracker('rgnnvis', 'small', 'cpu', tracks=tracks, detections=detections)
    before = case.method.memory_use(case.states[0])
    for _ in range(3):
        result = case.step()
        assert len(result.tracks) == tracks
        assert sum(track.is_observed for track in result.tracks) == min(tracks, detections)
    assert case.method.memory_use(case.states[0]) == before


def test_all_cameras_are_full():
    case = FullTracker('rgnnvis_pp', 'small', 'cpu', tracks=3, detections=2, cameras=2)
    before = [case.method.memory_use(state) for state in case.states]
    assert [use['tracks'] for use in before] == [3, 3]
    assert sum(track.is_observed for track in case.step().tracks) == 2
    assert [case.method.memory_use(state) for state in case.states] == before


def test_what_is_decided_stays_where_a_recording_reads_it():
    case = FullTracker('rgnnvis', 'small', 'cpu', tracks=3, detections=2)
    places = [part.data_ptr() for part in case._choice]
    case._decide(case._births(1))
    assert [part.data_ptr() for part in case._choice] == places
    assert case._choice.is_birth.sum() == 1


def test_each_detection_owns_pixels():
    found = ellipses(rgnnvis_config('small', 9), 16, torch.device('cpu'))
    assert found.is_real.all() and found.scores.diff().max() < 0
    owner = found.mask_logits[0].argmax(dim=0)[(found.mask_logits[0] > 0).any(dim=0)]
    assert sorted(set(owner.tolist())) == list(range(16))


def test_every_stage_comes_once_and_nothing_stays_patched():
    case = FullTracker('rgnnvis_pp', 'small', 'cpu', tracks=4, detections=2)
    before = rgnnvis.label_image, rgnnvis.prepare_frame
    spans, host = stages.spans_of_frame(case, stages.Wire(case.image))
    assert tuple(spans) == tuple(host) == stages.STAGES
    assert all(span >= 0 for span in spans.values())
    assert before == (rgnnvis.label_image, rgnnvis.prepare_frame)
    assert 'look' not in vars(case.model.tracker)


def test_a_step_that_leaves_a_stage_out_is_an_error(monkeypatch):
    case = FullTracker('rgnnvis', 'small', 'cpu', tracks=2, detections=2)
    result, wire = case.step(), stages.Wire(case.image)
    monkeypatch.setattr(case, 'step', lambda image: result)
    with pytest.raises(RuntimeError, match='stages: expected'):
        stages.spans_of_frame(case, wire)


def test_the_bytes_are_those_of_the_image_and_of_the_tracks():
    case = FullTracker('rgnnvis', 'small', 'cpu', tracks=4, detections=2)
    wire = stages.Wire(case.image)
    assert (wire.image() == case.image).all()
    message = bare_messages().deserialize(wire.encoded(case, case.step(wire.image())), TRACKS_TYPE)
    assert [bool(len(track.mask.counts)) for track in message.tracks] == [True] * 2 + [False] * 2


def test_on_a_gpu_events_count_and_are_read_after_one_wait(monkeypatch):
    calls = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.place = len(calls)
            calls.append('record')

        def elapsed_time(self, other):
            assert 'wait' in calls
            return 10.0 * (other.place - self.place)

    monkeypatch.setattr(torch.cuda, 'Event', Event)
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda device: calls.append('wait'))
    watch = Stopwatch(torch.device('cuda'))
    for name in ('', 'a', 'b', 'a'):
        watch.note(name)
    assert watch.spans_ms() == {'a': 20.0, 'b': 10.0}  # all notes of a name
    assert calls == ['record'] * 4 + ['wait']
    assert list(watch.host_spans_ms()) == ['a', 'b']


def test_the_share_is_all_but_the_detector_over_the_detector():
    case = FullTracker('rgnnvis', 'small', 'cpu', tracks=1, detections=1)
    spans = [{name: 1.0 + 9.0 * (name in stages.DETECTOR) for name in stages.STAGES}] * 3
    found = stages.figures(case, spans, spans, [20.0, 25.0, 1000.0])
    assert found['detector_ms'] == 40.0 and found['tracker_ms'] == 6.0
    assert found['tracker_share'] == 0.15 and found['books_share'] == round(3 / 48, 4)
    assert found['books_share_of_step'] == round(3 / 46, 4) and found['frame_ms'] == 48.0
    assert found['step_ms'] == 25.0 and found['fps'] == 40.0


def test_bars():
    found = [
        figures('cpu', 'small', 0.2, 30),
        figures('cpu', 'resnet50', 0.15, 1),
        figures('cpu', 'small', 0.1, 30, books=0.11),
        figures('cuda', 'resnet50', 0.9, 149),
        figures('cuda', 'small', 0.9, 1),
    ]
    kept = [is_kept for _, is_kept in stages.verdicts(found)]
    assert kept == [False, True, True, True, True, False, False]
    assert stages.verdicts([]) == []


def test_the_command(tmp_path, capsys):
    words = ['--networks', 'small', '--devices', 'cpu', '--repetitions', '2', '--warm-up', '0']
    counts = ['--tracks', '3', '--detections', '2', '--json', str(tmp_path / 'found.json')]
    code = stages.main([*words, *counts])
    document = json.loads((tmp_path / 'found.json').read_text())
    (case,) = document['cases']
    shares = (case['tracker_share'], case['books_share'])
    assert code == (shares[0] > stages.MAX_SHARE or shares[1] > stages.MAX_BOOKS)
    assert set(case['stages_ms']) == set(stages.STAGES)
    assert document['machine']['cpu'] and document['tracks'] == 3
    assert 'tracker / detector' in capsys.readouterr().out


@pytest.mark.parametrize('words', [['--tracks', '0'], ['--networks', 'huge'], ['--threads', '0']])
def test_bad_arguments(words, capsys):
    with pytest.raises(SystemExit) as error:
        stages.main(words)
    assert error.value.code == 2
    assert words[0] in capsys.readouterr().err
