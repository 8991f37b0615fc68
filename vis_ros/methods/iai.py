# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`iai`: a network that says which known track each detection is, or that it is new.

Source: Zhu et al., "Instance As Identity: A Generic Online Paradigm for Video Instance
Segmentation", ECCV 2022. The networks are in `vis_ros.nn.iai` and `vis_ros.nn.condinst`; with
`model.detector=maskrcnn` torchvision's Mask R-CNN finds the instances. Beyond the paper, so that a
stream may run for ever: tracks are forgotten by age and by need of place; their identity channel
is used again, after its traces were taken out of the network's memory; and that memory has a
limit. The paper gives each of its N - 1 identities once: `when_full=discard`,
`memory.lost_timeout_s` and `memory.tentative_timeout_s` of 3600 s do so.
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
from vis_ros.nn.condinst import place, prepare
from vis_ros.nn.condinst.config import NETWORKS
from vis_ros.nn.cuda_graphs import RecordedCalls
from vis_ros.nn.iai import Iai, IaiMemory, IaiOptions, IaiSelection, Perception, memory_of
from vis_ros.nn.iai.assignment import NEWCOMER, match, match_by_rank
from vis_ros.nn.iai.detection import Detected, detect
from vis_ros.nn.iai.model import count_classes
from vis_ros.nn.iai.selection import Found, labelled, pixel_owners
from vis_ros.nn.picture import Placement
from vis_ros.nn.precision import PRECISIONS
from vis_ros.nn.rgnn.masks import Owners, owners_of
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.rows import add, put
from vis_ros.ops.transfer import download, upload
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.options import option

_DENSE = {
    'condinst': ('image.backbone', 'image.pyramid', 'image.head', 'image.masks', 'identities'),
    'maskrcnn': ('image.backbone', 'image.fpn', 'image.rpn.head'),
}
_SUMS, _FRAMES = 'iai_class_sums', 'iai_frames'  # tensors per slot in the track memory


def _memory() -> MemoryConfig:
    return MemoryConfig(capacity=19, confirm_hits=1, tentative_timeout_s=1.0, lost_timeout_s=10.0)


@dataclass(frozen=True)
class IaiConfig:
    """IAI.

    What a weights file says about itself counts wherever an option has its default.
    """

    network: str = option(
        'small',
        'Size of the image model: resnet50 and resnet101 for pictures up to 640x360 as in the '
        'paper, small (a slim ResNet-18, up to 320x192) for CPUs. It must be that of the weights.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names.',
    )
    precision: str = option(
        'float32',
        'Precision of the image model; memory and association are always float32.',
        choices=PRECISIONS,
    )
    accelerate: str = accelerate_option()
    min_score: float = option(
        0.0,
        'Tracks below this score are not shown. The code keeps results above 0.05 in its videos.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    score: str = option(
        'life',
        'Class probabilities of a track, a running mean over frames; those in which it is not '
        'seen count as 0. life: since it was first seen; video: since the stream began, as the '
        'code does for its short videos; seen: only those in which it is seen.',
        choices=('life', 'video', 'seen'),
    )
    when_full: str = option(
        'evict',
        'What happens to a new track when all places are taken. evict: it replaces the track that '
        'was unseen for longest, if one is unseen; discard: it is dropped, as in the paper.',
        choices=('evict', 'discard'),
    )
    detections: IaiSelection = field(default_factory=IaiSelection)
    model: IaiOptions = field(default_factory=IaiOptions)
    memory: MemoryConfig = field(default_factory=_memory)


@dataclass
class IaiState:
    """All that a stream leaves behind.

    Bounded by the capacity of the track memory, whose slots are the identity channels, and by
    that of the network's memory, see `vis_ros.nn.iai.memory`.

    Args:
        memory: Tracks.
        network: None before the first frame, and without association.
        frames: Frames so far.
    """

    memory: StagedMemory
    network: IaiMemory | None
    frames: int = 0


