# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`ifr`: inter-frame recurrent attention, frame by frame or clip by clip.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022. The networks are in `vis_ros.nn.ifr`. Beyond the paper, which runs over whole videos: a
stream keeps the frame-level queries of its last frames and decodes each frame once; its clip-level
queries gather from those. A query that shows an object without a track starts one; when the track
memory forgets the track, the query starts anew, so that a few queries serve an endless stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory import StagedMemory
from vis_ros.memory.snapshot import Snapshot, joined
from vis_ros.methods import _ifr_books as books
from vis_ros.methods import _ifr_clips as clip_books
from vis_ros.methods._ifr_clips import Clips, Waiting
from vis_ros.methods._ifr_config import IfrConfig
from vis_ros.methods._learned import NetworkMethod, known_parts_of
from vis_ros.methods.base import register_method
from vis_ros.nn.batches import in_batches
from vis_ros.nn.ifr import Features, Ifr, Past, mask_logits
from vis_ros.nn.ifr.clips import averaged, instances_of
from vis_ros.nn.ifr.picture import place, prepare
from vis_ros.nn.ifr.selection import aligned, masks_at_source, shown
from vis_ros.nn.picture import Placement
from vis_ros.nn.precision import running_in
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.transfer import upload
from vis_ros.structures import Frame, FrameResult


@dataclass
class IfrState:
    """All that a stream leaves behind; bounded by the track memory, the window, and the clip.

    Args:
        memory: Tracks.
        owners: int64 array (N,), slot of the track of each query, or `NOBODY`; of streams.
        past: What queries carry from frame to frame; of streams.
        clips: Frames that wait for their clips; only in mode `clip`.
    """

    memory: StagedMemory
    owners: np.ndarray
    past: Past
    clips: Clips


