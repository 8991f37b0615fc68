# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Position and extent from masks and depth, against scenes of known geometry."""

import cv2
import numpy as np
import pytest
from depth_scenes import CAMERA, FAR_M, ball, board, scenes, spoilt
from hypothesis import given, settings
from hypothesis import strategies as st

from vis_ros.ops.rle import decode, encode, to_dense
from vis_ros.spatial.camera_model import CameraModel
from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.depth_image import DepthImage
from vis_ros.spatial.measurement import measure
from vis_ros.spatial.pose import Pose
from vis_ros.structures import Rle
from vis_ros.structures.placement import Quality3d

CONFIG = SpatialConfig()
SCENES = scenes(24)
BALL = ball((0.3, -0.1, 2.0), 0.3)


def found(seen, depth=None, mask=None, camera=CAMERA, pose=None):
    depth = seen.depth if depth is None else depth
    image = depth if isinstance(depth, DepthImage) else DepthImage(depth)
    return measure(seen.mask if mask is None else mask, image, camera, CONFIG, pose)


def error(seen, measured):
    """Return the error of the position as a share of the range."""
    return float(np.linalg.norm(measured.position_m - seen.centre_m)) / seen.range_m


def test_no_mask_and_no_depth():
    assert found(BALL, mask=Rle()) is None
    for nothing in (0.0, np.nan, np.inf, -np.inf, -1.0, 1e9, 0.01):
        assert found(BALL, np.full((240, 320), nothing, np.float32)) is None
    assert found(BALL, DepthImage(np.zeros((240, 320), np.uint16), 0.001)) is None
    with pytest.raises(ValueError, match='expected an array'):
        DepthImage(np.empty((0, 4)))


def test_median_error_with_clean_depth():
    errors = [error(seen, found(seen)) for seen in SCENES]
    assert np.median(errors) < 0.02
    assert max(errors) < 0.06


@pytest.mark.parametrize('share', [0.1, 0.3])
def test_median_error_with_depth_missing_or_wrong(share):
    rng = np.random.default_rng(3)
    errors = [error(seen, found(seen, spoilt(seen, share, rng))) for seen in SCENES]
    assert np.median(errors) < 0.05
    assert max(errors) < 0.1


def test_extent():
    ratios = np.array([np.divide(found(seen).size_m, seen.size_m) for seen in SCENES])
    assert np.abs(np.median(ratios, axis=0) - 1).max() < 0.05
    size = found(board((0, 0, 2.0), (0.6, 0.3))).size_m
    assert size == pytest.approx((0.6, 0.3, 0.0), abs=0.02)


@given(st.integers(0, 23), st.floats(0.5, 2.0))
@settings(max_examples=8, deadline=None)
def test_millimetres_and_metres_are_the_same(index, factor):
    seen = SCENES[index]
    counts = np.clip(np.round(seen.depth * factor * 1000), 0, 65535).astype(np.uint16)
    by_mm = found(seen, DepthImage(counts, 0.001))
    by_m = found(seen, counts.astype(np.float32) * np.float32(0.001))
    assert by_mm == by_m


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_depth_outside_the_mask_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    inside = to_dense(BALL.mask, 240, 320)
    other = rng.choice([0.0, np.nan, 0.5, 3.0, 8.0], inside.shape)
    assert found(BALL, np.where(inside, BALL.depth, other)) == found(BALL)


def test_byte_order_and_padded_rows_do_not_matter():
    padded = np.zeros((240, 500), '>f4')
    padded[:, :320] = BALL.depth
    assert found(BALL, padded[:, :320]) == found(BALL)


def grown(mask, reach):
    """Return the mask with a border too much, or (below 0) too little."""
    pixels = to_dense(mask, 240, 320).astype(np.uint8)
    kernel = np.ones((2 * abs(reach) + 1,) * 2, np.uint8)
    change = cv2.dilate if reach > 0 else cv2.erode
    return encode(change(pixels, kernel).astype(bool))


@pytest.mark.parametrize('reach', [-4, -1, 1, 2, 4])
def test_a_mask_with_a_wrong_border(reach):
    for seen in (BALL, board((-0.2, 0.1, 3.0), (0.9, 0.7), 0.4)):
        measured = found(seen, mask=grown(seen.mask, reach))
        assert error(seen, measured) < 0.03
        assert measured.quality == Quality3d.GOOD


def test_a_mask_that_leaks_onto_the_wall():
    inside = to_dense(BALL.mask, 240, 320)
    inside[:, :160] |= np.roll(inside, -60, axis=1)[:, :160] & (BALL.depth == FAR_M)[:, :160]
    wide = encode(inside)
    assert wide.area_px > 1.4 * BALL.mask.area_px
    measured = found(BALL, mask=wide)
    assert error(BALL, measured) < 0.03
    assert measured.size_m[0] < 1.15 * BALL.size_m[0]


