# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN from torchvision, in its two versions, with an appearance for each instance.

Source: He et al., "Mask R-CNN", ICCV 2017 (v1); Li et al., "Benchmarking Detection Transfer
Learning with Vision Transformers", 2021 (the recipe of v2). The appearance is not from the papers:
it is the mean of the backbone's features over the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.detectors.base import Detector, register_detector
from vis_ros.detectors.coco import coco_categories
from vis_ros.nn.acceleration import accelerate, accelerate_option
from vis_ros.nn.inference import for_inference
from vis_ros.nn.precision import PRECISIONS, running_in
from vis_ros.nn.weights import LoadedWeights, load_strictly, repeatable
from vis_ros.ops.box_masks import paste_masks
from vis_ros.ops.masks import tight_box
from vis_ros.ops.transfer import upload
from vis_ros.structures import Detections, Frame
from vis_ros.structures.batch import as_a_whole, by_size
from vis_ros.structures.options import option

_DENSE = ('backbone.body', 'backbone.fpn', 'rpn.head')  # parts that can be compiled
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
    precision: str = option('float32', 'Precision of backbone and pyramid.', choices=PRECISIONS)
    accelerate: str = accelerate_option()
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
    takes_batches = True

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
        for_inference(self._model, self.device)
        accelerate(self._model, _DENSE, config.accelerate, self.device)

    def init_state(self) -> None:
        """See `Detector.init_state`; single images leave nothing behind."""

    @torch.inference_mode()
    def detect(self, state: None, frame: Frame) -> tuple[None, Detections]:
        """See `Detector.detect`."""
        return None, self._detect([frame])[0]

    @torch.inference_mode()
    def detect_many(
        self, states: Sequence[None], frames: Sequence[Frame]
    ) -> list[tuple[None, Detections] | Exception]:
        """See `Detector.detect_many`; the network takes frames of equal size as one batch.

        torchvision pads a batch to its largest image, and the network sees the padding.
        """
        found: dict[int, Detections] = {}
        with as_a_whole(len(frames)):
            for group in by_size([(frame.height, frame.width) for frame in frames]):
                found |= zip(group, self._detect([frames[n] for n in group]), strict=True)
        return [(state, found[n]) for n, state in enumerate(states)]

    def _detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the detections of frames of one size."""
        images = [
            upload(frame.image, self.device).permute(2, 0, 1).float() / 255.0 for frame in frames
        ]  # (3, H, W) each
        parts = self._predict([_pad_slender(image) for image in images])
        packed = torch.cat(parts).cpu()  # the one copy down
        rows = packed.split([len(part) for part in parts])
        return [self._detections(*pair) for pair in zip(rows, frames, strict=True)]

    def _detections(self, packed: Tensor, frame: Frame) -> Detections:
        """Return the detections of rows that came down; those without a pixel are left out."""
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
            return Detections.empty(_FEATURE_SIZE)
        return Detections(
            boxes=np.array([tight_box(crops[n]) for n in rows], np.float32),
            scores=scores[rows, 0].numpy(),
            class_ids=class_ids[rows],
            masks=tuple(crops[n] for n in rows),
            features=features[rows].numpy(),
        )

    def _predict(self, images: list[Tensor]) -> list[Tensor]:
        """Run the network once.

        Args:
            images: float32 tensors (3, H, W) of one size, RGB in [0, 1], on the device.

        Returns:
            For each image a float32 tensor (N, 4 + 1 + 1 + 256 + 28 * 28) on the device, best
            score first: box in pixels of the image, score, category (0 is background, and never
            occurs), feature, mask.
        """
        model = self._model
        batch, _ = model.transform(images)
        with running_in(batch.tensors.device, self.config.precision):
            levels = model.backbone(batch.tensors)
        levels = {name: level.float() for name, level in levels.items()}
        proposals, _ = model.rpn(batch, levels)
        everything, _ = model.roi_heads(levels, proposals, batch.image_sizes)
        maps = levels[_FEATURE_LEVEL]
        source_size = (int(images[0].shape[1]), int(images[0].shape[2]))
        return [
            self._rows(found, maps[n : n + 1], batch.image_sizes[n], source_size)
            for n, found in enumerate(everything)
        ]

    def _rows(
        self,
        found: dict[str, Tensor],
        level: Tensor,
        input_size: tuple[int, int],
        source_size: tuple[int, int],
    ) -> Tensor:
        masks = found.pop('masks')  # (N, 1, 28, 28)
        features = _pool_features(level, found['boxes'], masks)
        (found,) = self._model.transform.postprocess([found], [input_size], [source_size])
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