@register_method('ifr')
class IfrMethod(NetworkMethod[Ifr]):
    """Mask2Former whose queries look at the frame, at the frame before, and at the clip."""

    Config = IfrConfig
    summary = 'IFR: queries that go from frame to frame segment, classify and track'
    source = 'You et al. 2022'
    config: IfrConfig
    class_tensor = 'decoder.classes.bias'
    dense = ('backbone', 'pixel_decoder')

    @property
    def recorded(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `NetworkMethod`; clips have too many lengths."""
        return ('decode',) if self.config.mode == 'stream' else ()

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        if weights is not None and weights.meta.get('part') == 'start':
            raise ValueError(f'{weights.source}: start of a training only, of vis_ros train ifr')
        super().__init__(config, weights=weights, device=device)
        self.lag = self.config.clip.length - 1 if self.config.mode == 'clip' else 0

    def build(self) -> Ifr:
        """See `NetworkMethod.build`."""
        clip = self.config.clip
        if clip.stride >= clip.length:
            raise ValueError(
                f'clip.stride: expected less than clip.length = {clip.length}, got {clip.stride}'
            )
        return Ifr(self.config.network, len(self.classes), self.config.model)

    def init_state(self) -> IfrState:
        """See `Method.init_state`."""
        memory = StagedMemory(
            self.config.memory,
            num_classes=len(self.classes),
            extras=books.births(len(self.classes)),
        )
        past = self._model.decoder.no_past()
        owners = np.full(past.is_filled.shape[2], books.NOBODY)
        clip = self.config.clip
        return IfrState(memory, owners, past, Clips(clip.length, clip.stride))

    def read(self, frame: Frame) -> list[Tensor]:
        """See `NetworkMethod.read`: one for each scale."""
        return [prepare(frame.image, where, self.device) for where in self._placements(frame)]

    def look(self, frames: Sequence[Frame]) -> list[tuple[Features, ...]]:
        """See `NetworkMethod.look`: features at each scale."""
        inputs = self.read_all(frames)
        scales = [in_batches(each, self._features) for each in zip(*inputs, strict=True)]
        return list(zip(*scales, strict=True))

    def _features(self, images: Tensor) -> Features:
        with running_in(self.device, self.config.precision):
            levels, masks = self._model.see(images)
        return Features(tuple(level.float() for level in levels), masks.float())

    def _placements(self, frame: Frame) -> tuple[Placement, ...]:
        """Return where a frame lies in the input: once in a stream, in clips at each scale."""
        sides = [0]
        if self.config.mode == 'clip' and self.config.clip.short_sides:
            sides = [round(side) for side in self.config.clip.short_sides]
        sizes = self._model.sizes
        return tuple(place(frame.height, frame.width, sizes, side) for side in sides)

    def go_on(
        self, state: IfrState, look: tuple[Features, ...], frame: Frame
    ) -> list[FrameResult]:
        """See `NetworkMethod.go_on`."""
        if self.config.mode == 'stream':
            return [self._follow(state, look[0], frame)]
        placements = self._placements(frame)
        clips, results = state.clips, []
        if clips.frames and clips.frames[-1].placements != placements:
            results += self._end(state)
        clips.frames.append(Waiting(frame.stamp_ns, frame.frame_id, placements, look))
        if clips.is_whole:
            results += self._decode(state)
        return results

    @torch.inference_mode()
    def flush(self, state: IfrState) -> tuple[IfrState, list[FrameResult]]:
        """See `Method.flush`; the last clip may be shorter."""
        return state, self._end(state) if self.config.mode == 'clip' else []

    def _follow(self, state: IfrState, features: Features, frame: Frame) -> FrameResult:
        """Take the next frame of a stream."""
        (placement,) = self._placements(frame)
        decoded = self._model.decode(features, frames=1, past=state.past, causal=True)
        said = decoded.layers[-1]
        logits = mask_logits(said.kernels, features.masks[None])[0, 0]
        waiting = Waiting(frame.stamp_ns, frame.frame_id, (placement,), ())
        before = state.owners
        probability = said.classes[0, 0].sigmoid()
        state.owners, _, result = self._enter(state, waiting, probability, logits, before)
        starts_anew = (before >= 0) & (state.owners != before)
        if self.config.idle == 'restart':
            starts_anew |= state.owners < 0
        gone = upload(starts_anew, self.device)
        state.past = decoded.past._replace(is_filled=decoded.past.is_filled & ~gone)
        return result

    def _enter(
        self,
        state: IfrState,
        frame: Waiting,
        probability: Tensor,
        logits: Tensor,
        owners: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, FrameResult]:
        """Take what a frame shows into the memory.

        Args:
            state: Its memory moves on.
            frame: The frame.
            probability: float tensor (N, K), of each class.
            logits: float tensor (N, h, w), of the masks.
            owners: int64 array (N,), slots of their tracks, or `NOBODY`.

        Returns:
            The slots after the frame; which slots hold another track; and the result.
        """
        options, placement = self.config.detections, frame.placements[0]
        rank = books.seniority(state.memory, owners)
        best = shown(probability, logits, rank, options)
        on_device = upload(best.query, logits.device)
        masks = masks_at_source(logits[on_device], placement, options.mask_threshold)
        seen = [n for n, mask in enumerate(masks) if mask.area_px >= options.min_area]
        query = best.query[seen]
        entry = books.Entry(
            frame.stamp_ns,
            torch.from_numpy(best.probability[seen]),
            [masks[n] for n in seen],
            owners[query],
        )
        slots, is_other, tracks = books.enter(
            state.memory,
            entry,
            birth_score=options.birth_score,
            min_score=self.config.min_score,
        )
        after = owners.copy()
        after[(after >= 0) & is_other[after.clip(min=0)]] = books.NOBODY
        after[query] = slots
        result = FrameResult(frame.stamp_ns, frame.frame_id, *placement.source, tracks)
        return after, is_other, result

    def _decode(self, state: IfrState) -> list[FrameResult]:
        """Decode the next clip; return the results that are final with it."""
        clips, options = state.clips, self.config.clip
        frames = clips.clip()
        found = []
        for scale, placement in enumerate(frames[0].placements):
            features = Features.joined([frame.features[scale] for frame in frames])
            decoded = self._model.decode(features, frames=len(frames))
            instances = instances_of(decoded, features.masks[None])
            if scale:
                masks = aligned(instances.masks, placement, frames[0].placements[0])
                instances = instances._replace(masks=masks)
            found.append(instances)
        merged = averaged(found)
        likely = merged.probability.amax(dim=1) >= self.config.detections.score_threshold
        kept = merged._replace(probability=merged.probability[likely], masks=merged.masks[likely])
        clips.tracks.add(clips.start, kept, options.link_overlap)
        clips.advance()
        return self._results(state, min(clips.start, clips.end))

    def _results(self, state: IfrState, until: int) -> list[FrameResult]:
        """Return the results of the frames that are due before frame `until`."""
        clips, results = state.clips, []
        while clips.due < until:
            who, probability, logits = clips.tracks.at(clips.due)
            slots = clips.tracks.slots
            after, is_other, result = self._enter(
                state, clips.pop(), probability, logits, slots[who]
            )
            clips.free(is_other)
            slots[who] = after
            results.append(result)
        clips.tidy()
        return results

    def _end(self, state: IfrState) -> list[FrameResult]:
        """Return all results that are due: no frame follows."""
        clips, results = state.clips, []
        while clips.covered < clips.end:
            results += self._decode(state)
        results += self._results(state, clips.end)
        clips.restart()
        return results

    def save(self, state: IfrState) -> Snapshot:
        """See `Method.save`; frames that wait for their clip are not saved."""
        parts = {'memory': state.memory.tensors}
        if self.config.mode == 'stream':
            parts['past'] = _past_of(state)
        else:
            parts['clips'] = clip_books.to_tensors(state.clips)
        return Snapshot(joined(parts), self.origin())

    def restore(self, snapshot: Snapshot) -> IfrState:
        """See `Method.restore`.

        Frames that waited for their clip give no results. The next clip is matched with what was
        last seen of each track.
        """
        self.check_origin(snapshot)
        state, is_stream = self.init_state(), self.config.mode == 'stream'
        parts = known_parts_of(snapshot, 'memory', 'past' if is_stream else 'clips')
        state.memory.restore(parts['memory'])
        if is_stream:
            self._restore_past(state, parts['past'])
        else:
            state.clips.tracks = clip_books.from_tensors(
                parts['clips'], self.config.memory.capacity, len(self.classes), self.device
            )
        return state

    def _restore_past(self, state: IfrState, tensors: dict[str, Tensor]) -> None:
        own = _past_of(state)
        expected = {name: (tuple(value.shape), value.dtype) for name, value in own.items()}
        got = {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()}
        if got != expected:
            raise ValueError(f'past: expected {expected}, got {got}')
        owners = tensors['owners'].numpy().copy()
        if len(owners) and not -1 <= owners.min() <= owners.max() < self.config.memory.capacity:
            raise ValueError(f'owners: expected slots of the memory, got {owners.tolist()}')
        state.owners = owners
        state.past = Past(*(tensors[name].to(self.device).clone() for name in Past._fields))

    def memory_use(self, state: IfrState) -> dict[str, int]:
        """See `Method.memory_use`."""
        return super().memory_use(state) | {
            'queries': len(state.owners),
            'queries_in_use': int((state.owners >= 0).sum()),
            'waiting_frames': len(state.clips.frames),
            'clip_instances': len(state.clips.tracks.slots),
        }


def _past_of(state: IfrState) -> dict[str, Tensor]:
    """Return what a snapshot holds of the queries of a stream."""
    return {**state.past._asdict(), 'owners': torch.from_numpy(state.owners)}
