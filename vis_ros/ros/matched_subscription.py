# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A subscription whose quality of service follows the publishers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vis_ros.ros.host import Closeable, Host, Qos

_LOOK_PERIOD_S = 0.5  # how often the publishers are looked at


def receive_from_all(offered: list[Qos], depth: int) -> Qos:
    """Return the best quality that receives from every publisher.

    Best effort and volatile where there is none yet. A latched topic (a calibration that is sent
    once) is received although the subscription came late.
    """
    return Qos(
        reliable=bool(offered) and all(qos.reliable for qos in offered),
        transient_local=bool(offered) and all(qos.transient_local for qos in offered),
        depth=depth,
    )


class MatchedSubscription(Closeable):
    """Subscribes, looks at the publishers now and then, and subscribes anew when that is better.

    Messages may be lost when it does.

    Args:
        host: The node.
        type_name: Type of the messages.
        topic: Their topic.
        callback: Gets each message; must return at once.
        wanted: Returns the quality of service for what the publishers offer.
        on_incompatible: Gets the policy that a publisher does not offer.
        on_look: Gets the number of publishers each time they are looked at.

    Attributes:
        qos: The quality of service in force.
    """

    def __init__(
        self,
        host: Host,
        type_name: str,
        topic: str,
        callback: Callable[[Any], None],
        *,
        wanted: Callable[[list[Qos]], Qos],
        on_incompatible: Callable[[str], None] | None = None,
        on_look: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._host = host
        self._type = type_name
        self._topic = topic
        self._callback = callback
        self._wanted = wanted
        self._on_incompatible = on_incompatible
        self._on_look = on_look
        self.qos = wanted(host.publishers_on(topic))
        self._subscription = self._subscribe()
        self._timer = host.create_timer(_LOOK_PERIOD_S, self._look)

    def _subscribe(self) -> Closeable:
        return self._host.create_subscription(
            self._type, self._topic, self.qos, self._callback, self._on_incompatible
        )

    def _look(self) -> None:
        offered = self._host.publishers_on(self._topic)
        self._on_look(len(offered))
        wanted = self._wanted(offered)
        if offered and wanted != self.qos:
            self._subscription.close()
            self.qos = wanted
            self._subscription = self._subscribe()

    def close(self) -> None:
        """Stop receiving."""
        self._timer.close()
        self._subscription.close()
