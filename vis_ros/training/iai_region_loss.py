# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What IAI learns from a clip when its detector is Mask R-CNN.

Source: the losses of He et al., "Mask R-CNN", ICCV 2017, as torchvision computes them, and Zhu et
al., ECCV 2022, section 3.3: the loss of the identities is one like that of the classes. It counts
for the proposals from which the classes are learned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.iai import Iai
from vis_ros.nn.iai.maskrcnn import Regions
from vis_ros.nn.maskrcnn import learn_from, propose_among
from vis_ros.nn.yolact.backbone import AllTaps
from vis_ros.training.condinst_loss import focal_loss

NOBODY = -1  # identity of an object that got none


class Limits(NamedTuple):
    """How many boxes of a frame take part in the training.

    Args:
        regions: Proposals that the heads learn from.
        candidates: Boxes of each level among which the proposals are chosen.
    """

    regions: int
    candidates: int


def region_losses(
    model: Iai,
    taps: AllTaps,
    truth: Truth,
    target: Tensor,
    limits: Limits,
    picture: tuple[int, int] | None = None,
) -> dict[str, Tensor]:
    """Return the losses of Mask R-CNN and of the identities, of all frames together.

    Args:
        model: Network in training mode.
        taps: Of T * B frames, the first ones of all clips first.
        truth: Objects, in pixels of the input; `is_visible` for those with a class only.
        target: int64 tensor (B, T, J), see `iai_loss.Identities`.
        limits: How many boxes of a frame take part.
        picture: Rows and columns of what is not padding; by default everything.

    Returns:
        Scalars `objectness`, `proposals`, `classes`, `boxes`, `masks`, and `ids` with
        identification.
    """
    image = model.image
    levels = {name: level.float() for name, level in image.pyramid(taps).items()}
    images = image.images(levels, picture)
    wanted, ids = _targets(truth, target)
    propose_among(image.rpn, limits.candidates)
    proposals, first = image.rpn(images, levels, wanted)
    learn_from(image.roi_heads, limits.regions)
    boxes, owners, labels, shifts = image.roi_heads.select_training_samples(proposals, wanted)
    found: Regions = image.describe(levels, boxes)
    classes, distances = _box_losses(found, labels, shifts)
    terms = {
        'objectness': first['loss_objectness'],
        'proposals': first['loss_rpn_box_reg'],
        'classes': classes,
        'boxes': distances,
        'masks': _mask_loss(image, levels, boxes, owners, labels, wanted),
    }
    if model.options.identification:
        logits = model.identities(found)
        terms['ids'] = region_id_loss(model, logits, _wanted_ids(model, owners, labels, ids))
    return terms


def _targets(truth: Truth, target: Tensor) -> tuple[list[dict[str, Tensor]], list[Tensor]]:
    """Return what torchvision wants to know of each frame, and identities of its objects (n,)."""
    batch, frames = truth.labels.shape[:2]
    wanted, ids = [], []
    for t in range(frames):
        for b in range(batch):
            index = torch.nonzero(truth.is_visible[b, t])[:, 0]
            owner = (index + 1).to(truth.labels.dtype)[:, None, None]
            masks = (truth.labels[b, t] == owner).to(torch.uint8)
            boxes = truth.boxes[b, t, index]
            is_real = (boxes[:, 2:] > boxes[:, :2]).all(1)  # torchvision divides by sides
            about = {'boxes': boxes, 'labels': truth.class_ids[b, index], 'masks': masks}
            wanted.append({name: value[is_real] for name, value in about.items()})
            ids.append(target[b, t, index[is_real]])
    return wanted, ids


def _box_losses(
    found: Regions, labels: list[Tensor], shifts: list[Tensor]
) -> tuple[Tensor, Tensor]:
    from torchvision.models.detection.roi_heads import fastrcnn_loss

    losses: tuple[Tensor, Tensor] = fastrcnn_loss(found.classes, found.deltas, labels, shifts)
    return losses


def _mask_loss(
    image: Any,
    levels: dict[str, Tensor],
    boxes: list[Tensor],
    owners: list[Tensor],
    labels: list[Tensor],
    wanted: list[dict[str, Tensor]],
) -> Tensor:
    from torchvision.models.detection.roi_heads import maskrcnn_loss

    is_object = [torch.nonzero(label > 0)[:, 0] for label in labels]
    boxes = [box[index] for box, index in zip(boxes, is_object, strict=True)]
    owners = [owner[index] for owner, index in zip(owners, is_object, strict=True)]
    logits = image.mask_logits(levels, boxes).float()
    masks, classes = ([frame[name] for frame in wanted] for name in ('masks', 'labels'))
    loss: Tensor = maskrcnn_loss(logits, boxes, masks, classes, owners)
    return loss


def _wanted_ids(
    model: Iai, owners: list[Tensor], labels: list[Tensor], ids: list[Tensor]
) -> Tensor:
    """Return the identity (R,) of each proposal: N for the background, `NOBODY` if not known."""
    wanted = []
    for owner, label, known in zip(owners, labels, ids, strict=True):
        background = torch.full_like(owner, model.options.ids)
        own = known[owner] if len(known) else background  # then nothing is an object
        wanted.append(torch.where(label > 0, own, background))
    return torch.cat(wanted)


def region_id_loss(model: Iai, logits: Tensor, want: Tensor) -> Tensor:
    """Return the loss of the identities of proposals.

    With a softmax the mean over proposals, like the loss of the classes.

    Args:
        model: Which kind of loss its head is made for.
        logits: float tensor (R, N), or (R, N + 1) for a softmax.
        want: int64 tensor (R,), N for the background; `NOBODY` does not count.
    """
    ids = model.options.ids
    if model.options.id_loss == 'focal':
        return focal_id_loss(logits.float(), want, ids, int((want < ids).sum()))
    total = functional.cross_entropy(logits.float(), want, ignore_index=NOBODY, reduction='sum')
    return total / (want != NOBODY).sum().clamp(min=1)


def focal_id_loss(logits: Tensor, want: Tensor, ids: int, objects: int) -> Tensor:
    """Return focal losses of identities, by the number of objects.

    Args:
        logits: float tensor (..., N).
        want: int64 tensor (...), N for the background; `NOBODY` does not count.
        ids: Number of identities N.
        objects: Places or proposals that show objects.
    """
    codes = functional.one_hot(want.clamp(min=0), ids + 1)[..., :ids].to(logits.dtype)
    losses = focal_loss(logits, codes) * (want != NOBODY)[..., None]
    return losses.sum() / max(1, objects)
