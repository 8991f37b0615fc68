# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""torchvision's Mask R-CNN in evaluation mode, for one image, in fixed sizes.

torchvision goes on with what each choice of boxes leaves, so the host waits for a GPU to know how
much that is. Here a choice fills a fixed number of places, and nothing waits; which of them hold a
box is known on the device. Boxes, scores, labels and masks are torchvision's. Work on empty places
is lost: on a CPU, where nothing waits anyway, torchvision's own code is faster.

Source: Ren et al., "Faster R-CNN", NeurIPS 2015; He et al., "Mask R-CNN", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.maskrcnn import image_list
from vis_ros.ops.nms import greedy_nms
from vis_ros.ops.transfer import constant

_MIN_SIDE = 1e-2  # of a box of the heads [px]; torchvision's


class Boxes(NamedTuple):
    """N places for boxes.

    Args:
        boxes: float tensor (N, 4), xyxy in pixels of the input, inside the picture.
        scores: float tensor (N,) in [0, 1].
        labels: int64 tensor (N,): level of the pyramid, or class from 1 on.
        is_real: bool tensor (N,), whether there is a box; if not, the values are those of another.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    is_real: Tensor

    def best(self, max_overlap: float, limit: int, gap: float = 0.0) -> Boxes:
        """Return boxes that do not overlap with better ones, the best first, empty places last.

        Args:
            max_overlap: Largest intersection over union.
            limit: Places of the result; on a CPU none is empty, see `greedy_nms`.
            gap: Boxes are looked at as if they were moved by so much for each label [px]: with
                more than the size of the picture those of different labels do not overlap.
        """
        moved = self.boxes + self.labels[:, None] * gap
        index, is_real = greedy_nms(moved, self.scores, self.is_real, max_overlap, limit)
        return Boxes(self.boxes[index], self.scores[index], self.labels[index], is_real)


def proposals(
    rpn: Any,
    levels: Mapping[str, Tensor],
    padded: tuple[int, int],
    picture: tuple[int, int],
    limit: int,
) -> Boxes:
    """Return what torchvision's `RegionProposalNetwork` proposes.

    Args:
        rpn: That network.
        levels: Of the pyramid of one image, float tensors (1, C, h, w).
        padded: Rows and columns of the input.
        picture: Rows and columns of the picture in it.
        limit: Places of the result, if the network does not propose less.
    """
    maps = list(levels.values())
    logits, codes = rpn.head(maps)
    (anchors,) = rpn.anchor_generator(image_list(levels, padded, picture), maps)
    parts, rest = [], anchors
    for level, (logit, code) in enumerate(zip(logits, codes, strict=True)):
        logit = logit[0].permute(1, 2, 0).flatten()  # as anchors: rows, columns, shapes
        code = code[0].unflatten(0, (-1, 4)).permute(2, 3, 0, 1).reshape(-1, 4)
        own, rest = rest[: len(logit)], rest[len(logit) :]
        value, index = logit.topk(min(rpn.pre_nms_top_n(), len(logit)))
        boxes = decoded(rpn.box_coder, code[index], own[index], picture)[:, 0]
        parts.append((boxes, value.sigmoid(), torch.full_like(index, level)))
    boxes, scores, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    is_real = (scores >= rpn.score_thresh) & _is_large(boxes, rpn.min_size)
    most = min(rpn.post_nms_top_n(), limit)
    return Boxes(boxes, scores, labels, is_real).best(rpn.nms_thresh, most, max(picture) + 1)


def detections(
    heads: Any, levels: Mapping[str, Tensor], proposed: Boxes, picture: tuple[int, int]
) -> Boxes:
    """Return the boxes that torchvision's `RoIHeads` find.

    Args:
        heads: Those.
        levels: Of the pyramid of one image, float tensors (1, C, h, w).
        proposed: See `proposals`.
        picture: Rows and columns of the picture in the input.
    """
    cells = pooled(heads.box_roi_pool, levels, proposed.boxes, picture)
    logits, codes = heads.box_predictor(heads.box_head(cells))
    boxes = decoded(heads.box_coder, codes, proposed.boxes, picture)[:, 1:]  # no background
    scores = logits.softmax(dim=1)[:, 1:]
    is_real = (scores > heads.score_thresh) & _is_large(boxes, _MIN_SIDE)
    is_real = is_real & proposed.is_real[:, None]
    labels = torch.arange(1, scores.shape[1] + 1, device=scores.device).expand_as(scores)
    parts = (part.flatten(0, 1) for part in (boxes, scores, labels, is_real))
    return Boxes(*parts).best(heads.nms_thresh, heads.detections_per_img, max(picture) + 1)


def masks(
    heads: Any,
    levels: Mapping[str, Tensor],
    boxes: Tensor,
    labels: Tensor,
    picture: tuple[int, int],
) -> Tensor:
    """Return the masks that torchvision's `RoIHeads` find, probabilities (N, 28, 28).

    Args:
        heads: Those.
        levels: Of the pyramid of one image, float tensors (1, C, h, w).
        boxes: float tensor (N, 4), over which the masks are, xyxy in pixels of the input.
        labels: int64 tensor (N,), from 1 on: the class whose mask is meant.
        picture: Rows and columns of the picture in the input.
    """
    cells = pooled(heads.mask_roi_pool, levels, boxes, picture)
    logits = heads.mask_predictor(heads.mask_head(cells))
    own: Tensor = logits[torch.arange(len(labels), device=labels.device), labels]
    return own.sigmoid()


def pooled(
    pool: Any, levels: Mapping[str, Tensor], boxes: Tensor, picture: tuple[int, int]
) -> Tensor:
    """Return what torchvision's `MultiScaleRoIAlign` does of one image, float (N, C, S, S).

    Boxes are pooled from all levels, and what is not of their level is thrown away.

    Args:
        pool: That module.
        levels: Of the pyramid, float tensors (1, C, h, w).
        boxes: float tensor (N, 4), xyxy in pixels of the input.
        picture: Rows and columns of the picture in the input.
    """
    from torchvision.ops import poolers, roi_align

    maps = [levels[name] for name in pool.featmap_names]
    if pool.scales is None:  # as torchvision, that looks at the first picture only
        form = pool.canonical_scale, pool.canonical_level
        pool.scales, pool.map_levels = poolers._setup_scales(maps, [picture], *form)
    place = torch.cat((torch.zeros_like(boxes[:, :1]), boxes), dim=1)  # all in image 0
    level = pool.map_levels([boxes])[:, None, None, None]
    result: Tensor | None = None
    for k, (values, scale) in enumerate(zip(maps, pool.scales, strict=True)):
        cells = roi_align(values, place, pool.output_size, scale, pool.sampling_ratio)
        result = cells if result is None else torch.where(level == k, cells, result)
    assert result is not None
    return result


def decoded(coder: Any, codes: Tensor, boxes: Tensor, picture: tuple[int, int]) -> Tensor:
    """Return what torchvision's `BoxCoder` does, inside of the picture, float (N, K, 4).

    Args:
        coder: That object.
        codes: float tensor (N, K * 4).
        boxes: float tensor (N, 4) that the codes refer to.
        picture: Rows and columns.
    """
    step, size = (codes.unflatten(1, (-1, 4)) / constant(coder.weights, codes)).split(2, dim=2)
    sides = (boxes[:, 2:] - boxes[:, :2])[:, None]
    centre = boxes[:, None, :2] + 0.5 * sides + step * sides
    half = 0.5 * (size.clamp(max=coder.bbox_xform_clip).exp() * sides)
    corners = torch.cat((centre - half, centre + half), dim=2)
    limit = constant((picture[1], picture[0]) * 2, corners)
    return torch.minimum(corners.clamp(min=0), limit)


def _is_large(boxes: Tensor, least: float) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2] >= least).all(dim=-1)
