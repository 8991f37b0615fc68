# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid task cascade: three stages of boxes and masks, of torchvision's parts.

Source: Chen et al., "Hybrid Task Cascade for Instance Segmentation", CVPR 2019, sections 3.1 to
3.3; MaskProp, section 4.4. The first stage is the heads of Mask R-CNN under torchvision's names;
what the stages do not share, and the way of the masks from stage to stage, is here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.maskprop.config import STRIDE, THRESHOLDS
from vis_ros.nn.maskprop.semantic import SemanticBranch, semantic_loss
from vis_ros.nn.maskrcnn import HeadSizes, expect_background, in_float32

_SPREADS = (1.0, 2.0, 3.0)  # later boxes differ less from the true ones (Cascade R-CNN)
_CODER = (10.0, 10.0, 5.0, 5.0)
_SAMPLES, _POSITIVE = 512, 0.25  # boxes of an image that teach, and the share of objects
_SAMPLING = 2  # points of a side of a cell; torchvision's
_MIN_SIDE = 1e-2  # of a box [px]; torchvision's

Targets = Sequence[Mapping[str, Tensor]]


class _Seen(NamedTuple):
    """B images: levels of the pyramid, what the semantic branch makes of them, their sizes."""

    levels: Mapping[str, Tensor]
    context: Tensor | None
    logits: Tensor | None
    shapes: list[tuple[int, int]]


