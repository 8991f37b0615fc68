# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`visstg`: one graph of instances and places for detection, segmentation and tracking.

Source: Wang et al., "End-to-end Video Instance Segmentation via Spatial-temporal Graph Neural
Networks", ICCV 2021. The networks are in `vis_ros.nn.visstg`. Beyond the paper, so that a stream
may run for ever: the memory of unseen instances has a capacity, and its time is counted in
seconds; the paper's 7 frames are 1.2 s at the 6 frames a second of its data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory import MemoryConfig, Observations, StagedMemory
from vis_ros.memory.snapshot import Snapshot, joined, parts_of
from vis_ros.memory.track_memory import FREE
from vis_ros.methods._learned import NetworkMethod, brought_down
from vis_ros.methods.base import register_method
from vis_ros.nn.acceleration import accelerate_option
from vis_ros.nn.batches import in_batches
from vis_ros.nn.condinst import place, prepare, video_config
from vis_ros.nn.condinst.config import NETWORKS
from vis_ros.nn.condinst.head import places
from vis_ros.nn.condinst.masks import CONTROLLERS
from vis_ros.nn.precision import PRECISIONS, running_in
from vis_ros.nn.rgnn.masks import Owners, owners_of
from vis_ros.nn.visstg import Scene, Visstg, VisstgOptions, VisstgSelection, VisstgTracking
from vis_ros.nn.visstg.association import resolve
from vis_ros.nn.visstg.instances import (
    Instances,
    Known,
    View,
    instances_of,
    merged_masks,
    pairs_of,
    unborn,
    view_of,
)
from vis_ros.nn.visstg.network import Levels
from vis_ros.nn.visstg.selection import Found, pixel_owners
from vis_ros.ops.rows import add, put, rows_to_do
from vis_ros.ops.transfer import upload
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.options import option

_PREFIX = 'visstg_'  # of what the track memory keeps of each instance
_SUMS, _FRAMES = 'visstg_class_sums', 'visstg_frames'


def _memory() -> MemoryConfig:
    return MemoryConfig(capacity=24, confirm_hits=1, tentative_timeout_s=1.2, lost_timeout_s=1.2)


