# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stamps that repeat: each image is a frame, and the tracks go on."""

import pytest
from coloured_world import ColourDetector, picture
from core_rig import NOW_NS, PERIOD_NS, image

from vis_ros.detectors import DETECTORS

RED = (250, 9, 0)


@pytest.mark.parametrize('method', ['iou', 'deepsort'])
def test_repeated_stamps_are_frames(make_rig, monkeypatch, method):
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    rig = make_rig(method=method, max_reorder_s=0.5).start()
    for index in (0, 1, 2, 2, 2, 3, 3, 4):
        pixels = picture((10 + index, 10, 20, 20, RED))
        rig.step(image(pixels, stamp_ns=NOW_NS + index * PERIOD_NS))
    assert len(rig.tracks) == 8
    assert len({message.session_id for message in rig.tracks}) == 1
    assert {item.id for message in rig.tracks for item in message.tracks} == {1}
    assert (rig.counts['out_of_order'], rig.counts['failed']) == (0, 0)
    assert not rig.texts('error')
    rig.assert_balanced()
