# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A batch shows what its frames show alone; for the detectors with a network."""

import numpy as np
import pytest
from test_maskrcnn import detector_of as maskrcnn
from test_yolact_detector import detector_of as yolact

from vis_ros.detectors.base import Detector
from vis_ros.detectors.motion import MotionConfig, MotionDetector
from vis_ros.structures import Frame
from vis_ros.structures.batch import BatchError

TOLERANCE = 1e-4

DETECTORS = {
    'maskrcnn v1': lambda: maskrcnn('v1'),
    'maskrcnn v2': lambda: maskrcnn('v2'),
    'yolact': yolact,
}


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]()


def frames(*sizes: tuple[int, int]) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [Frame(rng.integers(0, 256, (*size, 3), dtype=np.uint8), 0) for size in sizes]


def test_no_frames(detector: Detector) -> None:
    assert detector.takes_batches
    assert detector.detect_many([], []) == []


def test_a_batch_shows_what_its_frames_show(detector: Detector) -> None:
    images = frames((48, 64), (30, 64), (48, 64), (1, 1))
    many = detector.detect_many([None] * len(images), images)
    count = 0
    for done, frame in zip(many, images, strict=True):
        assert not isinstance(done, Exception)
        state, found = done
        _, alone = detector.detect(None, frame)
        assert state is None
        np.testing.assert_allclose(found.boxes, alone.boxes)
        np.testing.assert_array_equal(found.class_ids, alone.class_ids)
        np.testing.assert_allclose(found.scores, alone.scores, atol=TOLERANCE)
        np.testing.assert_allclose(found.features, alone.features, atol=TOLERANCE)
        for mine, theirs in zip(found.masks, alone.masks, strict=True):
            assert (mine.x, mine.y) == (theirs.x, theirs.y)
            np.testing.assert_array_equal(mine.pixels, theirs.pixels)
        count += len(alone)
    assert count > 0


def test_one_frame_alone_is_the_same_to_the_last_bit(detector: Detector) -> None:
    (frame,) = frames((48, 64))
    ((_, found),) = detector.detect_many([None], [frame])
    _, alone = detector.detect(None, frame)
    np.testing.assert_array_equal(found.scores, alone.scores)
    np.testing.assert_array_equal(found.features, alone.features)


def test_a_batch_fails_as_a_whole(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frames: list[Frame]) -> None:
        raise RuntimeError('no memory')

    monkeypatch.setattr(detector, '_detect', fail)
    with pytest.raises(BatchError, match='a batch of 2 .*no memory'):
        detector.detect_many([None, None], frames((8, 8), (8, 8)))


def test_a_detector_with_a_state_takes_them_in_turn() -> None:
    detector = MotionDetector(MotionConfig(), weights=None, device='cpu')
    assert not detector.takes_batches
    states = [detector.init_state(), None]  # the second raises
    good, bad = detector.detect_many(states, frames((48, 64), (48, 64)))
    assert not isinstance(good, Exception)
    assert isinstance(bad, Exception)
