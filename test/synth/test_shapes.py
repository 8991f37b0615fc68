# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Outlines of the classes."""

import cv2
import numpy as np
import pytest

from vis_ros.synth.shapes import CLASSES, MODES, REACH, deform, outline

STILL = np.zeros(MODES)


def filled(curves):
    """Return a shape as a bool picture of 200 x 200 pixels, 70 per unit."""
    picture = np.zeros((200, 200), np.uint8)
    cv2.fillPoly(picture, [np.rint(c * 70 + 100).astype(np.int32) for c in curves], (1.0,))
    return picture > 0


@pytest.mark.parametrize('name', CLASSES)
def test_at_rest_a_shape_is_its_outline(name):
    for rest, moved in zip(outline(name), deform(name, STILL, STILL, 0.0), strict=True):
        np.testing.assert_allclose(rest, moved)
        assert 0.4 < np.abs(rest).max() < 1.35


@pytest.mark.parametrize('name', CLASSES)
def test_deformed_shapes_stay_near_and_in_one_piece(name):
    rng = np.random.default_rng(1)
    amplitudes = np.array([0.10, 0.075, 0.05, 0.035])
    for _ in range(40):
        curves = deform(name, amplitudes, rng.uniform(0, 7, MODES), rng.uniform(-0.2, 0.2))
        assert max(np.hypot(*curve.T).max() for curve in curves) < 1.3 * REACH
        pieces = cv2.connectedComponents(filled(curves).astype(np.uint8))[0] - 1
        assert pieces == 1


def test_only_the_ring_has_a_hole():
    for name in CLASSES:
        around = cv2.connectedComponents((~filled(outline(name))).astype(np.uint8))[0] - 1
        assert around == (2 if name == 'ring' else 1), name


def test_all_shapes_differ_however_they_are_turned():
    # How far its pixels are from its middle, for the same area; its share of its convex hull.
    found = []
    for name in CLASSES:
        mask = filled(outline(name)).astype(np.uint8)
        places = np.argwhere(mask)
        hull = cv2.contourArea(cv2.convexHull(cv2.findNonZero(mask)))
        far = np.linalg.norm(places - places.mean(axis=0), axis=1) / np.sqrt(len(places))
        found.append([*np.quantile(far, np.linspace(0, 1, 21)), len(places) / hull])
    found = np.array(found)
    gaps = np.abs(found[:, None] - found[None]).max(axis=-1) + np.eye(len(CLASSES))
    assert gaps.min() > 0.05


def test_outlines_cannot_be_changed_by_accident():
    with pytest.raises(ValueError):
        outline('disc')[0][0] = 5
    with pytest.raises(KeyError):
        outline('cat')
