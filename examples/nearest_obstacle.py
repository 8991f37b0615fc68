#!/usr/bin/env python3
# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that tells a planner of the nearest obstacle of each class.

It subscribes to the tracks of a tracker and publishes, for every message of them,

- `~/obstacles`, `sensor_msgs/PointCloud2`: one point for each class with an obstacle, its nearest.
  Fields x, y, z and range [m] (NaN without 3D), time_to_contact [s] (infinite for what does not
  come nearer, NaN where it is not known), id, class_id and state. An empty cloud says that the
  tracker works and sees no obstacle; no message says that it does not work.
- `~/nearest/<class>`, `geometry_msgs/PointStamped`: the same position, where it is known; for
  RViz, and for those who want one class only.

Stamps are those of the image, the frame is that of the tracks' positions. It runs with rclpy, and
without ROS on Cyclone DDS:

    python3 examples/nearest_obstacle.py --ros-args -p tracks_topic:=/vis_tracker/tracks
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from vis_ros.client import Contact, Observer, Query, Snapshot, TrackRecord, TrackState
from vis_ros.client.subscriber import DEFAULT_TOPIC, TrackSubscriber
from vis_ros.ros.host import Host, Publisher, Qos
from vis_ros.ros.open_host import open_host
from vis_ros.ros.signals import end_quietly, ignore_signals, stop_on_signals
from vis_ros.structures.options import option, options_of

CLOUD_TYPE = 'sensor_msgs/msg/PointCloud2'
POINT_TYPE = 'geometry_msgs/msg/PointStamped'
MAX_CLASSES = 256  # class names come from outside, and each gets a topic

