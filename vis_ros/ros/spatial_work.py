# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the publisher's thread does with a result and its depth: places in space."""

from __future__ import annotations

import dataclasses
import time

from vis_ros.ros.depth_input import DepthInput, DepthPair
from vis_ros.ros.error_log import ErrorLog
from vis_ros.ros.parameters import NodeParameters
from vis_ros.ros.statistics import Statistics
from vis_ros.ros.transform_input import TransformInput
from vis_ros.spatial.camera_model import scale_of
from vis_ros.spatial.locator import Locator, View
from vis_ros.spatial.pose import Pose
from vis_ros.spatial.transform_buffer import TransformError
from vis_ros.structures import FrameResult
from vis_ros.wire.depth_images import camera_of, depth_of


class SpatialWork:
    """Gives the tracks of one camera their places, and never stands in their way.

    Each result with an observed track ends in exactly one of the counters depth_used,
    depth_missing (it did not come in time), depth_refused (it came and cannot be used) and
    transform_missing.

    Args:
        statistics: Takes counts.
        errors: Gets the reasons.

    Attributes:
        depth: The depth images; None while inactive, or without a depth topic.
        transforms: The transforms; None without an output frame.
        reason: Why the latest result has no measured places; empty where it has.
    """

    def __init__(self, statistics: Statistics, errors: ErrorLog) -> None:
        self.depth: DepthInput | None = None
        self.transforms: TransformInput | None = None
        self.reason = ''
        self._statistics = statistics
        self._errors = errors
        self._locator = Locator()
        self._said = ''

    def locate(self, result: FrameResult, parameters: NodeParameters) -> FrameResult:
        """Return the result with the places that are known; never raises."""
        if not parameters.depth_topic:
            return result
        start_s = time.perf_counter()
        view = None
        if any(track.is_observed and track.mask.area_px for track in result.tracks):
            view = self._view_or_reason(result, parameters)
        waited_s = time.perf_counter()
        frame_id = parameters.output_frame or result.frame_id
        try:
            located = self._locator.locate(result, view, frame_id, parameters.spatial)
        except Exception as error:  # a fault here must not cost the tracks
            self._errors.error('3d', f'tracks without 3D: {error!r}')
            return result
        stages = {
            **result.stages_ms,
            'depth': (waited_s - start_s) * 1e3,
            'locate': (time.perf_counter() - waited_s) * 1e3,
        }
        return dataclasses.replace(located, stages_ms=stages)

    def _view_or_reason(self, result: FrameResult, parameters: NodeParameters) -> View | None:
        depth = self.depth
        if depth is None:
            return None  # it is being deactivated
        counter, self.reason, view = 'depth_used', '', None
        try:
            if (pair := depth.take(result.stamp_ns)) is None:
                counter, self.reason = 'depth_missing', f'no depth on {depth.topic} in time'
            else:
                view = self._view(result, pair, parameters)
        except TransformError as error:
            counter, self.reason = 'transform_missing', f'no transform: {error}'
        except Exception as error:  # whatever the bytes of a stranger provoke
            self.reason = str(error) if isinstance(error, ValueError) else repr(error)
            counter = 'depth_refused'
        self._statistics.count(counter)
        if self.reason:
            self._errors.warn(counter, f'tracks without measured 3D: {self.reason}')
        return view

    def _view(self, result: FrameResult, pair: DepthPair, parameters: NodeParameters) -> View:
        p, depth = parameters, depth_of(pair.depth)
        here, there = result.frame_id.removeprefix('/'), depth.frame_id.removeprefix('/')
        if here and there and here != there and not p.depth_is_registered:
            raise ValueError(
                f'depth is in frame {there!r}, the image in {here!r}: use a depth image that is '
                'registered (aligned) to the image, or set depth_is_registered if it is'
            )
        if pair.info is None:
            raise ValueError(f'no camera info yet on {self.depth and self.depth.info_topic}')
        camera = camera_of(pair.info, is_rectified=p.image_is_rectified)
        sizes = (camera.width, camera.height), (depth.width, depth.height)
        size = (result.width, result.height)
        try:
            scale_of(size, sizes[1])
            fitted = camera.scaled_to(*size)
        except ValueError as error:
            raise ValueError(
                f'image, camera info and depth do not fit: {_by(size)}, {_by(sizes[0])} and '
                f'{_by(sizes[1])}: {error}'
            ) from error
        self._tell_scaled(size, *sizes)
        pose = None
        if p.output_frame and p.output_frame != result.frame_id:
            pose = self._pose(result, p.output_frame)
        return View(depth, fitted, pose)

    def _pose(self, result: FrameResult, output_frame: str) -> Pose:
        transforms, depth = self.transforms, self.depth
        if not result.frame_id:
            raise TransformError(f'the image has no frame_id, so nothing leads to {output_frame}')
        if transforms is None or depth is None:
            raise TransformError('being deactivated')
        until_s = depth.deadline_s(result.stamp_ns)
        return transforms.lookup(output_frame, result.frame_id, result.stamp_ns, until_s)

    def _tell_scaled(
        self, image: tuple[int, int], info: tuple[int, int], depth: tuple[int, int]
    ) -> None:
        text = ''
        if not image == info == depth:
            text = (
                f'image {_by(image)}, camera info {_by(info)}, depth {_by(depth)}: taken as the '
                'same view at other sizes'
            )
        if text != self._said:
            self._said = text
            if text:
                self._errors.warn('depth size', text)


def _by(size: tuple[int, int]) -> str:
    return f'{size[0]}x{size[1]}'
