# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera's stream through a method: sessions, time jumps, timings."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods.base import Method
from vis_ros.structures import Frame, FrameResult


class Processed(NamedTuple):
    """A frame and its result, which a method with a lag returns some frames later."""

    frame: Frame
    result: FrameResult


class TrackingSession:
    """Runs a method over the frames of one camera, for ever.

    A frame whose stamp lies before that of the previous one starts a new session: the bag loops,
    or simulated time was set back. The memory is empty then and the session id is one higher.
    Results that were still due are dropped and counted.

    Holds at most `method.lag` + 1 frames.

    Args:
        method: The method; it may serve several sessions.
        session_id: Id of the first session, 1 or more.
    """

    def __init__(self, method: Method, *, session_id: int = 1) -> None:
        if session_id < 1:
            raise ValueError(f'session_id: expected 1 or more, got {session_id}')
        self.method = method
        self.session_id = session_id
        self.resets = 0
        self.dropped_results = 0
        self._state: Any = method.init_state()
        self._pending: deque[Frame] = deque()
        self._last_ns: int | None = None

    def process(self, frame: Frame) -> list[Processed]:
        """Take a frame; return what is ready, in order of the frames.

        Raises:
            Exception: Whatever the method raises. The session goes on with an empty memory then,
                as a new session, since the state was used up.
        """
        if self._last_ns is not None and frame.stamp_ns < self._last_ns:
            self.reset()
        self._last_ns = frame.stamp_ns
        self._pending.append(frame)
        start = time.perf_counter()
        try:
            self._state, results = self.method.step(self._state, frame)
        except BaseException:
            self.reset()
            raise
        elapsed_ms = (time.perf_counter() - start) * 1e3
        return self._pair(results, elapsed_ms)

    def flush(self) -> list[Processed]:
        """Return the results that are still due at the end of a stream."""
        self._state, results = self.method.flush(self._state)
        return self._pair(results, 0.0)

    def _pair(self, results: list[FrameResult], elapsed_ms: float) -> list[Processed]:
        ready = []
        for result in results:
            stages = {**result.stages_ms, 'method': elapsed_ms}
            ready.append(
                Processed(
                    self._pending.popleft(),
                    dataclasses.replace(result, session_id=self.session_id, stages_ms=stages),
                )
            )
        return ready

    def reset(self) -> None:
        """Forget everything and start the next session."""
        self.dropped_results += len(self._pending)
        self._pending.clear()
        self._state = self.method.init_state()
        self._last_ns = None
        self.session_id += 1
        self.resets += 1

    def save(self, path: Path) -> None:
        """Write the memory to a file; see `save_snapshot` for the errors."""
        snapshot = self.method.save(self._state)
        meta = {**snapshot.meta, 'session_id': self.session_id, 'stamp_ns': self._last_ns}
        save_snapshot(path, Snapshot(snapshot.tensors, meta))

    def load(self, path: Path) -> None:
        """Go on with the memory, the identities and the session id of a file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It does not fit this method. The session is unchanged then.
        """
        snapshot = load_snapshot(path)
        session_id = snapshot.meta.get('session_id')
        if not isinstance(session_id, int) or session_id < 1:
            raise ValueError(f'{path}: session_id: expected 1 or more, got {session_id!r}')
        state = self.method.restore(snapshot)
        self.dropped_results += len(self._pending)
        self._pending.clear()
        self._state, self._last_ns = state, snapshot.meta.get('stamp_ns')
        self.session_id = session_id

    def memory_use(self) -> dict[str, int]:
        """Return the sizes of the method's stores."""
        return {**self.method.memory_use(self._state), 'pending_frames': len(self._pending)}
