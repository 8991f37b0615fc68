# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What methods with networks of their own share: building, snapshots, tracks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from vis_ros.memory import TrackMemory
from vis_ros.memory.report import REPORTED, tracks_of
from vis_ros.memory.snapshot import Snapshot, parts_of
from vis_ros.methods.base import Method
from vis_ros.nn.acceleration import accelerate
from vis_ros.nn.cuda_graphs import RecordedCalls
from vis_ros.nn.inference import for_inference
from vis_ros.nn.rgnn.masks import Owners
from vis_ros.nn.weights import LoadedWeights, load_strictly, repeatable
from vis_ros.ops.ahead import Ahead
from vis_ros.ops.label_runs import LabelRuns
from vis_ros.ops.run_starts import download_runs
from vis_ros.ops.transfer import download
from vis_ros.structures import Frame, FrameResult, Track
from vis_ros.structures.batch import as_a_whole, attempt
from vis_ros.structures.options import differences, fixed_values, replace_config, values_of

C = TypeVar('C')
N = TypeVar('N', bound=nn.Module)


class NetworkMethod(Method, Generic[N]):
    """A method with a trained network, whose states keep their tracks in `state.memory`.

    Class attributes:
        class_tensor: Name of a tensor of the weights that has a row for each class.
        has_background: Whether one of its rows is the background.
        dense: Names of the parts of the network that `accelerate` is for; those that an option
            leaves out are not missed.
        recorded: Names of what else of the network runs as a CUDA graph where its dense parts do:
            methods whose sizes only depend on those of their arguments, and that wait for nothing.

    Attributes:
        device: Device that the network runs on.
        accelerator: What compiles its dense parts, see `accelerate`.
    """

    licence = 'Apache-2.0; weights: see docs/weights.md'
    class_tensor: ClassVar[str]
    has_background: ClassVar[bool] = False
    dense: ClassVar[tuple[str, ...]]
    recorded: ClassVar[tuple[str, ...]] = ()
    takes_batches = True
    device: torch.device
    accelerator: str
    _model: N

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        if weights is None:
            raise ValueError(f'weights: {self.name!r} needs some (see docs/weights.md)')
        super().__init__(_config_of_file(config, weights.meta), weights=weights, device=device)
        count = self.count_classes(weights.tensors)
        self.classes = _class_names(self.config.classes, weights.meta, count)
        self.device = torch.device(device)
        with repeatable():
            model = self.build()
        self.load(model, weights)
        self._model = for_inference(model, self.device)
        how = self.config.accelerate
        self.accelerator = accelerate(self._model, self.dense, how, self.device)
        if self.accelerator == 'graphs':
            for name in self.recorded:
                setattr(self._model, name, RecordedCalls(getattr(self._model, name)))

    def count_classes(self, tensors: Mapping[str, Tensor]) -> int:
        """Return the number of classes that weights are for; 1 where nothing tells."""
        rows = tensors.get(self.class_tensor)
        return 1 if rows is None else len(rows) - self.has_background

    @abstractmethod
    def build(self) -> N:
        """Return the network for the configuration and the classes, with random parameters.

        Raises:
            ValueError: Options do not go together.
        """

    def load(self, model: N, weights: LoadedWeights) -> None:
        """Put the weights into the network; see `load_strictly`."""
        load_strictly(model, weights)

    @abstractmethod
    def read(self, frame: Frame) -> Any:
        """Return the network's input of a frame: tensors on the device, in any nesting."""

    @torch.inference_mode()
    def prepare(self, frame: Frame) -> Ahead[Any]:
        """See `Method.prepare`."""
        return Ahead(lambda: self.read(frame), self.device)

    @abstractmethod
    def look(self, frames: Sequence[Frame]) -> list[Any]:
        """Return what the network makes of each frame by itself; it sees them together.

        What comes before in their streams does not count, so nothing is changed.
        """

    def read_all(self, frames: Sequence[Frame]) -> list[Any]:
        """Return what `read` returns for each frame, or returned ahead."""
        return [
            self.read(frame) if frame.prepared is None else frame.prepared.take()
            for frame in frames
        ]

    @abstractmethod
    def go_on(self, state: Any, look: Any, frame: Frame) -> list[FrameResult]:
        """Take a frame into a stream; return the results that are complete.

        Args:
            state: Of the stream; it moves on.
            look: At the frame, see `look`.
            frame: The frame.
        """

    @torch.inference_mode()
    def step(self, state: Any, frame: Frame) -> tuple[Any, list[FrameResult]]:
        """See `Method.step`."""
        (look,) = self.look([frame])
        return state, self.go_on(state, look, frame)

    @torch.inference_mode()
    def step_many(
        self, states: Sequence[Any], frames: Sequence[Frame]
    ) -> list[tuple[Any, list[FrameResult]] | Exception]:
        """See `Method.step_many`; the network sees the batch, each stream goes on alone."""
        if not frames:
            return []
        with as_a_whole(len(frames)):
            looks = self.look(frames)
        done = [
            attempt(self.go_on, state, look, frame)
            for state, look, frame in zip(states, looks, frames, strict=True)
        ]
        return [
            result if isinstance(result, Exception) else (state, result)
            for state, result in zip(states, done, strict=True)
        ]

    def origin(self) -> dict[str, Any]:
        """Return what a snapshot says about the method that it comes from."""
        config = fixed_values(self.config)
        return {'method': self.name, 'config': config, 'classes': list(self.classes)}

    def check_origin(self, snapshot: Snapshot) -> None:
        """Check that a snapshot comes from a method like this one.

        Raises:
            ValueError: It does not; the text says what differs.
        """
        for name, value in self.origin().items():
            other = snapshot.meta.get(name)
            if other == value:
                continue
            if isinstance(other, dict) and isinstance(value, dict):
                text = differences(other, value)
            else:
                text = f'was {other!r}, is {value!r}'
            raise ValueError(f'memory of another {name}: {text}')

    def skip_ids(self, state: Any, highest_id: int) -> None:
        """See `Method.skip_ids`."""
        state.memory.skip_ids(highest_id)

    def memory_use(self, state: Any) -> dict[str, int]:
        """See `Method.memory_use`."""
        return state.memory.sizes()


