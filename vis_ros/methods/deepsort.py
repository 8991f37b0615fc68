# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`deepsort`: motion by a Kalman filter, appearance by a gallery, matched in a cascade.

Source: Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", ICIP
2017. The appearance is the detector's own (mask-pooled backbone features, or colour histograms),
where the paper trains a network for pedestrians. Time is taken from the stamps: one step of the
filter is one nominal frame period, whatever the camera delivers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory.track_memory import FREE
from vis_ros.methods._detect_then_associate import (
    AssociationState,
    DetectThenAssociate,
    DetectThenAssociateConfig,
    overlap_matrix,
)
from vis_ros.methods.base import register_method
from vis_ros.ops import kalman
from vis_ros.ops.assignment import assign_optimal
from vis_ros.ops.boxes import area, from_cxcyah, iou_matrix, to_cxcyah
from vis_ros.structures import Detections, TrackState
from vis_ros.structures.options import option


@dataclass(frozen=True)
class DeepSortConfig(DetectThenAssociateConfig):
    """DeepSORT."""

    overlap: str = option(
        'box',
        'Overlap for tracks that appearance did not match: of the predicted box, or of the last '
        'observed mask.',
        choices=('box', 'mask'),
        mutable=True,
    )
    min_overlap: float = option(
        0.3, 'Smallest overlap of a match by overlap.', minimum=0.0, maximum=1.0, mutable=True
    )
    max_appearance_distance: float = option(
        0.15,
        'Largest cosine distance to the nearest stored appearance (paper: 0.2 for its network).',
        minimum=0.0,
        maximum=2.0,
        mutable=True,
    )
    motion_weight: float = option(
        0.0,
        'Share of the Mahalanobis distance in the cost (lambda of equation 5; paper: 0, motion '
        'then only gates).',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    gate: float = option(
        kalman.CHI2_95_DOF4,
        'Largest squared Mahalanobis distance of a match (95 % quantile for 4 dimensions).',
        minimum=0.1,
        maximum=1e6,
        mutable=True,
    )
    max_drift: float = option(
        1.5,
        'A match is at most 1 + this times the seconds since the track was seen away from where '
        'the filter expects it, in units of the larger side of its box: the gate of a long lost '
        'track would cover the whole image otherwise.',
        unit='1/s',
        minimum=0.0,
        maximum=1e6,
        mutable=True,
    )
    max_growth: float = option(
        2.0,
        'A match by appearance is at most this many times as large as expected, or as small: '
        'square root of the ratio of the areas. Two objects in one blob are no match for one.',
        minimum=1.0,
        maximum=1e6,
        mutable=True,
    )
    gallery: int = option(
        50, 'Appearances stored per track, the oldest is replaced.', minimum=1, maximum=1000
    )
    max_hiding: float = option(
        0.3,
        'Neither appearance nor size of an observation is learned when it covers more than this '
        'share of the predicted box of another track: the two may be one blob, or one may hide '
        'the other. 1 learns always, as the paper does.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    frame_period_s: float = option(
        1.0 / 30.0,
        'Nominal frame period for which the noise of the filter is stated.',
        unit='s',
        minimum=1e-3,
        maximum=10.0,
    )
    same_class: bool = option(True, 'Only detections of the class of a track match it.')


@register_method('deepsort')
class DeepSortMethod(DetectThenAssociate):
    """Kalman filter, gated appearance and motion, matching cascade."""

    Config = DeepSortConfig
    summary = 'DeepSORT: Kalman filter, gated appearance and motion, matching cascade'
    inputs = 'RGB; fixed camera with detector=motion'
    licence = 'Apache-2.0'
    source = 'Wojke et al. 2017'
    config: DeepSortConfig

    def extras(self) -> dict[str, Tensor]:
        """See `DetectThenAssociate.extras`."""
        return {
            'mean': torch.zeros(8, dtype=torch.float64),
            'covariance': torch.eye(8, dtype=torch.float64),
            'gallery': torch.zeros(self.config.gallery, self.detector.feature_size),
            'stored': torch.zeros((), dtype=torch.int64),
        }

    def associate(
        self, state: AssociationState, found: Detections, steps_s: float
    ) -> list[tuple[int, int]]:
        """Predict all tracks, then match: the cascade by appearance, the rest by overlap."""
        memory = state.memory
        slots = np.flatnonzero(memory.view('state') != FREE)
        if not len(slots):
            return []
        self._predict(state, slots, steps_s / self.config.frame_period_s)
        if not len(found):
            return []
        is_confirmed = memory.view('state')[slots] != TrackState.TENTATIVE
        misses = memory.view('misses')[slots]
        cost = self._appearance_cost(state, slots, found)
        free = np.ones(len(found), np.bool_)
        pairs: list[tuple[int, int]] = []
        for age in np.unique(misses[is_confirmed]):  # most recently seen first
            rows = np.flatnonzero(is_confirmed & (misses == age))
            self._match(cost, rows, free, 1.0, pairs)
        rest = ~is_confirmed | (misses == 0)
        rest[[row for row, _ in pairs]] = False
        overlap = self._overlap_cost(state, slots, found)
        self._match(overlap, np.flatnonzero(rest), free, 1.0 - self.config.min_overlap, pairs)
        return [(int(slots[row]), n) for row, n in pairs]

    @staticmethod
    def _match(
        cost: np.ndarray,
        rows: np.ndarray,
        free: np.ndarray,
        max_cost: float,
        pairs: list[tuple[int, int]],
    ) -> None:
        """Assign the free detections to some rows; take them from `free`, add them to `pairs`."""
        columns = np.flatnonzero(free)
        for r, c in assign_optimal(cost[np.ix_(rows, columns)], max_cost):
            pairs.append((int(rows[r]), int(columns[c])))
            free[columns[c]] = False

    def _predict(self, state: AssociationState, slots: np.ndarray, steps: float) -> None:
        mean, covariance = state.memory.view('mean'), state.memory.view('covariance')
        mean[slots[state.memory.view('misses')[slots] > 0], 6:] = 0.0  # unseen, it keeps its size
        mean[slots], covariance[slots] = kalman.predict(mean[slots], covariance[slots], steps)
        mean[slots, 2:4] = np.maximum(mean[slots, 2:4], (1e-3, 1.0))  # stays a box

    def _appearance_cost(
        self, state: AssociationState, slots: np.ndarray, found: Detections
    ) -> np.ndarray:
        """Return costs (T, N): 1 is the largest allowed one, infinite beyond the gates."""
        config, memory = self.config, state.memory
        measured = to_cxcyah(found.boxes.astype(np.float64))
        motion = kalman.gating_distance(
            memory.view('mean')[slots], memory.view('covariance')[slots], measured
        )
        gallery = memory['gallery'][slots]  # (T, G, D), zero where nothing is stored
        likeness = gallery @ torch.from_numpy(found.features).T  # NumPy's has threads of its own
        looks = 1.0 - likeness.amax(dim=1).numpy()  # (T, N)
        looks = looks / max(config.max_appearance_distance, 1e-9)
        share = config.motion_weight
        cost = share * motion / config.gate + (1.0 - share) * looks
        is_far = self._drift(state, slots, measured) > 1.0
        is_other_size = self._growth(state, slots, found) > config.max_growth
        cost[(motion > config.gate) | (looks > 1.0) | is_far | is_other_size] = np.inf
        return self._forbid_other_classes(state, slots, found, cost)

    def _drift(
        self, state: AssociationState, slots: np.ndarray, measured: np.ndarray
    ) -> np.ndarray:
        """Return distances (T, N) of detections from predictions, as a share of the largest."""
        memory = state.memory
        mean = memory.view('mean')[slots]
        distance = np.linalg.norm(mean[:, None, :2] - measured[None, :, :2], axis=2)
        side = mean[:, 3] * np.maximum(mean[:, 2], 1.0)
        unseen_s = (state.last_ns - memory.view('last_seen_ns')[slots]) / 1e9
        return distance / (side * (1.0 + self.config.max_drift * unseen_s))[:, None]

    @staticmethod
    def _growth(state: AssociationState, slots: np.ndarray, found: Detections) -> np.ndarray:
        """Return how many times larger or smaller (T, N) detections are than predictions."""
        predicted = area(from_cxcyah(state.memory.view('mean')[slots, :4]))
        ratio = np.sqrt(np.maximum(predicted, 1e-9)[:, None] / area(found.boxes)[None, :])
        return np.maximum(ratio, 1.0 / ratio)

    def _overlap_cost(
        self, state: AssociationState, slots: np.ndarray, found: Detections
    ) -> np.ndarray:
        predicted = from_cxcyah(state.memory.view('mean')[slots, :4]).astype(np.float32)
        box_iou = iou_matrix(predicted, found.boxes)
        overlap = overlap_matrix(state, slots, found, box_iou, self.config.overlap)
        cost = np.where(overlap > 0, 1.0 - overlap, np.inf)
        return self._forbid_other_classes(state, slots, found, cost)

    def _forbid_other_classes(
        self, state: AssociationState, slots: np.ndarray, found: Detections, cost: np.ndarray
    ) -> np.ndarray:
        if self.config.same_class:
            track_class = state.memory.view('class_votes')[slots].argmax(axis=1)
            cost[track_class[:, None] != found.class_ids[None, :]] = np.inf
        return cost

    def learn(self, state: AssociationState, found: Detections, shown: np.ndarray) -> None:
        """Correct the filters and store the appearance of all observed tracks."""
        memory = state.memory
        slots = np.flatnonzero(shown >= 0)
        if not len(slots):
            return
        index = shown[slots]
        measured = to_cxcyah(found.boxes[index].astype(np.float64))
        mean, covariance = memory.view('mean'), memory.view('covariance')
        is_born = memory.view('hits')[slots] == 1
        hiding = self._hiding(state, slots, found.boxes[index])  # by boxes predicted for now
        born, known = slots[is_born], slots[~is_born]
        mean[born], covariance[born] = kalman.initiate(measured[is_born])
        clear = is_born | (hiding <= self.config.max_hiding)
        measured[~clear, 2:] = mean[slots[~clear], 2:4]  # the size of two in one blob is nobody's
        mean[known], covariance[known] = kalman.update(
            mean[known], covariance[known], measured[~is_born]
        )
        stored = memory.view('stored')
        place = stored[slots[clear]] % self.config.gallery
        memory.view('gallery')[slots[clear], place] = found.features[index[clear]]
        stored[slots[clear]] += 1

    @staticmethod
    def _hiding(state: AssociationState, slots: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the largest share (S,) of another confirmed track's box under each box (S, 4)."""
        memory = state.memory
        is_other = (memory.view('state') >= TrackState.ACTIVE) & (memory.view('hits') > 1)
        others = np.flatnonzero(is_other)
        predicted = from_cxcyah(memory.view('mean')[others, :4])
        low = np.maximum(boxes[:, None, :2], predicted[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], predicted[None, :, 2:])
        sides = np.maximum(high - low, 0)
        share = sides[..., 0] * sides[..., 1] / np.maximum(area(predicted), 1e-9)
        share[slots[:, None] == others[None, :]] = 0.0
        return share.max(axis=1, initial=0.0)

    def lost_boxes(self, state: AssociationState) -> np.ndarray:
        """Return the boxes that the filters predict."""
        return from_cxcyah(state.memory.view('mean')[:, :4]).astype(np.float32)
