# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny synthetic data sets, detectors that nobody trained, and detections that are perfect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vis_ros.cli.main import main
from vis_ros.data.batch import collate, truth_of_labels
from vis_ros.data.clip import Clip, Truth
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.yolact.masks import box_masks
from vis_ros.nn.yolact.selection import PAD_BOX, PAD_LOGIT, PAD_MASK, DetectionSet
from vis_ros.structures.options import build_config
from vis_ros.synth.config import CLASSES, SynthConfig
from vis_ros.synth.video import SynthVideo

HEIGHT, WIDTH = 192, 320
TAPS = (128, 256)


def write_data(folder: Path, *, videos: int = 3, length: int = 6) -> str:
    """Write a data set and return its folder."""
    size = ['--train', str(videos), '--part', 'train', '--config', f'length={length}']
    assert main(['synth', 'easy', '--out', str(folder), *size]) == 0
    return str(folder / 'train')


def perfect_clip(frames: int, *, seed: int = 1) -> tuple[list[Detected], Truth]:
    """Return a clip as an ideal detector would see it, without noise, and its objects."""
    values = {'length': frames, 'height': HEIGHT, 'width': WIDTH, 'objects_min': 3}
    video = SynthVideo(build_config(SynthConfig, values), seed)
    labels = np.stack([own for _, own in video.frames()])[None]
    truth = truth_of_labels(labels, [np.asarray(video.class_ids, np.int64)])
    generator = torch.Generator().manual_seed(seed)
    maps = [
        torch.randn(1, c, s, w, generator=generator)
        for c, s, w in ((TAPS[0], 12, 20), (TAPS[1], 6, 10))
    ]
    return [_perfect(truth, t, maps) for t in range(frames)], truth


def perfect_found(clips: Sequence[Clip]) -> DetectionSet:
    """Return the objects of single frames as detections."""
    _, truth = collate(clips)
    return _found(truth, 0)


def _perfect(truth: Truth, t: int, maps: list[Tensor]) -> Detected:
    return Detected(_found(truth, t), *maps)


def _found(truth: Truth, t: int) -> DetectionSet:
    is_real, boxes = truth.is_visible[:, t], truth.boxes[:, t]
    boxes = torch.where(is_real[..., None], boxes, PAD_BOX)
    objects = is_real.shape[1]
    small = truth.labels[:, t, ::4, ::4][:, None] == torch.arange(1, objects + 1)[:, None, None]
    scores = torch.where(small, 20.0, -20.0)
    inside = box_masks(boxes, (HEIGHT // 4, WIDTH // 4), HEIGHT, WIDTH)
    logits = torch.nn.functional.one_hot(truth.class_ids, len(CLASSES) + 1) * 8.0
    return DetectionSet(
        is_real=is_real,
        anchor=torch.where(is_real, torch.arange(objects), -1),
        logits=torch.where(is_real[..., None], logits, PAD_LOGIT),
        boxes=boxes,
        scores=torch.where(is_real, -0.01, PAD_LOGIT),
        mask_logits=torch.where(is_real[..., None, None], scores, PAD_MASK),
        box_masks=inside & is_real[..., None, None],
    )
