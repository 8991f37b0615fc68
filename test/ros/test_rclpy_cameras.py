# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two cameras on one tracker of a real ROS 2: parameters, topics, services, diagnostics."""

import pytest
from rclpy_peer import wait_until

# isort: split
from camera_rig import NAMES, alone, seen, video
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from vis_msgs.msg import InstanceTrackArray
from vis_ros.resources import resource_path
from vis_ros.ros.core import TrackerCore

pytestmark = pytest.mark.usefixtures('loopback_domain')

TOPICS = {'front': '/front/image_raw', 'rear': '/rear_view/image_color'}  # of config/cameras.yaml
FRAMES = 8
VALUES = ('method:=iou', 'queue:=every', 'warm_up_width:=0', 'diagnostics_period_s:=0.1')


@pytest.fixture
def start(make_host, batches):
    """Return a function that starts a tracker that sees colours, and returns host and core."""

    def begin(*words, is_good=True):
        cores = []

        def before(host):
            cores.append(TrackerCore(host))
            host.attach(cores[0])
            assert host.autostart() == is_good

        return make_host(*words, before=before), cores[0]

    return begin


@pytest.fixture
def world(start, peer):
    """Return what was heard of each camera, and its publisher, once all are matched."""
    words = [word for value in VALUES for word in ('-p', value)]
    _, core = start('--params-file', str(resource_path('config', 'cameras.yaml')), *words)
    profile = QoSProfile(depth=50)
    heard = {name: [] for name in NAMES}
    cameras = {}
    for name, messages in heard.items():
        topic = f'/tracker/{name}/tracks'
        peer.node.create_subscription(InstanceTrackArray, topic, messages.append, profile)
        cameras[name] = peer.node.create_publisher(Image, TOPICS[name], profile)
    wait_until(lambda: all(camera.get_subscription_count() for camera in cameras.values()))
    outputs = [stream.checked_frames()._outputs for stream in core.streams]
    wait_until(lambda: all(output._tracks.subscriber_count() for output in outputs))
    return heard, cameras


def to_rclpy(message):
    """Return an image message of the bare messages as one of rclpy."""
    found = Image(height=message.height, width=message.width, step=message.step)
    found.encoding, found.header.frame_id = message.encoding, message.header.frame_id
    found.header.stamp.sec = message.header.stamp.sec
    found.header.stamp.nanosec = message.header.stamp.nanosec
    found.data = message.data.tobytes()
    return found


def change(peer, label):
    """Run a transition of the tracker."""
    request = ChangeState.Request(transition=Transition(label=label))
    assert peer.call(ChangeState, '/tracker/change_state', request).success


def test_two_cameras_equal_two_separate_runs(world):
    heard, cameras = world
    videos = {name: video(seed, FRAMES, frame_id=name) for seed, name in enumerate(NAMES)}
    for pair in zip(*videos.values(), strict=True):
        for name, message in zip(NAMES, pair, strict=True):
            cameras[name].publish(to_rclpy(message))
    wait_until(lambda: all(len(messages) == FRAMES for messages in heard.values()))
    for name, messages in videos.items():
        assert [seen(message) for message in heard[name]] == alone(messages)


def test_services_and_diagnostics_of_each_camera(world, peer):
    heard, cameras = world
    statuses = {}
    peer.node.create_subscription(
        DiagnosticArray,
        '/diagnostics',
        lambda message: statuses.update({s.name: s for s in message.status}),
        10,
    )
    messages = video(4, 3)

    def show(index):
        for camera in cameras.values():
            camera.publish(to_rclpy(messages[index]))
        wait_until(lambda: all(len(found) == index + 1 for found in heard.values()))
        return [heard[name][-1].session_id for name in NAMES]

    first = show(0)
    assert peer.call(Trigger, '/tracker/rear/reset', Trigger.Request()).success
    assert show(1) == [first[0], first[1] + 1]
    assert peer.call(Trigger, '/tracker/reset', Trigger.Request()).success
    assert show(2) == [first[0] + 1, first[1] + 2]
    wait_until(lambda: {f'/tracker: tracker {name}' for name in NAMES} <= set(statuses))
    assert statuses['/tracker: tracker rear'].hardware_id == TOPICS['rear']


def test_parameters_of_cameras_are_declared_from_configure_to_cleanup(start, peer):
    words = ('cameras:=[front, rear]', 'rear.image_topic:=/rear', *VALUES)
    host, core = start(*[word for value in words for word in ('-p', value)])
    assert host._node.get_parameter('rear.image_topic').value == '/rear'
    assert host._node.get_parameter('front.image_topic').value == ''
    assert [stream.parameters.image_topic for stream in core.streams] == [
        'front/image_raw',
        '/rear',
    ]
    for label in ('deactivate', 'cleanup'):
        change(peer, label)
    assert not host._node.has_parameter('rear.image_topic')
    change(peer, 'configure')
    assert host._node.get_parameter('rear.image_topic').value == '/rear'


def test_a_camera_that_is_not_there(start):
    words = ('method:=iou', 'cameras:=[front]', 'rear.image_topic:=/rear')
    host, core = start(*[word for value in words for word in ('-p', value)], is_good=False)
    with pytest.raises(ValueError, match=r"rear\.image_topic: cameras has no 'rear'"):
        core.configure()
    assert {'method', 'cameras', 'rear.image_topic'} <= host.given()
