# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth out of label maps."""

from __future__ import annotations

import numpy as np

from vis_ros.evaluation.coco_masks import to_rle
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.label_truth import annotations_of, coco_masks
from vis_ros.evaluation.results import ResultTrack
from vis_ros.ops.rle import decode


def test_nothing_gives_nothing() -> None:
    empty = annotations_of([(np.zeros((2, 4, 5), np.uint8), np.zeros(0, np.int64))], ('a',))
    assert empty.tracks == () and empty.videos[1].length == 2
    assert coco_masks(np.zeros((0, 4, 5), bool)) == []
    assert annotations_of([], ('a', 'b')).categories == {1: 'a', 2: 'b'}


def test_each_object_becomes_a_track_and_unseen_ones_none() -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, :2] = 1
    labels[1, 1:, 3] = 3
    truth = annotations_of([(labels, np.array([1, 0, 1]))], ('a', 'b'))
    first, last = truth.tracks
    assert (first.category_id, last.category_id) == (2, 2)
    assert first.masks[1] is None and last.masks[0] is None
    assert first.areas_px == (2.0, None)
    mask = last.masks[1]
    assert mask is not None
    rle = to_rle(mask)
    whole = np.zeros((3, 4), bool)
    whole[rle.y : rle.y + rle.height, rle.x : rle.x + rle.width] = decode(rle)
    assert (whole == (labels[1] == 3)).all()


def test_the_truth_scores_full_marks_against_itself() -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 4, (5, 3, 4)), np.ones((1, 6, 6))).astype(np.uint8)
    truth = annotations_of([(labels, np.array([0, 1, 1]))], ('a', 'b'))
    results = [
        ResultTrack(track.video_id, track.category_id, 0.9, track.masks) for track in truth.tracks
    ]
    assert evaluate(truth, results, with_tracking=False).figures()['AP'] == 1.0
