# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera's stream through a method: sessions, time jumps, timings."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods.base import Method
from vis_ros.pipeline.gpu_memory import free_gpu_memory
from vis_ros.pipeline.result_check import ResultError, check_result
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.batch import BatchError, attempt

_Stepped = tuple[Any, list[FrameResult]] | Exception
_SPARE_IDS = 1_000_000  # more than a crashed process gave after it wrote its file


class Processed(NamedTuple):
    """A frame and its result, which a method with a lag returns some frames later."""

    frame: Frame
    result: FrameResult


class TrackingSession:
    """Runs a method over the frames of one camera, for ever.

    A frame whose stamp lies before that of the previous one starts a new session: the bag loops,
    or simulated time was set back. The memory is empty then and the session id is higher than
    every one before. Results that were still due are dropped and counted.

    Holds at most `method.lag` + 1 frames.

    Args:
        method: The method; it may serve several sessions.
        session_id: Id of the first session, 1 or more.

    Attributes:
        last_ns: Stamp of the latest frame in nanoseconds; None at the start of a session.
        resets: How often the memory was emptied.
        dropped_results: Results that were due when that happened.
        split_batches: How often frames of several cameras could not be taken together and were
            taken one by one.
    """

    def __init__(self, method: Method, *, session_id: int = 1) -> None:
        if session_id < 1:
            raise ValueError(f'session_id: expected 1 or more, got {session_id}')
        self.method = method
        self.session_id = session_id
        self.last_ns: int | None = None
        self.resets = 0
        self.dropped_results = 0
        self.split_batches = 0
        self._state: Any = method.init_state()
        self._pending: deque[Frame] = deque()
        self._highest_session = session_id
        self._highest_id = 0  # of all sessions

    def process(self, frame: Frame) -> list[Processed]:
        """Take a frame; return what is ready, in order of the frames.

        Raises:
            ResultError: The method returned something that is no valid result.
            Exception: Whatever the method raises. In both cases the session goes on with an empty
                memory, as a new session, since the state cannot be trusted.
        """
        self._begin(frame)
        return self._step(frame)

    def _begin(self, frame: Frame) -> None:
        if self.last_ns is not None and frame.stamp_ns < self.last_ns:
            self.reset()
        self.last_ns = frame.stamp_ns
        self._pending.append(frame)

    def _step(self, frame: Frame) -> list[Processed]:
        start = time.perf_counter()
        with self._new_session_on_error():
            stepped = self.method.step(self._state, frame)
            return self._take(stepped, (time.perf_counter() - start) * 1e3)

    def _finish(self, stepped: _Stepped, elapsed_ms: float) -> list[Processed]:
        with self._new_session_on_error():
            return self._take(stepped, elapsed_ms)

    def _take(self, stepped: _Stepped, elapsed_ms: float) -> list[Processed]:
        if isinstance(stepped, Exception):
            raise stepped
        self._state, results = stepped
        return self._pair(results, elapsed_ms)

    @contextmanager
    def _new_session_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.reset()
            free_gpu_memory(error)
            raise

    def flush(self) -> list[Processed]:
        """Return the results that are still due at the end of a stream.

        Raises:
            ResultError: The method returned something that is no valid result.
        """
        self._state, results = self.method.flush(self._state)
        return self._pair(results, 0.0)

    def _pair(self, results: list[FrameResult], elapsed_ms: float) -> list[Processed]:
        if len(results) > len(self._pending):
            raise ResultError(f'{len(results)} results, but {len(self._pending)} frames are due')
        ready = []
        for result in results:
            frame = self._pending.popleft()
            check_result(result, frame, len(self.method.classes))
            ids = [track.track_id for track in result.tracks]
            self._highest_id = max(self._highest_id, *ids) if ids else self._highest_id
            stages = {**result.stages_ms, 'method': elapsed_ms}
            named = dataclasses.replace(result, session_id=self.session_id, stages_ms=stages)
            ready.append(Processed(frame, named))
        return ready

    def reset(self) -> None:
        """Forget everything and start the next session."""
        self._drop_pending()
        self._state = self.method.init_state()
        self.last_ns = None
        self._highest_session += 1
        self.session_id = self._highest_session
        self.resets += 1

    def _drop_pending(self) -> None:
        self.dropped_results += len(self._pending)
        self._pending.clear()

    def save(self, path: Path, *, is_final: bool = False) -> None:
        """Write the memory to a file; see `save_snapshot` for the errors.

        Args:
            path: File to write.
            is_final: Whether no frame follows. After any other file ids may have been given that
                it does not know of, so `load` leaves a million of them out.
        """
        snapshot = self.method.save(self._state)
        meta = {
            **snapshot.meta,
            'session_id': self.session_id,
            'stamp_ns': self.last_ns,
            'highest_id': self._highest_id,
            'is_final': is_final,
        }
        save_snapshot(path, Snapshot(snapshot.tensors, meta))

    def load(self, path: Path) -> None:
        """Go on with the memory, the identities and the session id of a file.

        An id that this session, or the one that wrote the file, has given is never given again.

        Raises:
            OSError: The file cannot be read.
            ValueError: It does not fit this method. The session is unchanged then.
        """
        snapshot = load_snapshot(path)
        session_id = _number(path, snapshot.meta, 'session_id', 1)
        highest_id = _number(path, snapshot.meta, 'highest_id', 0)
        stamp_ns = snapshot.meta.get('stamp_ns')
        if stamp_ns is not None:
            stamp_ns = _number(path, snapshot.meta, 'stamp_ns', 0)
        spare = 0 if snapshot.meta.get('is_final') is True else _SPARE_IDS
        state = self.method.restore(snapshot)
        highest_id = max(self._highest_id, highest_id + spare)
        self.method.skip_ids(state, highest_id)
        self._drop_pending()
        self._state, self.last_ns, self._highest_id = state, stamp_ns, highest_id
        self.session_id = session_id
        self._highest_session = max(self._highest_session, session_id)

    def memory_use(self) -> dict[str, int]:
        """Return the sizes of the method's stores."""
        return {**self.method.memory_use(self._state), 'pending_frames': len(self._pending)}


def process_many(
    batch: Sequence[tuple[TrackingSession, Frame]],
) -> list[list[Processed] | Exception]:
    """Take one frame of each of several cameras.

    Args:
        batch: Different sessions of one method, each with its frame.

    Returns:
        What `TrackingSession.process` returns or raises for each. An exception of one camera is no
        matter of the others. The time of the stage `method` is that of the batch.
    """
    if len(batch) < 2:
        return [attempt(session.process, frame) for session, frame in batch]
    for session, frame in batch:
        session._begin(frame)
    start = time.perf_counter()
    try:
        stepped = batch[0][0].method.step_many(
            [session._state for session, _ in batch], [frame for _, frame in batch]
        )
        pairs = list(zip(batch, stepped, strict=True))
    except BatchError as error:
        if error.__cause__ is not None:
            free_gpu_memory(error.__cause__)
        for session, _ in batch:
            session.split_batches += 1
        return [attempt(session._step, frame) for session, frame in batch]
    except Exception as error:  # a method at fault: no state can be trusted
        pairs = [(item, error) for item in batch]
    elapsed_ms = (time.perf_counter() - start) * 1e3
    return [attempt(session._finish, done, elapsed_ms) for (session, _), done in pairs]


def _number(path: Path, meta: Mapping[str, Any], name: str, minimum: int) -> int:
    value = meta.get(name)
    if type(value) is not int or value < minimum:
        raise ValueError(f'{path}: {name}: expected {minimum} or more, got {value!r}')
    return value
