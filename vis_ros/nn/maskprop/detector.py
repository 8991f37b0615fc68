# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN of torchvision's parts, in two steps: features of a frame, and what is in them.

On a GPU the heads of Mask R-CNN make nobody wait: what is in a frame has a fixed size until it is
brought down. Those of a cascade go torchvision's way there too, and the host waits for each choice
of boxes.

Source: He et al., "Mask R-CNN", ICCV 2017; MaskProp, section 4.1; for its heads in the strongest
form see `cascade`, for its backbone `sampling`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vis_ros.nn import maskrcnn_fixed
from vis_ros.nn.maskprop.cascade import HybridCascade
from vis_ros.nn.maskprop.config import LEVEL, DetectionOptions, MaskPropSizes, ModelOptions
from vis_ros.nn.maskprop.sampling import SpatioTemporalSampling
from vis_ros.nn.maskrcnn import image_list, mask_rcnn
from vis_ros.nn.yolact.backbone import ResNetTaps
from vis_ros.ops.transfer import download


class Features(NamedTuple):
    """The pyramid of a batch of frames.

    Args:
        levels: Float tensors (B, C, h, w) of strides 4, 8, 16, 32 and 64, by name.
        padded: Rows and columns of the input.
        picture: Rows and columns of the pictures in it.
    """

    levels: dict[str, Tensor]
    padded: tuple[int, int]
    picture: tuple[int, int]

    @property
    def middle(self) -> Tensor:
        """The level on which masks are propagated, (B, C, H / 8, W / 8)."""
        return self.levels[LEVEL]

    def singles(self) -> Iterator[Features]:
        """Yield the frames one by one."""
        for b in range(len(self.middle)):
            yield self._replace(levels={k: level[b : b + 1] for k, level in self.levels.items()})


class Instances(NamedTuple):
    """N instances of one frame, best first.

    Args:
        boxes: float32 tensor (N, 4), xyxy in pixels of the input.
        scores: float32 tensor (N,), probability of the class, above 0; 0 for empty places, that
            come last and are only there until `brought_down`.
        class_ids: int64 tensor (N,), 0 is the first class.
        masks: float32 tensor (N, 28, 28), probabilities over the boxes.
    """

    boxes: Tensor
    scores: Tensor
    class_ids: Tensor
    masks: Tensor

    def select(self, index: Tensor) -> Instances:
        """Return the instances of an index or a bool tensor."""
        return Instances(*(value[index] for value in self))

    def brought_down(self) -> tuple[Instances, Instances]:
        """Return what there is without empty places: where it is, and on the host, in one copy."""
        host = download(self._asdict())
        count = np.count_nonzero(host['scores'])
        down = (torch.from_numpy(host[name][:count]) for name in self._fields)
        return Instances(*(value[:count] for value in self)), Instances(*down)


