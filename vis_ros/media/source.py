# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all recorded footage has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType

from vis_ros.structures.frame import Frame

DEFAULT_FPS = 10.0
_MAX_PROBLEMS = 100


class SourceError(ValueError):
    """Footage that cannot be opened. The text names the file and what is wrong with it."""


class Source(ABC):
    """Recorded frames, in the order in which they were recorded.

    Iterating starts from the beginning each time. Damage never raises while iterating: what is
    whole is delivered, and each thing that is not leaves a line in `problems`.

    Attributes:
        fps: Nominal frames per second.
        count: Frames in the recording, as far as it says so; None where it does not.
        topic: Topic of a bag, empty for other kinds.
        size: Width and height of the first readable frame [px].
        problems: What was wrong when opening, and during the latest iteration; the first 100.
    """

    fps: float = DEFAULT_FPS
    count: int | None = None
    topic: str = ''
    size: tuple[int, int]

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._opening_problems: list[str] = []
        self._problem_count = 0

    def __iter__(self) -> Iterator[Frame]:
        self.problems[:] = self._opening_problems
        self._problem_count = len(self.problems)
        return self._frames()

    @abstractmethod
    def _frames(self) -> Iterator[Frame]:
        """Yield all frames from the first one on."""

    def close(self) -> None:  # noqa: B027  # most kinds hold nothing between iterations
        """Free what the source holds; it cannot be iterated afterwards. Twice does nothing."""

    def __enter__(self) -> 'Source':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _note(self, problem: str) -> None:
        """Record damage met while iterating."""
        self._problem_count += 1
        if self._problem_count <= _MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.problems[_MAX_PROBLEMS:] = [f'... {self._problem_count - _MAX_PROBLEMS} more']

    def _note_opening(self, problem: str) -> None:
        """Record damage met while opening."""
        self._opening_problems.append(problem)
        self.problems.append(problem)
