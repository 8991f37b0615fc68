# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node core needs of whatever carries it: rclpy, or a bare participant on Cyclone DDS.

Both hosts follow the same rules, so that the core and the commands never ask which one they have:
topic and service names are ROS names (relative, absolute, or private with `~/`) and are expanded
and remapped by the host; callbacks run one at a time on the thread that spins; publishing is
allowed from any thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from vis_ros.spatial.transform_buffer import TransformBuffer, TransformSource
from vis_ros.structures.options import Option

if TYPE_CHECKING:  # its module needs rosbags, which a robot with ROS 2 may not have
    from vis_ros.wire.messages import Messages

Severity = Literal['debug', 'info', 'warn', 'error', 'fatal']


@dataclass(frozen=True, slots=True)
class Qos:
    """Quality of service of an endpoint, the part of it that the tracker uses.

    Args:
        reliable: Reliable, or best effort.
        transient_local: Late subscribers get the last messages ("latched"), or volatile.
        depth: Messages kept in history, at least 1.
    """

    reliable: bool = True
    transient_local: bool = False
    depth: int = 10

    def __str__(self) -> str:
        reliability = 'reliable' if self.reliable else 'best_effort'
        durability = 'transient_local' if self.transient_local else 'volatile'
        return f'{reliability}/{durability}/keep_last({self.depth})'


class Lifecycle(Protocol):
    """The node core as its host drives it: a managed node of ROS 2.

    Each method does one transition on the thread that spins. It raises to refuse, and then leaves
    everything as it was before: ValueError or OSError with a text for the user, anything else for
    a fault of the program. The host logs it and the process lives on in the state before.
    """

    def configure(self) -> None:
        """Read the parameters, load what they name and open publishers and services."""

    def activate(self) -> None:
        """Start to process images."""

    def deactivate(self) -> None:
        """Stop to process images and keep everything loaded."""

    def cleanup(self) -> None:
        """Give back everything that `configure` took."""

    def shutdown(self) -> None:
        """End from whichever state; nothing is called afterwards, and a failure counts as done."""


class Closeable(ABC):
    """An entity that can be taken away: publisher, subscription, service, timer."""

    @abstractmethod
    def close(self) -> None:
        """Remove it; its callback runs no more. A second call does nothing."""


class Publisher(Closeable):
    """A writer on one topic."""

    @abstractmethod
    def publish(self, message: Any) -> None:
        """Send a message made by the host's `messages`."""

    @abstractmethod
    def subscriber_count(self) -> int:
        """Return how many subscriptions are matched now."""


class Host(ABC):
    """One ROS 2 node.

    `on_parameters` is called with the changes when somebody sets declared parameters; it returns
    an empty text to accept them all, or the reason to refuse them all.
    """

    messages: Messages
    on_parameters: Callable[[Mapping[str, Any]], str]

    @property
    @abstractmethod
    def name(self) -> str:
        """Fully qualified name of the node, such as `/robot1/vis_tracker`."""

    @abstractmethod
    def now_ns(self) -> int:
        """Return the node's clock in nanoseconds; simulated time with `use_sim_time`."""

    @abstractmethod
    def log(self, severity: Severity, text: str) -> None:
        """Write a line to the node's log."""

    @abstractmethod
    def declare(self, options: Sequence[Option], prefix: str = '') -> dict[str, Any]:
        """Declare parameters and return their values by option name, without the prefix.

        Values come from the command line and parameter files, else from the defaults.

        Raises:
            ValueError: A given value is not allowed; the text names the parameter, the value and
                the allowed range.
        """

    @abstractmethod
    def undeclare(self, prefix: str) -> None:
        """Forget all declared parameters whose name starts with `prefix`."""

    @abstractmethod
    def given(self) -> frozenset[str]:
        """Return the names of all parameters on the command line and in its files.

        Those that nobody declares are among them.
        """

    @abstractmethod
    def create_publisher(
        self,
        type_name: str,
        topic: str,
        qos: Qos,
        on_incompatible: Callable[[str], None] | None = None,
    ) -> Publisher:
        """Create a writer; `on_incompatible` gets the policy that a subscriber wanted in vain."""

    @abstractmethod
    def create_subscription(
        self,
        type_name: str,
        topic: str,
        qos: Qos,
        callback: Callable[[Any], None],
        on_incompatible: Callable[[str], None] | None = None,
    ) -> Closeable:
        """Create a reader; `on_incompatible` gets the policy that a publisher does not offer."""

    @abstractmethod
    def create_service(
        self, type_name: str, name: str, callback: Callable[[Any], Any]
    ) -> Closeable:
        """Create a service; `callback` takes the request and returns the response message."""

    @abstractmethod
    def create_timer(self, period_s: float, callback: Callable[[], None]) -> Closeable:
        """Call `callback` every `period_s` seconds of steady (never simulated) time."""

    @abstractmethod
    def publishers_on(self, topic: str) -> list[Qos]:
        """Return the quality of service that each publisher now on `topic` offers."""

    def make_transform_source(self) -> TransformSource:
        """Return an empty buffer of transforms: the project's own, or that of an installed tf2."""
        return TransformBuffer()

    @abstractmethod
    def attach(self, core: Lifecycle) -> None:
        """Let the node's lifecycle services drive `core`; called once, before `spin`."""

    @abstractmethod
    def autostart(self) -> bool:
        """Configure and activate the attached core without waiting for somebody to ask for it.

        Returns:
            Whether it is active now; the reason why not is in the log.
        """

    @abstractmethod
    def stop(self) -> None:
        """Make `spin` return soon. Safe from any thread and from signal handlers."""

    @abstractmethod
    def spin(self) -> None:
        """Run callbacks until `stop`, SIGINT or SIGTERM; returns normally in each case."""

    @abstractmethod
    def destroy(self) -> None:
        """Shut down the attached core, leave the graph and free everything.

        The host cannot be used afterwards; a second call does nothing. `spin` must have returned.
        """
