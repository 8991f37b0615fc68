# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counters and times of a camera, and the diagnostics status made of them."""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from vis_ros.wire.messages import Messages

OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'  # levels of diagnostic_msgs/DiagnosticStatus
_KEPT = 1000  # latest samples that percentiles are taken of


class Statistics:
    """What happened since the start, safe to use from every thread.

    Keeps the latest 1000 times of each stage and two counters of the previous period.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.last_error = ''
        self._stages: dict[str, deque[float]] = {}
        self._period_counts: Counter[str] = Counter()
        self._period_start_s = time.monotonic()
        self._last_image_s: float | None = None

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self.counts[name] += by
            if name == 'received':
                self._last_image_s = time.monotonic()

    def error(self, text: str) -> int:
        """Count an error and remember it; return how many there were."""
        with self._lock:
            self.counts['errors'] += 1
            self.last_error = text
            return self.counts['errors']

    def times(self, stages_ms: Mapping[str, float]) -> None:
        """Take in the times of one frame in milliseconds."""
        with self._lock:
            for name, value in stages_ms.items():
                self._stages.setdefault(name, deque(maxlen=_KEPT)).append(value)

    def percentiles(self, name: str) -> tuple[float, float, float] | None:
        """Return p50, p95 and p99 of a stage in milliseconds; None before its first time."""
        with self._lock:
            values = list(self._stages.get(name, ()))
        if not values:
            return None
        p50, p95, p99 = np.percentile(values, (50, 95, 99))
        return float(p50), float(p95), float(p99)

    def period(self) -> tuple[Counter[str], float, float | None]:
        """Return what was counted since the last call, the seconds, and the image's age."""
        with self._lock:
            now = time.monotonic()
            counted = Counter(self.counts)
            counted.subtract(self._period_counts)
            self._period_counts = Counter(self.counts)
            seconds, self._period_start_s = now - self._period_start_s, now
            age = None if self._last_image_s is None else now - self._last_image_s
        return counted, max(seconds, 1e-9), age

    def stage_names(self) -> list[str]:
        """Return the names of all stages that were timed."""
        with self._lock:
            return list(self._stages)


def status_message(
    messages: Messages,
    *,
    name: str,
    hardware_id: str,
    level: bytes,
    text: str,
    values: Mapping[str, Any],
) -> Any:
    """Return a `diagnostic_msgs/DiagnosticStatus`."""
    return messages.make(
        'diagnostic_msgs/msg/DiagnosticStatus',
        level=messages.byte(level),
        name=name,
        message=text,
        hardware_id=hardware_id,
        values=[
            messages.make('diagnostic_msgs/msg/KeyValue', key=key, value=_text(value))
            for key, value in values.items()
        ],
    )


def _text(value: Any) -> str:
    return f'{value:.2f}' if isinstance(value, float) else str(value)


def process_memory() -> dict[str, int]:
    """Return the peak resident memory of this process, and the memory on its GPU, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    use = {'memory_peak_bytes': peak}
    torch = sys.modules.get('torch')
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        use['cuda_bytes'] = torch.cuda.memory_allocated()
    return use
