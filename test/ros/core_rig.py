# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node core on a host in memory, with a method whose strings the test pulls."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fake_host import FakeHost
from patience import PATIENCE_S

from vis_ros.memory.snapshot import Snapshot
from vis_ros.methods import METHODS, Method
from vis_ros.ros.core import TrackerCore
from vis_ros.structures import Frame, FrameResult, Rle, Track, TrackState
from vis_ros.structures.options import option
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import encode_image, make_header

MESSAGES = bare_messages()
IMAGES = '/image'
NOW_NS = 1_763_600_000_000_000_000
PERIOD_NS = 33_333_333


@dataclass(frozen=True)
class PuppetConfig:
    """Options of the puppet."""

    gain: float = option(0.5, 'May change.', minimum=0.0, maximum=1.0, mutable=True)
    depth: int = option(3, 'May not.', minimum=1, maximum=9)


def track(number: int, frame: Frame, **changes: Any) -> Track:
    """Return a valid track of one pixel, with changes."""
    valid = Track(
        track_id=number,
        slot=number % 7,
        state=TrackState.ACTIVE,
        class_id=0,
        score=0.5,
        box=(0.0, 0.0, 1.0, 1.0),
        mask=Rle(0, 0, 1, 1, np.array([0, 1], np.uint32)),
        first_seen_ns=frame.stamp_ns,
        last_seen_ns=frame.stamp_ns,
        hits=1,
        misses=0,
    )
    return valid._replace(**changes)


def new_puppet() -> type[Method]:
    """Return a method class of its own for each test.

    Its class attributes: `act` makes the tracks of a frame, may wait or raise; `frames` are the
    frames that came; `built` the options of each instance.
    """

    class Puppet(Method):
        Config = PuppetConfig
        summary = licence = source = 'test'
        name = 'puppet'
        classes = ('plain', 'blue')
        frames: list[Frame] = []
        built: list[PuppetConfig] = []
        act: Callable[[Frame], tuple[Track, ...]] = staticmethod(lambda frame: (track(1, frame),))

        def __init__(self, config, *, weights, device):
            super().__init__(config, weights=weights, device=device)
            Puppet.built.append(config)

        @classmethod
        def needs_weights(cls, config):
            return False

        def init_state(self):
            return []

        def step(self, state, frame):
            Puppet.frames.append(frame)
            tracks = Puppet.act(frame)
            if tracks is not None:
                state = [*state, _result(frame, tracks)]
            ready = state[: max(len(state) - self.lag, 0)]
            return state[len(ready) :], ready

        def save(self, state):
            return Snapshot({'due': torch.tensor(len(state))}, {})

        def restore(self, snapshot):
            return []

        def skip_ids(self, state, highest_id):
            pass

    return Puppet


def _result(frame: Frame, tracks: tuple[Track, ...]) -> FrameResult:
    return FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, tracks)


class Gate:
    """Holds the method inside a frame until the test lets it go."""

    def __init__(self, puppet: Any) -> None:
        self._entered = threading.Semaphore(0)
        self._exit = threading.Semaphore(0)
        puppet.act = staticmethod(self._act)

    def _act(self, frame: Frame) -> tuple[Track, ...]:
        self._entered.release()
        assert self._exit.acquire(timeout=PATIENCE_S)
        return (track(1, frame),)

    def wait_entered(self) -> None:
        assert self._entered.acquire(timeout=PATIENCE_S)

    def let_go(self, count: int = 1) -> None:
        self._exit.release(count)


class Blockage:
    """A middleware that takes a message of tracks and does not return until it is let go."""

    def __init__(self, rig: Rig) -> None:
        publisher = rig.host.find('publisher', '/tracker/tracks')
        self._publish, publisher.publish = publisher.publish, self._block
        self._entered = threading.Semaphore(0)
        self._exit = threading.Semaphore(0)

    def _block(self, message: Any) -> None:
        self._publish(message)
        self._entered.release()
        assert self._exit.acquire(timeout=PATIENCE_S)

    def wait_entered(self) -> None:
        assert self._entered.acquire(timeout=PATIENCE_S)

    def let_go(self, count: int = 1) -> None:
        self._exit.release(count)


