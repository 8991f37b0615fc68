# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of an instance, and how it comes back: in pixels of the image, not of the input.

Source: Wang et al., ICCV 2021, section 3.6: an instance that is not seen keeps its node feature
and its mask network. The warp reads mask networks from the map of the last frame; those of
instances that this frame did not show are written there, at the place that they once had.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.nn.condinst.head import Places, places
from vis_ros.nn.condinst.masks import CONTROLLERS
from vis_ros.nn.picture import Placement, box_scale
from vis_ros.nn.visstg.association import Pairs, by_edges, by_embeddings, by_offsets, displacements
from vis_ros.nn.visstg.config import VisstgSelection, VisstgTracking
from vis_ros.nn.visstg.heads import strides
from vis_ros.nn.visstg.network import Levels, Output, Past, Scene, Visstg
from vis_ros.nn.visstg.selection import Found, masks_of, select
from vis_ros.ops.transfer import constant


class View(NamedTuple):
    """One frame of one stream.

    Args:
        placement: Of the image in the input.
        where: The places.
        output: What the network says.
        found: What was found.
        scene: The frame before; None for the first one and after one of another size.
    """

    placement: Placement
    where: Places
    output: Output
    found: Found
    scene: Scene | None


class Instances(NamedTuple):
    """What is kept of M instances, as they were last seen.

    Args:
        box: float tensor (M, 4), xyxy in pixels of the image.
        point: float tensor (M, 2), the place of the mask network, in pixels of the image.
        level: int64 tensor (M,), its level.
        nodes: float tensor (M, L, D), see `InstanceNodes`.
        kernels: float tensor (M, 169), the mask network.
        cues: float tensor (M, E), see `heads.Dense`.
    """

    box: Tensor
    point: Tensor
    level: Tensor
    nodes: Tensor
    kernels: Tensor
    cues: Tensor


def unborn(model: Visstg) -> Instances:
    """Return an instance of zeros, without the dimension M."""
    options, channels = model.options, model.config.channels
    cues = {'edge': 0, 'embedding': options.embedding, 'offset': 2}[options.association]
    return Instances(
        torch.zeros(4),
        torch.zeros(2),
        torch.zeros((), dtype=torch.int64),
        torch.zeros(len(STRIDES), channels),
        torch.zeros(CONTROLLERS),
        torch.zeros(cues),
    )


def view_of(
    model: Visstg,
    levels: Levels,
    known: Instances,
    scene: Scene | None,
    placement: Placement,
    config: VisstgSelection,
) -> View:
    """Return a frame as the network sees it; the plain branch where nothing is known.

    Args:
        model: Network.
        levels: Its features of the frame.
        known: Instances that the stream knows.
        scene: See `View`.
        placement: Of the image in the input.
        config: Which places become detections.
    """
    output = model.interpret(levels, past_of(known, placement), scene)
    where = places(*placement.padded, levels[0].device)
    found = select(output, 0, where, placement, config, model.options.reach)
    return View(placement, where, output, found, scene)


def instances_of(model: Visstg, view: View) -> Instances:
    """Return what is to be kept of the detections of a frame."""
    _, where, output, found, _ = view
    scale = box_scale(view.placement, found.boxes)
    return Instances(
        found.boxes / scale,
        where.xy[found.place] / scale[:2],
        where.level[found.place],
        model.nodes(output.levels, found.boxes[None])[0],
        output.dense.controllers[0, found.place],
        output.dense.cues[0, found.place],
    )


def past_of(known: Instances, placement: Placement) -> Past | None:
    """Return instances as the graph sees them in an image; None where there are none."""
    if not len(known.box):
        return None
    centre = (known.box[:, :2] + known.box[:, 2:]) / 2 * box_scale(placement, known.box)[:2]
    is_real = torch.ones(1, len(centre), dtype=torch.bool, device=centre.device)
    return Past(is_real, centre[None], known.nodes[None])


def pairs_of(model: Visstg, view: View, known: Instances, config: VisstgTracking) -> Pairs:
    """Return how surely known instances are the detections of a frame."""
    _, where, output, found, _ = view
    kind = model.options.association
    if kind == 'edge':
        return by_edges(model, output, found.place, config.match_score)
    if kind == 'embedding':
        return by_embeddings(known.cues, output.dense.cues[0, found.place])
    level = where.level[found.place]
    moved = displacements(output, found.place, level, model.options.reach)
    boxes = known.box * box_scale(view.placement, known.box)
    return by_offsets(boxes, found.boxes, moved, config.min_overlap)


def merged_masks(
    model: Visstg, view: View, known: Instances, is_lost: Tensor, match: Tensor, kind: str
) -> Tensor:
    """Return the soft masks (N, h, w) of all detections, stride 4.

    Args:
        model: Network.
        view: The frame.
        known: M instances.
        is_lost: bool tensor (M,), see `scene_with`.
        match: int64 tensor (M,), detection of each instance, or -1.
        kind: See `VisstgTracking.mask_merge`; new instances have nothing to merge.
    """
    _, where, output, found, scene = view
    own = output.dense.controllers[0, found.place]
    masks = masks_of(output, 0, where, found.place, own)
    going_on = match[match >= 0]
    if kind == 'own' or not model.options.propagation or scene is None or not len(going_on):
        return masks
    place = found.place[going_on]
    scene = scene_with(scene, known, is_lost, view)
    kernels = model.propagate(output.levels, scene, torch.zeros_like(place), place)
    warped = masks_of(output, 0, where, place, kernels)
    if kind == 'average':
        warped = (masks[going_on] + warped) / 2
    return masks.index_copy(0, going_on, warped)


def scene_with(scene: Scene, known: Instances, is_lost: Tensor, view: View) -> Scene:
    """Return the last frame with the mask networks of instances that it did not show.

    Args:
        scene: The last frame.
        known: All instances.
        is_lost: bool tensor (M,), instances that the last frame did not show. Where they lie at
            one place with one that it did show, that one keeps its own.
        view: The current frame, of the same size.
    """
    placement, shapes = view.placement, [x.shape[2:] for x in view.output.levels]
    sizes = constant(tuple(shapes), known.level, torch.int64)
    start = torch.cat((sizes.new_zeros(1), sizes.prod(dim=1).cumsum(0)))[known.level]
    size = sizes[known.level]  # rows, columns
    point = known.point * box_scale(placement, known.box)[:2] / strides(known.level)[:, None]
    cell = point.floor().long().flip(1)  # row, column
    cell = torch.minimum(cell.clamp(min=0), size - 1)
    place = start + cell[:, 0] * size[:, 1] + cell[:, 1]
    before = scene.controllers[0]
    after = before.index_copy(0, place[is_lost], known.kernels[is_lost])
    after = after.index_copy(0, place[~is_lost], before[place[~is_lost]])
    return scene._replace(controllers=after[None])
