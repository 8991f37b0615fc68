# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The image subscription: quality of service that follows the publishers, and its complaints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vis_ros.ros.host import Closeable, Host, Qos
from vis_ros.ros.parameters import NodeParameters
from vis_ros.wire.encodings import COMPRESSED_TYPE, IMAGE_TYPE

_LOOK_PERIOD_S = 0.5  # how often the publishers are looked at


class ImageInput(Closeable):
    """Subscribes to the camera.

    With `qos_reliability: match` the subscription is reliable as soon as all publishers are, and
    best effort before: that receives from every publisher. It is made anew when that changes, and
    images may be lost then. With `queue: every` it begins as reliable, and holds as many images as
    the queue, so that a publisher that is reliable and waits loses none.

    Args:
        host: The node.
        parameters: Topic, transport and quality of service.
        callback: Gets each image message; must return at once.
        complain: Gets a text when the publishers' quality of service does not fit, or when several
            nodes publish on the topic.
    """

    def __init__(
        self,
        host: Host,
        parameters: NodeParameters,
        callback: Callable[[Any], None],
        complain: Callable[[str], None],
    ) -> None:
        self._host = host
        self._parameters = parameters
        self._callback = callback
        self._complain = complain
        is_raw = parameters.image_transport == 'raw'
        self._type = IMAGE_TYPE if is_raw else COMPRESSED_TYPE
        self.topic = parameters.image_topic + ('' if is_raw else '/compressed')
        self._publishers = -1
        self.qos = self._wanted()
        self._subscription = self._subscribe()
        self._timer = host.create_timer(_LOOK_PERIOD_S, self._look)

    def _wanted(self) -> Qos:
        p = self._parameters
        is_every = p.queue == 'every'
        depth = max(p.qos_depth, p.queue_depth) if is_every else p.qos_depth
        if p.qos_reliability != 'match':
            return Qos(reliable=p.qos_reliability == 'reliable', depth=depth)
        offered = self._host.publishers_on(self.topic)
        is_reliable = all(q.reliable for q in offered) if offered else is_every
        return Qos(reliable=is_reliable, depth=depth)

    def _subscribe(self) -> Closeable:
        return self._host.create_subscription(
            self._type, self.topic, self.qos, self._callback, self._on_incompatible
        )

    def _on_incompatible(self, policy: str) -> None:
        self._complain(
            f'{self.topic}: a publisher does not offer the {policy} that is asked for here '
            f'({self.qos}); no image of it arrives. Set qos_reliability to match.'
        )

    def _look(self) -> None:
        count = len(self._host.publishers_on(self.topic))
        if count > 1 and count != self._publishers:
            self._complain(
                f'{self.topic}: {count} publishers; their images are taken as one stream, and '
                'each stamp that runs backwards starts a new session'
            )
        self._publishers = count
        wanted = self._wanted()
        if count and wanted != self.qos:
            self._subscription.close()
            self.qos = wanted
            self._subscription = self._subscribe()

    def close(self) -> None:
        """Stop receiving."""
        self._timer.close()
        self._subscription.close()
