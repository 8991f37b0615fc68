# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A tracker with its camera and a planner, which share nothing but topics, on any transport."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core_rig import IMAGES, NOW_NS, PERIOD_NS, image
from hosts_rig import wait_until

from vis_ros.ros.core import TrackerCore
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, stamp_to_ns

TRACKS = '/tracker/tracks'
OK, WARN, ERROR = range(3)
_DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'


def stamp_of(message: Any) -> int:
    """Return the stamp of a message in nanoseconds."""
    return stamp_to_ns(message.header.stamp)


class Robot:
    """A node core, its camera, and a planner.

    `results` and `statuses` are what the planner heard: messages of tracks, and (level, text,
    values) of diagnostics.

    Args:
        transport: What carries all of them: `DdsTransport` or `RclpyTransport`.
        parameters: Of the node; the method is the puppet unless told otherwise.
    """

    pixels: Any = None  # of its images unless told otherwise; None for a small black one
    topics = {IMAGES: (IMAGE_TYPE, False)}  # what it publishes: type, whether latched

    def __init__(self, transport: Any, **parameters: Any) -> None:
        small = {'warm_up_width': 0, 'warm_up_height': 0, 'diagnostics_period_s': 0.1}
        given = {'method': 'puppet', **small, **parameters}
        words = [word for item in given.items() for word in ('-p', '{}:={}'.format(*item))]
        self.transport = transport
        self.results: list[Any] = []
        self.statuses: list[tuple[int, str, dict[str, str]]] = []
        self._index = itertools.count()
        transport.subscribe(TRACKS_TYPE, TRACKS, self.results.append)
        transport.subscribe(_DIAGNOSTICS, '/diagnostics', self._hear)
        self._publishers = {
            topic: transport.publisher(type_name, topic, is_latched=is_latched)
            for topic, (type_name, is_latched) in self.topics.items()
        }
        self.prepare()
        self.host = transport.make_host(*words, before=self._start)
        self.wait_connected()

    def prepare(self) -> None:
        """Send what is there before the node is."""

    def _start(self, host: Any) -> None:
        # The node subscribes as the publishers offer that it knows of, and anew when that changes
        wait_until(lambda: all(len(host.publishers_on(topic)) == 1 for topic in self.topics))
        self.core = TrackerCore(host)
        host.attach(self.core)
        assert host.autostart()

    def _hear(self, message: Any) -> None:
        status = message.status[0]
        level = ord(status.level) if isinstance(status.level, bytes) else int(status.level)
        values = {item.key: item.value for item in status.values}
        self.statuses.append((level, status.message, values))

    def wait_connected(self) -> None:
        """Wait until images have results; nothing is on its way afterwards."""
        self.results.clear()
        wait_until(lambda: all(p.subscriber_count() == 1 for p in self._publishers.values()))
        wait_until(lambda: self.send() and self.is_connected())
        self.show()
        self.results.clear()

    def is_connected(self) -> bool:
        """Return whether results are as they should be."""
        return len(self.results) > 1

    @property
    def stream(self) -> Any:
        """The camera's stream in the node core."""
        return self.core.streams[0]

    @property
    def counts(self) -> dict[str, int]:
        """Counters of the node core."""
        return self.stream.statistics.counts

    @property
    def newest_ns(self) -> int:
        """Stamp of the latest result."""
        return stamp_of(self.results[-1]) if self.results else -1

    def publish(self, topic: str, message: Any) -> None:
        """Publish a bare message on one of the topics."""
        self._publishers[topic].publish(message)

    def next_stamp(self) -> int:
        """Return the stamp of the next image."""
        return NOW_NS + next(self._index) * PERIOD_NS

    def send(self, pixels: Any = None, *, stamp_ns: int | None = None) -> int:
        """Send the next image; return its stamp."""
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        self.publish(IMAGES, image(self.pixels if pixels is None else pixels, stamp_ns=stamp_ns))
        return stamp_ns

    def show(self, pixels: Any = None, *, stamp_ns: int | None = None) -> Any:
        """Send an image, wait for its result and return it."""
        sent_ns = self.send(pixels, stamp_ns=stamp_ns)
        wait_until(lambda: self.newest_ns == sent_ns)
        return self.results[-1]

    @contextmanager
    def reporting(self, level: int, words: str) -> Iterator[None]:
        """Hold that a status of that level says so, during what happens inside or soon after."""
        self.statuses.clear()
        yield
        wait_until(lambda: self.has_reported(level, words))

    def has_reported(self, level: int, words: str) -> bool:
        """Return whether one of `statuses` has that level and says so."""
        return any(one == level and words in text for one, text, _ in list(self.statuses))

    def wait_until_well(self) -> None:
        """Send images until a status says that nothing is wrong."""
        self.statuses.clear()
        wait_until(lambda: self.show() and self.has_reported(OK, 'tracking'))

    def wait_balanced(self) -> None:
        """Wait until every image that came was counted as one thing."""
        ends = ('ignored', 'out_of_order', 'failed', 'processed')
        wait_until(
            lambda: (
                self.counts['received']
                == sum(self.counts[name] for name in ends) + self.stream.dropped
            )
        )
