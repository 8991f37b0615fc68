# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN from torchvision, in its two versions, with an appearance for each instance.

Source: He et al., "Mask R-CNN", ICCV 2017 (v1); Li et al., "Benchmarking Detection Transfer
Learning with Vision Transformers", 2021 (the recipe of v2). The appearance is not from the papers:
it is the mean of the backbone's features over the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.detectors.base import Detector, register_detector
from vis_ros.detectors.coco import coco_categories
from vis_ros.nn.weights import LoadedWeights, load_strictly, repeatable
from vis_ros.ops.masks import tight_box
from vis_ros.structures import CropMask, Detections, Frame
from vis_ros.structures.options import option

_MASK = 28  # side of the masks that the network predicts
_POOL = 14  # side of the grid on which features are averaged
_FEATURE_LEVEL = '1'  # FPN level of stride 8: the coarsest that leaves small objects some cells
_FEATURE_STRIDE = 8
_FEATURE_SIZE = 256
_MAX_ASPECT = 16  # images more slender than this are padded: shrunk, no row might be left


@dataclass(frozen=True)
class MaskRcnnConfig:
    """Mask R-CNN with a ResNet-50 and an FPN."""

    version: str = option(
        'v2', 'Variant of the network; it must be that of the weights.', choices=('v1', 'v2')
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names, else those of COCO.',
    )
    min_size: int = option(
        480,
        'The shorter side is scaled to this. 480 leaves 640x480 as it is; the training used 800, '
        'at three times the cost.',
        unit='px',
        minimum=32,
        maximum=4096,
    )
    max_size: int = option(
        864,
        'The longer side is at most this. 864 is the first multiple of 32 at which 16:9 fits with '
        'a shorter side of 480.',
        unit='px',
        minimum=32,
        maximum=8192,
    )
    score_threshold: float = option(
        0.3, 'Boxes below this score get no mask.', minimum=0.0, maximum=1.0
    )
    nms_threshold: float = option(
        0.5,
        'Of two boxes of one class that overlap more than this, the weaker is dropped.',
        minimum=0.0,
        maximum=1.0,
    )
    max_detections: int = option(
        100, 'At most this many instances, the best first.', minimum=1, maximum=4096
    )
    mask_threshold: float = option(
        0.5, 'Pixels from this probability on belong to the mask.', minimum=0.0, maximum=1.0
    )
    batch_norm_eps: float = option(
        0.0,
        'Only v1: 0 for the COCO weights of torchvision and what was trained from them, 1e-5 for '
        'what was trained from an ImageNet backbone.',
        minimum=0.0,
        maximum=1.0,
    )


@register_detector('maskrcnn')
class MaskRcnnDetector(Detector):
    """Detects and segments the objects of a training, such as the 80 classes of COCO."""

    Config = MaskRcnnConfig
    feature_size = _FEATURE_SIZE
    summary = 'Mask R-CNN, ResNet-50 and FPN (torchvision), 80 classes of COCO'
    licence = 'BSD-3-Clause (torchvision); weights: see docs/weights.md'
    needs_weights = True

    def __init__(
        self, config: MaskRcnnConfig, *, weights: LoadedWeights | None = None, device: str = 'cpu'
    ) -> None:
        if weights is None:
            raise ValueError('weights: the detector "maskrcnn" needs some (see docs/weights.md)')
        self.config = config
        self.device = torch.device(device)
        categories = _categories(config, weights)
        self.classes = tuple(name for name in categories if name)
        # category of the network to class id; -1 for those without a name
        named = np.array([bool(name) for name in categories])
        self._class_of = np.where(named, np.cumsum(named) - 1, -1).astype(np.int64)
        self._model: Any = _build(config, len(categories))  # torchvision is untyped
        _load(self._model, weights)
        self._model.eval().requires_grad_(False).to(self.device)

    def init_state(self) -> None:
        """See `Detector.init_state`; single images leave nothing behind."""

    @torch.inference_mode()
    def detect(self, state: None, frame: Frame) -> tuple[None, Detections]:
        """See `Detector.detect`."""
        image = torch.from_numpy(frame.image.copy()).to(self.device)
        image = image.permute(2, 0, 1).float() / 255.0  # (3, H, W)
        packed = self._predict(_pad_slender(image)).cpu()  # the one copy down
        boxes, scores, labels, features, masks = packed.split(
            (4, 1, 1, _FEATURE_SIZE, _MASK * _MASK), dim=1
        )
        size = (frame.height, frame.width)
        crops = paste_masks(
            masks.reshape(-1, _MASK, _MASK), boxes, size, self.config.mask_threshold
        )
        class_ids = self._class_of[labels[:, 0].numpy().astype(np.int64)]
        rows = [n for n, crop in enumerate(crops) if crop.pixels.any() and class_ids[n] >= 0]
        if not rows:
            return None, Detections.empty(_FEATURE_SIZE)
        return None, Detections(
            boxes=np.array([tight_box(crops[n]) for n in rows], np.float32),
            scores=scores[rows, 0].numpy(),
            class_ids=class_ids[rows],
            masks=tuple(crops[n] for n in rows),
            features=features[rows].numpy(),
        )

    def _predict(self, image: Tensor) -> Tensor:
        """Run the network.

        Args:
            image: float32 tensor (3, H, W), RGB in [0, 1], on the device.

        Returns:
            float32 tensor (N, 4 + 1 + 1 + 256 + 28 * 28) on the device, best score first: box in
            pixels of `image`, score, category (0 is background, and never occurs), feature, mask.
        """
        model = self._model
        images, _ = model.transform([image])
        levels = model.backbone(images.tensors)
        proposals, _ = model.rpn(images, levels)
        (found,), _ = model.roi_heads(levels, proposals, images.image_sizes)
        masks = found.pop('masks')  # (N, 1, 28, 28)
        features = _pool_features(levels[_FEATURE_LEVEL], found['boxes'], masks)
        source_size = (int(image.shape[1]), int(image.shape[2]))
        (found,) = model.transform.postprocess([found], images.image_sizes, [source_size])
        columns = (found['boxes'], found['scores'][:, None], found['labels'][:, None].float())
        return torch.cat((*columns, features, masks.flatten(1)), dim=1)


