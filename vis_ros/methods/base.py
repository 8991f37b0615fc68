# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a method is: the whole model, from an image to the tracks in it.

Not a detector with a tracker bolted on: a method may feed its memory back into the backbone, or
look at a clip. Networks hold no state; all that a stream leaves behind is in the state, one for
each camera. One file of this folder holds one method, and registers it by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from vis_ros.memory.snapshot import Snapshot
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.batch import attempt


class Method(ABC):
    """Video instance segmentation, one frame in, tracks out.

    Causality: a result depends on its frame, on earlier ones, and on at most `lag` later ones. So
    the results of a prefix of a video are a prefix of its results.

    Class attributes:
        Config: Frozen dataclass of options; `Config()` is the default configuration.
        summary: One line for the table of methods.
        inputs: What it needs, such as `RGB` or `RGB, fixed camera`.
        licence: Licence of what it builds on, and of its weights.
        source: Paper or report that it comes from.

    Attributes:
        name: The registered name.
        config: Its configuration.
        classes: Names of the classes, index = class id.
        lag: Frames by which results may be late; 0 for all but clip methods.
        takes_batches: Whether `step_many` does work for several cameras at once; else it is a
            loop, and a frame of another camera only makes a result late.
    """

    Config: ClassVar[type]
    summary: ClassVar[str]
    inputs: ClassVar[str] = 'RGB'
    licence: ClassVar[str]
    source: ClassVar[str]

    name: ClassVar[str]
    config: Any
    classes: tuple[str, ...]
    lag: int = 0
    takes_batches: bool = False

    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        """Build the networks.

        Args:
            config: Instance of `Config`.
            weights: Trained parameters, or None where none were given.
            device: Torch device that the networks run on, such as `cpu` or `cuda:0`.

        Raises:
            ValueError: Weights are needed and missing, or do not fit; the text says what to do.
        """
        self.config = config

    @classmethod
    def needs_weights(cls, config: Any) -> bool:
        """Return whether a method of this configuration cannot run without weights."""
        return True

    @abstractmethod
    def init_state(self) -> Any:
        """Return the state of a new stream: no tracks, ids start at 1."""

    def prepare(self, frame: Frame) -> Any:
        """Do the part of a step that needs the frame alone, while another one is at work.

        It may run on another thread than `step`, and be thrown away. Who has `step` use it puts it
        into the frame: `dataclasses.replace(frame, prepared=method.prepare(frame))`. Results are
        the same without.

        Returns:
            What `Frame.prepared` is for; None where there is nothing to do ahead.
        """
        return None

    @abstractmethod
    def step(self, state: Any, frame: Frame) -> tuple[Any, list[FrameResult]]:
        """Take one frame of a stream.

        Args:
            state: State of the stream; it is used up, go on with the returned one.
            frame: Its stamp is not before that of the previous frame.

        Returns:
            The new state, and the results that are ready: in order of their frames, each frame
            exactly once, none later than `frame`. Without lag it is the result of `frame`.
        """

    def step_many(
        self, states: Sequence[Any], frames: Sequence[Frame]
    ) -> list[tuple[Any, list[FrameResult]] | Exception]:
        """Take one frame of each of several streams, as `step` does for each of them.

        Results are those of `step`. Where a network sees a batch it sums in another order, so that
        scores differ by less than 1e-4, and single pixels (measured: 1 in 10,000, on masks of
        untrained noise) change their owner where two scores are as good as equal.

        Args:
            states: States of different streams; each is used up.
            frames: The next frame of each, of whatever sizes.

        Returns:
            For each stream what `step` returns, or the exception that its frame ended in.

        Raises:
            BatchError: The frames cannot be taken together. All states are as they were.
        """
        pairs = zip(states, frames, strict=True)
        return [attempt(self.step, state, frame) for state, frame in pairs]

    def flush(self, state: Any) -> tuple[Any, list[FrameResult]]:
        """Return the results that are still due when a stream ends."""
        return state, []

    @abstractmethod
    def save(self, state: Any) -> Snapshot:
        """Return the memory of a stream in a form that can be written to a file."""

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> Any:
        """Return a state that goes on where `save` was called, with the same identities.

        Raises:
            ValueError: The snapshot comes from another configuration or is damaged.
        """

    def skip_ids(self, state: Any, highest_id: int) -> None:
        """Give only ids above `highest_id` from now on; called after `restore`."""
        raise NotImplementedError(f'{type(self).__name__} can restore, but not skip ids')

    def memory_use(self, state: Any) -> dict[str, int]:
        """Return sizes of the stores, such as `{'tracks': 3, 'capacity': 64}`, for diagnostics."""
        return {}


M = TypeVar('M', bound=type[Method])
METHODS: dict[str, type[Method]] = {}


def register_method(name: str) -> Callable[[M], M]:
    """Make a method selectable by `name`.

    Raises:
        ValueError: The name is taken.
    """

    def register(cls: M) -> M:
        if name in METHODS:
            raise ValueError(f'method {name!r} is registered already, by {METHODS[name]}')
        cls.name = name
        METHODS[name] = cls
        return cls

    return register
