# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Published weights of Mask2Former as a start of IFR's training; from a file or from the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from vis_ros.nn.ifr import Ifr, IfrOptions
from vis_ros.nn.ifr.official import NEW, network_of, shared_parts
from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.structures.options import build_config

HUB = 'hub:'
_FILES = ('model.safetensors', 'pytorch_model.bin')
_CLASSES = ('class_predictor.bias', 'sem_seg_head.predictor.class_embed.bias')
_QUERIES = 'decoder.queries'


def read_mask2former(
    tensors: dict[str, Tensor], source: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what a Mask2Former, of images or videos, has for IFR: all but the decoder's layers.

    Args:
        tensors: Under the names of `transformers` or of facebookresearch/Mask2Former.
        source: Where they come from, for messages.

    Returns:
        Tensors under our names, and what the file will say about itself.

    Raises:
        ValueError: They are not whole, or not of this kind; the text lists what is wrong.
    """
    found = shared_parts(tensors)
    network = network_of(found)
    own = IfrOptions()
    queries = len(found[_QUERIES]) if _QUERIES in found and found[_QUERIES].ndim else own.queries
    plain = Ifr(network, 1, own)
    config: dict[str, Any] = {'network': network}
    if queries not in (own.queries, plain.sizes.queries):
        config['model.queries'] = queries
        plain = Ifr(network, 1, build_config(IfrOptions, {'queries': queries}))
    new = {name: value for name, value in plain.state_dict().items() if is_new(name)}
    if taken := sorted(found.keys() & new.keys()):
        raise ValueError(f'{source}: expected a Mask2Former, got IFR itself: {taken[:4]}')
    load_strictly(plain, LoadedWeights({**new, **found}, source))
    heads = [len(tensors[name]) for name in _CLASSES if name in tensors]
    classes = heads[0] if heads else 1  # "no object" among them, as ours count the background
    return found, {'method': 'ifr', 'part': 'start', 'num_classes': classes, 'config': config}


def is_new(name: str) -> bool:
    """Return whether a parameter of IFR is one that no Mask2Former has."""
    return any(re.fullmatch(pattern, name) for pattern in NEW)


def fetch(name: str) -> Path:
    """Return the weights file of a model on the Hugging Face hub, from its cache if it is there.

    Args:
        name: Such as `hub:facebook/mask2former-swin-tiny-coco-instance`.

    Raises:
        ValueError: This machine lacks the client or does not reach the hub, or there is no such
            model; the text says what to do.
    """
    model = name.removeprefix(HUB)
    if not re.fullmatch(r'\w[\w.-]*/\w[\w.-]*', model):
        raise ValueError(f'expected {HUB}OWNER/MODEL, got {name!r}')
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
    except ModuleNotFoundError as error:
        raise ValueError(f"{name}: {error}: pip install 'vis_ros[ifr]'") from error
    problem = ''
    for file in _FILES:
        try:
            return Path(hf_hub_download(model, file))
        except EntryNotFoundError as error:
            problem = _first_line(error)
        except (OSError, ValueError) as error:
            problem = _first_line(error)
            break
    raise ValueError(
        f'{name} could not be downloaded ({problem}). Get its {" or ".join(_FILES)} on a machine '
        'with internet, copy it here and give its path.'
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
