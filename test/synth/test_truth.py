# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth in the forms of files."""

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.synth.scene import SynthFrame
from vis_ros.synth.truth import TruthRecord, masks_of, occlusion_levels


def frame_of(labels, full_px):
    count = len(full_px)
    visible = np.bincount(labels.ravel(), minlength=count + 1)[1:].astype(np.int64)
    return SynthFrame(
        image=np.zeros((*labels.shape, 3), np.uint8),
        labels=labels,
        object_ids=np.arange(1, count + 1),
        class_ids=np.arange(count) % 8,
        full_px=np.asarray(full_px, np.int64),
        visible_px=visible,
    )


def test_nobody_there():
    labels = np.zeros((4, 5), np.uint8)
    assert masks_of(labels, np.zeros(0, np.int64)) == []
    assert masks_of(labels, np.zeros(2, np.int64)) == [None, None]
    assert occlusion_levels(np.zeros(0, np.int64), np.zeros(0, np.int64)) == []
    record = TruthRecord(np.zeros(2, np.int64))
    record.add(frame_of(labels, [0, 0]))
    assert record.annotations() == []


def test_masks_are_the_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (7, 9)).astype(np.uint8)
    labels[labels == 3] = 0
    visible = np.bincount(labels.ravel(), minlength=5)[1:]
    found = masks_of(labels, visible)
    assert found[2] is None
    for index in (0, 1, 3):
        decoded = mask_utils.decode(found[index].to_coco())
        np.testing.assert_array_equal(decoded, labels == index + 1)
        assert found[index].area_px == visible[index]


def test_levels_of_occlusion():
    visible = np.array([100, 91, 90, 51, 50, 12, 0, 0])
    full = np.array([100, 100, 100, 100, 100, 100, 100, 0])
    none, slight, severe = 'no_occlusion', 'slight_occlusion', 'severe_occlusion'
    expected = [none, none, slight, slight, severe, severe, None, None]
    assert occlusion_levels(visible, full) == expected


def test_annotations_of_a_small_video():
    labels = np.zeros((2, 4, 6), np.uint8)
    labels[0, 1:3, 2:5] = 2
    labels[1, 0, 0] = 3
    record = TruthRecord(np.array([0, 4, 7]))
    for picture in labels:
        record.add(frame_of(picture, [0, 8, 1]))
    first, second = record.annotations()
    assert (first['category_id'], second['category_id']) == (5, 8)
    assert first['bboxes'] == [[2, 1, 3, 2], None]
    assert first['areas'] == [6, None]
    assert first['occlusion'] == ['slight_occlusion', None]
    assert (first['length'], first['height'], first['width'], first['iscrowd']) == (2, 4, 6, 0)
    assert second['segmentations'][0] is None
    assert second['segmentations'][1]['size'] == [4, 6]
    assert second['bboxes'] == [None, [0, 0, 1, 1]]
