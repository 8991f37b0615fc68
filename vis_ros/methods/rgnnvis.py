# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rgnnvis`: detections and tracks in one graph, learned from detection to score.

Source: Johnander et al., "Video Instance Segmentation with Recurrent Graph Neural Networks", GCPR
2021. The networks are in `vis_ros.nn.rgnn` and `vis_ros.nn.yolact`. Beyond the paper: tracks are
forgotten by age and by need of place, so that a stream may run for ever. The paper keeps all 24
for ever; a `memory.lost_timeout_s` and `memory.tentative_timeout_s` of 3600 s do as it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory import MemoryConfig, Observations, StagedMemory
from vis_ros.memory.snapshot import Snapshot, joined, parts_of
from vis_ros.methods._learned import NetworkMethod, brought_down
from vis_ros.methods.base import register_method
from vis_ros.nn.acceleration import accelerate_option
from vis_ros.nn.batches import in_batches
from vis_ros.nn.cuda_graphs import RecordedCalls
from vis_ros.nn.precision import PRECISIONS
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.masks import Owners, label_image, owners_of
from vis_ros.nn.rgnn.model import Detected, RgnnVis, Seen
from vis_ros.nn.rgnn.state import RgnnState, Tracks
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact import SelectionConfig, prepare_frame
from vis_ros.nn.yolact.config import NETWORKS
from vis_ros.ops.transfer import upload
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.options import option

_PREFIX = 'rgnn_'  # of the network's tensors in the track memory
_FIELDS = tuple(_PREFIX + name for name in Tracks._fields[1:])  # all but is_alive


def _memory() -> MemoryConfig:
    return MemoryConfig(capacity=24, confirm_hits=1, tentative_timeout_s=1.0, lost_timeout_s=10.0)


