# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Standard messages travel over Cyclone DDS as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vis_ros.ops.rle import encode
from vis_ros.ros.dds import DdsHost
from vis_ros.ros.dds.samples import dds_type_name, sample_class
from vis_ros.ros.host import Qos
from vis_ros.ros.standard_outputs import StandardOutputs
from vis_ros.structures import FrameResult, Track, TrackState
from vis_ros.structures.placement import Placement, Quality3d
from vis_ros.wire.bare_messages import bare_messages

TYPES = {
    'detections_2d': 'vision_msgs/msg/Detection2DArray',
    'detections_3d': 'vision_msgs/msg/Detection3DArray',
    'markers': 'visualization_msgs/msg/MarkerArray',
    'annotations': 'foxglove_msgs/msg/ImageAnnotations',
}
LABELS = 'vision_msgs/msg/LabelInfo'


def result() -> FrameResult:
    """Return a frame with an object that is seen in space too."""
    found = Track(
        track_id=7,
        slot=0,
        state=TrackState.ACTIVE,
        class_id=1,
        score=0.5,
        box=(2.0, 3.0, 12.0, 9.0),
        mask=encode(np.ones((6, 10), bool), x=2, y=3),
        first_seen_ns=0,
        last_seen_ns=5,
        hits=1,
        misses=0,
        placement=Placement((0.1, 0.2, 3.0), (1.0, 2.0, 0.5), (0.0, 0.0, 0.0), Quality3d.GOOD),
    )
    return FrameResult(5, 'camera', 48, 64, (found,), 1, frame_id_3d='map')


def test_declared_types() -> None:
    store = bare_messages().store
    for type_name in [*TYPES.values(), LABELS]:
        cls = sample_class(store, type_name)
        assert cls.__idl_typename__ == dds_type_name(type_name)
        cls.__idl__.populate()
        cls.__idl__.fill_type_data()


def test_every_topic_arrives(
    make_host: Callable[..., DdsHost], wait_until: Callable[[Callable[[], Any]], None]
) -> None:
    talker, listener = make_host('tracker'), make_host('viewer')
    outputs = StandardOutputs(talker, prefix='~/', class_names=('plain', 'blue'))
    heard: dict[str, list[Any]] = {topic: [] for topic in [*TYPES, 'vision_label_info']}
    assert outputs.publish(result()) == 0
    for topic, type_name in TYPES.items():
        listener.create_subscription(type_name, f'/tracker/{topic}', Qos(), heard[topic].append)
    latched = Qos(transient_local=True, depth=1)
    labels = heard['vision_label_info']
    listener.create_subscription(LABELS, '/tracker/vision_label_info', latched, labels.append)
    wait_until(lambda: outputs.publish(result()) == len(TYPES) and all(heard.values()))
    flat, solid = heard['detections_2d'][-1], heard['detections_3d'][-1]
    assert [d.id for d in flat.detections] == [d.id for d in solid.detections] == ['7']
    assert solid.header.frame_id == 'map'
    assert np.array_equal(solid.detections[0].results[0].pose.covariance, np.zeros(36))
    assert [(c.class_id, c.class_name) for c in labels[0].class_map] == [(0, 'plain'), (1, 'blue')]
    assert [marker.ns for marker in heard['markers'][-1].markers][-2:] == ['boxes', 'names']
    assert [text.text for text in heard['annotations'][-1].texts] == ['7 blue 0.50']
    outputs.close()
    wait_until(lambda: [marker.action for marker in heard['markers'][-1].markers] == [3])
