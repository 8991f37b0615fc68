# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of objects that are hidden for a time: its videos, its rule, its page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks' / 'results'))

import occlusion
from common import ROOT
from hidden_objects import PICTURE, hidden_picture, hidden_section
from hiding import AFTER, HidingVideo

from vis_ros.ops.rle import encode
from vis_ros.structures import Detections, Frame, FrameResult, Track, TrackState

HEIGHT, WIDTH = 8, 12


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('hidden', [1, 7])
def test_an_object_is_hidden_for_exactly_so_many_frames(hidden, seed):
    video = HidingVideo(hidden, seed)
    frames = list(video.frames())
    assert len(frames) == video.length == video.back + AFTER
    assert video.back - video.gone == hidden
    for t, frame in enumerate(frames):
        assert frame.hider.any() == (not video.gone <= t < video.back)
        assert frame.twin.any() and not (frame.hider & frame.twin).any()
        assert frame.image.shape == (192, 320, 3) and frame.image.dtype == np.uint8


def test_a_video_is_always_the_same_and_its_seed_decides_what_is_in_it():
    first, second = (next(HidingVideo(3, 5).frames()) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.image, next(HidingVideo(9, 5).frames()).image)
    assert not np.array_equal(first.image, next(HidingVideo(3, 6).frames()).image)
    with pytest.raises(ValueError, match='hidden: expected 1 or more, got 0'):
        HidingVideo(0, 1)


def square(left):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[2:6, left : left + 4] = True
    return mask


def result(t, shown):
    """Return a frame's result: masks by id."""
    tracks = []
    for slot, (track_id, pixels) in enumerate(shown.items()):
        mask = encode(pixels)
        box = (mask.x, mask.y, mask.x + mask.width, mask.y + mask.height)
        tracks.append(Track(track_id, slot, TrackState.ACTIVE, 0, 0.9, box, mask, 0, t, 1, 0))
    return FrameResult(t, '', HEIGHT, WIDTH, tuple(tracks))


@pytest.mark.parametrize(
    ('before', 'after', 'wanted'),
    [(1, 1, 'kept'), (1, 2, 'twin'), (1, 3, 'new'), (1, None, 'lost'), (None, 1, 'unseen')],
)
def test_what_became_of_a_track(before, after, wanted):
    empty = np.zeros((HEIGHT, WIDTH), np.bool_)
    hider = [square(0)] * 3 + [empty] * 2 + [square(0)] * 3
    twin = [square(6)] * 8
    results = []
    for t in range(8):
        mine = before if t < 3 else after if t >= 5 else None
        shown = {} if mine is None else {mine: square(0)}
        if t < 5 or mine != 2:
            shown[2] = square(6)
        results.append(result(t, shown))
    assert occlusion.outcome(results, hider, twin, 3, 5) == wanted


def test_most_frames_decide_and_a_poor_mask_is_no_track():
    hider = [square(0)] * 6
    results = [result(t, {9 if t == 2 else 4: square(0)}) for t in range(3)]
    results += [result(t, {5 if t == 3 else 4: square(0), 7: square(2)}) for t in range(3, 6)]
    assert occlusion.outcome(results, hider, hider, 3, 3) == 'kept'
    poor = [result(t, {1: square(2)}) for t in range(6)]  # overlap of a third
    assert occlusion.outcome(poor, hider, hider, 3, 3) == 'unseen'


class Detector:
    classes = ('thing',)
    feature_size = 1
    calls = 0

    def init_state(self):
        return None

    def detect(self, state, frame):
        self.calls += 1
        return state, Detections.empty(frame.height, frame.width, 1)


def test_a_detector_looks_at_each_image_once(monkeypatch):
    detector = Detector()
    monkeypatch.setattr(Detections, 'empty', staticmethod(lambda *_: 'found'), raising=False)
    shared = occlusion.Remembered(detector)
    frames = [Frame(np.zeros((4, 4, 3), np.uint8), t) for t in (0, 1, 0)]
    assert [shared.detect(None, frame)[1] for frame in frames] == ['found'] * 3
    assert detector.calls == 2
    shared.forget()
    shared.detect(None, frames[0])
    assert detector.calls == 3


