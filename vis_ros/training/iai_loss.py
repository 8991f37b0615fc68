# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What IAI learns from a clip: what its detector learns from the frames, and who is who.

Source: Zhu et al., "Instance As Identity: A Generic Online Paradigm for Video Instance
Segmentation", ECCV 2022, equations 3 and 4; details as in the official code, but for what is wrong
there: docs/training.md lists it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst import CondInstOutput
from vis_ros.nn.condinst.head import Dense, places
from vis_ros.nn.iai import Iai, IaiMemory
from vis_ros.nn.yolact.backbone import AllTaps, Taps
from vis_ros.structures.options import option
from vis_ros.training.condinst_loss import (
    FrameTruth,
    Positives,
    condinst_losses,
    positives_of,
)
from vis_ros.training.iai_region_loss import NOBODY, Limits, focal_id_loss, region_losses

T = TypeVar('T', Taps, AllTaps)


@dataclass(frozen=True)
class IaiLossConfig:
    """Weights of the terms, all 1 in the code and in torchvision, and choices."""

    classes: float = option(
        1.0,
        'Loss of the classes: focal, of Mask R-CNN the cross-entropy.',
        minimum=0.0,
        maximum=1000.0,
    )
    boxes: float = option(
        1.0,
        'Loss of the boxes: 1 - GIoU, of Mask R-CNN the smooth distance.',
        minimum=0.0,
        maximum=1000.0,
    )
    centerness: float = option(
        1.0, 'Only condinst: cross-entropy of the centerness.', minimum=0.0, maximum=1000.0
    )
    masks: float = option(
        1.0,
        'Loss of the masks: Dice, of Mask R-CNN the cross-entropy.',
        minimum=0.0,
        maximum=1000.0,
    )
    objectness: float = option(
        1.0,
        'Only maskrcnn: cross-entropy of what is an object, of the proposals.',
        minimum=0.0,
        maximum=1000.0,
    )
    proposals: float = option(
        1.0,
        'Only maskrcnn: smooth distance of the boxes of the proposals.',
        minimum=0.0,
        maximum=1000.0,
    )
    ids: float = option(1.0, 'Loss of the identities (equation 4).', minimum=0.0, maximum=1000.0)
    identities: str = option(
        'random',
        'Which identity an object gets in a clip. random: any, so that all channels learn, as '
        'streams use them all; in_order: the first free one when it appears, as the code nearly '
        'does it.',
        choices=('random', 'in_order'),
    )
    hidden: float = option(
        0.0,
        'Chance of an object to be left out of what the short-term attention sees of a frame, so '
        'that only the long-term attention can tell who it is, as when it was hidden. The code '
        'has none of it.',
        minimum=0.0,
        maximum=1.0,
    )
    regions: int = option(
        512,
        'Only maskrcnn: proposals of a frame that the heads learn from, a quarter of them '
        'objects; 512 in torchvision.',
        minimum=1,
        maximum=10000,
    )
    candidates: int = option(
        2000,
        'Only maskrcnn: boxes of each level among which the proposals of a frame are chosen; 2000 '
        'in torchvision. On small pictures a CPU is busy with that for a third of a step.',
        minimum=1,
        maximum=10000,
    )
    radius: float = option(
        1.5,
        'Only condinst: places within this many cells of the centroid of an object describe it.',
        minimum=0.5,
        maximum=8.0,
    )


class Identities(NamedTuple):
    """Who the objects of clips are.

    Args:
        own: int64 tensor (B, J), identity of each object, 0 to N - 2, or `NOBODY`.
        target: int64 tensor (B, T, J), what the network shall say in each frame: N - 1 when it
            shows the object for the first time; `NOBODY` where nothing is known.
        is_birth: bool tensor (B, T), frames that show an object with an identity for the first
            time.
        seen: bool tensor (B, T, N), identities that were shown up to each frame.
    """

    own: Tensor
    target: Tensor
    is_birth: Tensor
    seen: Tensor


def identities_of(is_visible: Tensor, ids: int, order: str) -> Identities:
    """Return the identities of the objects of clips.

    When there are more objects than identities, those that appear last get none.

    Args:
        is_visible: bool tensor (B, T, J).
        ids: Identity channels N.
        order: See `IaiLossConfig.identities`.
    """
    batch, frames = is_visible.shape[:2]
    device = is_visible.device
    so_far = is_visible.long().cumsum(dim=1)
    is_new = is_visible & (so_far == 1)
    first = torch.where(is_visible.any(1), is_visible.long().argmax(dim=1), frames)
    rank = first.argsort(dim=1, stable=True).argsort(dim=1)  # who comes first, (B, J)
    if order == 'random':
        order_of = torch.rand(batch, ids - 1).argsort(dim=1).to(device)
    else:
        order_of = torch.arange(ids - 1, device=device).expand(batch, -1)
    own = order_of.gather(1, rank.clamp(max=ids - 2))
    own = torch.where((rank < ids - 1) & is_visible.any(1), own, NOBODY)
    target = torch.where(is_new, ids - 1, own[:, None])
    has_own = (own != NOBODY)[:, None]
    marks = torch.zeros(batch, frames, ids + 1, dtype=torch.bool, device=device)
    index = torch.where(has_own & (so_far > 0), own[:, None], ids)
    seen = marks.scatter(2, index, torch.ones_like(is_visible))[..., :ids]
    return Identities(own, target, (is_new & has_own).any(2), seen)


