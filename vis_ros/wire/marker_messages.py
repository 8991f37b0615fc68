# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From results to the `visualization_msgs/MarkerArray` of RViz: boxes, names and trails in 3D."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import dist
from typing import Any

import numpy as np

from vis_ros.structures import FrameResult, Track, TrackState
from vis_ros.structures.placement import Placement, Vector3
from vis_ros.wire.annotation_messages import Colour, label_of
from vis_ros.wire.messages import Messages
from vis_ros.wire.stamps import make_header
from vis_ros.wire.standard_messages import pose

MARKERS_TYPE = 'visualization_msgs/msg/MarkerArray'
_MARKER_TYPE = 'visualization_msgs/msg/Marker'
BOXES, NAMES, TRAILS = 'boxes', 'names', 'trails'
"""Namespaces of the markers; within each, the id is that of the track."""

_CUBE, _LINE_STRIP, _TEXT = 1, 4, 9  # types of markers
_ADD, _DELETE, _DELETE_ALL = 0, 2, 3  # actions
_HIGHEST_ID = 2**31  # ids of markers are int32
_ALPHA: Mapping[TrackState, float] = {
    TrackState.TENTATIVE: 0.25,
    TrackState.ACTIVE: 0.5,
    TrackState.LOST: 0.15,
}
_LEAST_SIZE_M = 0.01  # RViz refuses markers without extent
_TEXT_HEIGHT_M, _TRAIL_WIDTH_M = 0.15, 0.02

_Key = tuple[str, int]  # namespace and id


class TrackMarkers:
    """Makes the markers of each frame and takes those of tracks that went away back.

    A track whose place is known has a box and a text. Its trail grows by a point each time it has
    moved by `spacing_m`, and ends at the present place. The trail stays while the track lives,
    also where its place is not known for a while.

    Capacity: one trail for each track of the latest frame, the newest `trail_points` points each.

    Args:
        messages: Who makes the messages.
        class_names: Name of each class id.
        colour_of: Colour of a track id.
        trail_points: Points that a trail keeps, at least 1.
        spacing_m: Distance between them [m].
    """

    def __init__(
        self,
        messages: Messages,
        *,
        class_names: Sequence[str],
        colour_of: Callable[[int], Colour],
        trail_points: int = 100,
        spacing_m: float = 0.05,
    ) -> None:
        if trail_points < 1:
            raise ValueError(f'trail_points: expected at least 1, got {trail_points}')
        self._messages = messages
        self._class_names = class_names
        self._colour_of = colour_of
        self._trail_points = trail_points
        self._spacing_m = spacing_m
        self._trails: dict[int, deque[Any]] = {}  # by track id: points as messages, unchanged
        self._shown: set[_Key] = set()
        self._world: tuple[int, str] | None = None  # session and frame of what is shown
        self._unused = _unused_fields(messages)

    def forget(self) -> None:
        """Start anew: the next message takes back everything that was ever shown."""
        self._world = None

    def message(self, result: FrameResult) -> Any:
        """Return the markers of a frame: additions, and deletions of what is not there any more.

        The first message, and each one after the session or the frame of the places has changed,
        begins with a marker that deletes all.
        """
        frame_id = result.frame_id_3d or result.frame_id
        header = make_header(self._messages, result.stamp_ns, frame_id)
        world = (result.session_id, frame_id)
        markers: list[Any] = []
        if world != self._world:
            self._world = world
            self._trails.clear()
            self._shown.clear()
            markers.append(self._marker(header, ('', 0), 0, action=_DELETE_ALL))
        self._grow(result.tracks)
        wanted: dict[_Key, Any] = {}
        is_optical = frame_id == result.frame_id
        for track in result.tracks:
            for kind, marker in self._markers_of(track, header, is_optical):
                wanted[kind, track.track_id] = marker
        gone = sorted(self._shown - wanted.keys())
        markers += [self._marker(header, key, 0, action=_DELETE) for key in gone]
        markers += wanted.values()
        self._shown = set(wanted)
        return self._messages.make(MARKERS_TYPE, markers=markers)

    def farewell(self, stamp_ns: int) -> Any:
        """Return a message that takes everything back; None where nothing is shown."""
        if self._world is None:
            return None
        self.forget()
        header = make_header(self._messages, stamp_ns)
        marker = self._marker(header, ('', 0), 0, action=_DELETE_ALL)
        return self._messages.make(MARKERS_TYPE, markers=[marker])

    def _grow(self, tracks: Iterable[Track]) -> None:
        """Add the present places to the trails, and drop the trails of tracks that went away."""
        kept: dict[int, deque[Any]] = {}
        for track in tracks:
            trail = self._trails.get(track.track_id)
            kept[track.track_id] = trail = trail or deque(maxlen=self._trail_points)
            if track.placement is not None:
                position_m = track.placement.position_m
                if not trail or dist(_xyz(trail[-1]), position_m) >= self._spacing_m:
                    trail.append(self._point(position_m))
        self._trails = kept

    def _markers_of(
        self, track: Track, header: Any, is_optical: bool
    ) -> Iterator[tuple[str, Any]]:
        """Yield namespace and marker of everything that is shown of a track."""
        colour = self._colour(track, 1.0)
        points = list(self._trails[track.track_id])
        placement = track.placement
        if placement is not None:
            yield BOXES, self._box(track, placement, header)
            yield NAMES, self._name(track, placement, header, is_optical)
            if _xyz(points[-1]) != placement.position_m:
                points.append(self._point(placement.position_m))
        if len(points) > 1:
            yield (
                TRAILS,
                self._marker(
                    header,
                    (TRAILS, track.track_id),
                    _LINE_STRIP,
                    scale=(_TRAIL_WIDTH_M, 0.0, 0.0),
                    color=colour,
                    points=points,
                ),
            )

    def _box(self, track: Track, placement: Placement, header: Any) -> Any:
        width, height, depth = (max(float(size), _LEAST_SIZE_M) for size in placement.size_m)
        return self._marker(
            header,
            (BOXES, track.track_id),
            _CUBE,
            pose=pose(self._messages, placement.position_m),
            scale=(width, height, depth),
            color=self._colour(track, _ALPHA[track.state]),
        )

    def _name(self, track: Track, placement: Placement, header: Any, is_optical: bool) -> Any:
        """Return the text above a box: y points down in a camera, z up everywhere else."""
        x, y, z = placement.position_m
        if is_optical:
            y -= placement.size_m[1] / 2 + _TEXT_HEIGHT_M
        else:
            z += placement.size_m[2] / 2 + _TEXT_HEIGHT_M
        return self._marker(
            header,
            (NAMES, track.track_id),
            _TEXT,
            pose=pose(self._messages, (x, y, z)),
            scale=(0.0, 0.0, _TEXT_HEIGHT_M),
            color=self._colour(track, 1.0),
            text=label_of(track, self._class_names),
        )

    def _marker(
        self,
        header: Any,
        key: _Key,
        kind: int,
        *,
        action: int = _ADD,
        scale: Vector3 = (0.0, 0.0, 0.0),
        **fields: Any,
    ) -> Any:
        namespace, track_id = key
        x, y, z = scale
        given = {
            'header': header,
            'ns': namespace,
            'id': track_id % _HIGHEST_ID,
            'type': kind,
            'action': action,
            'scale': self._messages.make('geometry_msgs/msg/Vector3', x=x, y=y, z=z),
            **fields,
        }
        return self._messages.make(_MARKER_TYPE, **{**self._unused, **given})

    def _point(self, position_m: Vector3) -> Any:
        x, y, z = map(float, position_m)
        return self._messages.make('geometry_msgs/msg/Point', x=x, y=y, z=z)

    def _colour(self, track: Track, alpha: float) -> Any:
        red, green, blue = (part / 255 for part in self._colour_of(track.track_id))
        return _colour(self._messages, red, green, blue, alpha)


