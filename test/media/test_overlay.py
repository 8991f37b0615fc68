# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drawings: nothing where nothing is, the right pixels elsewhere, no crash at the edge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.media.overlay import draw_labels, draw_overlay, draw_text
from vis_ros.media.palette import BLACK, GREY, WHITE, text_colour, track_colour
from vis_ros.ops.rle import encode
from vis_ros.structures import FrameResult, Rle, Track, TrackState

H, W = 60, 80
NAMES = ('person', 'car')


def track(number, box, mask=None, state=TrackState.ACTIVE, **changes):
    fields = {
        'track_id': number,
        'slot': number - 1,
        'state': state,
        'class_id': 0,
        'score': 0.9,
        'box': box,
        'mask': Rle() if mask is None else mask,
        'first_seen_ns': 0,
        'last_seen_ns': 0,
        'hits': 1,
        'misses': 0,
    }
    return Track(**{**fields, **changes})


def block(number, x, y, width, height, **changes):
    """Return a track whose mask is a full rectangle."""
    mask = encode(np.ones((height, width), bool), x=x, y=y)
    return track(number, (x, y, x + width, y + height), mask, **changes)


def result(*tracks, height=H, width=W):
    return FrameResult(0, 'camera', height, width, tracks)


def black():
    return np.zeros((H, W, 3), np.uint8)


class TestLabels:
    def test_no_track(self):
        labels = draw_labels(result())
        assert (labels.dtype, labels.shape, labels.any()) == (np.uint16, (H, W), False)

    def test_slots_and_order(self):
        labels = draw_labels(
            result(
                block(1, 0, 0, 3, 1, slot=4),
                block(2, 2, 0, 2, 1, slot=0),
                width=5,
                height=2,
            )
        )
        assert labels.tolist() == [[5, 5, 1, 1, 0], [0, 0, 0, 0, 0]]

    def test_holes_show_what_lies_below(self):
        ring = encode(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool))
        labels = draw_labels(
            result(
                block(1, 0, 0, 3, 3),
                track(2, (0, 0, 3, 3), ring),
                width=3,
                height=3,
            )
        )
        assert labels.tolist() == [[2, 2, 2], [2, 1, 2], [2, 2, 2]]

    def test_lost_tracks_have_none(self):
        assert not draw_labels(result(block(1, 0, 0, 9, 9, state=TrackState.LOST))).any()

    def test_large_slot(self):
        assert draw_labels(result(block(1, 0, 0, 1, 1, slot=65534))).max() == 65535

    def test_mask_beyond_the_image(self):
        labels = draw_labels(result(block(1, 78, 58, 10, 10), block(2, 200, 200, 5, 5)))
        assert np.argwhere(labels).tolist() == [[58, 78], [58, 79], [59, 78], [59, 79]]