def test_a_hole_in_the_depth_does_not_move_the_centre():
    flat = board((0.0, 0.0, 2.0), (0.8, 0.6))
    depth = flat.depth.copy()
    depth[:, 130:190] = 0.0
    depth[:, :120] = np.nan
    measured = found(flat, depth)
    assert error(flat, measured) < 0.01
    assert measured.size_m[:2] == pytest.approx(flat.size_m[:2], rel=0.05)


def test_a_pole_one_pixel_wide():
    mask = np.zeros((240, 320), bool)
    mask[40:200, 160] = True
    depth = np.full((240, 320), FAR_M, np.float32)
    depth[:, 160] = 1.5
    measured = found(BALL, depth, encode(mask))
    assert measured.position_m == pytest.approx((0.0025, 0.0, 1.5), abs=0.005)
    assert measured.size_m == pytest.approx((0.005, 0.8, 0.0), abs=0.01)


def test_single_pixels():
    depth = np.full((240, 320), 2.0, np.float32)
    for size in (1, 2, 3):
        mask = Rle(10, 20, size, size, np.array([0, size * size], np.uint32))
        measured = found(BALL, depth, mask)
        assert (measured is None) == (size * size < 5)
        if measured:
            assert measured.quality == Quality3d.LOW


@pytest.mark.parametrize(
    ('share_known', 'share_other', 'quality'),
    [
        (1.0, 0.0, Quality3d.GOOD),
        (0.7, 0.1, Quality3d.GOOD),
        (0.3, 0.0, Quality3d.LOW),  # most have no depth
        (1.0, 0.48, Quality3d.LOW),  # two depths, which one is it?
        (0.02, 0.0, None),
    ],
)
def test_quality(share_known, share_other, quality):
    rng = np.random.default_rng(0)
    flat = board((0.0, 0.0, 2.0), (0.8, 0.6))
    depth = np.where(rng.random(flat.depth.shape) < share_other, 4.0, flat.depth)
    depth[rng.random(depth.shape) >= share_known] = np.nan
    measured = found(flat, depth)
    assert (measured.quality if measured else None) == quality


@pytest.mark.parametrize(('width', 'height'), [(640, 480), (160, 120), (80, 60), (200, 150)])
def test_depth_of_another_size(width, height):
    flat = board((0.3, -0.2, 2.0), (0.5, 0.4))
    depth = cv2.resize(flat.depth, (width, height), interpolation=cv2.INTER_NEAREST)
    measured = found(flat, depth)
    assert error(flat, measured) < 0.02
    assert measured.size_m[:2] == pytest.approx(flat.size_m[:2], abs=0.04)


def test_depth_of_another_shape_is_refused():
    with pytest.raises(ValueError, match='320x200 is no scaled version of 320x240'):
        found(BALL, np.ones((200, 320), np.float32))


def test_a_mask_smaller_than_a_depth_pixel():
    mask = Rle(319, 239, 1, 1, np.array([0, 1], np.uint32))
    depth = np.full((24, 32), 2.0, np.float32)
    assert measure(mask, DepthImage(depth), CAMERA, CONFIG) is None  # too few, but no fault


def test_mirrored_scenes_give_mirrored_positions():
    for seen in SCENES[:10]:
        pixels = to_dense(seen.mask, 240, 320)[:, ::-1]
        mirrored = found(seen, seen.depth[:, ::-1], encode(pixels))
        x, y, z = found(seen).position_m
        assert mirrored.position_m == pytest.approx((-x, y, z), abs=0.01 * z)


def test_an_output_frame():
    pose = Pose.of((-0.5, 0.5, -0.5, 0.5), (0.1, 0.2, 1.0))  # optical to x forward, z up
    here, there = found(BALL), found(BALL, pose=pose)
    x, y, z = here.position_m
    assert there.position_m == pytest.approx((z + 0.1, -x + 0.2, -y + 1.0))
    assert there.size_m == pytest.approx([here.size_m[i] for i in (2, 0, 1)])
    assert there.range_m == here.range_m


def test_a_lens():
    lens = CameraModel(320, 240, (300.0, 300.0), (159.5, 119.5), 'plumb_bob', (-0.3, 0.1, 0, 0, 0))
    seen = board((0.9, 0.6, 2.0), (0.4, 0.4), camera=lens)
    assert error(seen, found(seen, camera=lens)) < 0.01
    assert error(seen, found(seen)) > 0.02  # as if there were none


def test_large_masks_are_thinned_evenly():
    camera = CameraModel(800, 450, (562.5, 562.5), (399.5, 224.5))
    seen = board((0.1, 0.0, 1.0), (1.2, 0.7), camera=camera)
    measured = found(seen, camera=camera)
    assert error(seen, measured) < 0.005
    assert measured.size_m[:2] == pytest.approx(seen.size_m[:2], rel=0.03)
    assert decode(seen.mask).sum() > 200_000
