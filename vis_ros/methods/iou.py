# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`iou`: IoUTracker+, association by overlap alone.

Source: Bochinski et al., "High-Speed Tracking-by-Detection Without Using Image Information", AVSS
2017: each track takes the detection that overlaps its last box most. The "+" is the baseline of
the VIS papers (Yang et al., "Video Instance Segmentation", ICCV 2019), which print no details of
it: here it means that classes must agree and that unmatched tracks stay in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vis_ros.memory.track_memory import FREE
from vis_ros.methods._detect_then_associate import (
    AssociationState,
    DetectThenAssociate,
    DetectThenAssociateConfig,
    overlap_matrix,
)
from vis_ros.methods.base import register_method
from vis_ros.ops.assignment import assign_greedy, assign_optimal
from vis_ros.ops.boxes import iou_matrix
from vis_ros.structures import Detections
from vis_ros.structures.options import option


@dataclass(frozen=True)
class IouConfig(DetectThenAssociateConfig):
    """Association by overlap."""

    overlap: str = option(
        'box', 'What overlaps: boxes, or masks.', choices=('box', 'mask'), mutable=True
    )
    min_overlap: float = option(
        0.3, 'Smallest overlap of a match.', minimum=0.0, maximum=1.0, mutable=True
    )
    same_class: bool = option(True, 'Only detections of the class of a track match it.')
    assignment: str = option(
        'greedy',
        'greedy: best overlap first, as IoUTracker; optimal: largest sum of overlaps.',
        choices=('greedy', 'optimal'),
    )


@register_method('iou')
class IouMethod(DetectThenAssociate):
    """Association by the overlap of boxes or masks with the last observation."""

    Config = IouConfig
    summary = 'IoUTracker+: association by overlap with the last observation'
    inputs = 'RGB; fixed camera with detector=motion'
    licence = 'Apache-2.0'
    source = 'Bochinski et al. 2017; "+" as in Yang et al. 2019'
    config: IouConfig

    def associate(
        self, state: AssociationState, found: Detections, steps_s: float
    ) -> list[tuple[int, int]]:
        """See `DetectThenAssociate.associate`."""
        memory, config = state.memory, self.config
        slots = np.flatnonzero(memory.view('state') != FREE)
        box_iou = iou_matrix(memory.view('box')[slots], found.boxes)
        overlap = overlap_matrix(state, slots, found, box_iou, config.overlap)
        cost = np.where(overlap > 0, 1.0 - overlap, np.inf)
        if config.same_class:
            track_class = memory.view('class_votes')[slots].argmax(axis=1)
            cost[track_class[:, None] != found.class_ids[None, :]] = np.inf
        assign = assign_greedy if config.assignment == 'greedy' else assign_optimal
        return [(int(slots[row]), n) for row, n in assign(cost, 1.0 - config.min_overlap)]
