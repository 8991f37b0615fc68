# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a detector is: an image in, instances with masks out.

Detectors serve the methods that detect first and associate then (`iou`, `deepsort`). Networks hold
no state; a detector that needs some, such as a background model, keeps it in an object of its own,
one for each camera.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from vis_ros.memory.snapshot import Snapshot
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures import Detections, Frame
from vis_ros.structures.batch import attempt


class Detector(ABC):
    """Finds instances in single frames.

    Class attributes:
        Config: Frozen dataclass of options.
        summary: One line for the table of methods.
        licence: Licence of what the detector builds on.
        needs_weights: Whether it cannot run without a weights file.
        takes_batches: Whether `detect_many` runs its network once for several frames.

    Attributes:
        classes: Names of the classes, index = class id.
        feature_size: Length D of the appearance features, above 0.
    """

    Config: ClassVar[type]
    summary: ClassVar[str]
    licence: ClassVar[str]
    needs_weights: ClassVar[bool] = False
    takes_batches: ClassVar[bool] = False

    classes: tuple[str, ...]
    feature_size: int

    @abstractmethod
    def __init__(self, config: Any, *, weights: LoadedWeights | None, device: str) -> None:
        """Build the detector; arguments and errors as `vis_ros.methods.base.Method`."""

    @abstractmethod
    def init_state(self) -> Any:
        """Return the state of a new stream."""

    @abstractmethod
    def detect(self, state: Any, frame: Frame) -> tuple[Any, Detections]:
        """Return the state after the frame and the instances of the frame.

        Boxes are the tight boxes of the masks. The state that was passed in is used up.
        """

    def detect_many(
        self, states: Sequence[Any], frames: Sequence[Frame]
    ) -> list[tuple[Any, Detections] | Exception]:
        """Take one frame of each of several streams, as `detect` does for each of them.

        Args:
            states: States of different streams; each is used up.
            frames: The next frame of each, of whatever sizes.

        Returns:
            For each stream what `detect` returns, or the exception that its frame ended in.

        Raises:
            BatchError: The frames cannot be taken together. All states are as they were.
        """
        pairs = zip(states, frames, strict=True)
        return [attempt(self.detect, state, frame) for state, frame in pairs]

    def save(self, state: Any) -> Snapshot:
        """Return what `restore` needs; nothing for detectors without a state."""
        return Snapshot({}, {})

    def restore(self, snapshot: Snapshot) -> Any:
        """Return a state that goes on where `save` was called.

        Raises:
            ValueError: The snapshot does not fit.
        """
        return self.init_state()


D = TypeVar('D', bound=type[Detector])
DETECTORS: dict[str, type[Detector]] = {}


def register_detector(name: str) -> Callable[[D], D]:
    """Make a detector selectable by `name`.

    Raises:
        ValueError: The name is taken.
    """

    def register(cls: D) -> D:
        if name in DETECTORS:
            raise ValueError(f'detector {name!r} is registered already, by {DETECTORS[name]}')
        DETECTORS[name] = cls
        return cls

    return register
