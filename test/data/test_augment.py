# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tiny_videos import COLOURS, draw, painted

from vis_ros.data.augment import AugmentConfig, augment, flip_clip, resize_clip
from vis_ros.data.clip import Clip
from vis_ros.structures.options import build_config, options_of

SIZE = (24, 40)
CLIP = painted(
    SIZE,
    [[(4, 2, 12, 10), (20, 8, 16, 14), (30, 0, 6, 6)], [(5, 3, 12, 10), None, (28, 0, 6, 6)]],
    classes=[3, 1, 0],
)


def config(**values):
    plain = {'fit_height': SIZE[0], 'fit_width': SIZE[1], 'low': 1.0, 'high': 1.0, 'flip': 0.0}
    return build_config(AugmentConfig, {**plain, **values})


def view(values=None, size=SIZE, *, clip=CLIP, seed=0):
    return augment(clip, config(**(values or {})), size, np.random.default_rng(seed))


def same(a, b):
    return np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)


def pixels_off(clip):
    """Return the share of pixels whose colour is not that of their label (padding: black)."""
    expected = draw(clip.labels).astype(int)
    is_black = (clip.images == 0).all(axis=-1) & (clip.labels == 0)
    return ((np.abs(clip.images - expected).max(axis=-1) > 100) & ~is_black).mean()


def test_a_clip_without_objects_or_frames_is_no_special_case():
    empty = painted(SIZE, [[], []])
    assert same(view(clip=empty), empty)
    none = Clip(empty.images[:0], empty.labels[:0], empty.class_ids)
    values = {'high': 2.0, 'brightness': 0.5, 'flip': 1.0}
    assert view(values, (10, 16), clip=none).images.shape == (0, 10, 16, 3)


def test_the_whole_view_changes_nothing():
    seen = view()
    assert same(seen, CLIP)
    assert np.array_equal(seen.class_ids, CLIP.class_ids)


def test_flipping_twice_changes_nothing():
    once = view({'flip': 1.0})
    assert not same(once, CLIP)
    assert same(once, flip_clip(CLIP))
    assert same(view({'flip': 1.0}, clip=once), CLIP)
    flips = [same(view({'flip': 0.5}, seed=seed), once) for seed in range(200)]
    assert 70 < sum(flips) < 130


@pytest.mark.parametrize('size', [(24, 40), (16, 48), (48, 20), (60, 90)])
def test_labels_and_images_go_together(size):
    values = {'low': 0.4, 'high': 2.5, 'flip': 0.5, 'padding': 'black', 'center_rule': False}
    scales = set()
    for seed in range(30):
        seen = view(values, size, seed=seed)
        assert seen.images.shape == (2, *size, 3)
        assert pixels_off(seen) < 0.05  # edges, where colours blend
        scales.add(int((seen.labels > 0).sum()))
    assert len(scales) > 10


def test_pixels_keep_their_place_when_scaled():
    """A ramp shows where a pixel came from: no shift by half a pixel in images or labels."""
    ramp = np.repeat(np.arange(0, 240, 6, dtype=np.uint8)[None], 24, axis=0)
    labels = (ramp >= 120).astype(np.uint8)[None]
    clip = Clip(np.repeat(ramp[None, ..., None], 3, axis=-1), labels, np.zeros(1, np.int64))
    for scale in (0.5, 1.5, 2.0, 3.0):
        size = (round(24 * scale), round(40 * scale))
        seen = view({'low': scale, 'high': scale}, size, clip=clip)
        source = (np.arange(size[1]) + 0.5) / scale - 0.5
        inner = slice(4, -4)
        assert np.abs(seen.images[0, 0, inner, 0] - 6 * source[inner]).max() <= 1
        assert np.array_equal(seen.labels[0, 0], (source > 19.5 - 1e-6).astype(np.uint8))


def test_small_pictures_are_centred_with_padding():
    seen = view({'low': 0.5, 'high': 0.5}, (20, 30))
    assert (seen.images[:, :4] == (124, 116, 104)).all()
    assert (seen.images[:, 16:] == (124, 116, 104)).all()
    assert (seen.images[:, :, :5] == (124, 116, 104)).all()
    assert (seen.images[:, :, 25:] == (124, 116, 104)).all()
    assert not seen.labels[:, :4].any()
    assert not seen.labels[:, 16:].any()
    small = resize_clip(CLIP, (12, 20))
    assert np.array_equal(seen.images[:, 4:16, 5:25], small.images)
    assert np.array_equal(seen.labels[:, 4:16, 5:25], small.labels)
    assert not view({'low': 0.5, 'high': 0.5, 'padding': 'black'}, (20, 30)).images[:, :4].any()


def test_crops_are_parts_of_the_clip_and_reach_everywhere():
    x, y = np.meshgrid(np.arange(40), np.arange(24))
    image = np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)[None]
    clip = Clip(image, np.zeros((1, *SIZE), np.uint8), np.zeros(0, np.int64))
    corners = set()
    for seed in range(400):
        seen = view({}, (22, 37), clip=clip, seed=seed)
        left, top, _ = (int(v) for v in seen.images[0, 0, 0])
        assert np.array_equal(seen.images, clip.images[:, top : top + 22, left : left + 37])
        corners.add((left, top))
    assert corners == {(left, top) for left in range(4) for top in range(3)}


