# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscriptions of the bare host."""

import threading
import time
from collections.abc import Callable
from typing import Any

from cyclonedds.core import DDSException, DDSStatus
from cyclonedds.sub import DataReader

from vis_ros.ros.dds.executor import Executor
from vis_ros.ros.dds.graph import Graph
from vis_ros.ros.dds.participant import (
    FOREVER_NS,
    CdrWriter,
    Participant,
    matched_handles,
    take_all,
)
from vis_ros.ros.dds.qos import policy_name
from vis_ros.ros.host import Closeable, Publisher, Qos, Severity

_QUIET_S = 5.0


class Throttle:
    """Counts events and says which of them to tell: the first, then one in five seconds."""

    def __init__(self) -> None:
        self.count = 0
        self._silent_until = 0.0

    def tick(self) -> bool:
        """Count an event; return whether to tell it."""
        self.count += 1
        now = time.monotonic()
        if now < self._silent_until:
            return False
        self._silent_until = now + _QUIET_S
        return True


class Link:
    """What an endpoint needs of its node: participant, graph, executor and log."""

    def __init__(
        self,
        participant: Participant,
        graph: Graph,
        executor: Executor,
        log: Callable[[Severity, str], None],
    ) -> None:
        self.participant = participant
        self.graph = graph
        self.executor = executor
        self.log = log
        self._open: list[Closeable] = []  # in order of creation
        self._lock = threading.Lock()

    def opened(self, endpoint: Closeable) -> None:
        """Remember an endpoint until it closes."""
        with self._lock:
            self._open.append(endpoint)

    def closed(self, endpoint: Closeable) -> None:
        """Forget an endpoint that has closed."""
        with self._lock:
            self._open = [item for item in self._open if item is not endpoint]

    def close_all(self) -> None:
        """Close what is still open, the youngest first."""
        with self._lock:
            endpoints = self._open[::-1]
        for endpoint in endpoints:
            endpoint.close()


class DdsPublisher(Publisher):
    """A writer on one topic. `publish` after `close` does nothing, so that threads may race it.

    Attributes:
        dropped: Messages given up because reliable readers did not keep up.
    """

    def __init__(
        self,
        link: Link,
        type_name: str,
        topic: str,
        qos: Qos,
        on_incompatible: Callable[[str], None],
        *,
        lifespan_ns: int = FOREVER_NS,
    ) -> None:
        self._link = link
        self._topic = topic
        self._messages = link.participant.messages
        self._on_incompatible = on_incompatible
        self._too_slow = Throttle()
        self._lock = threading.Lock()
        writer = link.participant.create_writer(
            type_name, f'rt{topic}', qos, lifespan_ns=lifespan_ns
        )
        writer.set_status_mask(DDSStatus.OfferedIncompatibleQos)
        self._writer: CdrWriter | None = writer
        self._undo: tuple[Callable[[], None], ...] = (
            link.executor.add(writer, self._report),
            link.graph.add_writer(writer),
        )
        link.opened(self)

    @property
    def dropped(self) -> int:
        """Number of messages given up so far."""
        return self._too_slow.count

    def publish(self, message: Any) -> None:
        """See `Publisher.publish`.

        Raises:
            DDSException: Cyclone DDS refuses the message.
        """
        self.publish_cdr(self._messages.serialize(message))

    def publish_cdr(self, cdr: bytes | memoryview) -> None:
        """Send ready CDR bytes with their encapsulation header.

        Raises:
            DDSException: Cyclone DDS refuses the bytes.
        """
        writer = self._writer
        if writer is None:
            return
        try:
            writer.write_cdr(cdr)
        except DDSException as error:
            if error.code != DDSException.DDS_RETCODE_TIMEOUT:
                raise
            if self._too_slow.tick():
                self._link.log(
                    'warn', f'{self._topic}: a reliable subscription is too slow, message dropped'
                )

    def subscriber_count(self) -> int:
        """See `Publisher.subscriber_count`."""
        writer = self._writer
        return 0 if writer is None else len(matched_handles(writer.get_matched_subscriptions))

    def close(self) -> None:
        """See `Closeable.close`."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._link.closed(self)
            for undo in self._undo:
                undo()
            self._undo = ()

    def _report(self) -> None:
        writer = self._writer
        if writer is None:
            return
        status = writer.get_offered_incompatible_qos_status()  # type: ignore[no-untyped-call]
        if status.total_count_change > 0:
            self._on_incompatible(policy_name(status.last_policy_id))


class DdsSubscription(Closeable):
    """A reader on one topic.

    Attributes:
        malformed: Messages whose bytes could not be decoded.
    """

    def __init__(
        self,
        link: Link,
        type_name: str,
        topic: str,
        qos: Qos,
        callback: Callable[[Any], None],
        on_incompatible: Callable[[str], None],
    ) -> None:
        self._link = link
        self._type_name = type_name
        self._topic = topic
        self._depth = qos.depth
        self._messages = link.participant.messages
        self._callback = callback
        self._on_incompatible = on_incompatible
        self._broken = Throttle()
        self._lock = threading.Lock()
        reader = link.participant.create_reader(type_name, f'rt{topic}', qos)
        reader.set_status_mask(DDSStatus.DataAvailable | DDSStatus.RequestedIncompatibleQos)
        self._reader: DataReader[Any] | None = reader
        self._undo: tuple[Callable[[], None], ...] = (
            link.executor.add(reader, self._deliver),
            link.graph.add_reader(reader),
        )
        link.opened(self)

    @property
    def malformed(self) -> int:
        """Number of messages that could not be decoded so far."""
        return self._broken.count

    def close(self) -> None:
        """See `Closeable.close`."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            self._link.closed(self)
            for undo in self._undo:
                undo()
            self._undo = ()

    def _deliver(self) -> None:
        """Deliver all messages that are there, and report incompatible publishers."""
        reader = self._reader
        if reader is None:
            return
        status = reader.get_requested_incompatible_qos_status()  # type: ignore[no-untyped-call]
        if status.total_count_change > 0:
            self._link.executor.call(self._on_incompatible, policy_name(status.last_policy_id))
        for cdr, _ in take_all(reader, self._depth):
            if self._reader is None:  # closed by the callback
                return
            try:
                message = self._messages.deserialize(memoryview(cdr), self._type_name)
            except ValueError as error:
                if self._broken.tick():
                    self._link.log('warn', f'{self._topic}: message dropped: {error}')
                continue
            self._link.executor.call(self._callback, message)