def _categories(config: MaskRcnnConfig, weights: LoadedWeights) -> tuple[str, ...]:
    """Return the categories of the network; empty for the background and where COCO names none."""
    if config.classes:
        return ('', *config.classes)
    if weights.meta.get('classes'):
        return ('', *map(str, weights.meta['classes']))
    return coco_categories()


def _build(config: MaskRcnnConfig, num_categories: int) -> nn.Module:
    """Return the network with random parameters, the same ones each time, on the CPU."""
    from torchvision.models import detection

    builders = {
        'v1': detection.maskrcnn_resnet50_fpn,
        'v2': detection.maskrcnn_resnet50_fpn_v2,
    }
    with repeatable():
        model: nn.Module = builders[config.version](
            weights=None,
            weights_backbone=None,
            num_classes=num_categories,
            min_size=config.min_size,
            max_size=config.max_size,
            box_score_thresh=config.score_threshold,
            box_nms_thresh=config.nms_threshold,
            box_detections_per_img=config.max_detections,
        )
    if config.version == 'v1':
        _freeze(model, config.batch_norm_eps)
    return model


def _freeze(model: nn.Module, eps: float) -> None:
    """Put in torchvision's frozen batch norm: torch 2.11 refuses an eps of 0 in its own."""
    from torchvision.ops import FrozenBatchNorm2d

    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, FrozenBatchNorm2d(child.num_features, eps))


def _load(model: nn.Module, weights: LoadedWeights) -> None:
    """Load weights; counters of batches may be missing or too many, inference needs none."""
    own = model.state_dict()
    counters = {n: v for n, v in own.items() if n.endswith('num_batches_tracked')}
    given = {
        name: value
        for name, value in weights.tensors.items()
        if name in own or not name.endswith('num_batches_tracked')
    }
    tensors: dict[str, Any] = {**counters, **given}
    load_strictly(model, LoadedWeights(tensors, weights.source, is_random=weights.is_random))


def _pad_slender(image: Tensor) -> Tensor:
    """Return an image (3, H, W) with grey to the right or below if it is more than 16:1."""
    height, width = image.shape[1:]
    rows = max(0, -(-width // _MAX_ASPECT) - height)
    columns = max(0, -(-height // _MAX_ASPECT) - width)
    return functional.pad(image, (0, columns, 0, rows), value=0.5) if rows or columns else image


def _pool_features(level: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
    """Return the mean feature of each instance, weighted by its mask, with unit L2 norm.

    Args:
        level: float32 tensor (1, 256, h, w), FPN level of stride 8.
        boxes: float32 tensor (N, 4), xyxy in pixels of the network's input.
        masks: float32 tensor (N, 1, 28, 28), probabilities over the boxes.

    Returns:
        float32 tensor (N, 256).
    """
    from torchvision.ops import roi_align

    cells = roi_align(
        level, [boxes], _POOL, 1.0 / _FEATURE_STRIDE, sampling_ratio=1, aligned=True
    )  # (N, 256, 14, 14)
    weight = functional.avg_pool2d(masks, _MASK // _POOL)  # (N, 1, 14, 14)
    mean = (cells * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp(min=1e-6)
    return functional.normalize(mean, dim=1)


def paste_masks(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float
) -> list[CropMask]:
    """Return the masks of boxes in the source image, each in a crop of its own.

    The pixels are those of torchvision's `paste_masks_in_image`, thresholded, without a whole
    image for each mask. A crop may be empty.

    Args:
        masks: float32 tensor (N, 28, 28) on the CPU, probabilities.
        boxes: float32 tensor (N, 4) on the CPU, xyxy in source-image pixels.
        size: Rows and columns of the source image.
        threshold: Pixels from this probability on belong to the mask.
    """
    side = masks.shape[-1]
    padded = functional.pad(masks, (1, 1, 1, 1))  # so that masks end inside of their boxes
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * ((side + 2) / side)
    centre = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    corners = torch.cat((centre - half, centre + half), dim=1).to(torch.int64).tolist()
    return [
        _paste(mask, corner, size, threshold) for mask, corner in zip(padded, corners, strict=True)
    ]


def _paste(mask: Tensor, corner: list[int], size: tuple[int, int], threshold: float) -> CropMask:
    x0, y0, x1, y1 = corner
    shape = (max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1))
    soft = functional.interpolate(mask[None, None], shape, mode='bilinear', align_corners=False)
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = max(left, min(x1 + 1, size[1])), max(top, min(y1 + 1, size[0]))
    visible = soft[0, 0, top - y0 : bottom - y0, left - x0 : right - x0]
    return CropMask(left, top, (visible >= threshold).numpy())