def test_any_source_is_first_fitted():
    tall = painted((480, 120), [[(20, 100, 60, 200)]])
    seen = view({'padding': 'black'}, clip=tall)  # 24 x 6 in the middle of 24 x 40
    columns = np.flatnonzero((seen.images[0] > 0).any(axis=(0, 2)))
    assert (columns.min(), columns.max()) == (17, 22)
    rows = np.flatnonzero((seen.labels[0] == 1).any(axis=1))
    assert (rows.min(), rows.max()) == (5, 14)


def test_objects_off_centre_are_removed_from_their_frames_only():
    places = [[(0, 0, 12, 10), (16, 0, 4, 10)], [(14, 0, 12, 10), None]]
    labels = painted((10, 40), places).labels
    columns = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None], (2, 10, 40, 3))
    clip = Clip(columns, labels, np.zeros(2, np.int64))  # the colour tells the column
    kept = removed = 0
    for seed in range(60):
        values = {'fit_height': 10, 'fit_width': 40}
        seen = view(values, (10, 20), clip=clip, seed=seed)
        assert seen.class_ids.size == 2
        left = int(seen.images[0, 0, 0, 0])
        expected = labels[:, :, left : left + 20].copy()
        for frame, objects in enumerate(places):
            for j, place in enumerate(objects):
                if place and not left <= place[0] + place[2] / 2 < left + 20:
                    removed += (expected[frame] == j + 1).any()
                    expected[frame][expected[frame] == j + 1] = 0
        kept += (expected > 0).any()
        assert np.array_equal(seen.labels, expected)
        plain = view({**values, 'center_rule': False}, (10, 20), clip=clip, seed=seed)
        assert np.array_equal(plain.labels, labels[:, :, left : left + 20])
    assert kept > 5
    assert removed > 5


def test_frames_of_a_clip_are_varied_alike():
    still = painted(SIZE, [[(4, 2, 12, 10)]] * 3)
    values = {'low': 0.5, 'high': 2.0, 'flip': 0.5, 'brightness': 0.5, 'saturation': 0.5}
    for seed in range(10):
        seen = view(values, (20, 30), clip=still, seed=seed)
        assert (seen.images == seen.images[0]).all()
        assert (seen.labels == seen.labels[0]).all()


def test_colours_change_within_their_limits():
    for seed in range(30):
        bright = view({'brightness': 0.2}, seed=seed).images.astype(float)
        factor = bright[0, 23, 0, 0] / COLOURS[0][0]
        assert 0.76 < factor < 1.24
        whole = np.clip(CLIP.images * factor, 0, 255)
        assert np.abs(bright - whole).max() < 10  # the factor is known from a grey of 30 only
        assert np.array_equal(view({'brightness': 0.2}, seed=seed).labels, CLIP.labels)
    grey = painted(SIZE, [[]])
    assert same(view({'saturation': 1.0}, clip=grey, seed=3), grey)
    assert same(view({'contrast': 1.0}, clip=grey, seed=3), grey)  # equal to its mean
    assert not same(view({'contrast': 1.0}, seed=3), CLIP)
    assert not same(view({'saturation': 1.0}, seed=3), CLIP)


def test_the_crop_does_not_depend_on_what_else_is_varied():
    plain = view({'high': 2.0}, seed=5)
    colourful = view({'high': 2.0, 'contrast': 0.5, 'brightness': 0.1}, seed=5)
    assert np.array_equal(plain.labels, colourful.labels)


def test_the_defaults_are_those_of_the_paper():
    paper = AugmentConfig()
    assert [round(side * paper.low) for side in (720, 1280)] == [342, 608]
    assert (paper.high, paper.flip, paper.center_rule) == (1.0, 0.5, True)
    assert (paper.brightness, paper.contrast, paper.saturation) == (0.0, 0.0, 0.0)
    assert all(item.doc for item in options_of(AugmentConfig))


@pytest.mark.parametrize(
    ('values', 'fault'),
    [
        ({'low': 2.0, 'high': 1.0}, 'low: expected at most high = 1.0, got 2.0'),
        ({'flip': 1.5}, 'flip'),
        ({'padding': 'red'}, "padding: expected one of 'mean', 'black'"),
    ],
)
def test_wrong_options_are_refused(values, fault):
    with pytest.raises(ValueError, match=fault):
        config(**values)


def test_resizing_stretches_and_keeps_a_clip_of_that_size():
    assert same(resize_clip(CLIP, SIZE), CLIP)
    wide = resize_clip(CLIP, (24, 80))
    assert np.array_equal(wide.labels, np.repeat(CLIP.labels, 2, axis=2))
    assert pixels_off(wide) == 0
    assert np.array_equal(wide.class_ids, CLIP.class_ids)
