# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The common part of methods that detect in single frames and associate then."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vis_ros.detectors import DETECTORS
from vis_ros.memory import MemoryConfig, Observations, TrackMemory
from vis_ros.memory.mask_store import MaskStore
from vis_ros.memory.report import report_tracks
from vis_ros.memory.snapshot import Snapshot, joined, parts_of
from vis_ros.memory.track_memory import RESTART_NS
from vis_ros.methods.base import Method
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.boxes import clip
from vis_ros.ops.masks import iou_matrix as mask_iou_matrix
from vis_ros.structures import Detections, Frame, FrameResult
from vis_ros.structures.batch import attempt
from vis_ros.structures.options import differences, fixed_values, option

DetectorOptions: Any = dataclasses.make_dataclass(
    'DetectorOptions',
    [(name, cls.Config, field(default_factory=cls.Config)) for name, cls in DETECTORS.items()],
    frozen=True,
)


@dataclass(frozen=True)
class DetectThenAssociateConfig:
    """Options that all associations share."""

    detector: str = option(
        'motion',
        'Detector that finds the instances of a frame.',
        choices=tuple(sorted(DETECTORS)),
    )
    min_score: float = option(
        0.3, 'Detections below this score are ignored.', minimum=0.0, maximum=1.0, mutable=True
    )
    birth_score: float = option(
        0.5, 'Detections below this score start no track.', minimum=0.0, maximum=1.0, mutable=True
    )
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    detectors: DetectorOptions = field(default_factory=DetectorOptions)


@dataclass
class AssociationState:
    """All that a stream leaves behind; bounded by the capacity of the track memory."""

    memory: TrackMemory
    masks: MaskStore
    detector: Any
    last_ns: int | None = None
    is_restored: bool = False  # no frame came since


