# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms between the coordinate frames of a robot, over the last seconds.

Does what tf2's buffer does for the tracker: frames form a tree, each with the transform to its
parent, interpolated between two stamps and never extrapolated.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import Any, Protocol

from vis_ros.spatial.pose import IDENTITY, Pose

_KEPT_S = 10.0  # as tf2
_MOST_STAMPS = 5000  # of a frame, whatever their rate
_MOST_FRAMES = 5000
_MOST_HOPS = 500  # a longer way to the root is a loop


class TransformError(LookupError):
    """A transform that is not there. The text says which and why."""


class TransformSource(Protocol):
    """Takes transforms in and finds them; `TransformBuffer`, or tf2's own."""

    def insert(self, stamped: Any, *, is_static: bool) -> None:
        """Take in a `geometry_msgs/TransformStamped`.

        Raises:
            ValueError: It is not valid; the text says why.
        """

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """Return the pose from `source` to `target` at a time; 0 for the latest known.

        Raises:
            TransformError: It is not known.
        """


class _Edge:
    """The transforms from one frame to its parent, in order of time."""

    def __init__(self, parent: str, *, is_static: bool) -> None:
        self.parent = parent
        self.is_static = is_static
        self.stamps: list[int] = []
        self.poses: list[Pose] = []

    def insert(self, stamp_ns: int, pose: Pose) -> None:
        if self.is_static:
            self.stamps, self.poses = [0], [pose]
            return
        if self.stamps and stamp_ns < self.stamps[-1] - _KEPT_S * 1e9:
            self.stamps, self.poses = [], []  # time was set back
        index = bisect_left(self.stamps, stamp_ns)
        if index < len(self.stamps) and self.stamps[index] == stamp_ns:
            self.poses[index] = pose
        else:
            self.stamps.insert(index, stamp_ns)
            self.poses.insert(index, pose)
        oldest = bisect_left(self.stamps, self.stamps[-1] - int(_KEPT_S * 1e9))
        if (drop := max(oldest, len(self.stamps) - _MOST_STAMPS)) > 0:
            del self.stamps[:drop], self.poses[:drop]

    def at(self, frame: str, stamp_ns: int) -> Pose:
        if self.is_static:
            return self.poses[0]
        first, last = self.stamps[0], self.stamps[-1]
        if not first <= stamp_ns <= last:
            side = 'future' if stamp_ns > last else 'past'
            nearest = last if stamp_ns > last else first
            raise TransformError(
                f'{self.parent} <- {frame} is asked for at {_seconds(stamp_ns)} s, in the {side} '
                f'of what is known (to {_seconds(nearest)} s)'
            )
        index = bisect_left(self.stamps, stamp_ns)
        if self.stamps[index] == stamp_ns:
            return self.poses[index]
        before, after = self.stamps[index - 1], self.stamps[index]
        share = (stamp_ns - before) / (after - before)
        return self.poses[index - 1].towards(self.poses[index], share)


class TransformBuffer:
    """A tree of frames, safe to use from every thread.

    Capacity: 10 s and 5000 stamps of each of 5000 frames; the oldest stamps go first, and further
    frames are refused. A frame that gets another parent forgets what was known of it.
    """

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}
        self._lock = threading.Lock()

    def insert(self, stamped: Any, *, is_static: bool) -> None:
        """See `TransformSource.insert`."""
        parent = _bare(stamped.header.frame_id)
        child = _bare(stamped.child_frame_id)
        if not parent or not child or parent == child:
            raise ValueError(
                f'transform: expected two different frames, got {parent!r} <- {child!r}'
            )
        stamp = stamped.header.stamp
        rotation = stamped.transform.rotation
        shift = stamped.transform.translation
        pose = Pose.of(
            (rotation.x, rotation.y, rotation.z, rotation.w), (shift.x, shift.y, shift.z)
        )
        with self._lock:
            edge = self._edges.get(child)
            if edge is None and len(self._edges) >= _MOST_FRAMES:
                raise ValueError(f'transform: more than {_MOST_FRAMES} frames; {child!r} refused')
            if edge is None or (edge.parent, edge.is_static) != (parent, is_static):
                edge = self._edges[child] = _Edge(parent, is_static=is_static)
            edge.insert(int(stamp.sec) * 10**9 + int(stamp.nanosec), pose)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """See `TransformSource.lookup`."""
        target, source = _bare(target), _bare(source)
        if target == source:
            return IDENTITY
        with self._lock:
            up, down = self._way(source), self._way(target)
            for name, way in ((target, down), (source, up)):
                if len(way) == 1 and not self._is_known(name):
                    raise TransformError(f'{target} <- {source}: no transform names {name!r} yet')
            common = next((frame for frame in up if frame in set(down)), None)
            if common is None:
                raise TransformError(
                    f'{target} <- {source}: not connected; {source} hangs on {up[-1]}, '
                    f'{target} on {down[-1]}'
                )
            up, down = up[: up.index(common)], down[: down.index(common)]
            stamp_ns = stamp_ns or self._latest(up + down)
            try:
                rise = self._along(up, stamp_ns)
                return self._along(down, stamp_ns).inverse().after(rise)
            except TransformError as error:
                name = f'{target} <- {source}'
                if str(error).startswith(f'{name} '):  # the edge is the whole way
                    raise
                raise TransformError(f'{name}: {error}') from None

    def _way(self, frame: str) -> list[str]:
        """Return the frames from one to its root."""
        way = [frame]
        while (edge := self._edges.get(way[-1])) is not None:
            way.append(edge.parent)
            if len(way) > _MOST_HOPS:
                raise TransformError(
                    f'{frame}: its parents form a loop, or more than {_MOST_HOPS}'
                )
        return way

    def _is_known(self, frame: str) -> bool:
        return frame in self._edges or any(e.parent == frame for e in self._edges.values())

    def _latest(self, frames: list[str]) -> int:
        """Return the latest time at which all these frames are known."""
        moving = [self._edges[f] for f in frames if not self._edges[f].is_static]
        return min((edge.stamps[-1] for edge in moving), default=0)

    def _along(self, frames: list[str], stamp_ns: int) -> Pose:
        pose = IDENTITY
        for frame in frames:
            pose = self._edges[frame].at(frame, stamp_ns).after(pose)
        return pose


def _bare(frame: str) -> str:
    return str(frame).removeprefix('/')  # ROS 1 wrote it; tf2 takes no notice of it either


def _seconds(stamp_ns: int) -> str:
    return f'{stamp_ns / 1e9:.3f}'