class TestOverlay:
    def test_no_track(self):
        image = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
        drawn = draw_overlay(image, result(), NAMES)
        np.testing.assert_array_equal(drawn, image)
        assert not np.shares_memory(drawn, image)

    def test_does_not_touch_the_image(self):
        image = black()
        draw_overlay(image, result(block(1, 10, 20, 30, 30)), NAMES)
        assert not image.any()

    def test_fill_and_contour(self):
        drawn = draw_overlay(black(), result(block(1, 10, 25, 30, 30)), NAMES, alpha=0.5)
        colour = np.array(track_colour(1))
        assert np.abs(drawn[40, 25].astype(int) - colour / 2).max() <= 1
        assert drawn[40, 10].tolist() == drawn[54, 25].tolist() == colour.tolist()
        assert not drawn[40, 45].any()

    def test_read_only_and_strided_images(self):
        padded = np.zeros((H, W + 3, 3), np.uint8)
        padded.flags.writeable = False
        tracks = result(block(1, 10, 20, 30, 30))
        expected = draw_overlay(black(), tracks, NAMES)
        np.testing.assert_array_equal(draw_overlay(padded[:, :W], tracks, NAMES), expected)

    @pytest.mark.parametrize('place', [(0, 0), (79, 59), (40, 30)])
    def test_mask_of_one_pixel(self, place):
        drawn = draw_overlay(black(), result(block(1, *place, 1, 1)), NAMES)
        assert drawn[place[1], place[0]].any()

    def test_lost_is_grey_and_dashed(self):
        lost = track(1, (10, 30, 70, 55), state=TrackState.LOST)
        drawn = draw_overlay(black(), result(lost), NAMES)
        bottom = drawn[54, 10:70]
        assert bottom[0].tolist() == list(GREY)
        assert 20 < np.count_nonzero(bottom.any(axis=1)) < 50
        assert (drawn == drawn[:, :, :1]).all()  # no colour anywhere

    def test_tentative_is_thinner(self):
        box = (10, 30, 70, 55)
        counts = [
            np.count_nonzero(draw_overlay(black(), result(track(1, box, state=state)), NAMES))
            for state in (TrackState.TENTATIVE, TrackState.ACTIVE)
        ]
        assert counts[0] < counts[1]

    @pytest.mark.parametrize('state', list(TrackState))
    @pytest.mark.parametrize(
        'box',
        [
            (-50.0, -50.0, 20.0, 20.0),
            (70.0, 50.0, 500.0, 500.0),
            (-1e30, -1e30, 1e30, 1e30),
            (200.0, 200.0, 300.0, 300.0),
            (5.0, 5.0, 5.0, 5.0),
            (30.0, 30.0, 10.0, 10.0),
            (float('nan'), 0.0, float('inf'), 10.0),
        ],
    )
    def test_boxes_of_any_kind(self, state, box):
        assert draw_overlay(black(), result(track(1, box, state=state)), NAMES).shape == (H, W, 3)

    def test_class_without_a_name(self):
        with_name = draw_overlay(black(), result(block(1, 10, 30, 9, 9)), NAMES)
        without = draw_overlay(black(), result(block(1, 10, 30, 9, 9)), ())
        assert (with_name != without).any()

    def test_image_of_one_pixel(self):
        drawn = draw_overlay(
            np.zeros((1, 1, 3), np.uint8), result(block(1, 0, 0, 1, 1), height=1, width=1), NAMES
        )
        assert drawn.shape == (1, 1, 3)

    @given(
        st.integers(-9, 90), st.integers(-9, 70), st.integers(1, 40), st.integers(1, 40),
        st.sampled_from(list(TrackState)),
    )  # fmt: skip
    def test_far_pixels_keep_their_values(self, x, y, width, height, state):
        mask = encode(np.ones((height, width), bool), x=max(x, 0), y=max(y, 0))
        box = (float(x), float(y), float(x + width), float(y + height))
        image = np.full((200, 300, 3), 77, np.uint8)
        drawn = draw_overlay(
            image, result(track(7, box, mask, state), height=200, width=300), NAMES
        )
        assert (drawn[150:] == 77).all()
        assert (drawn[:, 260:] == 77).all()

    @pytest.mark.parametrize(
        'image',
        [np.zeros((H, W), np.uint8), np.zeros((H, W + 1, 3), np.uint8), black().astype(float)],
    )
    def test_other_size(self, image):
        with pytest.raises(ValueError, match='image: expected uint8'):
            draw_overlay(image, result(), NAMES)

    def test_opacity(self):
        with pytest.raises(ValueError, match='alpha: expected a value in'):
            draw_overlay(black(), result(), NAMES, alpha=1.5)


class TestText:
    @pytest.mark.parametrize('corner', [(-5, -5), (0, 0), (79, 59), (500, 500), (40, 30)])
    def test_stays_inside(self, corner):
        canvas = black()
        draw_text(canvas, 'a', corner, WHITE, scale=0.45)
        rows, columns = np.nonzero((canvas == WHITE).all(axis=2))
        assert rows.size > 20
        assert columns.size > 20

    def test_can_be_read_on_any_track(self):
        assert text_colour(WHITE) == BLACK
        assert text_colour(BLACK) == WHITE
        for number in range(1, 300):
            fill = track_colour(number)
            contrast = abs(sum(a - b for a, b in zip(fill, text_colour(fill), strict=True)))
            assert contrast > 120


def test_colours_are_stable_and_distinct():
    assert track_colour(5) == track_colour(5)
    for first in range(1, 500):
        window = np.array([track_colour(first + i) for i in range(8)], int)
        distance = np.abs(window[:, None] - window[None]).sum(axis=2) + 999 * np.eye(8, dtype=int)
        assert distance.min() > 60