@dataclass(frozen=True)
class RgnnVisConfig:
    """RGNNVIS.

    What a weights file says about itself counts wherever an option has its default.
    """

    network: str = option(
        'small',
        'Size of the detector: resnet50 and resnet101 at 480x864 as in the paper, small (a slim '
        'ResNet-18 at 192x320) for CPUs. It must be that of the weights.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names.',
    )
    precision: str = option(
        'float32',
        'Precision of the detector; the tracker is always float32.',
        choices=PRECISIONS,
    )
    accelerate: str = accelerate_option()
    min_score: float = option(
        0.0,
        'Tracks below this score are not shown. The paper shows all: the score of a wrong one is '
        'low.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    detections: SelectionConfig = field(default_factory=SelectionConfig)
    tracker: RgnnOptions = field(default_factory=RgnnOptions)
    memory: MemoryConfig = field(default_factory=_memory)


@dataclass
class RgnnVisState:
    """All that a stream leaves behind; bounded by the capacity of the track memory."""

    memory: StagedMemory
    empty: Tracks


@register_method('rgnnvis')
class RgnnVisMethod(NetworkMethod[RgnnVis]):
    """YOLACT, and a recurrent graph network that associates, scores and re-weights masks."""

    Config = RgnnVisConfig
    summary = 'RGNNVIS: YOLACT and a recurrent graph network over tracks and detections'
    source = 'Johnander et al. 2021'
    config: RgnnVisConfig
    class_tensor = 'detector.semantic.bias'
    dense = ('detector',)
    recorded = ('select',)

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        super().__init__(config, weights=weights, device=device)
        self._model.tracker.join_calls()
        self._recorded: RecordedCalls | None = None
        if self.accelerator == 'graphs':  # the tracker too: nothing of it has a changing size
            self._recorded = RecordedCalls(self._moved)
            self._scratch = self.init_state()  # whose tensors are those of the call at work

    def build(self) -> RgnnVis:
        """See `NetworkMethod.build`."""
        return RgnnVis(self.config.network, len(self.classes) + 1, self.config.tracker)

    def load(self, model: RgnnVis, weights: LoadedWeights) -> None:
        """See `NetworkMethod.load`; a detector alone is not enough."""
        has_tracker = any(name.startswith('tracker.') for name in weights.tensors)
        if weights.tensors and not has_tracker:
            raise ValueError(
                f'weights: {weights.source} holds a detector only. The tracker has to be trained '
                'on top of it; its official weights were never published.'
            )
        super().load(model, weights)

    def init_state(self) -> RgnnVisState:
        """See `Method.init_state`."""
        initial = self._model.tracker.initial(1, 1)
        births = {
            name: value[0, 0]
            for name, value in zip(_FIELDS, initial.tracks[1:], strict=True)
            if value.numel()
        }
        memory = StagedMemory(
            self.config.memory,
            num_classes=len(self.classes),
            device=self.device,
            extras=births,
        )
        return RgnnVisState(memory, initial.empty)

    def read(self, frame: Frame) -> Tensor:
        """See `NetworkMethod.read`."""
        return prepare_frame(frame.image, self._model.detector.config, self.device)

    def look(self, frames: Sequence[Frame]) -> list[Detected]:
        """See `NetworkMethod.look`: what the detector finds."""
        selection, precision = self.config.detections, self.config.precision
        inputs = self.read_all(frames)
        return in_batches(inputs, lambda x: self._model.detect(x, selection, precision))

    def go_on(self, state: RgnnVisState, look: Detected, frame: Frame) -> list[FrameResult]:
        """See `NetworkMethod.go_on`; nothing waits for the device before the results."""
        return [self.follow(state, look, frame)]

    @torch.inference_mode()
    def follow(self, state: RgnnVisState, detected: Detected, frame: Frame) -> FrameResult:
        """Return the tracks of a frame, given what the detector found in it.

        Args:
            state: Its memory moves on.
            detected: Of this one frame, on the device.
            frame: Only its stamp, name and size are looked at.
        """
        size, memory = (frame.height, frame.width), state.memory
        if self._recorded is None or memory.is_restored:
            owners = self._look_and_track(state, detected, frame.stamp_ns, size)
        else:
            stamp = upload(np.array(frame.stamp_ns), self.device)
            memory.tensors, state.empty, owners = self._recorded(
                memory.tensors, state.empty, detected, stamp, size, self.config.min_score
            )
        tracks = brought_down(owners, memory).tracks()
        return FrameResult(frame.stamp_ns, frame.frame_id, *size, tracks)

    def _look_and_track(
        self,
        state: RgnnVisState,
        detected: Detected,
        stamp_ns: int | Tensor,
        size: tuple[int, int],
    ) -> Owners:
        """Return the owner of each pixel, see `track`."""
        look = self._model.tracker.look(detected.stride16, detected.stride32, detected.found)
        return self.track(state, Seen(detected.found, look), stamp_ns, size)

    def _moved(
        self,
        tensors: dict[str, Tensor],
        empty: Tracks,
        detected: Detected,
        stamp_ns: Tensor,
        size: tuple[int, int],
        min_score: float,
    ) -> tuple[dict[str, Tensor], Tracks, Owners]:
        """Return memory, empty track and owners of pixels after a frame, as a function of tensors.

        Args:
            tensors: Of the memory before the frame.
            empty: The empty track.
            detected: Of the frame.
            stamp_ns: int64 tensor (), stamp of the frame.
            size: Rows and columns of the source image.
            min_score: The option as it is now: what is recorded looks at it once.
        """
        assert min_score == self.config.min_score
        state = RgnnVisState(self._scratch.memory, empty)
        state.memory.tensors = dict(tensors)
        owners = self._look_and_track(state, detected, stamp_ns, size)
        return state.memory.tensors, state.empty, owners._replace(runs=None)

    @torch.inference_mode()
    def track(
        self, state: RgnnVisState, seen: Seen, stamp_ns: int | Tensor, size: tuple[int, int]
    ) -> Owners:
        """Take what the detector saw in a frame into the memory.

        Args:
            state: Its memory moves on.
            seen: Detections and appearances of one frame.
            stamp_ns: Stamp of the frame [ns].
            size: Rows H and columns W of the source image.

        Returns:
            Owners of the pixels, by the slots of their tracks.
        """
        tracker, memory = self._model.tracker, state.memory
        before = RgnnState(self._tracks(state), state.empty)
        association = tracker.associate(before, seen.found, seen.look)
        choice = tracker.choose(association, seen.found)
        born = memory.claim(
            stamp_ns, seen.found.scores[0], choice.is_birth[0], choice.match[0] >= 0
        )
        is_new = (born >= 0)[None]
        assigned = torch.where(is_new, born[None], choice.match)
        after = tracker.update(
            before, seen.found, seen.look, association, assigned=assigned, is_new=is_new
        )
        scores = tracker.segment(after, seen.found, assigned)
        labels = label_image(scores[0], size, self.config.tracker.background_score)
        owners = owners_of(labels, self.config.memory.capacity)
        self._remember(state, after, stamp_ns, owners)
        return owners

    def _remember(
        self, state: RgnnVisState, after: RgnnState, stamp_ns: int | Tensor, owners: Owners
    ) -> None:
        memory = state.memory
        for name, value in zip(_FIELDS, after.tracks[1:], strict=True):
            if name in memory.tensors:
                memory.tensors[name] = value[0]
        state.empty = after.empty
        shares = after.tracks.logits[0].softmax(dim=-1)[:, 1:]  # (M, K - 1)
        score = shares.amax(dim=-1)
        is_shown = owners.is_visible & (score >= self.config.min_score)
        memory.observe(stamp_ns, Observations(owners.boxes, score, shares), is_shown)

    def _tracks(self, state: RgnnVisState) -> Tracks:
        """Return the network's part of the memory, (1, M, ...) each."""
        memory, parts = state.memory, [state.memory.occupied[None]]
        for name, like in zip(_FIELDS, state.empty[1:], strict=True):
            known = memory.tensors.get(name)
            if known is None:  # it holds no number
                parts.append(like.expand(-1, self.config.memory.capacity, -1))
            else:
                parts.append(known[None])
        return Tracks(*parts)

    def save(self, state: RgnnVisState) -> Snapshot:
        """See `Method.save`."""
        empty = {name: value for name, value in state.empty._asdict().items() if value.numel()}
        return Snapshot(joined({'memory': state.memory.tensors, 'empty': empty}), self.origin())

    def restore(self, snapshot: Snapshot) -> RgnnVisState:
        """See `Method.restore`."""
        self.check_origin(snapshot)
        state = self.init_state()
        parts = parts_of(snapshot, 'memory', 'empty')
        state.memory.restore(parts.pop('memory'))
        state.empty = _empty_of(parts.pop('empty'), state.empty)
        if parts:
            raise ValueError(f'tensors: unexpected {sorted(parts)}')
        return state


def _empty_of(parts: Mapping[str, Tensor], like: Tracks) -> Tracks:
    """Return the empty track that `save` wrote."""
    expected = {name: value for name, value in like._asdict().items() if value.numel()}
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in parts.items()}
    if shapes != {name: (tuple(value.shape), value.dtype) for name, value in expected.items()}:
        raise ValueError(f'empty track: expected {sorted(expected)}, got {shapes}')
    return like._replace(**{n: v.to(expected[n].device).clone() for n, v in parts.items()})
