# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of an instance, and how it comes back: in pixels of the image, not of the input.

Source: Wang et al., ICCV 2021, section 3.6: an instance that is not seen keeps its node feature
and its mask network. The warp reads mask networks from the map of the last frame; those of
instances that this frame did not show are written there, at the place that they once had.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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
from vis_ros.ops.rows import put
from vis_ros.ops.transfer import constant, upload


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


class Known(NamedTuple):
    """M tracks that a stream knows.

    Args:
        slot: int64 tensor (M,), their slots in the track memory.
        is_real: bool tensor (M,), False for padding: slots without a track.
        is_lost: bool tensor (M,), tracks that the last frame did not show; False for padding.
        kept: What is kept of their instances; any numbers for padding.
    """

    slot: Tensor
    is_real: Tensor
    is_lost: Tensor
    kept: Instances


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
    known: Known,
    scene: Scene | None,
    placement: Placement,
    config: VisstgSelection,
) -> View:
    """Return a frame as the network sees it; the plain branch where nothing is known.

    Args:
        model: Network.
        levels: Its features of the frame.
        known: Tracks that the stream knows.
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


def past_of(known: Known, placement: Placement) -> Past | None:
    """Return tracks as the graph sees them in an image; None where there are none."""
    if not len(known.slot):
        return None
    box = known.kept.box
    centre = (box[:, :2] + box[:, 2:]) / 2 * box_scale(placement, box)[:2]
    return Past(known.is_real[None], centre[None], known.kept.nodes[None])


def pairs_of(model: Visstg, view: View, known: Known, config: VisstgTracking) -> Pairs:
    """Return how surely known tracks are the detections of a frame; anything for padding."""
    _, where, output, found, _ = view
    kind = model.options.association
    if kind == 'edge':
        return by_edges(model, output, found.place, config.match_score)
    if kind == 'embedding':
        cues = output.dense.cues[0, found.place]
        return by_embeddings(known.kept.cues, cues, known.is_real)
    level = where.level[found.place]
    moved = displacements(output, found.place, level, model.options.reach)
    boxes = known.kept.box * box_scale(view.placement, known.kept.box)
    return by_offsets(boxes, found.boxes, moved, config.min_overlap)


def merged_masks(model: Visstg, view: View, known: Known, match: np.ndarray, kind: str) -> Tensor:
    """Return the soft masks (N, h, w) of all detections, stride 4.

    Args:
        model: Network.
        view: The frame.
        known: M tracks.
        match: int64 array (M,), detection of each track, or -1.
        kind: See `VisstgTracking.mask_merge`; new instances have nothing to merge.
    """
    _, where, output, found, scene = view
    own = output.dense.controllers[0, found.place]
    masks = masks_of(output, 0, where, found.place, own)
    is_matched = match >= 0
    if kind == 'own' or not model.options.propagation or scene is None or not is_matched.any():
        return masks
    going_on = upload(match[is_matched], masks.device)
    place = found.place[going_on]
    scene = scene_with(scene, known, view)
    kernels = model.propagate(output.levels, scene, torch.zeros_like(place), place)
    warped = masks_of(output, 0, where, place, kernels)
    if kind == 'average':
        warped = (masks[going_on] + warped) / 2
    return masks.index_copy(0, going_on, warped)


def scene_with(scene: Scene, known: Known, view: View) -> Scene:
    """Return the last frame with the mask networks of tracks that it did not show.

    Args:
        scene: The last frame.
        known: All tracks. Where a lost one lies at one place with one that the last frame did
            show, that one keeps its own; where several lost ones lie, one of them is written.
        view: The current frame, of the same size.
    """
    placement, shapes = view.placement, [x.shape[2:] for x in view.output.levels]
    kept = known.kept
    sizes = constant(tuple(shapes), kept.level, torch.int64)
    start = torch.cat((sizes.new_zeros(1), sizes.prod(dim=1).cumsum(0)))[kept.level]
    size = sizes[kept.level]  # rows, columns
    point = kept.point * box_scale(placement, kept.box)[:2] / strides(kept.level)[:, None]
    cell = point.floor().long().flip(1)  # row, column
    cell = torch.minimum(cell.clamp(min=0), size - 1)
    place = start + cell[:, 0] * size[:, 1] + cell[:, 1]
    before = scene.controllers[0]
    is_shown = known.is_real & ~known.is_lost
    is_taken = put(is_shown.new_zeros(len(before)), torch.where(is_shown, place, -1), is_shown)
    is_written = known.is_lost & ~is_taken[place]
    after = put(before, torch.where(is_written, place, -1), kept.kernels)
    return scene._replace(controllers=after[None])
