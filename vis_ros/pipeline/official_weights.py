# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Official weights of YOLACT, RGNNVIS, CondInst, IAI and Mask2Former, as files of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor, nn

from vis_ros.nn.ifr.official import is_mask2former
from vis_ros.nn.renaming import renamed
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.rgnn.official import MODEL_RULES
from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.nn.yolact import Yolact, rgnnvis_config, stock_config
from vis_ros.nn.yolact.official import from_stock, with_counters
from vis_ros.pipeline.checkpoints import read_checkpoint
from vis_ros.pipeline.official_condinst import is_condinst, is_iai, read_condinst, read_iai
from vis_ros.pipeline.official_mask2former import read_mask2former
from vis_ros.pipeline.weights import sha256_of

_ANCHORS = 3  # of each cell
_LAYER3_BLOCKS = {6: 'resnet50', 23: 'resnet101'}


@dataclass(frozen=True)
class OfficialWeights:
    """Parameters under our names, checked to be all of a network.

    Args:
        tensors: State dict.
        meta: What the file will say about itself: method, part, config, classes.
    """

    tensors: dict[str, Tensor]
    meta: dict[str, Any]


def read_official(path: Path, classes: Sequence[str] = ()) -> OfficialWeights:
    """Read a file of one of the official codes.

    Args:
        path: YOLACT's `.pth` (dbolya/yolact); RGNNVIS's detector, or a whole checkpoint of its
            trainer (joakimjohnander/RGNNVIS); CondInst's (aim-uofa/AdelaiDet); IAI's, or the
            image model that its training starts from (zfonemore/IAI); a Mask2Former of
            `transformers` or of its own code, of images or videos.
        classes: Names of the classes without background, to be kept in our file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is none of them, or not whole; the text lists missing and unexpected names.
    """
    tensors = read_checkpoint(path)
    if any(name.startswith('detector.') for name in tensors):
        official = _rgnnvis(tensors, str(path))
    elif is_iai(tensors):
        official = OfficialWeights(*read_iai(tensors, str(path)))
    elif is_condinst(tensors):
        official = OfficialWeights(*read_condinst(tensors, str(path)))
    elif is_mask2former(tensors):
        official = OfficialWeights(*read_mask2former(tensors, str(path)))
    else:
        official = _stock(tensors, str(path))
    if classes:
        count = official.meta['num_classes'] - 1
        if len(classes) != count:
            raise ValueError(f'classes: {path} has {count} without background, got {len(classes)}')
        official.meta['classes'] = list(classes)
    return official


def _rgnnvis(tensors: dict[str, Tensor], source: str) -> OfficialWeights:
    backbone = _backbone(tensors, 'backbone.layer3.')
    count = _num_classes(tensors, 'detector.')
    found = with_counters(renamed(tensors, MODEL_RULES))
    is_whole = any(not name.startswith('detector.') for name in found)
    if is_whole:
        load_strictly(RgnnVis(backbone, count, RgnnOptions()), LoadedWeights(found, source))
    else:
        bare = {name.removeprefix('detector.'): value for name, value in found.items()}
        _check(Yolact(rgnnvis_config(backbone, count)), bare, source)
    meta = {
        'method': 'rgnnvis',
        'part': 'whole' if is_whole else 'detector',
        'num_classes': count,
        'config': {'network': backbone},
    }
    return OfficialWeights(found, meta)


def _stock(tensors: dict[str, Tensor], source: str) -> OfficialWeights:
    backbone = _backbone(tensors, 'backbone.layers.2.')
    count = _num_classes(tensors, '')
    found = from_stock(tensors)
    _check(Yolact(stock_config(backbone, count)), found, source)
    meta = {
        'method': 'yolact',
        'part': 'detector',
        'num_classes': count,
        'config': {'backbone': backbone},
    }
    return OfficialWeights(found, meta)


def _check(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    load_strictly(network, LoadedWeights(tensors, source))


def _backbone(tensors: dict[str, Tensor], stage: str) -> str:
    """Return the ResNet by the blocks of its third stage; ResNet-50 where it cannot be told."""
    blocks = {name[len(stage) :].split('.')[0] for name in tensors if name.startswith(stage)}
    return _LAYER3_BLOCKS.get(len(blocks), 'resnet50')


def _num_classes(tensors: dict[str, Tensor], prefix: str) -> int:
    bias = tensors.get(f'{prefix}prediction_layers.0.conf_layer.bias')
    return 81 if bias is None else max(len(bias) // _ANCHORS, 2)


def manifest_entry(
    name: str, official: OfficialWeights, source: Path, target: Path, origin: str = ''
) -> str:
    """Return the entry of `models/weights.yaml` for a file that was written.

    Args:
        name: Of the new weights.
        official: What is in it.
        source: Official file.
        target: File that was written.
        origin: Where the official file comes from; empty: its name.
    """
    entry = {
        'method': official.meta['method'],
        'file': target.name,
        'sha256': sha256_of(target),
        'licence': 'not stated by its authors; find out before you use it',
        'trained': f'imported from {origin or source.name}, SHA-256 {sha256_of(source)}',
    }
    text: str = yaml.safe_dump({name: entry}, sort_keys=False, width=200)
    return text
