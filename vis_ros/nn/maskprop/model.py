# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All networks of MaskProp under one roof."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.maskprop.config import STRIDE, ModelOptions, sizes_of
from vis_ros.nn.maskprop.detector import Features, Instances, VideoMaskRcnn
from vis_ros.nn.maskprop.flow import FlowPropagation
from vis_ros.nn.maskprop.masktrack import TrackingBranch
from vis_ros.nn.maskprop.propagation import Propagation, box_regions
from vis_ros.nn.maskprop.refinement import Refinement, crop, crop_masks, windows
from vis_ros.nn.maskrcnn import paste_soft


class MaskProp(nn.Module):
    """A detector, and what tracks: only the parts that the options name are there.

    Args:
        network: One of `NETWORKS`.
        num_classes: Number of classes K without background.
        options: See `ModelOptions`.
    """

    def __init__(self, network: str, num_classes: int, options: ModelOptions) -> None:
        super().__init__()
        sizes = sizes_of(network)
        self.sizes, self.options = sizes, options
        self.detector = VideoMaskRcnn(sizes, num_classes, options)
        if options.tracking == 'propagation':
            self.propagation = Propagation(sizes.channels, sizes.motion, options.propagation)
        elif options.tracking == 'flow':
            self.flow = FlowPropagation(options.flow, options.flow_updates)
        else:
            self.tracking = TrackingBranch(sizes.channels, sizes.identity)
        if options.refinement.enabled:
            self.refinement = Refinement(sizes.refinement)

    def regions(self, found: Instances, size: tuple[int, int]) -> Tensor:
        """Return where the instances of a frame are in a map of stride 8, float (N, h, w).

        Args:
            found: The N instances.
            size: Rows h and columns w of the map.
        """
        options = self.options.propagation
        if not options.frame_masks:
            return box_regions(found.boxes, size, STRIDE)
        soft = paste_soft(found.masks, found.boxes, size, STRIDE)
        return (soft > 0.5).to(soft.dtype) if options.region == 'binary' else soft

    @property
    def keeps_regions(self) -> bool:
        """Whether an instance is in its own frame where it was found, and not carried there."""
        return self.options.propagation.frame_masks or self.options.tracking == 'flow'

    def propagate(self, source: Tensor, others: Tensor, regions: Tensor) -> Tensor:
        """Return what N instances become in other frames, float (N, T, h, w) in [0, 1].

        Args:
            source: What the ring keeps of the frame with the instances, see `view`.
            others: The same of T frames.
            regions: float tensor (N, h, w), see `regions`.
        """
        carrier = self.flow if self.options.tracking == 'flow' else self.propagation
        masks: Tensor = carrier(source, others, regions)
        return masks

    def view(self, picture: Tensor, features: Features) -> Tensor:
        """Return what propagation needs to know of a frame: features, or for flow the input.

        Args:
            picture: uint8 tensor (h, w, 3), without padding.
            features: Of this one frame.
        """
        if self.options.tracking != 'flow':
            return features.middle[0]
        below = features.padded[0] - picture.shape[0]
        right = features.padded[1] - picture.shape[1]
        return functional.pad(picture, (0, 0, 0, right, 0, below))

    def refine(self, image: Tensor, found: Instances) -> tuple[Tensor, Tensor]:
        """Return refined masks and the squares in which they lie.

        Args:
            image: float tensor (1, 3, H, W), the normalised input.
            found: N instances in it.

        Returns:
            float (N, S, S), probabilities; float (N, 4), xyxy in pixels of the input.
        """
        squares = windows(found.boxes, self.sizes, self.options.refinement)
        if not len(squares):
            return found.masks, squares
        side = self.sizes.crop
        masks = crop_masks(found.masks, found.boxes, squares, side)
        return torch.sigmoid(self.refinement(crop(image, squares, side), masks)), squares


__all__ = ['Features', 'Instances', 'MaskProp']
