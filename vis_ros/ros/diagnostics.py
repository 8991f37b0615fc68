# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`/diagnostics`: what an operator watches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from vis_ros.ros.host import Closeable, Qos
from vis_ros.ros.statistics import ERROR, OK, WARN, process_memory, status_message
from vis_ros.wire.stamps import make_header

if TYPE_CHECKING:
    from vis_ros.ros.camera_stream import CameraStream
    from vis_ros.ros.core import TrackerCore

_SILENCE_S = 2.0  # no image for this long is worth a warning


class Diagnostics(Closeable):
    """Publishes rates, times, latency, drops, errors and memory use, once in each period.

    One message holds one status for each camera.

    Args:
        core: The node core that is reported on.
    """

    def __init__(self, core: TrackerCore) -> None:
        self._core = core
        host = core.host
        self._publisher = host.create_publisher(
            'diagnostic_msgs/msg/DiagnosticArray', '/diagnostics', Qos(depth=10)
        )
        self._reports = [_Report(core, stream) for stream in core.streams]
        self._timer = host.create_timer(core.parameters.diagnostics_period_s, self.publish)

    def close(self) -> None:
        """Publish a last time, then stop."""
        self.publish()
        self._timer.close()
        self._publisher.close()

    def publish(self) -> None:
        """Publish now."""
        host = self._core.host
        self._publisher.publish(
            host.messages.make(
                'diagnostic_msgs/msg/DiagnosticArray',
                header=make_header(host.messages, max(host.now_ns(), 0)),
                status=[report.status() for report in self._reports],
            )
        )


class _Report:
    """What is said of one camera.

    Levels: ERROR with a fault in the period; WARN without images, with images that have no stamp,
    with tracks that should have 3D and have not, or with drops; OK otherwise.
    """

    def __init__(self, core: TrackerCore, stream: CameraStream) -> None:
        self._core = core
        self._stream = stream
        self._known_drops = 0

    def status(self) -> Any:
        """Return the `diagnostic_msgs/DiagnosticStatus` of the period that ends now."""
        core, stream = self._core, self._stream
        counted, seconds, silence_s = stream.statistics.period()
        drops = stream.dropped
        new_drops, self._known_drops = drops - self._known_drops, drops
        level, text = self._verdict(counted, new_drops, silence_s)
        name = f'{core.host.name}: tracker'
        return status_message(
            core.host.messages,
            name=f'{name} {stream.name}' if stream.name else name,
            hardware_id=stream.parameters.image_topic,
            level=level,
            text=text,
            values={
                'input_hz': counted['received'] / seconds,
                'output_hz': counted['published'] / seconds,
                **self._values(drops),
            },
        )

    def _values(self, drops: int) -> dict[str, Any]:
        statistics, session = self._stream.statistics, self._stream.session
        values: dict[str, Any] = {
            **{name: statistics.counts[name] for name in self._counters()},
            'dropped': drops,
            'last_error': self._last_error(),
        }
        for stage in statistics.stage_names():
            p50, p95, p99 = statistics.percentiles(stage) or (0.0, 0.0, 0.0)
            values |= {f'{stage}_ms_{n}': v for n, v in (('p50', p50), ('p95', p95), ('p99', p99))}
        if session is not None:
            values |= {'method': session.method.name, 'session_id': session.session_id}
            values['resets'] = session.resets
            values['dropped_results'] = session.dropped_results
            if self._stream.name:
                values['split_batches'] = session.split_batches
            values |= session.memory_use()
        return values | process_memory()

    def _counters(self) -> tuple[str, ...]:
        return _COUNTS + (_OF_DEPTH if self._stream.parameters.depth_topic else ())

    def _last_error(self) -> str:
        text = self._stream.statistics.last_error
        return text.splitlines()[0] if text else ''

    def _verdict(
        self, counted: Counter[str], drops: int, silence_s: float | None
    ) -> tuple[bytes, str]:
        stream = self._stream
        if errors := counted['errors']:
            return ERROR, f'{errors} errors: {self._last_error()}'
        if self._core.worker is None:
            return OK, 'inactive'
        if not stream.is_enabled:
            return OK, f'disabled by {stream.prefix}set_enabled'
        if silence_s is None or silence_s > _SILENCE_S:
            since = 'since the start' if silence_s is None else f'for {silence_s:.0f} s'
            return WARN, f'no image on {stream.parameters.image_topic} {since}'
        if counted['unstamped']:
            return WARN, 'images without a stamp: tracks do not age, latency is not known'
        if lacking := sum(counted[name] for name in _NOT_3D):
            return WARN, f'{lacking} frames without measured 3D: {stream.spatial.reason}'
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
# frames with an observed track = the sum of these
_NOT_3D = ('depth_missing', 'depth_refused', 'transform_missing')
_OF_DEPTH = ('depth_used', *_NOT_3D)
