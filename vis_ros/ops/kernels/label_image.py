# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which track each pixel belongs to: upsampling and choice in one kernel.

It reads the small maps and writes the label image; the upsampled maps, 88 MB for 24 tracks at
720p, are nowhere.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

_BLOCK = 512  # pixels of a program


def label_image(scores: Tensor, size: tuple[int, int], background: float) -> Tensor:
    """Return the owner of each pixel: 0 for the background, m + 1 for track m, int16 (H, W).

    Scores are stretched in float32: bilinear, half-pixel centres, `align_corners=False` of torch.
    Of equal ones the first wins, the background before all tracks.

    Args:
        scores: float tensor (M, h, w) on a GPU, no NaN, M below 32767.
        size: Rows H and columns W of the image.
        background: Score of the background.
    """
    scores = scores.contiguous()
    tracks, height, width = scores.shape
    rows, columns = size
    labels = torch.empty(size, dtype=torch.int16, device=scores.device)
    with torch.cuda.device_of(scores):
        label_pixels[(triton.cdiv(rows * columns, _BLOCK),)](
            scores,
            labels,
            tracks,
            height,
            width,
            rows,
            columns,
            height / rows,
            width / columns,
            float(background),
            block=_BLOCK,
            enable_fp_fusion=True,  # as in torch's own kernel
        )
    return labels


@triton.jit
def label_pixels(
    scores,
    labels,
    tracks,
    height,
    width,
    rows,
    columns,
    row_scale,
    column_scale,
    background,
    block: constexpr,
):
    """Write the owners of `block` pixels in a row; see `label_image`."""
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    top, bottom, down = _cells(pixel // columns, row_scale, height)
    left, right, along = _cells(pixel % columns, column_scale, width)
    best = tl.zeros((block,), tl.float32) + background
    owner = tl.zeros((block,), tl.int32)
    for track in range(tracks):
        upper = scores + (track * height + top) * width
        lower = scores + (track * height + bottom) * width
        above = (1 - along) * tl.load(upper + left) + along * tl.load(upper + right)
        below = (1 - along) * tl.load(lower + left) + along * tl.load(lower + right)
        score = (1 - down) * above + down * below
        is_better = score > best
        best = tl.where(is_better, score, best)
        owner = tl.where(is_better, track + 1, owner)
    tl.store(labels + pixel, owner.to(tl.int16), mask=pixel < rows * columns)


@triton.jit
def _cells(pixel, scale, cells):
    """Return the two cells between whose centres a pixel's centre lies, and the second's share."""
    where = tl.maximum((pixel.to(tl.float32) + 0.5) * scale - 0.5, 0.0)
    low = tl.minimum(where.to(tl.int32), cells - 1)
    return low, tl.minimum(low + 1, cells - 1), where - low.to(tl.float32)
