# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run lengths of masks from a device: what comes down are the runs, not the pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from vis_ros.ops.label_runs import LabelRuns
from vis_ros.ops.transfer import download
from vis_ros.structures import Rle

PER_ROW = 64  # runs that an image can have on average before its pixels come down instead
_BYTES = 6  # of a run: where it starts, and its label


def download_runs(
    labels: Tensor, count: int, others: Mapping[str, Tensor]
) -> tuple[LabelRuns, dict[str, np.ndarray]]:
    """Return the runs of a label image, and other tensors as arrays, in one copy.

    A second copy is only made of an image with more than `PER_ROW` runs in a row on average.

    Args:
        labels: int16 tensor (H, W), see `LabelRuns`.
        count: Number of instances M.
        others: See `download`.
    """
    height, width = labels.shape
    limit = PER_ROW * height
    if labels.is_cpu or _BYTES * limit >= labels.nbytes:
        host = download({'labels': labels, **others})
        return LabelRuns(host.pop('labels'), count), host
    start, owner, total = run_starts(labels, limit)
    host = download({'start': start, 'owner': owner, 'total': total, **others})
    runs = int(host.pop('total'))
    start_, owner_ = host.pop('start')[:runs], host.pop('owner')[:runs]
    if runs > limit:
        return LabelRuns(download({'labels': labels})['labels'], count), host
    return LabelRuns.of_starts(start_, owner_, (height, width), count), host


def download_masks(masks: Tensor) -> list[Rle]:
    """Return masks that may overlap, bool (N, H, W), as run lengths; in one copy."""
    count, height, width = masks.shape
    number = torch.arange(1, count + 1, dtype=torch.int16, device=masks.device)
    below_each_other = (masks * number[:, None, None]).reshape(count * height, width)
    runs, _ = download_runs(below_each_other, count, {})
    found = (runs.rle(index) for index in range(count))
    return [x._replace(y=x.y - n * height) if x.height else x for n, x in enumerate(found)]


def run_starts(labels: Tensor, limit: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the runs of a label image start, without waiting for the device.

    Args:
        labels: Integer tensor (H, W) with at least one pixel.
        limit: Runs that are told at most.

    Returns:
        int32 tensor (limit,), pixels at which the first runs start, see `LabelRuns.of_starts`;
        tensor (limit,), their labels; int64 tensor (), how many runs there are. What is beyond
        their number is 0.
    """
    flat = labels.flatten()
    is_start = torch.ones_like(labels, dtype=torch.bool)
    is_start[:, 1:] = labels[:, 1:] != labels[:, :-1]
    rank = is_start.flatten().cumsum(0)  # from 1 on
    is_told = is_start.flatten() & (rank <= limit)
    place = torch.where(is_told, rank - 1, limit)  # one more, that is thrown away
    pixel = torch.arange(len(flat), dtype=torch.int32, device=labels.device)
    start = pixel.new_zeros(limit + 1).scatter(0, place, pixel)[:limit]
    owner = flat.new_zeros(limit + 1).scatter(0, place, flat)[:limit]
    return start, owner, rank[-1]
