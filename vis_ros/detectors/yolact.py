# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YOLACT: the detector inside of RGNNVIS, for associations that need no training; or stock.

Source: Bolya et al., "YOLACT", ICCV 2019; Johnander et al., GCPR 2021, for RGNNVIS's variant. The
tracker of RGNNVIS never makes a mask of a single detection; here both variants have masks as stock
YOLACT makes them. The appearance is not from the papers: it is the mean of the backbone's features
over the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vis_ros.detectors.base import Detector, register_detector
from vis_ros.detectors.coco import coco_categories
from vis_ros.nn.acceleration import accelerate, accelerate_option
from vis_ros.nn.batches import one_of
from vis_ros.nn.inference import for_inference
from vis_ros.nn.precision import PRECISIONS, running_in
from vis_ros.nn.weights import LoadedWeights, load_strictly, part_of, repeatable
from vis_ros.nn.yolact import (
    SelectionConfig,
    Yolact,
    YolactOutput,
    prepare_frame,
    rgnnvis_config,
    select,
    stock_config,
)
from vis_ros.nn.yolact.anchors import decode_boxes
from vis_ros.nn.yolact.config import NETWORKS
from vis_ros.nn.yolact.features import pool_features
from vis_ros.nn.yolact.masks import crop_masks, mask_logits
from vis_ros.nn.yolact.nms import select_stock
from vis_ros.ops.masks import tight_box
from vis_ros.ops.stretch import axes, masks_above
from vis_ros.ops.transfer import constant
from vis_ros.structures import Detections, Frame
from vis_ros.structures.batch import as_a_whole
from vis_ros.structures.options import option

_PREFIX = 'detector.'  # of the detector in the files of RGNNVIS


@dataclass(frozen=True)
class StockSelectionConfig:
    """Which anchors of stock YOLACT become detections; the defaults are its own."""

    min_score: float = option(
        0.05,
        'Probability above which the best class of an anchor must lie.',
        minimum=0.0,
        maximum=1.0,
    )
    max_overlap: float = option(
        0.5,
        'Of two boxes of one class that overlap more than this, the weaker is dropped.',
        minimum=0.0,
        maximum=1.0,
    )
    is_cross_class: bool = option(
        False, 'Boxes of different classes compete too, each with its best one.'
    )
    top: int = option(
        200, 'Anchors that compete, of each class or in all.', minimum=1, maximum=10000
    )
    limit: int = option(
        100, 'Detections of a frame at most, the best first.', minimum=1, maximum=1000
    )


@dataclass(frozen=True)
class YolactDetectorConfig:
    """YOLACT."""

    variant: str = option(
        'auto',
        "rgnnvis: the detector of RGNNVIS's weights, and its selection; stock: "
        'YOLACT as published for COCO; auto: what is in the weights file.',
        choices=('auto', 'rgnnvis', 'stock'),
    )
    network: str = option(
        'small',
        'Size of the network, where the weights file does not say it. Stock YOLACT has no small '
        'one and takes resnet50 then.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names; else, of stock YOLACT, those of COCO.',
    )
    precision: str = option('float32', 'Precision of the network.', choices=PRECISIONS)
    accelerate: str = accelerate_option()
    mask_threshold: float = option(
        0.5, 'Pixels above this probability belong to the mask.', minimum=0.0, maximum=1.0
    )
    detections: SelectionConfig = field(default_factory=SelectionConfig)
    stock: StockSelectionConfig = field(default_factory=StockSelectionConfig)


class _Found(NamedTuple):
    """What a frame shows.

    Args:
        scores: float32 tensor (N,), probabilities.
        class_ids: int64 tensor (N,), 0 is the first class that is not background.
        soft: float32 tensor (N, h, w), probabilities of the masks.
    """

    scores: Tensor
    class_ids: Tensor
    soft: Tensor


