# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Correlation of confidence and truth on tracks made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vis_ros.evaluation.confidence import Confidence, confidence
from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.evaluation.results import ResultTrack

LABELS = np.zeros((2, 4, 8), np.uint8)
LABELS[:, :2, :4] = 1
LABELS[:, 2:, 4:] = 2
TRUTH = annotations_of([(LABELS, np.array([0, 1]))], ('a', 'b'))


def result(truth: int, score: float, category: int | None = None) -> ResultTrack:
    track = TRUTH.tracks[truth]
    return ResultTrack(1, category or track.category_id, score, track.masks)


def test_no_tracks_have_no_correlation() -> None:
    found = confidence(TRUTH, [])
    assert found.scores.shape == (0,) and found.correlation() == -1


def test_a_track_is_true_once_and_in_its_class_only() -> None:
    results = [result(0, 0.4), result(0, 0.9), result(1, 0.8, category=1), result(1, 0.7)]
    found = confidence(TRUTH, results)
    assert dict(zip(found.scores, found.is_true, strict=True)) == {
        0.9: True,
        0.8: False,
        0.7: True,
        0.4: False,
    }


def test_the_correlation_is_pearsons() -> None:
    found = Confidence(np.array([0.9, 0.7, 0.2, 0.1]), np.array([True, True, False, False]))
    x, y = found.scores - 0.475, found.is_true - 0.5
    by_hand = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    assert found.correlation() == pytest.approx(by_hand)


def test_all_true_has_no_correlation() -> None:
    assert confidence(TRUTH, [result(0, 0.9), result(1, 0.5)]).correlation() == -1


def test_crowds_are_left_out() -> None:
    crowd = dataclasses.replace(TRUTH.tracks[0], is_crowd=True)
    truth = dataclasses.replace(TRUTH, tracks=(crowd, TRUTH.tracks[1]))
    found = confidence(truth, [result(0, 0.9), result(1, 0.5)])
    assert found.scores.tolist() == [0.5]
