# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN of torchvision's parts, in two steps: features of a frame, and what is in them.

Source: He et al., "Mask R-CNN", ICCV 2017; MaskProp, section 4.1. The paper's strongest form, with
a hybrid task cascade and a spatiotemporal sampling backbone, is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from vis_ros.nn.maskprop.config import LEVEL, DetectionOptions, MaskPropSizes
from vis_ros.nn.maskrcnn import image_list, mask_rcnn
from vis_ros.nn.yolact.backbone import ResNetTaps


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


class Instances(NamedTuple):
    """N instances of one frame, best first.

    Args:
        boxes: float32 tensor (N, 4), xyxy in pixels of the input.
        scores: float32 tensor (N,), probability of the class.
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


class VideoMaskRcnn(nn.Module):
    """A detector whose features outlive it; parameters carry torchvision's names.

    Args:
        sizes: Of the network.
        num_classes: Number of classes K without background.
    """

    def __init__(self, sizes: MaskPropSizes, num_classes: int) -> None:
        super().__init__()
        whole = mask_rcnn(_pyramid(sizes), sizes, num_classes + 1)
        self.backbone, self.rpn, self.roi_heads = whole.backbone, whole.rpn, whole.roi_heads

    def features(self, images: Tensor, picture: tuple[int, int]) -> Features:
        """Return the pyramid of normalised images, float32 (B, 3, rows, columns).

        Args:
            images: Both sides are multiples of 32.
            picture: Rows and columns of what is not padding.
        """
        padded = (int(images.shape[-2]), int(images.shape[-1]))
        return Features(dict(self.backbone(images)), padded, picture)

    def detect(self, features: Features, options: DetectionOptions) -> list[Instances]:
        """Return the instances of each frame; the module must be in evaluation mode."""
        images = image_list(features.levels, features.padded, features.picture)
        found, _ = self.roi_heads(
            features.levels, self._proposals(features, images, options), images.image_sizes
        )
        return [_chosen(single, options) for single in found]

    def _proposals(
        self, features: Features, images: Any, options: DetectionOptions
    ) -> list[Tensor]:
        proposals, _ = self.rpn(images, features.levels)
        return [boxes[: options.proposals] for boxes in proposals]  # the best come first

    def losses(self, features: Features, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return torchvision's losses; the module must be in training mode.

        Args:
            features: Of B frames.
            targets: For each frame `boxes` float32 (J, 4), `labels` int64 (J,) from 1 on, and
                `masks` uint8 (J, H, W).
        """
        images = image_list(features.levels, features.padded, features.picture)
        proposals, losses = self.rpn(images, features.levels, targets)
        _, more = self.roi_heads(features.levels, proposals, images.image_sizes, targets)
        return {**losses, **more}


def _chosen(found: dict[str, Tensor], options: DetectionOptions) -> Instances:
    from torchvision.ops import nms

    boxes, scores = found['boxes'].float(), found['scores'].float()
    keep = scores >= options.score_threshold
    boxes, scores = boxes[keep], scores[keep]
    place = nms(boxes, scores, options.any_class_overlap)[: options.limit]
    return Instances(
        boxes[place],
        scores[place],
        found['labels'][keep][place] - 1,
        found['masks'][keep][place, 0].float(),
    )


def set_options(detector: VideoMaskRcnn, options: DetectionOptions) -> None:
    """Set torchvision's own thresholds; they are no parameters."""
    heads: Any = detector.roi_heads
    heads.score_thresh, heads.nms_thresh = options.score_threshold, options.nms_threshold
    heads.detections_per_img = 2 * options.limit  # some fall to `any_class_overlap`
    detector.rpn._post_nms_top_n['testing'] = options.proposals


def _pyramid(sizes: MaskPropSizes) -> Any:
    from torchvision.models import get_model
    from torchvision.models.detection.backbone_utils import BackboneWithFPN
    from torchvision.ops import FrozenBatchNorm2d

    if sizes.backbone == 'slim18':
        body: nn.Module = ResNetTaps('slim18')
        last = 256
    else:
        whole = get_model(sizes.backbone, weights=None, norm_layer=FrozenBatchNorm2d)
        body, last = whole, whole.fc.in_features
    layers = {f'layer{k + 1}': str(k) for k in range(4)}
    inputs = [last // 8, last // 4, last // 2, last]
    return BackboneWithFPN(body, layers, inputs, sizes.channels)