@register_detector('yolact')
class YolactDetector(Detector):
    """Detects and segments the objects of a training, of RGNNVIS's detector or of YOLACT's."""

    Config = YolactDetectorConfig
    summary = "YOLACT (Bolya et al. 2019): RGNNVIS's detector, or stock with 80 classes of COCO"
    licence = 'Apache-2.0; weights: see docs/weights.md'
    needs_weights = True
    takes_batches = True

    def __init__(
        self,
        config: YolactDetectorConfig,
        *,
        weights: LoadedWeights | None = None,
        device: str = 'cpu',
    ) -> None:
        if weights is None:
            raise ValueError('weights: the detector "yolact" needs some (see docs/weights.md)')
        self.config = config
        self.device = torch.device(device)
        self._is_stock = _variant(config, weights) == 'stock'
        tensors = part_of(weights.tensors, '' if self._is_stock else _PREFIX)
        self.classes = _classes(config, weights, tensors, self._is_stock)
        network = _build(_network(config, weights), len(self.classes) + 1, self._is_stock)
        load_strictly(network, LoadedWeights(tensors, weights.source, is_random=weights.is_random))
        self._network = for_inference(network, self.device)
        accelerate(self._network, [''], config.accelerate, self.device)
        self.feature_size = network.backbone.channels[1]

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
        """See `Detector.detect_many`; the network takes all frames as one batch."""
        with as_a_whole(len(frames)):
            found = self._detect(frames) if frames else []
        return [(state, one) for state, one in zip(states, found, strict=True)]

    def _detect(self, frames: Sequence[Frame]) -> list[Detections]:
        config = self._network.config
        image = torch.cat([prepare_frame(each.image, config, self.device) for each in frames])
        with running_in(self.device, self.config.precision):
            output = self._network(image)
        return [self._finish(one_of(output, n), frame) for n, frame in enumerate(frames)]

    def _finish(self, output: YolactOutput, frame: Frame) -> Detections:
        """Return the detections of a frame out of its forward pass."""
        found = self._stock(output) if self._is_stock else self._rgnnvis(output)
        features = pool_features(output.taps.stride16[0].float(), found.soft)
        columns = (
            found.scores[:, None],
            found.class_ids[:, None],
            features,
            found.soft.flatten(1),
        )
        packed = torch.cat(columns, dim=1).cpu()  # the one copy down
        return self._detections(packed, found.soft.shape[1:], frame)

    def _rgnnvis(self, output: YolactOutput) -> _Found:
        found = select(self._network, output, self.config.detections)
        height, width = self._network.config.height, self._network.config.width
        boxes = found.boxes[0] / constant((width, height, width, height), found.boxes)
        is_box = found.is_real[0] & (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        soft = torch.sigmoid(found.mask_logits[0]) * is_box[:, None, None]
        class_ids = found.logits[0, :, 1:].argmax(dim=1)
        return _Found(found.scores[0].exp(), class_ids, _cropped(soft, boxes))

    def _stock(self, output: YolactOutput) -> _Found:
        raw, stock = output.raw, self.config.stock
        boxes = decode_boxes(raw.offsets[0], self._network.anchors)
        best = select_stock(
            boxes,
            raw.logits[0],
            is_cross_class=stock.is_cross_class,
            min_score=stock.min_score,
            max_overlap=stock.max_overlap,
            top=stock.top,
            limit=stock.limit,
        )
        logits = mask_logits(output.prototypes, raw.coefficients[:, best.anchor])[0]
        soft = _cropped(torch.sigmoid(logits.float()), boxes[best.anchor])
        return _Found(best.score, best.class_id, soft)

    def _detections(self, packed: Tensor, shape: torch.Size, frame: Frame) -> Detections:
        """Return the detections of rows that came down; those without a pixel are left out."""
        scores, class_ids, features, soft = (
            part.numpy() for part in packed.split((1, 1, self.feature_size, shape.numel()), dim=1)
        )
        size, threshold = (frame.height, frame.width), self.config.mask_threshold
        maps = torch.from_numpy(soft).unflatten(1, tuple(shape))
        masks = masks_above(maps, axes((shape[0], shape[1]), size), threshold)
        rows = [n for n, mask in enumerate(masks) if mask.pixels.any()]
        if not rows:
            return Detections.empty(self.feature_size)
        return Detections(
            boxes=np.array([tight_box(masks[n]) for n in rows], np.float32),
            scores=scores[rows, 0],
            class_ids=class_ids[rows, 0].astype(np.int64),
            masks=tuple(masks[n] for n in rows),
            features=features[rows],
        )


def _variant(config: YolactDetectorConfig, weights: LoadedWeights) -> str:
    names = weights.tensors
    if any('prediction_layers.' in name for name in names):
        raise ValueError(
            f'weights: {weights.source} is an official file. Import it first: vis_ros weights '
            'import (see docs/weights.md)'
        )
    if not names:
        return 'rgnnvis' if config.variant == 'auto' else config.variant
    own = 'rgnnvis' if any(name.startswith(_PREFIX) for name in names) else 'stock'
    if config.variant not in ('auto', own):
        raise ValueError(f'variant: {weights.source} is of {own!r}, got {config.variant!r}')
    return own


def _classes(
    config: YolactDetectorConfig,
    weights: LoadedWeights,
    tensors: dict[str, Tensor],
    is_stock: bool,
) -> tuple[str, ...]:
    if config.classes:
        return config.classes
    if named := weights.meta.get('classes'):
        return tuple(map(str, named))
    coco = tuple(name for name in coco_categories() if name) if is_stock else ()
    bias = tensors.get('semantic.bias')
    count = len(coco or ('object',)) if bias is None else len(bias)
    if count == len(coco):
        return coco
    return ('object',) if count == 1 else tuple(f'class {k + 1}' for k in range(count))


def _network(config: YolactDetectorConfig, weights: LoadedWeights) -> str:
    """Return the size of the network; what the file says counts where the option is not set."""
    if config.network != YolactDetectorConfig.network:
        return config.network
    own = weights.meta.get('config') or {}
    return str(own.get('network') or own.get('backbone') or config.network)


def _build(network: str, num_classes: int, is_stock: bool) -> Yolact:
    """Return the network with random parameters, the same ones each time, on the CPU."""
    if is_stock:
        config = stock_config('resnet50' if network == 'small' else network, num_classes)
    else:
        config = rgnnvis_config(network, num_classes)
    with repeatable():
        return Yolact(config)


def _cropped(soft: Tensor, boxes: Tensor) -> Tensor:
    """Return probabilities (N, h, w), 0 outside of relative xyxy boxes (N, 4)."""
    return soft * crop_masks(boxes, soft.shape[1], soft.shape[2])
