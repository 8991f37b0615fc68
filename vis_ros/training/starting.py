# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a training starts from: other weights, and a backbone that may stay as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vis_ros.pipeline.weights import load_weights

FREEZES = ('none', 'norms', 'stem', 'all')
_STEM = ('conv1', 'bn1', 'layer1')

Renames = Sequence[tuple[str, str]]
"""Beginning of a name in a file, and what stands for it in the network."""

MASK_RCNN = (  # torchvision's names, and those of IAI; at last those of torchvision's older files
    ('backbone.body.', 'backbone.'),
    ('backbone.fpn.', 'fpn.'),
    ('rpn.', 'rpn.'),
    ('roi_heads.', 'roi_heads.'),
    *((f'backbone.fpn.inner_blocks.{k}.', f'fpn.inner_blocks.{k}.0.') for k in range(4)),
    *((f'backbone.fpn.layer_blocks.{k}.', f'fpn.layer_blocks.{k}.0.') for k in range(4)),
)


def start_from(module: nn.Module, name: str, renames: Renames, backbone: str) -> int:
    """Take over what fits of some weights, by name and shape; the rest stays as it is.

    Args:
        module: The network.
        name: Weights, see `vis_ros.pipeline.weights`.
        renames: Tried one after the other for each parameter.
        backbone: Beginning of the names of the backbone, all of whose parameters must be there.

    Returns:
        Number of tensors that were taken over.

    Raises:
        ValueError: There is no such file, or no backbone of this size is in it.
    """
    weights = load_weights(name)
    given: Mapping[str, Tensor] = {} if weights is None else weights.tensors
    own = module.state_dict()
    taken = {}
    for key, value in own.items():
        for candidate in _candidates(key, renames):
            if candidate in given and given[candidate].shape == value.shape:
                taken[key] = given[candidate].to(value.dtype)
                break
    wanted = {key for key, _ in module.named_parameters() if key.startswith(backbone)}
    if missing := sorted(wanted - taken.keys()):
        raise ValueError(
            f'start: expected weights with a backbone of this size, got {name!r}, which lacks '
            f'{len(missing)} of its {len(wanted)} parameters: {", ".join(missing[:4])}'
        )
    module.load_state_dict({**own, **taken})
    return len(taken)


def _candidates(key: str, renames: Renames) -> Iterator[str]:
    for theirs, ours in renames:
        if key.startswith(ours):
            yield theirs + key.removeprefix(ours)


def freeze(backbone: nn.Module, kind: str) -> None:
    """Take parts of a ResNet out of the training.

    Args:
        backbone: With torchvision's names.
        kind: `none`; `norms`: its batch norms; `stem`: those, and the first stage.

    Raises:
        ValueError: The kind is unknown.
    """
    if kind not in FREEZES:
        raise ValueError(f'frozen: expected one of {", ".join(FREEZES)}, got {kind!r}')
    if kind == 'none':
        return
    for norm in _norms(backbone):
        norm.requires_grad_(False)
    if kind == 'all':
        backbone.requires_grad_(False)
    if kind == 'stem':
        for name, part in backbone.named_children():
            if name in _STEM:
                part.requires_grad_(False)


def keep_statistics(backbone: nn.Module, kind: str) -> None:
    """Let the batch norms of a backbone use their statistics, if they are frozen."""
    if kind != 'none':
        for norm in _norms(backbone):
            norm.eval()


def _norms(module: nn.Module) -> list[_BatchNorm]:
    return [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
