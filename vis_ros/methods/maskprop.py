# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`maskprop`: instance masks propagated through a clip around each frame, and clips linked.

Source: Bertasius and Torresani, "Classifying, Segmenting, and Tracking Object Instances in Video
with Mask Propagation", CVPR 2020. The networks are in `vis_ros.nn.maskprop`. Beyond the paper, so
that a stream may run for ever: clips end `lookahead` frames after their centre, features are
computed once for each frame and kept in a ring, identities are assigned as frames come, and the
shared track memory forgets by age and by need of place. A forgotten track is not matched any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from vis_ros.memory import MemoryConfig, StagedMemory
from vis_ros.memory.snapshot import Snapshot, joined
from vis_ros.methods import _maskprop_books as books
from vis_ros.methods._learned import NetworkMethod, known_parts_of
from vis_ros.methods.base import register_method
from vis_ros.nn.maskprop import DetectionOptions, MaskProp, ModelOptions
from vis_ros.nn.maskprop.clips import Content, Seen, Window, from_tensors, to_tensors
from vis_ros.nn.maskprop.config import NETWORKS
from vis_ros.nn.maskprop.detector import set_options
from vis_ros.nn.maskprop.identity import DUPLICATE, assign, identity_scores
from vis_ros.nn.maskprop.masktrack import identity_logits, match_scores
from vis_ros.nn.maskprop.perception import Perceived, perceive, propagated_masks
from vis_ros.nn.maskprop.source import boxes_at_source
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.boxes import iou_matrix
from vis_ros.structures import Frame, FrameResult, Track
from vis_ros.structures.options import option


def _memory() -> MemoryConfig:
    return MemoryConfig(capacity=64, confirm_hits=1, tentative_timeout_s=1.0, lost_timeout_s=10.0)


