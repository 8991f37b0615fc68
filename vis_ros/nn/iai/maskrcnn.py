# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""torchvision's Mask R-CNN as IAI's image model, in the two steps of `nn.condinst.CondInst`.

Source: He et al., "Mask R-CNN", ICCV 2017; table 6 of Zhu et al., ECCV 2022. Names of parameters
below `rpn` and `roi_heads` are torchvision's; the backbone's are those that all networks here
have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst.config import NETWORKS
from vis_ros.nn.maskrcnn import image_list, mask_rcnn
from vis_ros.nn.picture import check_input
from vis_ros.nn.yolact.backbone import AllTaps, ResNetAllTaps


@dataclass(frozen=True)
class MaskRcnnConfig:
    """Everything that decides about the parameters and the input.

    Args:
        backbone: A ResNet of torchvision by its name, or `slim18`.
        num_classes: Number of classes K without background.
        channels: Channels of the feature pyramid.
        box: Width of the box head.
        anchor: Side of the smallest anchor [px]; it doubles from level to level.
        proposals: Proposals of an image that the heads look at.
        long_side: Largest length of the longer side of the picture [px].
        short_side: Largest length of the shorter side of the picture [px].
        mean: Mean of the input, RGB in 0..255.
        deviation: Standard deviation of the input, RGB in 0..255.
    """

    backbone: str = 'resnet50'
    num_classes: int = 40
    channels: int = 256
    box: int = 1024
    anchor: int = 32
    proposals: int = 300
    long_side: int = 640
    short_side: int = 360
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    deviation: tuple[float, ...] = (58.395, 57.12, 57.375)


def region_config(network: str, num_classes: int, proposals: int) -> MaskRcnnConfig:
    """Return the sizes of a network; pictures as large as those of `condinst.video_config`.

    Args:
        network: `resnet50` or `resnet101`, with torchvision's heads, or `small`: ResNet-18 at half
            width, 64 channels, for CPUs.
        num_classes: Number of classes.
        proposals: Proposals of an image that the heads look at.

    Raises:
        ValueError: The network is unknown.
    """
    if network not in NETWORKS:
        raise ValueError(f'network: expected one of {", ".join(NETWORKS)}, got {network!r}')
    if network == 'small':
        return MaskRcnnConfig('slim18', num_classes, 64, 256, 16, proposals, 320, 192)
    return MaskRcnnConfig(network, num_classes, proposals=proposals)


class Regions(NamedTuple):
    """What the box head says about R proposals.

    Args:
        cells: float tensor (R, C, 7, 7), the pyramid over each proposal.
        features: float tensor (R, D), what the box head makes of it: classes and boxes see this.
        classes: float tensor (R, K + 1), logits; the first one is the background.
        deltas: float tensor (R, 4 * (K + 1)), see torchvision's `BoxCoder`.
    """

    cells: Tensor
    features: Tensor
    classes: Tensor
    deltas: Tensor


class MaskRcnnOutput(NamedTuple):
    """What a forward pass gives, for the R proposals of all images.

    Args:
        taps: What the pyramid saw of the backbone.
        levels: Float tensors (B, C, h, w) of strides 4, 8, 16, 32 and 64, by name.
        image: int64 tensor (R,), image of each proposal; those of an image begin with the best.
        regions: What is in them.
        boxes: float tensor (R, K + 1, 4), box for each class, xyxy in pixels of the input, inside
            the picture.
    """

    taps: AllTaps
    levels: dict[str, Tensor]
    image: Tensor
    regions: Regions
    boxes: Tensor

    def full(self) -> MaskRcnnOutput:
        """Return the same in single precision."""
        levels = {name: level.float() for name, level in self.levels.items()}
        regions = Regions(*(part.float() for part in self.regions))
        return self._replace(levels=levels, regions=regions, boxes=self.boxes.float())


