# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Official weights of CondInst and IAI under our names, each checked to be whole."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vis_ros.nn.condinst import CondInst, stock_config, video_config
from vis_ros.nn.condinst.official import from_stock
from vis_ros.nn.iai import Iai, IaiOptions
from vis_ros.nn.iai.official import IMAGE_RULES, MODEL_RULES
from vis_ros.nn.renaming import renamed
from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.structures.options import build_config

Named = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors under our names, and what the file will say about itself."""

_LAYER3_BLOCKS = {6: 'resnet50', 23: 'resnet101'}


def is_iai(tensors: dict[str, Tensor]) -> bool:
    """Return whether a file is one of zfonemore/IAI, or an image model of its kind."""
    return any(name.startswith('bbox_head.') for name in tensors)


def is_condinst(tensors: dict[str, Tensor]) -> bool:
    """Return whether a file is one of CondInst in aim-uofa/AdelaiDet."""
    return any(name.startswith('proposal_generator.fcos_head.') for name in tensors)


def read_iai(tensors: dict[str, Tensor], source: str) -> Named:
    """Return a checkpoint of IAI, or the image model that its training starts from.

    Raises:
        ValueError: It is not whole; the text lists missing and unexpected names.
    """
    backbone = _backbone(tensors, 'backbone.layer3.')
    count = _size(tensors, 'bbox_head.conv_cls.bias', 40)
    meta: dict[str, Any] = {'num_classes': count + 1, 'config': {'network': backbone}}
    if not any(name.startswith('lstt.') for name in tensors):
        found = renamed(tensors, IMAGE_RULES)
        bare = {name.removeprefix('image.'): value for name, value in found.items()}
        load_strictly(CondInst(video_config(backbone, count)), LoadedWeights(bare, source))
        return found, meta | {'method': 'iai', 'part': 'detector'}
    found = renamed(tensors, MODEL_RULES)
    ids = _size(tensors, 'bbox_head.conv_id.bias', 20)
    options = build_config(IaiOptions, {'ids': ids})
    load_strictly(Iai(backbone, count, options), LoadedWeights(found, source))
    meta['config'] |= {'model.ids': ids}
    if backbone == 'resnet101':  # as its published configuration has it
        meta['config'] |= {'detections.top': 1000, 'detections.min_class_score': 0.05}
    return found, meta | {'method': 'iai', 'part': 'whole'}


def read_condinst(tensors: dict[str, Tensor], source: str) -> Named:
    """Return a published CondInst, for `condinst.stock_config`.

    Raises:
        ValueError: It is not whole; the text lists missing and unexpected names.
    """
    backbone = _backbone(tensors, 'backbone.bottom_up.res4.')
    count = _size(tensors, 'proposal_generator.fcos_head.cls_logits.bias', 80)
    found = from_stock(tensors)
    load_strictly(CondInst(stock_config(backbone, count)), LoadedWeights(found, source))
    config = {'backbone': backbone}
    meta = {'method': 'condinst', 'part': 'detector', 'num_classes': count + 1, 'config': config}
    return found, meta


def _backbone(tensors: dict[str, Tensor], stage: str) -> str:
    """Return the ResNet by the blocks of its third stage; ResNet-50 where it cannot be told."""
    blocks = {name[len(stage) :].split('.')[0] for name in tensors if name.startswith(stage)}
    return _LAYER3_BLOCKS.get(len(blocks), 'resnet50')


def _size(tensors: dict[str, Tensor], name: str, default: int) -> int:
    """Return the length of a vector; the default where the file lacks it, and is refused later."""
    return len(tensors[name]) if name in tensors and tensors[name].ndim else default