def known_parts_of(snapshot: Snapshot, *known: str) -> dict[str, dict[str, Tensor]]:
    """Return the parts of a snapshot, see `parts_of`; there are to be no others.

    Raises:
        ValueError: There is another one.
    """
    for name in snapshot.tensors:
        if name.partition('.')[0] not in known:
            raise ValueError(f'tensors: unexpected {name}')
    return parts_of(snapshot, *known)


class Brought(NamedTuple):
    """What comes down from the device at the end of a frame.

    Args:
        runs: Of the masks.
        reported: `REPORTED` of the memory.
    """

    runs: LabelRuns
    reported: dict[str, np.ndarray]

    def tracks(self, *, has_probabilities: bool = False) -> tuple[Track, ...]:
        """Return the tracks of the frame; see `tracks_of`."""
        return tracks_of(self.reported, self.runs.rle, has_probabilities=has_probabilities)


def brought_down(owners: Owners, memory: TrackMemory) -> Brought:
    """Bring down the tracks of the latest frame with their masks, in one copy.

    Args:
        owners: Of the pixels: the slots of the tracks.
        memory: The memory after its update.
    """
    reported = {name: memory[name] for name in REPORTED}
    if owners.runs is not None:
        return Brought(owners.runs, download(reported))
    return Brought(*download_runs(owners.labels, len(owners.boxes), reported))


def _config_of_file(config: C, meta: Mapping[str, Any]) -> C:
    """Return the configuration with the file's own values where an option has its default."""
    defaults, given = values_of(type(config)()), values_of(config)
    own = dict(meta.get('config') or {})
    return replace_config(
        config, {name: own[name] for name in own if given.get(name) == defaults.get(name)}
    )


def _class_names(chosen: tuple[str, ...], meta: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return the names of the classes: those chosen, those of the file, or numbers.

    Args:
        chosen: By the user; may be empty.
        meta: What the weights file says about itself.
        count: Classes that the weights have.
    """
    if chosen:
        return chosen
    if named := meta.get('classes'):
        return tuple(map(str, named))
    return ('object',) if count <= 1 else tuple(f'class {k + 1}' for k in range(count))
