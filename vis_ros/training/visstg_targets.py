# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What VisSTG shall say about the places of a frame: centres, and who is where.

Source: Zhou et al., "Objects as Points", 2019, section 3; levels by size as in Tian et al.,
"FCOS", ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.nn.condinst.head import Places
from vis_ros.nn.visstg.graph import windows
from vis_ros.nn.visstg.heads import strides
from vis_ros.nn.visstg.network import Output


class Objects(NamedTuple):
    """J objects of one frame of B streams.

    Args:
        is_real: bool tensor (B, J), objects that the frame shows.
        class_ids: int64 tensor (B, J), 0 is the first class; 0 for padding too.
        boxes: float tensor (B, J, 4), xyxy in pixels of the input.
        level: int64 tensor (B, J), level that each belongs to.
    """

    is_real: Tensor
    class_ids: Tensor
    boxes: Tensor
    level: Tensor

    @property
    def centres(self) -> Tensor:
        """Centres of the boxes, float (B, J, 2), x before y."""
        return (self.boxes[..., :2] + self.boxes[..., 2:]) / 2

    @property
    def sides(self) -> Tensor:
        """Width and height of the boxes, float (B, J, 2)."""
        return self.boxes[..., 2:] - self.boxes[..., :2]


class Positives(NamedTuple):
    """N places that shall describe an object.

    Args:
        image: int64 tensor (N,).
        place: int64 tensor (N,), index over the places of all levels.
        owner: int64 tensor (N,), object j.
    """

    image: Tensor
    place: Tensor
    owner: Tensor


class SeenFrame(NamedTuple):
    """One frame of pairs: what the network says, what is true.

    Args:
        output: Of the network.
        objects: In the frame.
        heat: float tensor (B, J, P), see `gaussians`.
        positives: Places that describe objects.
        labels: uint8 tensor (B, H, W), see `Truth`.
    """

    output: Output
    objects: Objects
    heat: Tensor
    positives: Positives
    labels: Tensor


def objects_of(boxes: Tensor, is_visible: Tensor, class_ids: Tensor, reach: float) -> Objects:
    """Return the objects of a frame.

    Args:
        boxes: float tensor (B, J, 4), see `Truth`.
        is_visible: bool tensor (B, J).
        class_ids: int64 tensor (B, J), with the background as class 0.
        reach: See `VisstgOptions.reach`.
    """
    longer = (boxes[..., 2:] - boxes[..., :2]).amax(dim=-1)
    ends = boxes.new_tensor(STRIDES[:-1]) * reach
    level = (longer[..., None] > ends).sum(dim=-1)
    return Objects(is_visible & (class_ids > 0), (class_ids - 1).clamp(min=0), boxes, level)


