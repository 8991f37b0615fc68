# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Lovasz-softmax loss: intersection over union that can be trained.

Source: Berman, Rannen Triki and Blaschko, "The Lovasz-Softmax loss: a tractable surrogate for the
optimization of the intersection-over-union measure in neural networks", CVPR 2018.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_LOW_BITS = 32


def jaccard_losses(shares: Tensor, is_inside: Tensor) -> Tensor:
    """Return the Lovasz extension of 1 - IoU for R masks, float (R,).

    Args:
        shares: float tensor (R, P), probability that each of P pixels is inside.
        is_inside: bool tensor (R, P), where it is.
    """
    weight = _weights(shares.detach(), is_inside)
    slope = torch.where(is_inside, -weight, weight)  # errors are 1 - share inside, else share
    return (slope * shares).sum(dim=1) + (weight * is_inside).sum(dim=1)


def lovasz_softmax(shares: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of each image, the mean over the classes that its labels show, float (I,).

    Args:
        shares: float tensor (I, C, P), probability of each class at each of P pixels.
        labels: int64 tensor (I, P), class of each pixel; below 0 is no class. An image without
            any class has no loss.
    """
    images, classes = shares.shape[:2]
    is_present = torch.zeros((images, classes + 1), dtype=torch.bool, device=labels.device)
    is_present = is_present.scatter(1, labels.clamp(min=-1) + 1, value=True)[:, 1:]
    image, kind = is_present.nonzero(as_tuple=True)
    rows = shares.flatten(0, 1).index_select(0, image * classes + kind)  # (R, P)
    losses = jaccard_losses(rows, labels[image] == kind[:, None])
    total = losses.new_zeros(images).index_add(0, image, losses)
    return total / is_present.sum(dim=1).clamp(min=1)


@torch.no_grad()
def _weights(shares: Tensor, is_inside: Tensor) -> Tensor:
    """Return what each pixel's error adds to the loss (R, P): the gradient of the extension.

    With the errors in falling order, a pixel's weight is by how much 1 - IoU grows when it joins
    the wrong ones. The weights do not change while the order does not, so they are constants.
    """
    errors = torch.where(is_inside, 1 - shares, shares)
    order = _falling(errors)
    inside = is_inside.gather(1, order).to(shares.dtype)
    total = inside.sum(dim=1, keepdim=True)
    hits = inside.cumsum(dim=1)
    count = torch.arange(1, shares.shape[1] + 1, device=shares.device, dtype=shares.dtype)
    # (total - hits) pixels of the mask are left, and (count - hits) others were added to it
    loss = 1 - (total - hits) / (total + count - hits).clamp(min=1)
    step = torch.cat((loss[:, :1], loss[:, 1:] - loss[:, :-1]), dim=1)
    return torch.empty_like(step).scatter(1, order, step)


def _falling(errors: Tensor) -> Tensor:
    """Return the order of each row of errors (R, P), largest first, int64 (R, P).

    On a CPU NumPy sorts integers, bits of the error above and the place below, eight times as fast
    as torch sorts pairs. For 0 and above the bits of floats are ordered as the floats are.
    """
    if errors.device.type != 'cpu' or errors.dtype != torch.float32:
        return errors.sort(dim=1, descending=True, stable=True).indices
    bits = errors.clamp(min=0.0).view(torch.int32).to(torch.int64)
    keys = (torch.iinfo(torch.int32).max - bits) << _LOW_BITS
    keys += torch.arange(errors.shape[1])
    sorted_keys = torch.from_numpy(np.sort(keys.numpy(), axis=1))
    return sorted_keys & ((1 << _LOW_BITS) - 1)
