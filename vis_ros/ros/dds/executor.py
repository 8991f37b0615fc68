# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loop that runs a node's callbacks, one at a time."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cyclonedds.core import Entity, GuardCondition, WaitSet
from cyclonedds.domain import DomainParticipant

from vis_ros.ros.host import Closeable

_SLICE_NS = 100_000_000  # Python runs its signal handlers only after the wait returns


class Timer(Closeable):
    """A callback with a period of steady time; periods that were missed are left out."""

    def __init__(
        self, period_s: float, callback: Callable[[], None], on_close: Callable[['Timer'], None]
    ) -> None:
        if not period_s > 0:
            raise ValueError(f'timer period: expected more than 0 s, got {period_s!r}')
        self._period_ns = max(1, round(period_s * 1e9))
        self._on_close = on_close
        self.callback = callback
        self.due_ns = time.monotonic_ns() + self._period_ns
        self.is_closed = False

    def advance(self, now_ns: int) -> None:
        """Move the due time behind `now_ns`, by whole periods."""
        self.due_ns += ((now_ns - self.due_ns) // self._period_ns + 1) * self._period_ns

    def close(self) -> None:
        """See `Closeable.close`."""
        if not self.is_closed:
            self.is_closed = True
            self._on_close(self)


class Executor:
    """Waits for DDS and for timers and runs callbacks on the thread that calls `spin`.

    Args:
        participant: Where the wait set lives.
        on_error: Called inside an `except` block when a callback raises; must log it.
    """

    def __init__(self, participant: DomainParticipant, on_error: Callable[[str], None]) -> None:
        self._on_error = on_error
        self._wait_set = WaitSet(participant)
        self._wake: GuardCondition | None = GuardCondition(participant)
        self._wait_set.attach(self._wake)
        # The tuples are replaced, never changed, so that they are read without the lock.
        self._sources: tuple[tuple[Entity, Callable[[], None]], ...] = ()
        self._timers: tuple[Timer, ...] = ()
        self._lock = threading.Lock()
        self._must_stop = False

    def add(self, entity: Entity, run: Callable[[], None]) -> Callable[[], None]:
        """Call `run` from now on whenever `entity` triggers; the returned function ends that."""
        source = (entity, run)
        with self._lock:
            self._sources += (source,)
            self._wait_set.attach(entity)
        self._nudge()

        def remove() -> None:
            with self._lock:
                self._sources = tuple(item for item in self._sources if item is not source)
                self._wait_set.detach(entity)

        return remove

    def create_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """See `Host.create_timer`.

        Raises:
            ValueError: The period is not above 0.
        """
        timer = Timer(period_s, callback, self._forget)
        with self._lock:
            self._timers += (timer,)
        self._nudge()
        return timer

    def call(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Return `callback(*arguments)`, or None after logging the exception that it raised."""
        try:
            return callback(*arguments)
        except Exception:  # a fault of one message must not end the node
            self._on_error(f'exception in {getattr(callback, "__qualname__", callback)!s}')
            return None

    def stop(self) -> None:
        """Make `spin` return soon; when it does not run, its next call returns at once."""
        self._must_stop = True
        self._nudge()

    def spin(self) -> None:
        """Run callbacks until `stop`, SIGINT or SIGTERM.

        Raises:
            RuntimeError: The executor is closed.
        """
        wake = self._wake
        if wake is None:
            raise RuntimeError('this host is destroyed and cannot spin')
        with self._signals():
            while not self._must_stop:
                self._wait_set.wait(self._patience_ns())
                wake.set(False)
                self._run_timers()
                for _, run in self._sources:
                    if self._must_stop:
                        break
                    self.call(run)
        self._must_stop = False

    def close(self) -> None:
        """Free the wait set; the executor cannot be used afterwards."""
        with self._lock:
            for entity, _ in self._sources:
                self._wait_set.detach(entity)
            self._sources = self._timers = ()
            wake, self._wake = self._wake, None
            if wake is not None:
                self._wait_set.detach(wake)
            del self._wait_set

    def _nudge(self) -> None:
        """Make the loop look again; does nothing once the executor is closed."""
        wake = self._wake
        if wake is not None:
            wake.set(True)

    def _forget(self, timer: Timer) -> None:
        with self._lock:
            self._timers = tuple(item for item in self._timers if item is not timer)

    def _patience_ns(self) -> int:
        now_ns = time.monotonic_ns()
        wait_ns = min((timer.due_ns - now_ns for timer in self._timers), default=_SLICE_NS)
        return max(0, min(wait_ns, _SLICE_NS))

    def _run_timers(self) -> None:
        for timer in self._timers:
            now_ns = time.monotonic_ns()
            if timer.due_ns <= now_ns and not timer.is_closed and not self._must_stop:
                timer.advance(now_ns)
                self.call(timer.callback)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, where Python lets this thread handle signals."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()