def image(pixels: np.ndarray | None = None, *, stamp_ns: int = NOW_NS, frame_id='camera') -> Any:
    """Return an image message."""
    pixels = np.zeros((8, 12, 3), np.uint8) if pixels is None else pixels
    return encode_image(MESSAGES, pixels, make_header(MESSAGES, stamp_ns, frame_id))


def changed(message: Any, **changes: Any) -> Any:
    """Return a copy of a message with other values, unchecked; `header__stamp` goes inside."""
    found = copy.copy(message)
    for path, value in changes.items():
        name, _, rest = path.partition('__')
        inner = changed(getattr(found, name), **{rest: value}) if rest else value
        object.__setattr__(found, name, inner)
    return found


class Rig:
    """A node core; warm-up is off unless the parameters say otherwise."""

    def __init__(self, **parameters: Any) -> None:
        small = {'warm_up_width': 0, 'warm_up_height': 0, 'method': 'puppet'}
        self.host = FakeHost(**{**small, **parameters})
        self.host.clock_ns = NOW_NS
        self.core = TrackerCore(self.host)
        self.host.attach(self.core)

    def start(self) -> Rig:
        assert self.host.autostart(), self.host.logs
        return self

    def change(self, label: str) -> bool:
        return self.host.machine.change(label)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.host.send(IMAGES, message)

    def settle(self) -> None:
        """Wait until all that was sent is done with."""
        assert self.core.worker.wait_idle(PATIENCE_S)

    def wait_processed(self, count: int) -> None:
        """Wait until so many frames are published since the start."""
        changed = self.core.worker._changed
        with changed:
            assert changed.wait_for(lambda: self.counts['processed'] >= count, PATIENCE_S)

    def step(self, message: Any) -> None:
        """Send one image and wait until it is done with."""
        self.send(message)
        self.settle()

    @property
    def session(self) -> Any:
        """The session of the first camera; None while unconfigured."""
        return self.core.streams[0].session

    @property
    def counts(self) -> dict[str, int]:
        return self.core.streams[0].statistics.counts

    @property
    def tracks(self) -> list[Any]:
        """Everything published on ~/tracks since the start, whatever was closed meanwhile."""
        name = '/tracker/tracks'
        return [m for e in self.host.entities if e.name == name for m in e.sent]

    def status(self) -> tuple[int, str, dict[str, str]]:
        """Return level, text and values of the diagnostics now."""
        self.host.tick()
        status = self.host.sent('/diagnostics')[-1].status[0]
        return status.level, status.message, {item.key: item.value for item in status.values}

    def texts(self, severity: str) -> list[str]:
        return [text for kind, text in self.host.logs if kind == severity]

    def assert_balanced(self) -> None:
        """Every frame that came ended in exactly one counter."""
        self.assert_balanced_with(at_work=0)

    def assert_balanced_with(self, *, at_work: int) -> None:
        """The same, while so many frames are at work."""
        worker, count = self.core.worker, self.counts
        ends = ('ignored', 'dropped', 'out_of_order', 'failed', 'processed')
        open_ones = worker.dropped + worker.waiting if worker else 0
        assert count['received'] == sum(count[name] for name in ends) + open_ones + at_work

    def assert_still_tracks(self, stamp_ns: int) -> None:
        """A good frame gives a normal result, whatever came before."""
        known = len(self.tracks)
        self.step(image(stamp_ns=stamp_ns))
        assert len(self.tracks) == known + 1
        stamp = self.tracks[-1].header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == stamp_ns
        assert len(self.tracks[-1].tracks) == 1
        self.assert_balanced()


def install(monkeypatch: Any) -> Any:
    """Register a new puppet for one test and return it."""
    puppet = new_puppet()
    monkeypatch.setitem(METHODS, 'puppet', puppet)
    return puppet
