# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where an object is in space, and how far that can be trusted."""

from dataclasses import dataclass
from enum import IntEnum

Vector3 = tuple[float, float, float]
"""x, y, z."""


class Quality3d(IntEnum):
    """How a position came about, with the values of `vis_msgs/InstanceTrack`."""

    NONE = 0  # not known
    PREDICTED = 1  # no usable depth in this frame: moved on from earlier ones
    LOW = 2  # measured in this frame, from few, sparse or contradictory depths
    GOOD = 3  # measured in this frame


@dataclass(frozen=True, slots=True)
class Placement:
    """Position and extent of one object in one frame.

    The axes are those of `FrameResult.frame_id_3d`; for an optical camera frame x points right,
    y down and z forward.

    Args:
        position_m: Centre of the visible surface [m].
        size_m: Extent of the visible surface along the axes [m].
        velocity_m_s: Velocity of the position relative to the frame [m/s]; zeros without
            smoothing and at the first measurement.
        quality: PREDICTED, LOW or GOOD.
    """

    position_m: Vector3
    size_m: Vector3
    velocity_m_s: Vector3
    quality: Quality3d