class VideoMaskRcnn(nn.Module):
    """A detector whose features outlive it; parameters carry torchvision's names.

    Args:
        sizes: Of the network.
        num_classes: Number of classes K without background.
        options: What there is beyond Mask R-CNN; nothing by default.

    Raises:
        ValueError: Options do not go together.
    """

    def __init__(
        self, sizes: MaskPropSizes, num_classes: int, options: ModelOptions | None = None
    ) -> None:
        super().__init__()
        options = options or ModelOptions()
        body, inputs = _body(sizes)
        self.sampling: SpatioTemporalSampling | None = None
        if options.sampling.enabled:
            self.sampling = SpatioTemporalSampling(inputs, sizes.sampling, options.sampling)
            inputs = self.sampling.outputs
        whole = mask_rcnn(_pyramid(body, inputs, sizes.channels), sizes, num_classes + 1)
        self.backbone, self.rpn, self.roi_heads = whole.backbone, whole.rpn, whole.roi_heads
        self.cascade: HybridCascade | None = None
        if options.cascade == 'htc':
            self.cascade = HybridCascade(
                self.roi_heads, sizes, num_classes + 1, semantic=options.semantic
            )
        elif options.semantic:
            raise ValueError("semantic: expected false with cascade 'none', got true")

    def features(self, images: Tensor, picture: tuple[int, int], clip: int = 1) -> Features:
        """Return the pyramid of normalised images, float32 (B, 3, rows, columns).

        Args:
            images: Both sides are multiples of 32.
            picture: Rows and columns of what is not padding.
            clip: So many images that follow each other support each other, with sampling.
        """
        taps = self.taps(images)
        supports = None if self.sampling is None else self.sampling.companions(taps, clip)
        return self.pyramid(taps, supports, (images.shape[-2], images.shape[-1]), picture)

    def taps(self, images: Tensor) -> dict[str, Tensor]:
        """Return what the stages of the backbone make of each image by itself, by name."""
        taps = dict(self.backbone.body(images))
        return taps if self.sampling is None else self.sampling.reduced(taps)

    def pyramid(
        self,
        taps: Mapping[str, Tensor],
        supports: Mapping[str, Tensor] | None,
        padded: tuple[int, int],
        picture: tuple[int, int],
    ) -> Features:
        """Return the pyramid of images.

        Args:
            taps: See `taps`.
            supports: See `SpatioTemporalSampling`; without sampling it does not count.
            padded: Rows and columns of the images.
            picture: Rows and columns of what is not padding.
        """
        if self.sampling is not None:
            taps = self.sampling(taps, supports)
        levels = dict(self.backbone.fpn(taps))
        return Features(levels, (int(padded[0]), int(padded[1])), picture)

    @property
    def stages(self) -> list[Any]:
        """torchvision's heads: of Mask R-CNN one, of a cascade those of its stages."""
        return [self.roi_heads] if self.cascade is None else self.cascade.stages

    def detect(self, features: Features, options: DetectionOptions) -> list[Instances]:
        """Return the instances of each frame; the module must be in evaluation mode.

        With the heads of Mask R-CNN, on other devices than a CPU, there are `options.limit`
        places for them, see `Instances`.
        """
        if self.cascade is None and features.middle.device.type != 'cpu':
            return [self.detect_fixed(single, options) for single in features.singles()]
        images = image_list(features.levels, features.padded, features.picture)
        proposals = self._proposals(features, images, options)
        if self.cascade is not None:
            found = self.cascade.detect(features.levels, proposals, images.image_sizes)
            return [_chosen(single, options) for single in found]
        return self._instances(features, proposals, options)

    def _instances(
        self, features: Features, proposals: list[Tensor], options: DetectionOptions
    ) -> list[Instances]:
        """Return what Mask R-CNN's heads find; torchvision's own would make masks of all boxes,
        also of those that are dropped.
        """
        levels, heads = features.levels, self.roi_heads
        shapes = [features.picture] * len(proposals)
        cells = heads.box_head(heads.box_roi_pool(levels, proposals, shapes))
        found = heads.postprocess_detections(*heads.box_predictor(cells), proposals, shapes)
        kept = []
        for boxes, scores, labels in zip(*found, strict=True):
            place = _best(boxes, scores, options)
            kept.append((boxes[place], scores[place], labels[place]))
        masks = self.masks(features, [each[0] for each in kept], [each[2] for each in kept])
        return [
            Instances(boxes, scores, labels - 1, of_each.float())
            for (boxes, scores, labels), of_each in zip(kept, masks, strict=True)
        ]

    def detect_fixed(self, features: Features, options: DetectionOptions) -> Instances:
        """Return what `detect` does of one frame, without a cascade, with nothing to wait for."""
        levels, picture, heads = features.levels, features.picture, self.roi_heads
        proposed = maskrcnn_fixed.proposals(
            self.rpn, levels, features.padded, picture, options.proposals
        )
        found = maskrcnn_fixed.detections(heads, levels, proposed, picture)
        is_likely = found.is_real & (found.scores >= options.score_threshold)
        found = found._replace(is_real=is_likely).best(options.any_class_overlap, options.limit)
        masks = maskrcnn_fixed.masks(heads, levels, found.boxes, found.labels, picture)
        scores = torch.where(found.is_real, found.scores, 0.0)
        return Instances(found.boxes, scores, found.labels - 1, masks)

    def masks(self, features: Features, boxes: list[Tensor], labels: list[Tensor]) -> list[Tensor]:
        """Return masks over given boxes, probabilities (N, 28, 28) of each frame.

        Args:
            features: Of B frames.
            boxes: Of each frame, float (N, 4), xyxy in pixels of the input.
            labels: Of each frame, int64 (N,), from 1 on: the class whose mask is meant.
        """
        from torchvision.models.detection.roi_heads import maskrcnn_inference

        shapes, heads = [features.picture] * len(boxes), self.roi_heads
        if self.cascade is not None:
            found = self.cascade.masks(features.levels, boxes, shapes, labels)
        else:
            cells = heads.mask_roi_pool(features.levels, boxes, shapes)
            found = maskrcnn_inference(heads.mask_predictor(heads.mask_head(cells)), labels)
        return [masks[:, 0] for masks in found]

    def _proposals(
        self, features: Features, images: Any, options: DetectionOptions
    ) -> list[Tensor]:
        proposals, _ = self.rpn(images, features.levels)
        return [boxes[: options.proposals] for boxes in proposals]  # the best come first

    def losses(self, features: Features, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return the losses, without weights; the module must be in training mode.

        Args:
            features: Of B frames.
            targets: For each frame `boxes` float32 (J, 4), `labels` int64 (J,) from 1 on, and
                `masks` uint8 (J, H, W).

        Returns:
            torchvision's; with a cascade those of the proposals and `HybridCascade.losses`.
        """
        levels = {name: level.float() for name, level in features.levels.items()}  # see in_float32
        images = image_list(levels, features.padded, features.picture)
        proposals, losses = self.rpn(images, levels, targets)
        shapes = images.image_sizes
        if self.cascade is not None:
            more = self.cascade.losses(levels, proposals, shapes, targets)
        else:
            _, more = self.roi_heads(levels, proposals, shapes, targets)
        return {**losses, **more}


def _chosen(found: dict[str, Tensor], options: DetectionOptions) -> Instances:
    boxes, scores = found['boxes'].float(), found['scores'].float()
    place = _best(boxes, scores, options)
    masks = found['masks'][place, 0].float()
    return Instances(boxes[place], scores[place], found['labels'][place] - 1, masks)


def _best(boxes: Tensor, scores: Tensor, options: DetectionOptions) -> Tensor:
    """Return the indices of what becomes an instance, the best first."""
    from torchvision.ops import nms

    place = nms(boxes, scores, options.any_class_overlap)
    return place[scores[place] >= options.score_threshold][: options.limit]


def set_options(detector: VideoMaskRcnn, options: DetectionOptions) -> None:
    """Set torchvision's own thresholds; they are no parameters."""
    for heads in detector.stages:
        heads.score_thresh, heads.nms_thresh = options.score_threshold, options.nms_threshold
        heads.detections_per_img = 2 * options.limit  # some fall to `any_class_overlap`
    detector.rpn._post_nms_top_n['testing'] = options.proposals


def _body(sizes: MaskPropSizes) -> tuple[nn.Module, dict[str, int]]:
    """Return a backbone, and the channels of its stages by name."""
    from torchvision.models import get_model
    from torchvision.ops import FrozenBatchNorm2d

    if sizes.backbone == 'slim18':
        body: nn.Module = ResNetTaps('slim18')
        last = 256
    else:
        whole = get_model(sizes.backbone, weights=None, norm_layer=FrozenBatchNorm2d)
        body, last = whole, whole.fc.in_features
    return body, {'0': last // 8, '1': last // 4, '2': last // 2, '3': last}


def _pyramid(body: nn.Module, inputs: Mapping[str, int], channels: int) -> Any:
    from torchvision.models.detection.backbone_utils import BackboneWithFPN

    layers = {f'layer{int(name) + 1}': name for name in inputs}
    return BackboneWithFPN(body, layers, list(inputs.values()), channels)
