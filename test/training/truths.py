# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Truths of single images, and pictures to learn, for the tests of the training."""

from collections.abc import Sequence

import numpy as np
import torch

from vis_ros.data.clip import Truth

COLOURS = ((220, 60, 60), (60, 220, 60), (60, 60, 220))


def truth_of(labels: np.ndarray, class_ids: Sequence[Sequence[int]], places: int = 5) -> Truth:
    """Return the truth of uint8 labels (B, H, W) with `places` for objects."""
    count = len(labels)
    boxes = torch.zeros(count, 1, places, 4)
    is_visible = torch.zeros(count, 1, places, dtype=torch.bool)
    classes = torch.zeros(count, places, dtype=torch.int64)
    for b, given in enumerate(class_ids):
        for j, class_id in enumerate(given):
            classes[b, j] = class_id
            rows, columns = (labels[b] == j + 1).nonzero()
            if len(rows):
                is_visible[b, 0, j] = True
                corner = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                boxes[b, 0, j] = torch.tensor([float(value) for value in corner])
    return Truth(torch.from_numpy(labels)[:, None], boxes, is_visible, classes)


def pictures(count: int, height: int, width: int) -> tuple[torch.Tensor, Truth]:
    """Return images, uint8 (B, H, W, 3), with rectangles and two kinds of ellipses, and truths."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    images = rng.integers(80, 120, (count, height, width, 3)).astype(np.uint8)
    labels = np.zeros((count, height, width), np.uint8)
    class_ids: list[list[int]] = [[] for _ in range(count)]
    for b in range(count):
        for _ in range(4):
            w, h = rng.uniform(0.15, 0.35) * width, rng.uniform(0.2, 0.45) * height
            cx, cy = rng.uniform(w / 2, width - w / 2), rng.uniform(h / 2, height - h / 2)
            kind = int(rng.integers(3))
            dx, dy = np.abs(x - cx) / (w / 2), np.abs(y - cy) / (h / 2)
            inside = np.maximum(dx, dy) < 1 if kind == 0 else dx**2 + dy**2 < 1
            if not labels[b][inside].any() and len(class_ids[b]) < 2:
                class_ids[b].append(kind + 1)
                labels[b][inside] = len(class_ids[b])
                images[b][inside] = COLOURS[kind]
    return torch.from_numpy(images), truth_of(labels, class_ids)