POINT = np.dtype(
    [
        ('x', '<f4'),
        ('y', '<f4'),
        ('z', '<f4'),
        ('range', '<f4'),
        ('time_to_contact', '<f4'),
        ('class_id', '<u4'),
        ('id', '<f8'),  # a cloud has no 64-bit integers; exact up to 2**53
        ('state', '<u4'),
    ]
)
_DATATYPES = {'<f4': 7, '<f8': 8, '<u4': 6}  # of sensor_msgs/PointField


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    tracks_topic: str = option(DEFAULT_TOPIC, 'Topic of the tracks.')
    classes: tuple[str, ...] = option((), 'Names of the classes that count; empty for all.')
    with_tentative: bool = option(
        False, 'Whether tracks count that are not yet confirmed: earlier, and more false alarms.'
    )
    max_silence_s: float = option(
        0.5,
        'A lost track counts as an obstacle until so long after it was last seen.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )
    stand_off_m: float = option(
        0.0,
        "Distance from the positions' origin (the camera) at which something touches the robot; "
        'for times to contact from positions.',
        unit='m',
        minimum=0.0,
        maximum=100.0,
    )


class NearestObstacle:
    """Publishes the nearest obstacle of each class.

    Args:
        host: Its node.

    Raises:
        ValueError: A parameter is not allowed, or a message type is not installed.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        values = host.declare(options_of(Parameters))
        self.parameters = Parameters(**{f.name: values[f.name] for f in fields(Parameters)})
        host.on_parameters = lambda changes: f'{", ".join(changes)}: fixed while the node runs'
        self._observer = Observer(stand_off_m=self.parameters.stand_off_m)
        self._query = self._make_query()
        self._cloud = host.create_publisher(CLOUD_TYPE, '~/obstacles', Qos(depth=1))
        self._points: dict[str, Publisher] = {}  # by class name, at most MAX_CLASSES
        self._topics: set[str] = set()
        self.subscriber = TrackSubscriber(
            host, self.parameters.tracks_topic, on_update=self.publish
        )

    def _make_query(self) -> Query:
        states = {TrackState.ACTIVE, TrackState.LOST}
        if self.parameters.with_tentative:
            states.add(TrackState.TENTATIVE)
        return Query(
            classes=self.parameters.classes,
            states=states,
            max_silence_s=self.parameters.max_silence_s,
            observer=self._observer,
        )

    def publish(self, tracks: Snapshot) -> None:
        """Publish what a snapshot says; called for each message of tracks."""
        nearest = tracks.nearest_of_each_class(self._query)
        header = self._header(tracks)
        rows = [
            _row(record, tracks.contact(record.track_id, observer=self._observer))
            for record in nearest.values()
        ]
        self._cloud.publish(self._cloud_of(header, np.array(rows, POINT)))
        for name, record in nearest.items():
            if record.position_m is not None and (publisher := self._publisher_of(name, record)):
                publisher.publish(self._point_of(header, record.position_m))

    def _header(self, tracks: Snapshot) -> Any:
        make = self._host.messages.make
        seconds, rest = divmod(tracks.stamp_ns, 1_000_000_000)
        stamp = make('builtin_interfaces/msg/Time', sec=seconds, nanosec=rest)
        frame_id = tracks.frame_id_3d or tracks.frame_id
        return make('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)

    def _cloud_of(self, header: Any, points: np.ndarray) -> Any:
        make = self._host.messages.make
        layout = [
            make(
                'sensor_msgs/msg/PointField',
                name=name,
                offset=int(offset),
                datatype=_DATATYPES[kind.str],
                count=1,
            )
            for name, (kind, offset) in POINT.fields.items()  # type: ignore[union-attr]
        ]
        data = np.frombuffer(points.tobytes(), np.uint8)
        return make(
            CLOUD_TYPE,
            header=header,
            height=1,
            width=len(points),
            fields=layout,
            is_bigendian=False,
            point_step=POINT.itemsize,
            row_step=POINT.itemsize * len(points),
            data=self._host.messages.array(data),
            is_dense=bool(np.isfinite(points['x']).all()),
        )

    def _point_of(self, header: Any, position_m: Sequence[float]) -> Any:
        x, y, z = map(float, position_m)
        point = self._host.messages.make('geometry_msgs/msg/Point', x=x, y=y, z=z)
        return self._host.messages.make(POINT_TYPE, header=header, point=point)

    def _publisher_of(self, name: str, record: TrackRecord) -> Publisher | None:
        """Return the publisher of a class, made when the class is first seen."""
        if name not in self._points and len(self._points) < MAX_CLASSES:
            token = topic_of(name)
            if token in self._topics:  # two names that differ only in what no topic may have
                token = f'{token}_{record.class_id}'
            self._topics.add(token)
            self._points[name] = self._host.create_publisher(
                POINT_TYPE, f'~/nearest/{token}', Qos(depth=1)
            )
        return self._points.get(name)


def topic_of(class_name: str) -> str:
    """Return a class name as the part of a topic, such as `traffic_light` of `traffic light`."""
    token = re.sub('[^A-Za-z0-9]+', '_', class_name).strip('_')
    return token if token[:1].isalpha() else f'class_{token}'.rstrip('_')


def _row(record: TrackRecord, contact: Contact | None) -> tuple[float, ...]:
    position = record.position_m or (math.nan, math.nan, math.nan)
    time_s = math.nan if contact is None else contact.time_s
    identity = (record.class_id, record.track_id, int(record.state))
    return (*position, math.hypot(*position), time_s, *identity)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; return 2 when an argument is not right."""
    is_ending = end_quietly()
    try:
        host = open_host('nearest_obstacle', sys.argv[1:] if arguments is None else arguments)
    except ValueError as error:
        sys.stderr.write(f'nearest_obstacle: {error}\n')
        return 2
    try:
        if not is_ending.is_set():
            NearestObstacle(host)
            stop_on_signals(host.stop)
            host.spin()
        return 0
    except ValueError as error:
        host.log('fatal', str(error))
        return 2
    finally:
        ignore_signals()
        host.destroy()


if __name__ == '__main__':
    sys.exit(main())
