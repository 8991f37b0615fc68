# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracks of one camera get their places in space, frame by frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from vis_ros.spatial.camera_model import CameraModel
from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.depth_image import DepthImage
from vis_ros.spatial.measurement import Measurement, measure
from vis_ros.spatial.motion_filter import MotionFilter
from vis_ros.spatial.pose import Pose
from vis_ros.structures import FrameResult


@dataclass(frozen=True, slots=True)
class View:
    """What a frame needs besides its masks.

    Args:
        depth: Depths registered to the image.
        camera: Model for images of the frame's size.
        pose: From the camera's frame to the frame of the result; None where they are the same.
    """

    depth: DepthImage
    camera: CameraModel
    pose: Pose | None = None


class Locator:
    """Measures and follows all tracks of one camera.

    Keeps one filter for each track of the latest result, dropped with the track, and with all
    others when a new session begins or the frame of the places is another one.
    """

    def __init__(self) -> None:
        self._filters: dict[int, MotionFilter] = {}
        self._key: tuple[int, str] | None = None

    @property
    def count(self) -> int:
        """Number of filters."""
        return len(self._filters)

    def locate(
        self, result: FrameResult, view: View | None, frame_id: str, config: SpatialConfig
    ) -> FrameResult:
        """Return the result with placements.

        Args:
            result: Tracks of a frame.
            view: Depth, camera and pose of that frame; None where one of them is missing: places
                are then only predicted.
            frame_id: Coordinate frame of the placements.
            config: Limits and noise.

        Raises:
            ValueError: The aspect ratios of depth and image differ.
        """
        key = (result.session_id, frame_id)
        known = self._filters if key == self._key else {}
        self._key = key
        self._filters = {
            t.track_id: known.get(t.track_id) or MotionFilter() for t in result.tracks
        }
        tracks = []
        for track in result.tracks:
            measured: Measurement | None = None
            if view is not None and track.is_observed:
                measured = measure(track.mask, view.depth, view.camera, config, view.pose)
            motion = self._filters[track.track_id]
            placement = motion.step(result.stamp_ns, measured, config)
            tracks.append(track._replace(placement=placement))
        has_3d = any(track.placement is not None for track in tracks)
        return dataclasses.replace(
            result, tracks=tuple(tracks), frame_id_3d=frame_id if has_3d else ''
        )
