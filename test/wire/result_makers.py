# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results for the tests of the standard messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vis_ros.ops.rle import encode
from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.structures.placement import Placement, Quality3d
from vis_ros.wire.bare_messages import bare_messages

MESSAGES = bare_messages()
CLASSES = ('person', 'bag', 'ünïcode')
STAMP_NS = 12_000_000_034


def track(number: int, **changes: Any) -> Track:
    """Return an active track, a rectangle of 4 x 2 pixels, with changes."""
    mask = encode(np.ones((2, 4), bool), x=10, y=20)
    lost = changes.get('state') == TrackState.LOST
    valid = Track(
        track_id=number,
        slot=0,
        state=TrackState.ACTIVE,
        class_id=0,
        score=0.5,
        box=(10.0, 20.0, 14.0, 22.0),
        mask=Rle() if lost else mask,
        first_seen_ns=0,
        last_seen_ns=0,
        hits=1,
        misses=0,
    )
    return valid._replace(**changes)


def place(x: float, y: float, z: float, size_m=(0.5, 1.5, 0.25)) -> Placement:
    """Return a measured place."""
    return Placement((x, y, z), size_m, (0.0, 0.0, 0.0), Quality3d.GOOD)


def result(*tracks: Track, **changes: Any) -> FrameResult:
    """Return a result of 720 x 1280 pixels."""
    frame = FrameResult(STAMP_NS, 'camera', 720, 1280, tracks, session_id=1)
    return replace(frame, **changes)


def wire(message: Any) -> Any:
    """Return the message that a listener gets."""
    return MESSAGES.deserialize(bytes(MESSAGES.serialize(message)), message.__msgtype__)


def values(message: Any, *names: str) -> tuple[Any, ...]:
    """Return some fields of a message."""
    return tuple(getattr(message, name) for name in names)
