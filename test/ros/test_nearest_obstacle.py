# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The example node for planners, in memory."""

import math

import numpy as np
import pytest
from fake_host import FakeHost
from obstacle_world import load, points_of, seen_now
from track_messages import MESSAGES, S, message, placed, track

from vis_ros.structures import TrackState

example = load()
TOPIC = '/vis_tracker/tracks'


@pytest.fixture
def host():
    return FakeHost()


def run(host, *tracks, stamp_s=1.0):
    """Give the tracks to the node; return the points of the cloud that it publishes."""
    if not host.has('subscription', TOPIC):
        example.NearestObstacle(host)
    before = len(host.sent('~/obstacles'))
    host.send(TOPIC, message(stamp_s, *seen_now(stamp_s, tracks)))
    clouds = host.sent('~/obstacles')
    assert len(clouds) == before + 1
    MESSAGES.serialize(clouds[-1])
    return points_of(clouds[-1])


def test_no_tracks_are_an_empty_cloud(host):
    assert len(run(host)) == 0
    cloud = host.sent('~/obstacles')[0]
    assert (cloud.header.stamp.sec, cloud.header.frame_id) == (1, 'camera')
    assert [field.name for field in cloud.fields] == list(example.POINT.names)


def test_nearest_of_each_class(host):
    points = run(
        host,
        track(1, placement=placed((0, 0, 9), (0, 0, -3))),
        track(2, placement=placed((3, 0, 4), (0, 0, 1))),
        track(2**40, class_id=2, placement=placed((0, 0, 8), (0, 0, -2))),
        track(4, class_id=1),
    )
    by_class = {int(point['class_id']): point for point in points}
    assert sorted(by_class) == [0, 1, 2]
    assert [by_class[k]['id'] for k in (0, 1, 2)] == [2, 4, 2**40]
    assert by_class[0].tolist()[:4] == (3, 0, 4, 5)
    assert by_class[0]['time_to_contact'] == math.inf
    assert by_class[2]['time_to_contact'] == pytest.approx(4)
    assert by_class[2]['state'] == TrackState.ACTIVE
    assert all(map(math.isnan, by_class[1].tolist()[:5]))
    assert not host.sent('~/obstacles')[0].is_dense
    [person] = host.sent('~/nearest/person')
    assert (person.point.x, person.point.y, person.point.z) == (3, 0, 4)
    assert (person.header.stamp.sec, person.header.frame_id) == (1, 'camera')
    assert host.sent('~/nearest/traffic_light')[0].point.z == 8
    assert not host.has('publisher', '~/nearest/car'), 'no position, no topic'


def test_the_image_tells_the_time_without_3d(host):
    for index in range(6):
        half = 60 / (4 - index / 10)
        points = run(
            host,
            track(box=(300 - half, 200 - half, 300 + half, 200 + half)),
            stamp_s=1 + index / 10,
        )
    assert math.isnan(points['x'][0])
    assert points['time_to_contact'][0] == pytest.approx(3.5, rel=1e-3)


def test_who_counts():
    def ids(*tracks, **parameters):
        return sorted(run(FakeHost(**parameters), *tracks, stamp_s=9.0)['id'])

    lost = {'class_id': 2, 'state': TrackState.LOST, 'last_seen_ns': round(8.6 * S)}
    tracks = (
        track(1),
        track(2, class_id=1, state=TrackState.TENTATIVE),
        track(3, **lost),
    )
    assert ids(*tracks) == [1, 3]
    assert ids(*tracks, with_tentative=True) == [1, 2, 3]
    assert ids(*tracks, max_silence_s=0.3) == [1]
    assert ids(*tracks, classes=('traffic light',)) == [3]
    assert ids(*tracks, classes=('unicorn',)) == []


def test_stand_off_and_topic():
    host = FakeHost(stand_off_m=1.0, tracks_topic='/front/tracks')
    example.NearestObstacle(host)
    person = track(placement=placed((0, 0, 5), (0, 0, -2)))
    host.send('/front/tracks', message(1.0, *seen_now(1.0, [person])))
    [cloud] = host.sent('~/obstacles')
    assert points_of(cloud)['time_to_contact'][0] == pytest.approx(2)
    assert 'fixed' in host.set_parameters(stand_off_m=2.0)


def test_a_bad_message_is_logged_and_the_next_one_counts(host):
    run(host)
    bad = message(2.0, track())
    bad.tracks[0].mask.counts = np.array([1], np.uint32)
    for _ in range(3):
        host.send(TOPIC, bad)
    assert [severity for severity, _ in host.logs] == ['warn']
    assert 'track 1: mask.counts: expected a sum of' in host.logs[0][1]
    assert len(run(host, track(), stamp_s=2.1)) == 1


@pytest.mark.parametrize(
    ('name', 'topic'),
    [
        ('person', 'person'),
        ('traffic light', 'traffic_light'),
        ('3d-box', 'class_3d_box'),
        ('Ampel größer', 'Ampel_gr_er'),
        ('__x__', 'x'),
        ('人', 'class'),
        ('', 'class'),
    ],
)
def test_topics_of_class_names(name, topic):
    assert example.topic_of(name) == topic


def test_many_classes_and_names_that_look_alike(host):
    node = example.NearestObstacle(host)
    node.subscriber.table.update(message(1.0, track()))
    record = node.subscriber.snapshot().get(1)
    names = ['a b', 'a-b', *(f'c{k}' for k in range(400))]
    made = [node._publisher_of(name, record) for name in names]
    assert len({publisher.name for publisher in made if publisher}) == example.MAX_CLASSES
    assert (made[0].name, made[1].name) == (
        '/tracker/nearest/a_b',
        '/tracker/nearest/a_b_0',
    )
    assert made[-1] is None
    assert node._publisher_of('a b', record) is made[0]
