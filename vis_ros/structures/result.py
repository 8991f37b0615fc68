# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All tracks of one frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vis_ros.structures.track import Track


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What a method says about one frame.

    Args:
        stamp_ns: Stamp of the frame that this result belongs to.
        frame_id: Coordinate frame of that frame.
        height: Rows of the source image.
        width: Columns of the source image.
        tracks: Observed tracks first, then lost ones, each in ascending order of id.
        session_id: Run of the track memory; set by the tracking session.
        stages_ms: Duration of each processing stage in milliseconds.
        frame_id_3d: Coordinate frame of the tracks' placements; empty where none has one.
    """

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    tracks: tuple[Track, ...]
    session_id: int = 0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    frame_id_3d: str = ''