class Blind:
    """A method that sees nothing."""

    lag = 0
    classes = ('thing',)

    def init_state(self):
        return None

    def step(self, state, frame):
        return state, [FrameResult(frame.stamp_ns, '', frame.height, frame.width, ())]

    def flush(self, state):
        return state, []


def test_logs_are_stored_and_what_is_stored_is_not_run_again(tmp_path, monkeypatch):
    weights = tmp_path / 'weights'
    weights.write_bytes(b'1')
    one = occlusion.Contender('blind', 'Blind', 'blind', weights)
    monkeypatch.setattr(occlusion, 'contenders', lambda *_: [one])
    monkeypatch.setattr(occlusion.Contender, 'build', lambda self: Blind())
    given = ['--into', str(tmp_path / 'logs'), '--videos', '1', '--hidden', '1']
    assert occlusion.main(given) == 0
    path = tmp_path / 'logs' / 'occlusion-blind.json'
    assert json.loads(path.read_text())['events'] == {
        '1': {'kept': 0, 'twin': 0, 'new': 0, 'lost': 0, 'unseen': 1}
    }
    monkeypatch.setattr(occlusion, 'run', lambda *_: pytest.fail('run again'))
    assert occlusion.main(given) == 0
    weights.write_bytes(b'2')  # others now
    with pytest.raises(pytest.fail.Exception, match='run again'):
        occlusion.main(given)


def test_who_takes_part(tmp_path, monkeypatch):
    monkeypatch.setattr(occlusion, 'stored', lambda name: {'set': {'min_score': 0.1}})
    rows = {
        'main': {'rgnnvis_pp': {'title': 'PP', 'set': {'method': 'rgnnvis_pp'}}},
        'methods': {'ifr': {'stage': 'ifr', 'rows': {'ifr': {'title': 'IFR'}}}},
    }
    detector = tmp_path / 'det'
    detector.touch()
    found = {one.name: one for one in occlusion.contenders(rows, detector, None)}
    assert found['ifr'].weights == ROOT / 'models' / 'synth_small_ifr.safetensors'
    some_ship = {'rgnnvis_pp': 'synth_small'}
    monkeypatch.setattr(occlusion, 'shipped_for', lambda method: some_ship.get(method, ''))
    found = {one.name: one for one in occlusion.contenders(rows, detector, None)}
    assert set(found) == {'iou', 'deepsort', 'rgnnvis_pp'}  # nothing was trained
    assert found['iou'].options == {'detector': 'yolact', 'min_score': 0.1}
    assert found['rgnnvis_pp'].weights == ROOT / 'models' / 'synth_small.safetensors'
    run = tmp_path / 'runs' / 'ifr-0'
    run.mkdir(parents=True)
    (run / 'model.safetensors').touch()
    found = {one.name: one for one in occlusion.contenders(rows, detector, tmp_path)}
    assert set(found) == {'iou', 'deepsort', 'rgnnvis_pp', 'ifr'} and found['ifr'].method == 'ifr'


def counts(**given):
    return {**dict.fromkeys(occlusion.OUTCOMES, 0), **given}


def test_the_page_shows_shares_and_a_picture():
    assert list(hidden_section([]))[-1] == 'Not run yet.' and hidden_picture([]) == {}
    logs = [
        {'title': '`iou`', 'events': {'2': counts(kept=3, new=1), '40': counts(unseen=4)}},
        {'title': 'PP', 'events': {'2': counts(kept=1, lost=1, unseen=2)}},
    ]
    text = '\n'.join(hidden_section(logs))
    assert '| id kept | 2 frames | 40 frames |' in text
    assert '| `iou` | 75 (3 of 4) | undefined |' in text and '| PP | 50 (1 of 2) | - |' in text
    assert '| `iou` | 3 | 0 | 1 | 0 | 4 |' in text
    picture = hidden_picture(logs)[PICTURE]
    assert picture.count('<circle') == 2 + 2 and '>iou<' in picture