@dataclass(frozen=True)
class MaskPropConfig:
    """MaskProp.

    What a weights file says about itself counts wherever an option has its default.
    """

    network: str = option(
        'small',
        'Size of the detector: resnet50, resnet101 or resnext101_64x4d, or small (a slim '
        'ResNet-18 at 192x320) for CPUs. It must be that of the weights.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names.',
    )
    lookahead: int = option(
        6,
        'Frames of a clip after its centre, by which results are late: 6 as in the paper, 0 to '
        'look at past frames only.',
        unit='frames',
        minimum=0,
        maximum=25,
    )
    past: int = option(
        6,
        'Frames of a clip before its centre. 6 and a lookahead of 6 are the 13 frames of the '
        'paper; figure 6 tries other lengths. The training sees gaps up to 25.',
        unit='frames',
        minimum=0,
        maximum=25,
    )
    match_threshold: float = option(
        0.3,
        'A clip-level track that fits no known one better than this is new. The paper says only '
        '"a certain threshold"; soft masks stay below 1 even with themselves.',
        minimum=0.0,
        maximum=1.0,
    )
    duplicates: str = option(
        'next',
        'When two instances of a frame fit one identity best, the better fit gets it. next: the '
        'other one takes its next best, or a new one; drop: it is not shown, for it is likely '
        'the same object twice. The paper does not say.',
        choices=('next', 'drop'),
    )
    score_mean: str = option(
        'all',
        'Score of a class: the mean of the scores with which it was detected. all: over all '
        'detections of the track, so that a rare wrong class weighs little; class: over those of '
        'the class only. The paper says "separately for each object category".',
        choices=('all', 'class'),
    )
    min_score: float = option(
        0.0,
        'Tracks below this score are not shown. The paper shows all.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    detections: DetectionOptions = field(default_factory=DetectionOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    memory: MemoryConfig = field(default_factory=_memory)


@dataclass
class MaskPropState:
    """All that a stream leaves behind: tracks, and what `Window` holds.

    Args:
        memory: Tracks, up to its capacity.
        window: Frames and clip-level tracks.
        restarts: Numbers of the first frames after a restart, among those that are due.
    """

    memory: StagedMemory
    window: Window
    restarts: set[int] = field(default_factory=set)


@register_method('maskprop')
class MaskPropMethod(NetworkMethod[MaskProp]):
    """Mask R-CNN, and clip-level tracks around each frame that are matched with each other."""

    Config = MaskPropConfig
    summary = 'MaskProp: Mask R-CNN, masks propagated through clips, clips linked to tracks'
    licence = 'Apache-2.0; torchvision: BSD-3-Clause; weights: see docs/weights.md'
    source = 'Bertasius and Torresani 2020'
    config: MaskPropConfig
    class_tensor = 'detector.roi_heads.box_predictor.cls_score.bias'
    has_background = True
    lag = 6  # of the default configuration

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        super().__init__(config, weights=weights, device=device)
        self.lag = self.config.lookahead if self._has_clips else 0

    def build(self) -> MaskProp:
        """See `NetworkMethod.build`."""
        if self._has_clips and self.config.past + self.config.lookahead < 1:
            raise ValueError('past: expected 1 or more with a lookahead of 0, got 0')
        model = MaskProp(self.config.network, len(self.classes), self.config.model)
        set_options(model.detector, self.config.detections)
        return model

    @property
    def _has_clips(self) -> bool:
        return self.config.model.tracking != 'masktrack'

    def init_state(self) -> MaskPropState:
        """See `Method.init_state`."""
        looks = 0 if self._has_clips else self._model.sizes.identity
        classes = len(self.classes)
        memory = StagedMemory(
            self.config.memory, num_classes=classes, extras=books.births(classes, looks)
        )
        past = self.config.past if self._has_clips else 0
        return MaskPropState(memory, Window(past, self.lag))

    @torch.inference_mode()
    def step(self, state: MaskPropState, frame: Frame) -> tuple[MaskPropState, list[FrameResult]]:
        """See `Method.step`."""
        seen = perceive(self._model, frame.image, self.config.detections, self.device)
        if not self._has_clips:
            return state, [self._follow(state, seen, frame)]
        content = Content(seen.found, seen.regions, seen.masks)
        state.window.push(Seen(frame.stamp_ns, frame.frame_id, seen.placement, seen.view, content))
        return state, self._link(state) if state.window.is_ready else []

    @torch.inference_mode()
    def flush(self, state: MaskPropState) -> tuple[MaskPropState, list[FrameResult]]:
        """See `Method.flush`; the last clips are shorter, as in the paper."""
        results = []
        while state.window.due <= state.window.newest:
            results += self._link(state)
        return state, results

    def _link(self, state: MaskPropState) -> list[FrameResult]:
        """Build the clip around the frame that is due, and find the identities of its tracks."""
        window, memory = state.window, state.memory
        centre = window.frames[window.due]
        content = centre.content
        assert content is not None
        if window.due in state.restarts:  # the memory is told of the restart where it happened
            state.restarts.remove(window.due)
            memory.restore(memory.tensors)
        clip = window.clip()
        views = torch.stack([window.frames[k].view for k in clip])
        place = window.due - clip.start
        masks = self._model.propagate(centre.view, views, content.regions, place)
        window.forget(~memory.occupied.numpy())
        matching, owners = window.matching(masks, clip)
        scores = identity_scores(matching, owners, self.config.memory.capacity)
        shown = content.masks
        if not self.config.model.propagation.frame_masks:
            threshold = self.config.detections.mask_threshold
            shown = propagated_masks(masks[:, place], centre.placement, threshold)
        found = content.found
        entry = books.Entry(centre.stamp_ns, found.scores.cpu(), found.class_ids.cpu(), shown)
        slots, tracks = self._enter(state, entry, scores, self.config.match_threshold)
        window.advance(masks, clip, slots)
        size = centre.placement.source
        result = FrameResult(centre.stamp_ns, centre.frame_id, *size, tracks)
        return [result] if content.is_owed else []

    def _enter(
        self, state: MaskPropState, entry: books.Entry, scores: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, tuple[Track, ...]]:
        """Enter a frame in the memory; return the slots of its instances, and its tracks.

        Args:
            state: Its memory moves on; tracks that lose their slot are forgotten by the window.
            entry: N instances.
            scores: float array (N, M), how well each fits the track of each slot.
            threshold: See `assign`.
        """
        config = self.config
        wanted = assign(scores, threshold, config.duplicates)
        slots, is_born = books.claim(state.memory, entry, wanted, scores.argmax(axis=1))
        state.window.forget(is_born)
        tracks = books.observe(
            state.memory,
            entry,
            slots,
            wanted != DUPLICATE,
            rule=config.score_mean,
            min_score=config.min_score,
        )
        return slots, tracks

    def _follow(self, state: MaskPropState, seen: Perceived, frame: Frame) -> FrameResult:
        """Find the tracks of a frame as MaskTrack R-CNN does."""
        memory, found = state.memory, seen.found
        class_ids, looks = found.class_ids.cpu(), seen.looks.cpu()
        boxes = boxes_at_source(found.boxes, seen.placement).cpu().numpy()
        cues = match_scores(
            identity_logits(looks, memory[books.LOOK]),
            found.scores.cpu(),
            torch.from_numpy(iou_matrix(boxes, memory.view('box'))),
            class_ids[:, None] == memory[books.LABEL],
        )
        gain = torch.where(memory.occupied, cues[:, 1:] - cues[:, :1], -torch.inf)
        entry = books.Entry(frame.stamp_ns, found.scores.cpu(), class_ids, seen.masks)
        slots, tracks = self._enter(state, entry, gain.numpy(), 0.0)
        books.learn_looks(memory, slots, looks, class_ids)
        return FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, tracks)

    def save(self, state: MaskPropState) -> Snapshot:
        """See `Method.save`; frames whose result is due are saved with what is in them."""
        parts = {'memory': state.memory.tensors, 'clips': to_tensors(state.window)}
        meta = {
            **self.origin(),
            'frame_ids': [seen.frame_id for seen in state.window.frames.values()],
            'restarts': sorted(state.restarts),
        }
        return Snapshot(joined(parts), meta)

    def restore(self, snapshot: Snapshot) -> MaskPropState:
        """See `Method.restore`.

        Frames that were due go on to be centres of clips, so that identities come out as if there
        had been no break; but nobody has their images any more, so they give no results.
        """
        self.check_origin(snapshot)
        frame_ids, restarts = snapshot.meta.get('frame_ids'), snapshot.meta.get('restarts')
        if not isinstance(frame_ids, list) or not isinstance(restarts, list):
            raise ValueError(f'expected lists, got frame_ids {frame_ids}, restarts {restarts}')
        state, parts = self.init_state(), known_parts_of(snapshot, 'memory', 'clips')
        state.memory.restore(parts['memory'])
        from_tensors(parts['clips'], frame_ids, state.window, self.device)
        highest = max((int(old.owners.max(initial=-1)) for old in state.window.tracks), default=-1)
        if highest >= self.config.memory.capacity:
            raise ValueError(f'owners: expected slots of the memory, got {highest}')
        state.restarts = {*restarts, state.window.newest + 1}
        return state

    def memory_use(self, state: MaskPropState) -> dict[str, int]:
        """See `Method.memory_use`."""
        window = state.window
        return super().memory_use(state) | {
            'ring_frames': len(window.frames),
            'ring_limit': window.past + window.lookahead + 1,
            'clip_tracks': sum(len(old.owners) for old in window.tracks),
        }