@dataclass(frozen=True)
class VisstgConfig:
    """VisSTG.

    What a weights file says about itself counts wherever an option has its default.
    """

    network: str = option(
        'small',
        'Size of the network: resnet50 (as in the paper) and resnet101 for pictures up to '
        '640x360, small (a slim ResNet-18, up to 320x192) for CPUs. It must be that of the '
        'weights.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names.',
    )
    precision: str = option(
        'float32',
        'Precision of backbone and pyramid; graph and branches are always float32.',
        choices=PRECISIONS,
    )
    accelerate: str = accelerate_option()
    min_score: float = option(
        0.0,
        'Tracks below this score are not shown. The score is the mean probability of the best '
        'class over the frames in which the track was seen: the paper does not say.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    detections: VisstgSelection = field(default_factory=VisstgSelection)
    tracking: VisstgTracking = field(default_factory=VisstgTracking)
    model: VisstgOptions = field(default_factory=VisstgOptions)
    memory: MemoryConfig = field(default_factory=_memory)


@dataclass
class VisstgState:
    """All that a stream leaves behind; bounded by the capacity of the track memory.

    Args:
        memory: Tracks, and what is kept of their instances.
        scene: The last frame; None before the first.
        size: Rows and columns of the input of the last frame.
        has_tracks: Whether a slot of the memory is taken; the host knows without asking a GPU.
    """

    memory: StagedMemory
    scene: Scene | None
    size: tuple[int, int]
    has_tracks: bool


@register_method('visstg')
class VisstgMethod(NetworkMethod[Visstg]):
    """CenterNet and CondInst on features that a graph has mixed with those of known instances."""

    Config = VisstgConfig
    summary = 'VisSTG: a graph of instances and places detects, segments and tracks'
    source = 'Wang et al. 2021'
    config: VisstgConfig
    class_tensor = 'plain.heat.bias'
    dense = ('backbone', 'pyramid', 'plain', 'temporal')

    def build(self) -> Visstg:
        """See `NetworkMethod.build`."""
        return Visstg(video_config(self.config.network, len(self.classes)), self.config.model)

    def init_state(self) -> VisstgState:
        """See `Method.init_state`."""
        kept = unborn(self._model)._asdict()
        births = {_PREFIX + name: value for name, value in kept.items() if value.numel()}
        births |= {_SUMS: torch.zeros(len(self.classes)), _FRAMES: torch.zeros(())}
        memory = StagedMemory(
            self.config.memory,
            num_classes=len(self.classes),
            device=self.device,
            extras=births,
        )
        return VisstgState(memory, None, (0, 0), False)

    def read(self, frame: Frame) -> Tensor:
        """See `NetworkMethod.read`."""
        return prepare(frame.image, self._model.config, self.device)

    def look(self, frames: Sequence[Frame]) -> list[Levels]:
        """See `NetworkMethod.look`: the pyramid."""
        return in_batches(self.read_all(frames), self._levels)

    def _levels(self, images: Tensor) -> Levels:
        with running_in(self.device, self.config.precision):
            levels = self._model.look(images)
        return tuple(level.float() for level in levels)

    def go_on(self, state: VisstgState, look: Levels, frame: Frame) -> list[FrameResult]:
        """See `NetworkMethod.go_on`."""
        memory = state.memory
        placement = place(frame.height, frame.width, self._model.config)
        known = self._known(state)
        scene = state.scene if state.size == placement.padded else None
        view = view_of(self._model, look, known, scene, placement, self.config.detections)
        match = self._match(view, known, memory)
        slot = self._claim(memory, frame.stamp_ns, view.found, known, match)
        merge = self.config.tracking.mask_merge
        masks = merged_masks(self._model, view, known, match, merge)
        pixels = pixel_owners(masks, slot, placement)
        self._remember(memory, view, slot)
        owners = owners_of(pixels, self.config.memory.capacity)
        self._observe(memory, frame.stamp_ns, owners)
        state.scene, state.size = view.output.scene(), placement.padded
        down = brought_down(owners, memory)
        state.has_tracks = bool((down.reported['state'] != FREE).any())
        tracks = down.tracks(has_probabilities=True)
        return [FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, tracks)]

    def _known(self, state: VisstgState) -> Known:
        """Return the tracks before a frame, without any padding where there are none."""
        memory, kept = state.memory, {}
        slot = rows_to_do(memory.occupied)
        slot = slot if state.has_tracks else slot[:0]
        for name, birth in unborn(self._model)._asdict().items():
            if birth.numel():
                kept[name] = memory[_PREFIX + name][slot]
            else:
                kept[name] = torch.empty(len(slot), 0, device=self.device)
        is_real = memory.occupied[slot]
        return Known(slot, is_real, is_real & (memory['misses'][slot] > 0), Instances(**kept))

    def _match(self, view: View, known: Known, memory: StagedMemory) -> np.ndarray:
        """Return the detection of each known track, int64 (M,), or -1."""
        if not len(known.slot):
            return np.empty(0, np.int64)
        pairs = pairs_of(self._model, view, known, self.config.tracking)
        own = memory[_SUMS][known.slot].argmax(dim=1)
        is_same_class = own[:, None] == view.found.classes.argmax(dim=1)
        is_pair = known.is_real[:, None] & view.found.is_real
        return resolve(pairs, is_same_class & is_pair)

    def _claim(
        self, memory: StagedMemory, stamp_ns: int, found: Found, known: Known, match: np.ndarray
    ) -> Tensor:
        """Return the slot of each detection, int64 (N,), or -1; new tracks get theirs."""
        slots = torch.arange(self.config.memory.capacity, device=self.device)
        detection = upload(match, self.device)
        slot = put(torch.full_like(found.place, -1), detection, known.slot)
        is_held = put(torch.zeros_like(memory.occupied), known.slot, detection >= 0)
        is_birth = found.is_real & (slot < 0)
        is_birth &= found.score >= self.config.tracking.birth_score
        born = memory.claim(stamp_ns, found.score, is_birth, is_held)
        return put(slot, born, slots)

    def _remember(self, memory: StagedMemory, view: View, slot: Tensor) -> None:
        """Keep what was seen of each track."""
        for name, value in instances_of(self._model, view)._asdict().items():
            if _PREFIX + name in memory.tensors:
                memory.tensors[_PREFIX + name] = put(memory[_PREFIX + name], slot, value)
        found = view.found
        memory.tensors[_SUMS] = add(memory[_SUMS], slot, found.classes)
        memory.tensors[_FRAMES] = add(memory[_FRAMES], slot, torch.ones_like(found.score))

    def _observe(self, memory: StagedMemory, stamp_ns: int, owners: Owners) -> None:
        """Take what is to be seen of each track into the memory."""
        shares = memory[_SUMS] / memory[_FRAMES].clamp(min=1)[:, None]
        score = shares.amax(dim=1)
        is_shown = owners.is_visible & (score >= self.config.min_score)
        memory.observe(stamp_ns, Observations(owners.boxes, score, shares), is_shown)

    def save(self, state: VisstgState) -> Snapshot:
        """See `Method.save`."""
        scene = {}
        if state.scene is not None:
            scene = {**state.scene._asdict(), 'size': torch.tensor(state.size)}
        return Snapshot(joined({'memory': state.memory.tensors, 'scene': scene}), self.origin())

    def restore(self, snapshot: Snapshot) -> VisstgState:
        """See `Method.restore`."""
        self.check_origin(snapshot)
        state = self.init_state()
        parts = parts_of(snapshot, 'memory', 'scene')
        state.memory.restore(parts.pop('memory'))
        scene = parts.pop('scene')
        if parts:
            raise ValueError(f'tensors: unexpected {sorted(parts)}')
        if scene:
            state.scene, state.size = self._scene_of(scene)
        state.has_tracks = bool(state.memory.occupied.any())
        return state

    def _scene_of(self, tensors: Mapping[str, Tensor]) -> tuple[Scene, tuple[int, int]]:
        """Return the last frame that `save` wrote."""
        got = {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()}
        if got.get('size') != ((2,), torch.int64):
            raise ValueError(f'scene: expected its size, two int64, got {got}')
        rows, columns = tensors['size'].tolist()
        count = len(places(rows, columns, torch.device('cpu')).xy)
        expected = {
            'size': ((2,), torch.int64),
            'features': ((1, count, self._model.config.channels), torch.float32),
            'controllers': ((1, count, CONTROLLERS), torch.float32),
        }
        if got != expected:
            raise ValueError(f'scene: expected {expected}, got {got}')
        parts = (tensors[name].to(self.device).clone() for name in Scene._fields)
        return Scene(*parts), (rows, columns)
