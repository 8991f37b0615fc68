# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Moving squares before a fixed camera."""

import numpy as np
import pytest

from vis_ros.detectors.motion import MotionConfig, MotionDetector
from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.masks import tight_box
from vis_ros.structures import CropMask, Detections, Frame
from vis_ros.structures.options import build_config

HEIGHT, WIDTH, SIDE = 120, 160, 24
PERIOD_NS = 100_000_000
WARMUP = 11  # frames until something may be reported: 1 s, ends included
RED = (200, 30, 30)


def ground(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return a ground with a little noise, the same each time."""
    noise = np.random.default_rng(1).integers(-6, 7, (height, width, 1))
    return np.repeat(120 + noise, 3, axis=2).astype(np.uint8)


def with_squares(*corners: tuple[int, int], image: np.ndarray | None = None) -> np.ndarray:
    image = ground() if image is None else image.copy()
    for x, y in corners:
        image[y : y + SIDE, x : x + SIDE] = RED
    return image


class Camera:
    """Feeds images to a detector, one every 100 ms."""

    def __init__(self, **options: float) -> None:
        self.detector = MotionDetector(build_config(MotionConfig, options))
        self.state = self.detector.init_state()
        self.stamp_ns = 1_763_600_000_000_000_000

    def show(self, image: np.ndarray) -> Detections:
        self.stamp_ns += PERIOD_NS
        frame = Frame(image, self.stamp_ns)
        self.state, found = self.detector.detect(self.state, frame)
        check(found, image.shape)
        return found

    def learn(self, image: np.ndarray | None = None) -> None:
        for _ in range(WARMUP):
            assert len(self.show(ground() if image is None else image)) == 0


def check(found: Detections, shape: tuple[int, ...]) -> None:
    """Check what holds for all detections: tight boxes inside the image, unit features."""
    for mask, box, feature in zip(found.masks, found.boxes, found.features, strict=True):
        assert tuple(box) == tight_box(mask)
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= shape[1] and box[3] <= shape[0]
        assert np.linalg.norm(feature) == pytest.approx(1.0, abs=1e-5)


def overlap(mask: CropMask, x: int, y: int) -> float:
    """Return the IoU of a mask and a square at (x, y)."""
    whole = np.zeros((2 * HEIGHT, 2 * WIDTH), np.bool_)
    square = whole.copy()
    square[y : y + SIDE, x : x + SIDE] = True
    h, w = mask.pixels.shape
    whole[mask.y : mask.y + h, mask.x : mask.x + w] = mask.pixels
    return float((whole & square).sum() / (whole | square).sum())


def test_an_empty_scene_shows_nothing() -> None:
    camera = Camera()
    camera.learn()
    for _ in range(20):
        assert len(camera.show(ground())) == 0


def test_squares_are_found_where_they_are() -> None:
    camera = Camera()
    camera.learn()
    for k in range(20):
        places = [(4 + 3 * k, 20), (130 - 4 * k, 80)]
        found = camera.show(with_squares(*places))
        assert len(found) == 2
        masks = sorted(found.masks, key=lambda mask: mask.y)
        for mask, place in zip(masks, places, strict=True):
            assert overlap(mask, *place) > 0.85
        assert found.features[0] @ found.features[1] > 0.9  # equal colours


def test_nothing_is_reported_while_learning() -> None:
    camera = Camera(warmup_s=2.0)
    for k in range(20):
        assert len(camera.show(with_squares((5 * k, 40)))) == 0
    camera.show(with_squares((100, 40)))
    assert len(camera.show(with_squares((105, 40)))) == 1


def test_who_walks_through_the_warm_up_leaves_nothing_behind() -> None:
    camera = Camera()
    for k in range(WARMUP):
        camera.show(with_squares((12 * k, 40)))
    for _ in range(5):
        assert len(camera.show(ground())) == 0


def test_who_stood_still_and_leaves_is_no_ghost() -> None:
    camera = Camera()
    camera.learn(with_squares((60, 40)))
    for k in range(1, 15):
        x = 60 + 6 * k
        if x + SIDE > WIDTH:
            break
        found = camera.show(with_squares((x, 40)))
        if k < 6:
            continue  # still over, or beside, the place that it left
        assert len(found) == 1
        assert overlap(found.masks[0], x, 40) > 0.5
    for _ in range(10):
        assert len(camera.show(ground())) == 0


def test_shadows_are_left_out() -> None:
    camera = Camera()
    camera.learn()
    for k in range(10):
        x = 10 + 8 * k
        image = ground()
        image[60 : 60 + SIDE, x : x + 2 * SIDE] = (
            image[60 : 60 + SIDE, x : x + 2 * SIDE] * 0.7
        ).astype(np.uint8)
        found = camera.show(with_squares((x, 60 - SIDE), image=image))
        assert len(found) == 1
        assert found.boxes[0, 3] <= 62


def test_what_stands_still_becomes_background() -> None:
    camera = Camera(absorption_s=2.0)
    camera.learn()
    counts = [len(camera.show(with_squares((60, 40)))) for _ in range(40)]
    assert counts[0] == 1 and counts[10] == 1
    assert counts[-1] == 0


def test_absorption_goes_by_stamps() -> None:
    slow, fast = Camera(absorption_s=2.0), Camera(absorption_s=2.0)
    slow.learn()
    fast.learn()
    for _ in range(10):
        few = len(slow.show(with_squares((60, 40))))
        slow.stamp_ns += 3 * PERIOD_NS
        many = len(fast.show(with_squares((60, 40))))
    assert (few, many) == (0, 1)


def test_time_without_frames_absorbs_nothing() -> None:
    """An hour without the camera, or between saving and loading, is no look at the scene."""
    camera = Camera()
    camera.learn()
    assert len(camera.show(with_squares((60, 40)))) == 1
    camera.stamp_ns += 36_000 * PERIOD_NS
    for _ in range(5):
        assert len(camera.show(with_squares((60, 40)))) == 1


@pytest.mark.parametrize(('height', 'width'), [(60, 80), (240, 320), (1, 1), (1, 300), (300, 1)])
def test_another_image_size_starts_to_learn_again(height: int, width: int) -> None:
    camera = Camera()
    camera.learn()
    assert len(camera.show(with_squares((60, 40)))) == 1
    camera.learn(ground(height, width))
    for _ in range(3):
        assert len(camera.show(ground(height, width))) == 0
    camera.learn()
    assert len(camera.show(with_squares((60, 40)))) == 1


def test_large_images_are_looked_at_small_and_answered_large() -> None:
    camera = Camera(width=80)
    camera.learn()
    found = camera.show(with_squares((60, 40)))
    assert len(found) == 1
    assert overlap(found.masks[0], 60, 40) > 0.7


def test_limits_of_area_and_number() -> None:
    camera = Camera(max_detections=1)
    camera.learn()
    assert len(camera.show(with_squares((10, 10), (100, 80)))) == 1
    small = ground()
    small[50:53, 50:53] = RED
    assert len(camera.show(small)) == 0
    assert len(camera.show(np.full_like(small, 250))) == 0  # the light went on


def test_a_repeated_stamp_is_allowed() -> None:
    camera = Camera()
    camera.learn()
    for _ in range(5):
        camera.stamp_ns -= PERIOD_NS
        assert len(camera.show(with_squares((60, 40)))) == 1


def test_an_image_that_cannot_be_written_is_enough() -> None:
    camera = Camera()
    camera.learn()
    image = with_squares((60, 40))
    image.flags.writeable = False
    assert len(camera.show(image)) == 1
    assert len(camera.show(with_squares((64, 40))[:, ::-1])) == 1  # negative strides


def test_restored_without_another_warm_up(tmp_path) -> None:
    camera = Camera()
    save_snapshot(tmp_path / 'new', camera.detector.save(camera.state))
    again = camera.detector.restore(load_snapshot(tmp_path / 'new'))
    assert again.model is None
    camera.learn()
    save_snapshot(tmp_path / 'm', camera.detector.save(camera.state))
    camera.state = camera.detector.restore(load_snapshot(tmp_path / 'm'))
    found = camera.show(with_squares((60, 40)))
    assert len(found) == 1
    assert overlap(found.masks[0], 60, 40) > 0.85


def test_broken_snapshots_are_refused() -> None:
    camera = Camera()
    camera.learn()
    good = camera.detector.save(camera.state)
    background = good.tensors['background']
    for bad in (background[:, :, 0], background.float(), background[:, :, :2], background[:0]):
        with pytest.raises(ValueError, match='background: expected uint8'):
            camera.detector.restore(Snapshot({'background': bad}, good.meta))


def test_trained_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r'takes none, got file\.pth'):
        MotionDetector(MotionConfig(), weights=LoadedWeights({}, 'file.pth'))
