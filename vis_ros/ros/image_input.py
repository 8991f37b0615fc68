# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The image subscription: quality of service that follows the publishers, and its complaints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vis_ros.ros.host import Closeable, Host, Qos
from vis_ros.ros.matched_subscription import MatchedSubscription
from vis_ros.ros.parameters import NodeParameters
from vis_ros.wire.encodings import COMPRESSED_TYPE, IMAGE_TYPE


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
        self._parameters = parameters
        self._complain = complain
        is_raw = parameters.image_transport == 'raw'
        self.topic = parameters.image_topic + ('' if is_raw else '/compressed')
        self._publishers = -1
        self._subscription = MatchedSubscription(
            host,
            IMAGE_TYPE if is_raw else COMPRESSED_TYPE,
            self.topic,
            callback,
            wanted=self._wanted,
            on_incompatible=self._on_incompatible,
            on_look=self._look,
        )

    @property
    def qos(self) -> Qos:
        """The quality of service in force."""
        return self._subscription.qos

    def _wanted(self, offered: list[Qos]) -> Qos:
        p = self._parameters
        is_every = p.queue == 'every'
        depth = max(p.qos_depth, p.queue_depth) if is_every else p.qos_depth
        if p.qos_reliability != 'match':
            return Qos(reliable=p.qos_reliability == 'reliable', depth=depth)
        is_reliable = all(q.reliable for q in offered) if offered else is_every
        return Qos(reliable=is_reliable, depth=depth)

    def _on_incompatible(self, policy: str) -> None:
        self._complain(
            f'{self.topic}: a publisher does not offer the {policy} that is asked for here '
            f'({self.qos}); no image of it arrives. Set qos_reliability to match.'
        )

    def _look(self, count: int) -> None:
        if count > 1 and count != self._publishers:
            self._complain(
                f'{self.topic}: {count} publishers; their images are taken as one stream, and '
                'each stamp that runs backwards starts a new session'
            )
        self._publishers = count

    def close(self) -> None:
        """Stop receiving."""
        self._subscription.close()