def iai_losses(
    model: Iai,
    images: Tensor,
    truth: Truth,
    config: IaiLossConfig,
    picture: tuple[int, int] | None = None,
) -> dict[str, Tensor]:
    """Return the losses of clips, the mean over frames, and their sum.

    Args:
        model: Network; with Mask R-CNN in training mode.
        images: float32 tensor (B, T, 3, H, W), see `condinst_input.as_input`.
        truth: Their objects, in pixels of the input.
        config: Weights.
        picture: Rows and columns of what is not padding; by default everything.

    Returns:
        Scalars of the detector: `classes`, `boxes`, `centerness`, `masks`, or those of
        `iai_region_loss.region_losses`; with identification `ids`; without weights; and `total`;
        finite whatever the images show.

    Raises:
        ValueError: Images and labels differ in size; the text names the shapes.
    """
    batch, frames, _, *size = images.shape
    if tuple(truth.labels.shape) != (batch, frames, *size):
        raise ValueError(
            f'labels: expected (B, T, H, W) for images {tuple(images.shape)}, '
            f'got {tuple(truth.labels.shape)}'
        )
    is_visible = truth.is_visible & (truth.class_ids > 0)[:, None]
    truth = truth._replace(is_visible=is_visible)
    who = identities_of(is_visible, model.options.ids, config.identities)
    taps = model.image.look(images.transpose(0, 1).flatten(0, 1))  # frame by frame
    taps = associated(model, taps, truth.labels, who, config.hidden)
    if model.options.detector == 'maskrcnn':
        limits = Limits(config.regions, config.candidates)
        terms = region_losses(model, taps, truth, who.target, limits, picture)
    else:
        terms = _place_losses(model, taps, truth, who.target, config.radius)
    total = torch.stack([getattr(config, name) * value for name, value in terms.items()]).sum()
    return {**terms, 'total': total}


def _place_losses(
    model: Iai, taps: Taps, truth: Truth, target: Tensor, radius: float
) -> dict[str, Tensor]:
    """Return the losses of CondInst and of the identities; see `iai_losses`."""
    output, logits = model.interpret(taps)
    batch, frames, height, width = truth.labels.shape
    where = places(height, width, truth.labels.device)
    losses: dict[str, list[Tensor]] = {}
    for t in range(frames):
        part = slice(t * batch, (t + 1) * batch)
        now = FrameTruth(
            truth.labels[:, t], truth.boxes[:, t], truth.is_visible[:, t], truth.class_ids - 1
        )
        with torch.no_grad():
            positives = positives_of(now, where, radius)
        found = condinst_losses(_part(output, part), now, positives, where)
        if logits is not None:
            found['ids'] = id_loss(model, logits[part].float(), positives, target[:, t])
        for name, value in found.items():
            losses.setdefault(name, []).append(value)
    return {name: torch.stack(values).mean() for name, values in losses.items()}


def associated(model: Iai, taps: T, labels: Tensor, who: Identities, hidden: float = 0.0) -> T:
    """Return taps with what the true memory of earlier frames says.

    Args:
        model: Network.
        taps: Of T * B frames, the first ones of all clips first.
        labels: uint8 tensor (B, T, H, W), see `Truth`.
        who: The objects.
        hidden: See `IaiLossConfig.hidden`.
    """
    if not model.options.association:
        return taps
    batch, frames = labels.shape[:2]
    ids = model.options.ids
    table = torch.where(who.own == NOBODY, ids, who.own).to(torch.uint8)  # as at test time
    table = functional.pad(table, (1, 0), value=ids)  # (B, 1 + J)
    memory: IaiMemory | None = None
    coarse = []
    for t in range(frames):
        now = type(taps)(*(tap[t * batch : (t + 1) * batch] for tap in taps))
        changed, encoded = model.associate(now, memory)
        coarse.append(changed.stride32)
        if encoded is not None and t < frames - 1:
            owner = labels[:, t].flatten(1).long()
            shown = table.gather(1, owner).unflatten(1, labels.shape[2:])
            memory = model.remember(
                memory, encoded, shown, is_birth=who.is_birth[:, t], is_alive=who.seen[:, t]
            )
            if hidden:
                left = table.masked_fill(torch.rand(table.shape).to(table.device) < hidden, ids)
                shown = left.gather(1, owner).unflatten(1, labels.shape[2:])
                memory = model.see_again(memory, encoded, shown)
    return taps._replace(stride32=torch.cat(coarse))


def id_loss(model: Iai, logits: Tensor, positives: Positives, target: Tensor) -> Tensor:
    """Return the loss of the identities of one frame of each clip.

    Args:
        model: Which kind of loss its head is made for.
        logits: float tensor (B, P, N), or (B, P, N + 1) for a softmax.
        positives: Places that describe objects.
        target: int64 tensor (B, J), see `Identities`; places of objects whose identity is not
            known do not count.
    """
    ids = model.options.ids
    want = torch.full(logits.shape[:2], ids, device=logits.device)  # the background
    want[positives.image, positives.place] = target[positives.image, positives.owner]
    is_known = want != NOBODY
    if model.options.id_loss == 'focal':
        return focal_id_loss(logits, want, ids, len(positives.image))
    losses = functional.cross_entropy(
        logits.flatten(0, 1), want.flatten(), ignore_index=NOBODY, reduction='none'
    ).unflatten(0, want.shape)
    parts = (is_known & (want < ids), want == ids)  # the paper does not weigh them: both alike
    means = [(losses * part).sum() / part.sum().clamp(min=1) for part in parts]
    return torch.stack(means).mean()


def _part(output: CondInstOutput, part: slice) -> CondInstOutput:
    """Return some frames of what a CondInst said; the levels are not looked at any more."""
    dense = Dense(*(value[part].float() for value in output.dense))
    return output._replace(dense=dense, features=output.features[part].float())