class HybridCascade(nn.Module):
    """What follows the first stage.

    Boxes go through all stages. The masks of a stage are those of boxes that the stage has
    refined, and see the features from which the stage before makes its masks.

    Args:
        first: torchvision's `RoIHeads` with masks, the first stage. Its boxes become those of any
            class; its parameters stay its own.
        sizes: Of the heads.
        categories: Number of classes, and one for the background.
        semantic: There is a semantic branch.
    """

    def __init__(self, first: Any, sizes: HeadSizes, categories: int, *, semantic: bool) -> None:
        super().__init__()
        first.box_predictor.bbox_pred = nn.Linear(sizes.box, 4)
        set_stage(first, 0)
        self._first = (first,)  # in a tuple, so that its parameters have one name only
        count = len(THRESHOLDS) - 1
        self.later = nn.ModuleList(_heads(first, sizes, categories) for _ in range(count))
        for k, heads in enumerate(self.later, start=1):
            set_stage(heads, k)
        self.flows = nn.ModuleList(
            nn.Conv2d(sizes.channels, sizes.channels, 1) for _ in range(count)
        )
        self.semantic = SemanticBranch(sizes.channels, categories) if semantic else None

    @property
    def stages(self) -> list[Any]:
        """The heads of all stages."""
        return [*self._first, *self.later]

    def detect(
        self, levels: Mapping[str, Tensor], proposals: list[Tensor], shapes: list[tuple[int, int]]
    ) -> list[dict[str, Tensor]]:
        """Return what torchvision's heads return: `boxes`, `labels`, `scores` and `masks`.

        Boxes are those of the last stage. Scores are the mean of the probabilities of all stages,
        each from its own boxes, and masks the mean of those of all stages over the last boxes:
        means of probabilities are probabilities, on which thresholds keep their meaning.
        """
        seen = self._see(levels, shapes)
        scores: Tensor | float = 0.0
        boxes = proposals
        for stage in self.stages:
            boxes_before = boxes
            logits, deltas = self._regress(seen, stage, boxes)
            boxes = _refined(stage, deltas, boxes, shapes)
            scores = scores + logits.softmax(dim=1) / len(THRESHOLDS)
        assert isinstance(scores, Tensor)
        found = stage.postprocess_detections(
            scores.log(), deltas.repeat(1, scores.shape[1]), boxes_before, shapes
        )
        masks = self._masks(seen, found[0], found[2])
        return [
            dict(zip(('boxes', 'scores', 'labels', 'masks'), each, strict=True))
            for each in zip(*found, masks, strict=True)
        ]

    def masks(
        self,
        levels: Mapping[str, Tensor],
        boxes: list[Tensor],
        shapes: list[tuple[int, int]],
        labels: list[Tensor],
    ) -> list[Tensor]:
        """Return the mean of the masks of all stages, probabilities (N, 1, 28, 28) of each image.

        Args:
            levels: Of the pyramid.
            boxes: Of each image, float (N, 4).
            shapes: Rows and columns of each image.
            labels: Of each image, int64 (N,), from 1 on: whose masks.
        """
        return self._masks(self._see(levels, shapes), boxes, labels)

    def losses(
        self,
        levels: Mapping[str, Tensor],
        proposals: list[Tensor],
        shapes: list[tuple[int, int]],
        targets: Targets,
    ) -> dict[str, Tensor]:
        """Return the losses of each stage, without any weights.

        Args:
            levels: Of the pyramid.
            proposals: Of each image, float (N, 4).
            shapes: Rows and columns of each image, the same for all.
            targets: Of each image, see `VideoMaskRcnn.losses`.

        Returns:
            `classifier_1`, `box_1`, `mask_1` and so on to 3; `semantic` if there is that branch.
        """
        seen, losses = self._see(levels, shapes), {}
        if seen.logits is not None:
            losses['semantic'] = semantic_loss(seen.logits, targets, shapes[0])
        for k, stage in enumerate(self.stages):
            boxes, _, labels, wanted = stage.select_training_samples(proposals, targets)
            logits, deltas = self._regress(seen, stage, boxes)
            found = _box_losses(logits, deltas, labels, wanted)
            losses[f'classifier_{k + 1}'], losses[f'box_{k + 1}'] = found
            proposals = _without_truth(boxes, _refined(stage, deltas, boxes, shapes), targets)
            losses[f'mask_{k + 1}'] = self._mask_loss(seen, k, proposals, targets)
        return losses

    def _see(self, levels: Mapping[str, Tensor], shapes: list[tuple[int, int]]) -> _Seen:
        if self.semantic is None:
            return _Seen(levels, None, None, shapes)
        context, logits = self.semantic(levels)
        return _Seen(levels, context, logits, shapes)

    def _cells(self, seen: _Seen, boxes: list[Tensor], pool: Any) -> Tensor:
        """Return what the heads look at, float (N, C, S, S)."""
        from torchvision.ops import roi_align

        cells: Tensor = pool(seen.levels, boxes, seen.shapes)
        if seen.context is None:
            return cells
        size = (int(cells.shape[-2]), int(cells.shape[-1]))
        context: Tensor = roi_align(seen.context, boxes, size, 1 / STRIDE, _SAMPLING)
        return cells + context.to(cells.dtype)

    def _regress(self, seen: _Seen, stage: Any, boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return logits (N, categories) and codes (N, 4) of all boxes."""
        cells = self._cells(seen, boxes, stage.box_roi_pool)
        logits, deltas = stage.box_predictor(stage.box_head(cells))
        return logits, deltas

    def _flow(self, cells: Tensor, last: int) -> list[Tensor]:
        """Return the features from which each stage, up to one, makes its masks."""
        found: list[Tensor] = []
        for k, stage in enumerate(self.stages[: last + 1]):
            x = cells + self.flows[k - 1](found[-1]) if k else cells
            found.append(stage.mask_head(x))
        return found

    def _masks(self, seen: _Seen, boxes: list[Tensor], labels: list[Tensor]) -> list[Tensor]:
        from torchvision.models.detection.roi_heads import maskrcnn_inference

        cells = self._cells(seen, boxes, self.stages[0].mask_roi_pool)
        features = self._flow(cells, len(self.later))
        single = [
            maskrcnn_inference(stage.mask_predictor(x), labels)
            for stage, x in zip(self.stages, features, strict=True)
        ]
        return [torch.stack(masks).mean(dim=0) for masks in zip(*single, strict=True)]

    def _mask_loss(self, seen: _Seen, k: int, refined: list[Tensor], targets: Targets) -> Tensor:
        """Return the loss of the masks of a stage over the boxes that it has refined."""
        from torchvision.models.detection.roi_heads import maskrcnn_loss

        stage = self.stages[k]
        boxes, matched, labels, _ = stage.select_training_samples(refined, targets)
        is_object = [each > 0 for each in labels]
        boxes = [each[keep] for each, keep in zip(boxes, is_object, strict=True)]
        matched = [each[keep] for each, keep in zip(matched, is_object, strict=True)]
        features = self._flow(self._cells(seen, boxes, stage.mask_roi_pool), k)
        truth = ([target[name] for target in targets] for name in ('masks', 'labels'))
        logits = stage.mask_predictor(features[-1])
        loss: Tensor = maskrcnn_loss(logits, boxes, *truth, matched)
        return loss


def set_stage(heads: Any, k: int) -> None:
    """Set of which boxes stage k, 0 is the first, learns, and how it writes them."""
    from torchvision.models.detection._utils import BoxCoder, Matcher

    heads.proposal_matcher = Matcher(THRESHOLDS[k], THRESHOLDS[k], allow_low_quality_matches=False)
    heads.box_coder = BoxCoder(tuple(weight * _SPREADS[k] for weight in _CODER))


def _heads(first: Any, sizes: HeadSizes, categories: int) -> Any:
    """Return heads as the first ones, with parameters of their own."""
    from torchvision.models.detection import faster_rcnn, roi_heads
    from torchvision.models.detection import mask_rcnn as parts

    channels = sizes.channels
    predictor = faster_rcnn.FastRCNNPredictor(sizes.box, categories)
    predictor.register_forward_hook(in_float32)
    predictor.bbox_pred = nn.Linear(sizes.box, 4)
    expect_background(predictor.cls_score)
    return roi_heads.RoIHeads(
        first.box_roi_pool,
        faster_rcnn.TwoMLPHead(channels * 7**2, sizes.box),
        predictor,
        THRESHOLDS[0],
        THRESHOLDS[0],
        _SAMPLES,
        _POSITIVE,
        None,
        first.score_thresh,
        first.nms_thresh,
        first.detections_per_img,
        first.mask_roi_pool,
        parts.MaskRCNNHeads(channels, (channels,) * 4, 1),
        parts.MaskRCNNPredictor(channels, channels, categories),
    )


def _box_losses(
    logits: Tensor, deltas: Tensor, labels: list[Tensor], wanted: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return torchvision's losses of classes and boxes; 0 where there is no box at all."""
    from torchvision.models.detection.roi_heads import fastrcnn_loss

    if not len(logits):
        return logits.sum() * 0.0, deltas.sum() * 0.0
    every = deltas.repeat(1, logits.shape[1])  # (N, categories * 4), alike for all
    classes, boxes = fastrcnn_loss(logits, every, labels, wanted)
    return classes, boxes


def _refined(
    stage: Any, deltas: Tensor, boxes: list[Tensor], shapes: list[tuple[int, int]]
) -> list[Tensor]:
    """Return the boxes that a stage makes of boxes, within the images."""
    from torchvision.ops import clip_boxes_to_image

    decoded = stage.box_coder.decode(deltas.detach(), boxes).reshape(-1, 4)
    parts = decoded.split([len(each) for each in boxes])
    return [clip_boxes_to_image(each, size) for each, size in zip(parts, shapes, strict=True)]


def _without_truth(boxes: list[Tensor], refined: list[Tensor], targets: Targets) -> list[Tensor]:
    """Return refined boxes but those that were true ones, and those that are empty.

    torchvision adds the true boxes to what it samples from; the next stage gets them again.
    """
    from torchvision.ops import remove_small_boxes

    kept = []
    for before, after, target in zip(boxes, refined, targets, strict=True):
        is_true = (before[:, None] == target['boxes'].to(before.dtype)).all(dim=2).any(dim=1)
        left = after[~is_true]
        kept.append(left[remove_small_boxes(left, _MIN_SIDE)])
    return kept