class DetectThenAssociate(Method):
    """Detects, lets `associate` find the track of each detection, and keeps the books."""

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        super().__init__(config, weights=weights, device=device)
        options = getattr(config.detectors, config.detector)
        self.detector = DETECTORS[config.detector](options, weights=weights, device=device)
        self.classes = self.detector.classes
        self.takes_batches = self.detector.takes_batches

    @classmethod
    def needs_weights(cls, config: Any) -> bool:
        """See `Method.needs_weights`."""
        return DETECTORS[config.detector].needs_weights

    def extras(self) -> dict[str, Tensor]:
        """Return the tensors per slot that the association keeps, with their values at birth."""
        return {}

    @abstractmethod
    def associate(
        self, state: AssociationState, found: Detections, steps_s: float
    ) -> list[tuple[int, int]]:
        """Return (slot, detection) pairs; each slot and each detection at most once.

        Args:
            state: State before this frame; the association may move its own tensors forward.
            found: Detections of this frame.
            steps_s: Time since the previous frame in seconds; 0 for the first.
        """

    def learn(self, state: AssociationState, found: Detections, shown: np.ndarray) -> None:
        """Take in what was observed, after the memory was updated.

        Args:
            state: State with the updated memory; tracks born now have `hits` 1.
            found: Detections of this frame.
            shown: int64 array (M,), index of the detection that each slot shows, or -1.
        """

    def lost_boxes(self, state: AssociationState) -> np.ndarray | None:
        """Return predicted boxes (M, 4) of lost tracks, or None to report the last observed."""
        return None

    def init_state(self) -> AssociationState:
        """See `Method.init_state`."""
        memory = TrackMemory(
            self.config.memory, num_classes=len(self.classes), extras=self.extras()
        )
        masks = MaskStore(self.config.memory.capacity)
        return AssociationState(memory, masks, self.detector.init_state())

    def step(
        self, state: AssociationState, frame: Frame
    ) -> tuple[AssociationState, list[FrameResult]]:
        """See `Method.step`."""
        return self._follow(state, frame, self.detector.detect(state.detector, frame))

    def step_many(
        self, states: Sequence[AssociationState], frames: Sequence[Frame]
    ) -> list[tuple[AssociationState, list[FrameResult]] | Exception]:
        """See `Method.step_many`; the detector takes the batch, each stream associates alone."""
        detected = self.detector.detect_many([state.detector for state in states], frames)
        return [
            found if isinstance(found, Exception) else attempt(self._follow, state, frame, found)
            for state, frame, found in zip(states, frames, detected, strict=True)
        ]

    def _follow(
        self, state: AssociationState, frame: Frame, detected: tuple[Any, Detections]
    ) -> tuple[AssociationState, list[FrameResult]]:
        state.detector, found = detected
        found = found.select(found.scores >= self.config.min_score)
        elapsed_ns = 0 if state.last_ns is None else frame.stamp_ns - state.last_ns
        if state.is_restored:  # nobody walks on while the tracker is down
            elapsed_ns, state.is_restored = min(elapsed_ns, RESTART_NS), False
        state.last_ns = frame.stamp_ns
        pairs = self.associate(state, found, elapsed_ns / 1e9)
        shown = self._remember(state, found, pairs, frame.stamp_ns)
        self.learn(state, found, shown)
        predicted = self.lost_boxes(state)
        if predicted is not None:
            predicted = clip(predicted, frame.height, frame.width)
        tracks = report_tracks(state.memory, state.masks.rle, lost_boxes=predicted)
        result = FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, tracks)
        return state, [result]

    def _remember(
        self,
        state: AssociationState,
        found: Detections,
        pairs: list[tuple[int, int]],
        stamp_ns: int,
    ) -> np.ndarray:
        match = np.full(self.config.memory.capacity, -1, np.int64)
        is_new = found.scores >= self.config.birth_score
        for slot, index in pairs:
            match[slot] = index
            is_new[index] = False
        class_scores = np.zeros((len(found), len(self.classes)), np.float32)
        class_scores[np.arange(len(found)), found.class_ids] = 1.0
        seen = Observations(
            torch.from_numpy(found.boxes),
            torch.from_numpy(found.scores),
            torch.from_numpy(class_scores),
        )
        shown = state.memory.update(
            stamp_ns, seen, torch.from_numpy(match), torch.from_numpy(is_new)
        ).numpy()
        state.masks.put(shown, found.masks)
        return shown

    def save(self, state: AssociationState) -> Snapshot:
        """See `Method.save`."""
        detector = self.detector.save(state.detector)
        parts = {
            'memory': state.memory.tensors,
            'masks': state.masks.to_tensors(),
            'detector': detector.tensors,
        }
        meta = {
            'method': self.name,
            'config': fixed_values(self.config),
            'last_ns': state.last_ns,
            'detector': dict(detector.meta),
        }
        return Snapshot(joined(parts), meta)

    def restore(self, snapshot: Snapshot) -> AssociationState:
        """See `Method.restore`."""
        meta = snapshot.meta
        if meta.get('method') != self.name:
            raise ValueError(f'memory of method {meta.get("method")!r}, this is {self.name!r}')
        mine = fixed_values(self.config)
        if meta.get('config') != mine:
            raise ValueError(
                'memory of another configuration: ' + differences(meta.get('config') or {}, mine)
            )
        parts = parts_of(snapshot, 'memory', 'masks', 'detector')
        state = self.init_state()
        try:
            state.memory.restore(parts['memory'])
            state.masks = MaskStore.from_tensors(parts['masks'], self.config.memory.capacity)
            state.detector = self.detector.restore(Snapshot(parts['detector'], meta['detector']))
            state.last_ns, state.is_restored = meta['last_ns'], True
        except KeyError as error:
            raise ValueError(f'the memory lacks {error}') from error
        return state

    def skip_ids(self, state: AssociationState, highest_id: int) -> None:
        """See `Method.skip_ids`."""
        state.memory.skip_ids(highest_id)

    def memory_use(self, state: AssociationState) -> dict[str, int]:
        """See `Method.memory_use`."""
        return state.memory.sizes()


def overlap_matrix(
    state: AssociationState, slots: np.ndarray, found: Detections, box_iou: np.ndarray, kind: str
) -> np.ndarray:
    """Return overlaps in [0, 1] of tracks and detections, float32 (T, N).

    Args:
        state: State with the last observed masks.
        slots: int64 array (T,), slots of the tracks.
        found: The N detections.
        box_iou: Overlaps of the boxes (T, N), returned as they are for kind `box`.
        kind: `box`, or `mask` for the overlap with the last observed mask.
    """
    if kind == 'box':
        return box_iou
    return mask_iou_matrix([state.masks.masks[int(slot)] for slot in slots], found.masks)
