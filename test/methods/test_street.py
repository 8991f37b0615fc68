# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Identities on real footage, against points that were set by hand."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import pytest
import yaml

import vis_ros
from vis_ros.ops.rle import decode
from vis_ros.structures import Frame, Track

DATA = Path(__file__).parents[1] / 'data'
PERIOD_NS = 100_000_000
KINDS = [(name, overlap) for name in ('iou', 'deepsort') for overlap in ('box', 'mask')]


class Score(NamedTuple):
    points: int  # truth points
    found: int  # of these, on an observed track
    switches: int  # id of a walker differs from its previous one, blobs of several not counted


def contains(track: Track, x: int, y: int, *, by_mask: bool) -> bool:
    x0, y0, x1, y1 = track.box
    if not (x0 <= x < x1 and y0 <= y < y1):
        return False
    return not by_mask or bool(decode(track.mask)[y - track.mask.y, x - track.mask.x])


def track_at(tracks: list[Track], x: int, y: int) -> Track | None:
    """Return the observed track at a point: by its mask, else by the smallest box."""
    for by_mask in (True, False):
        hit = [track for track in tracks if contains(track, x, y, by_mask=by_mask)]
        if hit:
            return min(hit, key=lambda track: track.mask.area_px)
    return None


@cache
def score(name: str, overlap: str) -> Score:
    truth = yaml.safe_load((DATA / 'street_truth.yaml').read_text())
    method = vis_ros.build_method(name, overlap=overlap)
    state = method.init_state()
    capture = cv2.VideoCapture(str(DATA / 'street.mp4'))
    latest: dict[str, int] = {}
    points = found = switches = 0
    index = 0
    while True:
        is_read, image = capture.read()
        if not is_read:
            break
        frame = Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index * PERIOD_NS)
        state, (result,) = method.step(state, frame)
        seen = [track for track in result.tracks if track.is_observed]
        hits = {who: track_at(seen, *point) for who, point in truth.get(index, {}).items()}
        members = Counter(track.track_id for track in hits.values() if track)
        points += len(hits)
        found += sum(track is not None for track in hits.values())
        for who, track in hits.items():
            if track is None or members[track.track_id] > 1:
                continue
            switches += latest.get(who, track.track_id) != track.track_id
            latest[who] = track.track_id
        index += 1
    assert index == 215
    return Score(points, found, switches)


@pytest.mark.parametrize(('name', 'overlap'), KINDS)
def test_nearly_all_walkers_are_found(name: str, overlap: str) -> None:
    result = score(name, overlap)
    assert result.points == 205
    assert result.found >= 200, result  # 203 measured


@pytest.mark.parametrize('overlap', ['box', 'mask'])
def test_deepsort_switches_less_than_iou(overlap: str) -> None:
    assert score('deepsort', overlap).switches < score('iou', overlap).switches


@pytest.mark.parametrize(('overlap', 'measured'), [('box', 5), ('mask', 6)])
def test_deepsort_keeps_identities(overlap: str, measured: int) -> None:
    """One more than measured is allowed: other versions of OpenCV decode other pixels."""
    assert score('deepsort', overlap).switches <= measured + 1
