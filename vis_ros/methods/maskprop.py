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

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory import StagedMemory
from vis_ros.memory.snapshot import Snapshot, joined
from vis_ros.methods import _maskprop_books as books
from vis_ros.methods._learned import NetworkMethod, known_parts_of
from vis_ros.methods._maskprop_config import MaskPropConfig
from vis_ros.methods.base import register_method
from vis_ros.nn.maskprop import MaskProp, support
from vis_ros.nn.maskprop.clips import Content, Seen, Window, from_tensors, to_tensors
from vis_ros.nn.maskprop.detector import set_options
from vis_ros.nn.maskprop.identity import DUPLICATE, assign, identity_scores
from vis_ros.nn.maskprop.masktrack import identity_logits, match_scores
from vis_ros.nn.maskprop.perception import (
    Look,
    Perceived,
    Picture,
    look_at,
    picture_of,
    understand,
)
from vis_ros.nn.maskprop.source import masks_at_source
from vis_ros.nn.maskprop.support import Glimpse, Supports
from vis_ros.nn.picture import boxes_at_source
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.boxes import iou_matrix
from vis_ros.structures import Frame, FrameResult, Track


@dataclass
class MaskPropState:
    """All that a stream leaves behind: tracks, and what `Window` holds.

    Args:
        memory: Tracks, up to its capacity.
        window: Frames and clip-level tracks.
        restarts: Numbers of the first frames after a restart, among those that are due.
        supports: Frames that support each other; only with spatiotemporal sampling.
    """

    memory: StagedMemory
    window: Window
    restarts: set[int] = field(default_factory=set)
    supports: Supports | None = None


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
    dense = ('detector.backbone.body', 'detector.backbone.fpn', 'detector.rpn.head')
    lag = 6  # of the default configuration

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        super().__init__(config, weights=weights, device=device)
        self.lag = self.config.lookahead if self._has_clips else 0

    def build(self) -> MaskProp:
        """See `NetworkMethod.build`."""
        lag = self.config.lookahead if self._has_clips else 0
        if self._ahead > lag:
            raise ValueError(
                f'support.ahead: expected at most the lag of {lag}, got {self._ahead}'
            )
        if self._has_clips and self.config.past + lag - self._ahead < 1:
            raise ValueError('past: expected 1 or more where clips end with their centre, got 0')
        model = MaskProp(self.config.network, len(self.classes), self.config.model)
        set_options(model.detector, self.config.detections)
        return model

    @property
    def _has_clips(self) -> bool:
        return self.config.model.tracking != 'masktrack'

    @property
    def _ahead(self) -> int:
        """Frames that a frame waits for before it is understood."""
        return self.config.support.ahead if self.config.model.sampling.enabled else 0

    def init_state(self) -> MaskPropState:
        """See `Method.init_state`."""
        looks = 0 if self._has_clips else self._model.sizes.identity
        classes = len(self.classes)
        memory = StagedMemory(
            self.config.memory, num_classes=classes, extras=books.births(classes, looks)
        )
        past = self.config.past if self._has_clips else 0
        window = Window(past, self.lag - self._ahead)
        return MaskPropState(memory, window, supports=self._supports())

    def _supports(self) -> Supports | None:
        sampling = self._model.detector.sampling
        if sampling is None:
            return None
        return Supports(self.config.support.past, self._ahead, sampling.names)

    def read(self, frame: Frame) -> Picture:
        """See `NetworkMethod.read`."""
        return picture_of(frame.image, self._model.sizes, self.device)

    def look(self, frames: Sequence[Frame]) -> list[Look] | list[Perceived]:
        """See `NetworkMethod.look`: the taps of the backbone where other frames support each, and
        else what is in each.
        """
        looks = look_at(self._model, self.read_all(frames), self.device, self.config.precision)
        if self._model.detector.sampling is not None:
            return looks
        return [understand(self._model, look, None, self.config.detections) for look in looks]

    def go_on(
        self, state: MaskPropState, look: Look | Perceived, frame: Frame
    ) -> list[FrameResult]:
        """See `NetworkMethod.go_on`."""
        if isinstance(look, Perceived):
            return self._take(state, look, frame.stamp_ns, frame.frame_id)
        assert state.supports is not None
        state.supports.push(Glimpse(frame.stamp_ns, frame.frame_id, look))
        return self._understand(state) if state.supports.is_ready else []

    @torch.inference_mode()
    def flush(self, state: MaskPropState) -> tuple[MaskPropState, list[FrameResult]]:
        """See `Method.flush`; the last clips are shorter, as in the paper."""
        results = []
        while state.supports is not None and state.supports.pending:
            results += self._understand(state)
        while state.window.due <= state.window.newest:
            results += self._link(state)
        return state, results

    def _understand(self, state: MaskPropState) -> list[FrameResult]:
        """Take in the frame whose supporting frames are there."""
        assert state.supports is not None
        glimpse, supports = state.supports.take()
        seen = understand(self._model, glimpse.look, supports, self.config.detections)
        return self._take(state, seen, glimpse.stamp_ns, glimpse.frame_id, is_owed=glimpse.is_owed)

    def _take(
        self,
        state: MaskPropState,
        seen: Perceived,
        stamp_ns: int,
        frame_id: str,
        *,
        is_owed: bool = True,
    ) -> list[FrameResult]:
        """Take in what is in the next frame; return the results that are complete by it."""
        if not self._has_clips:
            return [self._follow(state, seen, stamp_ns, frame_id)]
        content = Content(seen.found, seen.regions, seen.masks, is_owed)
        state.window.push(Seen(stamp_ns, frame_id, seen.placement, seen.view, content))
        return self._link(state) if state.window.is_ready else []

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
        place = window.due - clip.start
        masks = self._clip_tracks(centre, [window.frames[k] for k in clip], place)
        window.forget(~memory.occupied.numpy())
        matching, owners = window.matching(masks, clip)
        scores = identity_scores(matching, owners, self.config.memory.capacity)
        shown = content.masks
        if not self.config.model.propagation.frame_masks:
            threshold = self.config.detections.mask_threshold
            shown = masks_at_source(masks[:, place], centre.placement, threshold)
        found = content.found
        entry = books.Entry(centre.stamp_ns, found.scores, found.class_ids, shown)
        slots, tracks = self._enter(state, entry, scores, self.config.match_threshold)
        window.advance(masks, clip, slots)
        size = centre.placement.source
        result = FrameResult(centre.stamp_ns, centre.frame_id, *size, tracks)
        return [result] if content.is_owed else []

    def _clip_tracks(self, centre: Seen, clip: Sequence[Seen], place: int) -> Tensor:
        """Return masks of the N instances of a frame in its clip, float (N, T, h, w).

        Args:
            centre: The frame.
            clip: All T frames.
            place: Which of them it is.
        """
        if not self._model.keeps_regions:
            return self.carry(centre, clip)
        assert centre.content is not None
        masks = self.carry(centre, (*clip[:place], *clip[place + 1 :]))
        own = centre.content.regions[:, None]
        return torch.cat((masks[:, :place], own, masks[:, place:]), dim=1)

    def carry(self, source: Seen, others: Sequence[Seen]) -> Tensor:
        """Return what the N instances of a frame become in T frames, float (N, T, h, w) in [0, 1].

        Args:
            source: The frame, with its content.
            others: The frames, of the same size.
        """
        assert source.content is not None
        regions = source.content.regions
        if not others:
            return regions[:, None][:, :0]
        views = torch.stack([other.view for other in others])
        return self._model.propagate(source.view, views, regions)

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

    def _follow(
        self, state: MaskPropState, seen: Perceived, stamp_ns: int, frame_id: str
    ) -> FrameResult:
        """Find the tracks of a frame as MaskTrack R-CNN does."""
        memory, found = state.memory, seen.found
        class_ids, looks = found.class_ids, seen.looks.cpu()
        boxes = boxes_at_source(found.boxes, seen.placement).numpy()
        cues = match_scores(
            identity_logits(looks, memory[books.LOOK]),
            found.scores,
            torch.from_numpy(iou_matrix(boxes, memory.view('box'))),
            class_ids[:, None] == memory[books.LABEL],
        )
        gain = torch.where(memory.occupied, cues[:, 1:] - cues[:, :1], -torch.inf)
        entry = books.Entry(stamp_ns, found.scores, class_ids, seen.masks)
        slots, tracks = self._enter(state, entry, gain.numpy(), 0.0)
        books.learn_looks(memory, slots, looks, class_ids)
        return FrameResult(stamp_ns, frame_id, *seen.placement.source, tracks)

    def save(self, state: MaskPropState) -> Snapshot:
        """See `Method.save`; frames whose result is due are saved with what is in them."""
        parts = {'memory': state.memory.tensors, 'clips': to_tensors(state.window)}
        meta = {
            **self.origin(),
            'frame_ids': [seen.frame_id for seen in state.window.frames.values()],
            'restarts': sorted(state.restarts),
        }
        if state.supports is not None:
            parts['supports'] = support.to_tensors(state.supports)
            meta['supporting'] = [each.frame_id for each in state.supports.frames.values()]
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
        state = self.init_state()
        extra = () if state.supports is None else ('supports',)
        parts = known_parts_of(snapshot, 'memory', 'clips', *extra)
        state.memory.restore(parts['memory'])
        from_tensors(parts['clips'], frame_ids, state.window, self.device)
        highest = max((int(old.owners.max(initial=-1)) for old in state.window.tracks), default=-1)
        if highest >= self.config.memory.capacity:
            raise ValueError(f'owners: expected slots of the memory, got {highest}')
        waiting = 0
        if state.supports is not None:
            names = snapshot.meta.get('supporting')
            if not isinstance(names, list):
                raise ValueError(f'supporting: expected a list, got {names}')
            support.from_tensors(parts['supports'], names, state.supports, self.device)
            waiting = state.supports.pending
        state.restarts = {*restarts, state.window.newest + waiting + 1}
        return state

    def memory_use(self, state: MaskPropState) -> dict[str, int]:
        """See `Method.memory_use`."""
        window, supports = state.window, state.supports
        use = {
            'ring_frames': len(window.frames),
            'ring_limit': window.past + window.lookahead + 1,
            'clip_tracks': sum(len(old.owners) for old in window.tracks),
        }
        if supports is not None:
            use['support_frames'] = len(supports.frames)
            use['support_limit'] = supports.past + supports.ahead + 1
        return super().memory_use(state) | use
