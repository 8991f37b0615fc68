# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Standard messages of a tracker on a real ROS 2, each made only while somebody subscribes."""

import pytest
import rclpy_peer  # noqa: F401 (skips this module where ROS 2 is not sourced)

# isort: split
pytest.importorskip('vision_msgs.msg', reason='needs vision_msgs of ROS 2')
pytest.importorskip('visualization_msgs.msg', reason='needs visualization_msgs of ROS 2')
pytest.importorskip('foxglove_msgs.msg', reason='needs foxglove_msgs of ROS 2')

import numpy as np
from core_rig import track
from foxglove_msgs.msg import ImageAnnotations
from rclpy_peer import wait_until
from rclpy_transport import LATCHED, MANY
from robot_rig import Robot
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
from visualization_msgs.msg import Marker, MarkerArray

from vis_ros.ops.rle import encode
from vis_ros.structures.placement import Placement, Quality3d

pytestmark = pytest.mark.usefixtures('loopback_domain')

TOPICS = {
    'detections_2d': Detection2DArray,
    'detections_3d': Detection3DArray,
    'markers': MarkerArray,
    'annotations': ImageAnnotations,
}


class Viewed(Robot):
    """A robot whose images are large enough for the object."""

    pixels = np.zeros((48, 64, 3), np.uint8)


def see(frame):
    """Return an object that is seen in space too."""
    box = (2.0, 3.0, 12.0, 9.0)
    mask = encode(np.ones((6, 10), bool), x=2, y=3)
    place = Placement((0.1, 0.2, 3.0), (1.0, 2.0, 0.5), (0.0, 0.0, 0.0), Quality3d.GOOD)
    return (track(7, frame, class_id=1, box=box, mask=mask, placement=place),)


@pytest.fixture
def robot(rclpy_transport, puppet):
    """Return a tracker that sees one object, and its camera."""
    puppet.act = staticmethod(see)
    return Viewed(rclpy_transport)


@pytest.fixture
def made(robot, monkeypatch):
    """Return how often a message of each type was made from now on."""
    counts = dict.fromkeys(TOPICS, 0)
    names = {f'{t.__module__.split(".")[0]}/msg/{t.__name__}': n for n, t in TOPICS.items()}
    make = robot.host.messages.make

    def count(type_name, **fields):
        if type_name in names:
            counts[names[type_name]] += 1
        return make(type_name, **fields)

    monkeypatch.setattr(robot.host.messages, 'make', count)
    return counts


def publishers(robot):
    """Return the node's publishers by topic."""
    outputs = robot.core.streams[0].frames._outputs._standard
    return dict(zip(TOPICS, [publisher for publisher, _ in outputs._open], strict=True))


def test_each_is_made_only_while_somebody_subscribes(robot, made, peer):
    nobody = dict.fromkeys(TOPICS, 0)
    robot.show()
    robot.show()  # so the first one is done with
    assert made == nobody
    for topic, message_class in TOPICS.items():
        heard = []
        publisher = publishers(robot)[topic]
        name = f'/tracker/{topic}'
        listener = peer.node.create_subscription(message_class, name, heard.append, MANY)
        wait_until(lambda p=publisher: p.subscriber_count() == 1)
        wait_until(lambda h=heard: robot.show() and h)
        peer.node.destroy_subscription(listener)
        wait_until(lambda p=publisher: p.subscriber_count() == 0)
        robot.show()
        assert made[topic] >= len(heard) > 0
        assert {name for name, count in made.items() if count} == {topic}
        made.update(nobody)
        robot.show()
        robot.show()
        assert made == nobody
    assert robot.counts['errors'] == 0


def test_what_they_say(robot, peer):
    heard = {topic: [] for topic in TOPICS}
    for topic, message_class in TOPICS.items():
        peer.node.create_subscription(
            message_class, f'/tracker/{topic}', heard[topic].append, MANY
        )
    wait_until(lambda: robot.show().tracks[0].id == 7 and all(heard.values()))
    flat, solid, markers, notes = (heard[topic][-1] for topic in TOPICS)

    (found,) = flat.detections
    centre = found.bbox.center.position
    assert (found.id, found.header.frame_id, flat.header.frame_id) == ('7', 'camera', 'camera')
    assert (centre.x, centre.y) == pytest.approx((7.0, 6.0), abs=0.5)
    assert (found.bbox.size_x, found.bbox.size_y) == pytest.approx((10.0, 6.0))
    assert (found.results[0].hypothesis.class_id, found.results[0].hypothesis.score) == ('1', 0.5)

    (found,) = solid.detections
    centre, size = found.bbox.center.position, found.bbox.size
    assert (found.id, solid.header.frame_id) == ('7', 'camera')
    assert (centre.x, centre.y, centre.z) == pytest.approx((0.1, 0.2, 3.0))
    assert (size.x, size.y, size.z) == pytest.approx((1.0, 2.0, 0.5))

    shown = {marker.ns: marker for marker in markers.markers if marker.action == Marker.ADD}
    assert {'boxes', 'names'} <= set(shown)
    assert shown['boxes'].pose.position.z == pytest.approx(3.0)
    assert shown['names'].text.startswith('7')

    assert [text.text for text in notes.texts] == ['7 blue 0.50']
    corners = {(point.x, point.y) for shape in notes.points for point in shape.points}
    assert corners
    assert all(1 <= x <= 13 and 2 <= y <= 10 for x, y in corners)


def test_class_names_reach_late_subscribers(robot, peer):
    heard = []
    peer.node.create_subscription(LabelInfo, '/tracker/vision_label_info', heard.append, LATCHED)
    wait_until(lambda: heard)
    assert [(c.class_id, c.class_name) for c in heard[0].class_map] == [(0, 'plain'), (1, 'blue')]


def test_markers_are_taken_back_at_the_end(robot, peer):
    heard = []
    peer.node.create_subscription(MarkerArray, '/tracker/markers', heard.append, MANY)
    wait_until(lambda: robot.show() and heard)
    robot.core.deactivate()
    robot.core.cleanup()
    wait_until(lambda: [marker.action for marker in heard[-1].markers] == [Marker.DELETEALL])