def _unused_fields(messages: Messages) -> dict[str, Any]:
    """Return values for the fields that a marker has no use for; they are shared and not changed.

    Textures and files of meshes came with Humble; older types do not get them.
    """
    make = messages.make
    nothing = messages.array(np.empty(0, np.uint8))
    unused = {
        'pose': pose(messages, (0.0, 0.0, 0.0)),
        'color': _colour(messages, 0.0, 0.0, 0.0, 0.0),
        'lifetime': make('builtin_interfaces/msg/Duration', sec=0, nanosec=0),  # until taken back
        'frame_locked': False,
        'points': [],
        'colors': [],
        'text': '',
        'texture_resource': '',
        'uv_coordinates': [],
        'mesh_resource': '',
        'mesh_use_embedded_materials': False,
    }
    known = messages.fields(_MARKER_TYPE)
    unused = {name: value for name, value in unused.items() if name in known}
    if 'texture' in known:
        unused['texture'] = make(
            'sensor_msgs/msg/CompressedImage',
            header=make_header(messages, 0),
            format='',
            data=nothing,
        )
    if 'mesh_file' in known:
        unused['mesh_file'] = make('visualization_msgs/msg/MeshFile', filename='', data=nothing)
    return unused


def _xyz(point: Any) -> Vector3:
    return point.x, point.y, point.z


def _colour(messages: Messages, red: float, green: float, blue: float, alpha: float) -> Any:
    return messages.make('std_msgs/msg/ColorRGBA', r=red, g=green, b=blue, a=alpha)