@register_method('iai')
class IaiMethod(NetworkMethod[Iai]):
    """A detector whose coarsest features tell what earlier frames say about identities."""

    Config = IaiConfig
    summary = 'IAI: CondInst or Mask R-CNN, an identity head, and attention to earlier frames'
    source = 'Zhu et al. 2022'
    config: IaiConfig
    recorded = ('associate', 'remember')

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        super().__init__(config, weights=weights, device=device)
        if self.accelerator == 'graphs' and self.config.model.detector == 'condinst':
            self._detect = RecordedCalls(self._detect)  # type: ignore[method-assign]

    @property
    def dense(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `NetworkMethod`; how many regions a Mask R-CNN describes depends on what it sees."""
        return _DENSE[self.config.model.detector]

    def count_classes(self, tensors: Mapping[str, Tensor]) -> int:
        """See `NetworkMethod.count_classes`; each detector has a name of its own for them."""
        return count_classes(tensors)

    def build(self) -> Iai:
        """See `NetworkMethod.build`."""
        most, capacity = self.config.model.ids - 1, self.config.memory.capacity
        if capacity > most:
            raise ValueError(
                f'memory.capacity: expected {most} at most, one less than ids, got {capacity}'
            )
        return Iai(self.config.network, len(self.classes), self.config.model)

    def init_state(self) -> IaiState:
        """See `Method.init_state`."""
        births = {_SUMS: torch.zeros(len(self.classes)), _FRAMES: torch.zeros(())}
        memory = StagedMemory(
            self.config.memory,
            num_classes=len(self.classes),
            device=self.device,
            extras=births,
        )
        return IaiState(memory, None)

    def read(self, frame: Frame) -> Tensor:
        """See `NetworkMethod.read`."""
        return prepare(frame.image, self._model.image.config, self.device)

    def look(self, frames: Sequence[Frame]) -> list[Any]:
        """See `NetworkMethod.look`: the taps of the backbone."""
        precision = self.config.precision
        return in_batches(self.read_all(frames), lambda x: self._model.look(x, precision))

    def go_on(self, state: IaiState, look: Any, frame: Frame) -> list[FrameResult]:
        """See `NetworkMethod.go_on`.

        The host waits for what decides about identities, and for the results; where a new track
        may begin, for its place too. A Mask R-CNN waits for its proposals.
        """
        placement = place(frame.height, frame.width, self._model.image.config)
        precision = self.config.precision
        seen = self._model.understand(look, state.network, precision, placement.picture)
        return [self._follow(state, seen, frame, placement)]

    def _follow(
        self, state: IaiState, seen: Perception, frame: Frame, placement: Placement
    ) -> FrameResult:
        """Take what the network sees in a frame into the state; return the tracks."""
        options = self.config.detections
        said = seen._replace(encoded=None)  # the rest is of no use there
        found, masks, owned = self._detect(said, placement, options, is_first=state.frames == 0)
        slot, born = self._assign(state, frame.stamp_ns, found, owned.is_kept)
        if seen.encoded is not None:
            ids = self.config.model.ids
            identity = torch.where(slot >= 0, slot, ids)
            self._remember(state, seen, labelled(owned.owner, identity, ids), born)
        owners = owners_of(pixel_owners(masks, slot, placement), self.config.memory.capacity)
        self._observe(state, frame.stamp_ns, owners, found.classes, slot)
        tracks = brought_down(owners, state.memory).tracks(has_probabilities=True)
        return FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, tracks)

    def _detect(
        self, seen: Perception, placement: Placement, options: IaiSelection, *, is_first: bool
    ) -> Detected:
        return detect(self._model, seen, placement, options, is_first=is_first)

    def _assign(
        self, state: IaiState, stamp_ns: int, found: Found, is_kept: Tensor
    ) -> tuple[Tensor, list[int]]:
        """Return the slot (N,) of each detection, -1 for none, and the slots of new tracks."""
        memory, options = state.memory, self.config.model
        capacity = self.config.memory.capacity
        host = download(
            {
                'is_kept': is_kept & found.is_real,
                'best': found.classes.amax(dim=1),
                'ids': found.ids,
                'occupied': memory.occupied,
            }
        )
        in_use = np.zeros(options.ids - 1, np.bool_)
        in_use[:capacity] = host['occupied']
        kept = np.flatnonzero(host['is_kept'])
        best, shares = host['best'][kept], host['ids'][kept]
        if options.identification:
            has_unused = self.config.detections.unused_ids == 'new'
            matched = match(shares, in_use, has_unused=has_unused)
        else:
            matched = match_by_rank(len(kept), in_use)
        is_birth = (matched == NEWCOMER) & (best >= self.config.detections.min_birth_score)
        if self.config.when_full == 'discard':
            is_birth &= np.cumsum(is_birth) <= capacity - in_use.sum()
        is_held = np.zeros(capacity, np.bool_)
        is_held[matched[matched != NEWCOMER]] = True
        begins = np.zeros(len(is_kept), np.bool_)
        begins[kept] = is_birth
        slots = np.full(len(is_kept), NEWCOMER)  # -1: without a slot
        slots[kept] = matched
        starts = memory.claim(
            stamp_ns, found.score, upload(begins, self.device), upload(is_held, self.device)
        )
        places = torch.arange(capacity, device=self.device)
        slot = put(upload(slots, self.device), starts, places)
        born = np.flatnonzero(starts.cpu().numpy() >= 0) if is_birth.any() else ()
        return slot, [int(each) for each in born]

    def _remember(
        self, state: IaiState, seen: Perception, labels: Tensor, born: list[int]
    ) -> None:
        """Take a frame into the network's memory, after the former owners of slots left it."""
        assert seen.encoded is not None
        network = state.network
        for slot in born:
            if network is not None:
                network = self._model.forget(network, slot)
        is_alive = torch.zeros(1, self.config.model.ids, dtype=torch.bool, device=self.device)
        is_alive[0, : self.config.memory.capacity] = state.memory.occupied
        state.network = self._model.remember(
            network,
            seen.encoded,
            labels[None],
            is_birth=torch.full((1,), bool(born), device=self.device),
            is_alive=is_alive,
        )

    def _observe(
        self, state: IaiState, stamp_ns: int, owners: Owners, classes: Tensor, slot: Tensor
    ) -> None:
        """Take what is to be seen of each track into the memory."""
        memory = state.memory
        state.frames += 1
        sums = add(memory[_SUMS], slot, classes)
        seen_now = add(torch.zeros_like(memory[_FRAMES]), slot, torch.ones_like(classes[:, 0]))
        lived = seen_now if self.config.score == 'seen' else memory.occupied.float()
        memory.tensors[_SUMS] = sums
        memory.tensors[_FRAMES] = memory[_FRAMES] + lived
        if self.config.score == 'video':
            shares = sums / state.frames
        else:
            shares = sums / memory[_FRAMES][:, None].clamp(min=1)
        score = shares.amax(dim=1)
        is_shown = owners.is_visible & (score >= self.config.min_score)
        memory.observe(stamp_ns, Observations(owners.boxes, score, shares), is_shown)

    def save(self, state: IaiState) -> Snapshot:
        """See `Method.save`."""
        network = {} if state.network is None else state.network._asdict()
        tensors = joined({'memory': state.memory.tensors, 'network': network})
        return Snapshot({**tensors, 'frames': torch.tensor(state.frames)}, self.origin())

    def restore(self, snapshot: Snapshot) -> IaiState:
        """See `Method.restore`."""
        self.check_origin(snapshot)
        state = self.init_state()
        parts = parts_of(snapshot, 'memory', 'network', 'frames')
        state.memory.restore(parts.pop('memory'))
        network, frames = parts.pop('network'), parts.pop('frames').get('')
        if parts or frames is None or (frames.shape, frames.dtype) != ((), torch.int64):
            raise ValueError(f'tensors: expected frames, an int64; unexpected {sorted(parts)}')
        if bool(network) != (bool(frames > 0) and self.config.model.association):
            raise ValueError(f'tensors: after {int(frames)} frames, got {sorted(network)}')
        if network:
            options, channels = self.config.model, self._model.channels
            memory = memory_of(network, channels=channels, options=options)
            state.network = IaiMemory(*(value.to(self.device) for value in memory))
        state.frames = int(frames)
        return state

    def memory_use(self, state: IaiState) -> dict[str, int]:
        """See `Method.memory_use`."""
        stored = 0 if state.network is None else int(state.network.is_filled.sum())
        limit = self.config.model.stored_frames
        return super().memory_use(state) | {'stored_frames': stored, 'stored_frames_limit': limit}
