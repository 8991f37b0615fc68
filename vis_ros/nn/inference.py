# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A trained network made ready to run, and never to be trained again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeGuard, TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

N = TypeVar('N', bound=nn.Module)

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def for_inference(model: N, device: torch.device) -> N:
    """Return the network itself, in evaluation mode on a device, without gradients, and faster.

    Batch norm goes into the convolution before it, and convolutions keep their channels last,
    which CPUs and GPUs like better. What comes out differs by rounding. The state dict is no
    longer that of the weights file.
    """
    model.eval().requires_grad_(False)
    for parent in list(model.modules()):
        fold_norms(parent)
    for module in model.modules():
        if isinstance(module, _CONVOLUTIONS):
            module.to(memory_format=torch.channels_last)
    return model.to(device)


def fold_norms(parent: nn.Module) -> None:
    """Put each batch norm among the children of a module into the convolution before it.

    Children have to be called in the order in which they stand, as those of torchvision's ResNets.
    """
    for (_, convolution), (name, norm) in pairwise(list(parent.named_children())):
        if isinstance(convolution, nn.Conv2d) and _is_batch_norm(norm):
            _fold(convolution, norm)
            parent.add_module(name, nn.Identity())


def _is_batch_norm(module: Any) -> TypeGuard[nn.BatchNorm2d]:
    # torchvision's frozen one is known by its name: torchvision is slow to import
    return isinstance(module, nn.BatchNorm2d) or type(module).__name__ == 'FrozenBatchNorm2d'


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    convolution.weight = weight.requires_grad_(False)
    convolution.bias = bias.requires_grad_(False)