class ImageMaskRcnn(nn.Module):
    """The image model.

    Args:
        config: Sizes.
        coarse: Channels of the coarsest tap as the pyramid sees it; by default the backbone's.
    """

    def __init__(self, config: MaskRcnnConfig, coarse: int | None = None) -> None:
        from torchvision.ops import FeaturePyramidNetwork
        from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

        super().__init__()
        self.config = config
        self.backbone = ResNetAllTaps(config.backbone)
        fine = self.backbone.channels[0]
        taps = [fine // 2, *self.backbone.channels[:2], coarse or self.backbone.channels[2]]
        self.fpn = FeaturePyramidNetwork(taps, config.channels, extra_blocks=LastLevelMaxPool())
        self.fpn.out_channels = config.channels
        whole = mask_rcnn(
            self.fpn,
            config,
            config.num_classes + 1,
            rpn_post_nms_top_n_test=config.proposals,
        )
        self.rpn, self.roi_heads = whole.rpn, whole.roi_heads

    def look(self, image: Tensor) -> AllTaps:
        """Return the taps of the backbone.

        Args:
            image: float32 tensor (B, 3, H, W), see `condinst.prepare`.

        Raises:
            ValueError: The size is not a multiple of 32.
        """
        check_input(image)
        taps: AllTaps = self.backbone(image)
        return taps

    def pyramid(self, taps: AllTaps) -> dict[str, Tensor]:
        """Return the levels of strides 4, 8, 16, 32 and 64 by torchvision's names."""
        return dict(self.fpn({str(k): tap for k, tap in enumerate(taps)}))

    def interpret(self, taps: AllTaps, picture: tuple[int, int] | None = None) -> MaskRcnnOutput:
        """Return what is in taps; the module must be in evaluation mode.

        Args:
            taps: Of the backbone.
            picture: Rows and columns of what is not padding; by default everything.
        """
        levels = self.pyramid(taps)
        images = self.images(levels, picture)
        proposals, _ = self.rpn(images, levels)
        regions = self.describe(levels, proposals)
        boxes = self._decoded(regions, proposals, images.image_sizes[0])
        counts = torch.tensor([len(each) for each in proposals], device=boxes.device)
        image = torch.arange(len(proposals), device=boxes.device).repeat_interleave(counts)
        return MaskRcnnOutput(taps, levels, image, regions, boxes)

    def images(self, levels: dict[str, Tensor], picture: tuple[int, int] | None) -> Any:
        """Return what torchvision wants to know of the images; see `interpret`."""
        padded = input_size(levels)
        return image_list(levels, padded, picture or padded)

    def describe(self, levels: dict[str, Tensor], proposals: Sequence[Tensor]) -> Regions:
        """Return what is in proposals, float tensors (n, 4) for each image."""
        heads = self.roi_heads
        # of the sizes only the ratio to those of the levels counts: without padding it is odd
        sizes = [input_size(levels)] * len(proposals)
        cells = heads.box_roi_pool(levels, list(proposals), sizes)
        features = heads.box_head(cells)
        return Regions(cells, features, *heads.box_predictor(features))

    def mask_logits(self, levels: dict[str, Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Return logits (N, K + 1, 28, 28) of what is in boxes, (n, 4) for each image."""
        heads = self.roi_heads
        sizes = [input_size(levels)] * len(boxes)
        cells = heads.mask_roi_pool(levels, list(boxes), sizes)
        logits: Tensor = heads.mask_predictor(heads.mask_head(cells))
        return logits

    def forward(self, image: Tensor) -> MaskRcnnOutput:
        """Run the whole network; see `look`."""
        return self.interpret(self.look(image))

    def _decoded(
        self, regions: Regions, proposals: list[Tensor], picture: tuple[int, int]
    ) -> Tensor:
        from torchvision.ops import clip_boxes_to_image

        boxes = self.roi_heads.box_coder.decode(regions.deltas.float(), proposals)
        inside: Tensor = clip_boxes_to_image(boxes, picture)
        return inside


def input_size(levels: dict[str, Tensor]) -> tuple[int, int]:
    """Return rows and columns of the input that has these levels, see `ImageMaskRcnn.pyramid`."""
    finest = levels['0']
    return 4 * int(finest.shape[2]), 4 * int(finest.shape[3])