def centre_places(objects: Objects, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Return the place in whose cell each object's centre lies, int64 (B, J).

    Args:
        objects: Of a frame.
        shapes: Rows and columns of each level.
    """
    sizes = torch.tensor(shapes, device=objects.boxes.device)
    start = torch.cat((sizes.new_zeros(1), sizes.prod(dim=1).cumsum(0)))[objects.level]
    size = sizes[objects.level]  # rows, columns
    cell = (objects.centres / strides(objects.level)[..., None]).floor().long().flip(-1)
    cell = torch.minimum(cell.clamp(min=0), size - 1)
    return start + cell[..., 0] * size[..., 1] + cell[..., 1]


def gaussians(
    objects: Objects, where: Places, shapes: Sequence[tuple[int, int]], min_overlap: float
) -> Tensor:
    """Return how much each place is the centre of each object, float (B, J, P) in [0, 1].

    1 at the place of the centre, 0 on other levels.

    Args:
        objects: Of a frame.
        where: The places.
        shapes: Rows and columns of each level.
        min_overlap: A box of the same size, moved by the radius of the Gaussian, overlaps the
            object's this much.
    """
    stride = strides(objects.level)
    radius = gaussian_radius(objects.sides / stride[..., None], min_overlap).floor()
    deviation = (2 * radius + 1) / 6
    middle = where.xy[centre_places(objects, shapes)]  # (B, J, 2)
    away = (where.xy - middle[:, :, None]) / stride[..., None, None]  # (B, J, P, 2) cells
    heat = torch.exp(-away.square().sum(dim=-1) / (2 * deviation[..., None].square()))
    is_near = (away.abs() <= radius[..., None, None]).all(dim=-1)
    is_level = where.level == objects.level[..., None]
    return heat * (is_near & is_level & objects.is_real[..., None])


def gaussian_radius(sides: Tensor, min_overlap: float) -> Tensor:
    """Return the largest shift of two corners that leaves an overlap, as CenterNet has it, (...).

    Three cases: one corner in and one out, both in, both out; the least counts.

    Args:
        sides: float tensor (..., 2), in cells.
        min_overlap: In (0, 1).
    """
    total, area, o = sides.sum(dim=-1), sides.prod(dim=-1), min_overlap
    moved = (total - (total**2 - 4 * area * (1 - o) / (1 + o)).clamp(min=0).sqrt()) / 2
    inside = (total - (total**2 - 4 * (1 - o) * area).clamp(min=0).sqrt()) / 4
    outside = (-o * total + ((o * total) ** 2 + 4 * o * (1 - o) * area).sqrt()) / (4 * o)
    return torch.stack((moved, inside, outside)).amin(dim=0)


def heat_of(heat: Tensor, objects: Objects, num_classes: int) -> Tensor:
    """Return the heat map of each class, float (B, P, K), of those of objects (B, J, P)."""
    index = objects.class_ids[..., None].expand_as(heat)
    nothing = heat.new_zeros(len(heat), num_classes, heat.shape[2])
    return nothing.scatter_reduce(1, index, heat, 'amax').transpose(1, 2)


def owners_of(heat: Tensor, positives: Positives, least: float) -> Tensor:
    """Return who is at each place, int64 (B, P): j + 1, or 0.

    Args:
        heat: float tensor (B, J, P), see `gaussians`.
        positives: Places that describe an object are its.
        least: So are others of at least this heat.
    """
    best, index = heat.max(dim=1)
    owner = torch.where((best >= least) & (best > 0), index + 1, 0)
    return owner.index_put((positives.image, positives.place), positives.owner + 1)


def positives_of(
    objects: Objects, where: Places, shapes: Sequence[tuple[int, int]], radius: int
) -> Positives:
    """Return the places that describe objects: those up to `radius` cells around a centre.

    A place that is as near to another object of its level describes none but the nearest; of
    equally near ones all.
    """
    sides = (2 * radius + 1,) * len(shapes)
    window = windows(objects.centres, objects.is_real, shapes, sides)
    is_own = window.is_edge & (window.level == objects.level[..., None])
    xy = where.xy[window.place]  # (B, J, E, 2)
    away = (xy[:, :, :, None] - objects.centres[:, None, None]).square().sum(dim=-1)
    is_rival = objects.is_real[:, None] & (objects.level[:, None] == objects.level[..., None])
    away = away.masked_fill(~is_rival[:, :, None], torch.inf)  # (B, J, E, J)
    own = away.diagonal(dim1=1, dim2=3).transpose(1, 2)  # (B, J, E)
    image, owner, edge = torch.nonzero(is_own & (own <= away.amin(dim=-1)), as_tuple=True)
    return Positives(image, window.place[image, owner, edge], owner)


def shapes_of(output: Output) -> list[tuple[int, int]]:
    """Return rows and columns of the levels."""
    return [(level.shape[2], level.shape[3]) for level in output.levels]


def mean_error(found: Tensor, want: Tensor) -> Tensor:
    """Return the mean absolute error, 0 for no numbers."""
    return (found - want).abs().sum() / max(1, want.numel())
