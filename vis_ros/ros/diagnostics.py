# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`/diagnostics`: what an operator watches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from vis_ros.ros.host import Closeable, Qos
from vis_ros.ros.statistics import ERROR, OK, WARN, diagnostics_message, process_memory

if TYPE_CHECKING:
    from vis_ros.ros.core import TrackerCore

_SILENCE_S = 2.0  # no image for this long is worth a warning


class Diagnostics(Closeable):
    """Publishes rates, times, latency, drops, errors and memory use, once in each period.

    Levels: ERROR with a fault in the period; WARN without images, with images that have no stamp,
    or with drops; OK otherwise.

    Args:
        core: The node core that is reported on.
    """

    def __init__(self, core: TrackerCore) -> None:
        self._core = core
        host = core.host
        self._publisher = host.create_publisher(
            'diagnostic_msgs/msg/DiagnosticArray', '/diagnostics', Qos(depth=10)
        )
        self._timer = host.create_timer(core.parameters.diagnostics_period_s, self.publish)
        self._known_drops = 0

    def close(self) -> None:
        """Publish a last time, then stop."""
        self.publish()
        self._timer.close()
        self._publisher.close()

    def publish(self) -> None:
        """Publish now."""
        core = self._core
        counted, seconds, silence_s = core.statistics.period()
        drops = self._drops()
        new_drops, self._known_drops = drops - self._known_drops, drops
        level, text = self._verdict(counted, new_drops, silence_s)
        values: dict[str, Any] = {
            'input_hz': counted['received'] / seconds,
            'output_hz': counted['published'] / seconds,
            **{name: core.statistics.counts[name] for name in _COUNTS},
            'dropped': drops,
            'last_error': core.statistics.last_error.splitlines()[0]
            if core.statistics.last_error
            else '',
        }
        for stage in core.statistics.stage_names():
            p50, p95, p99 = core.statistics.percentiles(stage) or (0.0, 0.0, 0.0)
            values |= {f'{stage}_ms_{n}': v for n, v in (('p50', p50), ('p95', p95), ('p99', p99))}
        if core.session is not None:
            values |= {'method': core.session.method.name, 'session_id': core.session.session_id}
            values['resets'] = core.session.resets
            values['dropped_results'] = core.session.dropped_results
            values |= core.session.memory_use()
        self._publisher.publish(
            diagnostics_message(
                core.host.messages,
                stamp_ns=max(core.host.now_ns(), 0),
                name=f'{core.host.name}: tracker',
                hardware_id=core.parameters.image_topic,
                level=level,
                text=text,
                values=values | process_memory(),
            )
        )

    def _drops(self) -> int:
        worker = self._core.worker
        return self._core.statistics.counts['dropped'] + (worker.dropped if worker else 0)

    def _verdict(
        self, counted: Counter[str], drops: int, silence_s: float | None
    ) -> tuple[bytes, str]:
        core = self._core
        if errors := counted['errors']:
            return ERROR, f'{errors} errors: {core.statistics.last_error.splitlines()[0]}'
        if core.worker is None:
            return OK, 'inactive'
        if not core.is_enabled:
            return OK, 'disabled by ~/set_enabled'
        if silence_s is None or silence_s > _SILENCE_S:
            since = 'since the start' if silence_s is None else f'for {silence_s:.0f} s'
            return WARN, f'no image on {core.parameters.image_topic} {since}'
        if counted['unstamped']:
            return WARN, 'images without a stamp: tracks do not age, latency is not known'
        if drops:
            return WARN, f'{drops} frames dropped: the method is slower than the camera'
        return OK, 'tracking'


# received = ignored + dropped + out_of_order + failed + processed + those that wait or are at work
_COUNTS = (
    'received',
    'processed',
    'published',
    'ignored',
    'out_of_order',
    'failed',
    'unstamped',
    'errors',
)
