# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of camera, subscribers, method, disk and weights, with a node on Cyclone DDS.

The node, its camera and a planner share this process, and nothing but topics.
"""

import errno
import itertools
import math
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from coloured_world import ColourDetector, picture
from core_rig import NOW_NS, PERIOD_NS, Gate, image, new_puppet, track

from vis_ros.detectors import DETECTORS
from vis_ros.memory.snapshot import load_snapshot
from vis_ros.methods import METHODS
from vis_ros.ros.arguments import parse_arguments
from vis_ros.ros.core import TrackerCore
from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Qos
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, stamp_to_ns

ROOT = Path(__file__).parents[3]
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
RED = (250, 9, 0)
OK, WARN, ERROR = range(3)


class Robot:
    """A tracker, a camera and a planner; `results` and `statuses` are what the planner heard."""

    def __init__(self, make_host, wait_until, **parameters):
        small = {'warm_up_width': 0, 'warm_up_height': 0, 'diagnostics_period_s': 0.1}
        given = {'method': 'puppet', **small, **parameters}
        words = [word for item in given.items() for word in ('-p', '{}:={}'.format(*item))]
        self.host = make_host('tracker', *words)
        self.core = TrackerCore(self.host)
        self.host.attach(self.core)
        self.wait_until = wait_until
        self.results, self.statuses = [], []
        self._index = itertools.count()
        world = make_host('world')
        world.create_subscription(TRACKS_TYPE, '/tracker/tracks', Qos(depth=200), self._hear)
        world.create_subscription(
            DIAGNOSTICS, '/diagnostics', Qos(depth=10), lambda m: self.statuses.append(m.status[0])
        )
        self._images = world.create_publisher(IMAGE_TYPE, '/image', Qos(depth=200))

    def _hear(self, message):
        self.results.append(message)

    def start(self):
        """Activate the node, and send images until the first result came."""
        assert self.host.autostart()
        self.wait_until(self.is_connected)
        self.show()  # and so nothing is on its way any more
        self.results.clear()
        return self

    def is_connected(self):
        """Send an image; return whether results have come."""
        self.send()
        return len(self.results) > 3

    def send(self, pixels=None):
        """Send the next image; return its stamp."""
        stamp_ns = NOW_NS + next(self._index) * PERIOD_NS
        self._images.publish(image(pixels, stamp_ns=stamp_ns))
        return stamp_ns

    def show(self, pixels=None):
        """Send the next image, wait for its result and return it."""
        stamp_ns = self.send(pixels)
        self.wait_until(lambda: self.has_result(stamp_ns))
        return self.results[-1]

    def has_result(self, stamp_ns):
        return self.results and stamp_to_ns(self.results[-1].header.stamp) == stamp_ns

    def wait_for_status(self, level, words):
        """Wait until a status of that level says so."""
        del self.statuses[:]
        self.wait_until(
            lambda: any((int(s.level), words in s.message) == (level, True) for s in self.statuses)
        )

    @property
    def counts(self):
        return self.core.streams[0].statistics.counts


@pytest.fixture
def puppet(monkeypatch):
    """Register a method whose strings the test pulls."""
    made = new_puppet()
    monkeypatch.setitem(METHODS, 'puppet', made)
    return made


@pytest.fixture
def make_robot(make_host, wait_until, puppet):
    """Return a function that makes a robot whose node is active."""
    return lambda **parameters: Robot(make_host, wait_until, **parameters).start()


def test_a_camera_stops_and_returns(make_robot, monkeypatch):
    monkeypatch.setattr('vis_ros.ros.diagnostics._SILENCE_S', 0.2)
    robot = make_robot()
    before = robot.show()
    robot.wait_for_status(WARN, 'no image on image for')
    after = robot.show()
    assert (after.session_id, after.tracks[0].id) == (before.session_id, before.tracks[0].id)
    assert robot.counts['errors'] == 0


@pytest.mark.parametrize(('hz', 'count'), [(5, 4), (120, 60)])
def test_rates_of_5_and_120_hz(make_robot, hz, count):
    robot = make_robot()
    known = dict(robot.counts)
    for _ in range(count):
        time.sleep(1 / hz)
        last_ns = robot.send()
    robot.wait_until(lambda: robot.has_result(last_ns))  # the newest always gets through
    stamps = [stamp_to_ns(message.header.stamp) for message in robot.results]
    assert stamps == sorted(set(stamps))
    assert len({message.session_id for message in robot.results}) == 1
    dropped = robot.core.worker.dropped
    assert robot.counts['received'] - known['received'] == count
    assert robot.counts['received'] == robot.counts['processed'] + dropped
    assert robot.counts['errors'] == 0


def test_30_percent_of_the_images_are_lost(make_robot, monkeypatch):
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    robot = make_robot(method='iou')
    ids, shown = set(), 0
    for index in range(40):
        pixels = picture((5 + index, 10, 20, 20, RED))
        if index % 10 in (3, 4, 8):  # two in a row, too
            next(robot._index)
            continue
        shown += 1
        ids |= {item.id for item in robot.show(pixels).tracks}
    assert (shown, len(ids)) == (28, 1)


def test_a_subscriber_that_never_reads(make_robot):
    robot = make_robot()
    idle = DdsHost('idle', parse_arguments([]))  # nobody spins it
    try:
        for depth in (1, 100):
            idle.create_subscription(TRACKS_TYPE, '/tracker/tracks', Qos(depth=depth), print)
        publisher = robot.core.streams[0].frames._outputs._tracks
        robot.wait_until(lambda: publisher.subscriber_count() == 3)
        for _ in range(150):
            robot.show()
        assert robot.counts['failed'] == robot.counts['errors'] == 0
    finally:
        idle.stop()
        idle.destroy()


def nan_result(frame):
    return (track(1, frame, box=(math.nan, 0.0, 1.0, 1.0)),)


def raising(error):
    def act(frame):
        raise error

    return act


FAULTS = {
    'raises': (raising(RuntimeError('the GPU fell off')), 'the GPU fell off'),
    'returns NaN': (nan_result, 'box'),
    'has no GPU memory': (
        raising(torch.cuda.OutOfMemoryError('CUDA out of memory')),
        'CUDA out of memory',
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_method_that_fails_on_one_frame(make_robot, puppet, fault):
    robot = make_robot()
    before = robot.show()
    good, (puppet.act, words) = puppet.act, FAULTS[fault]
    robot.send()
    robot.wait_until(lambda: robot.counts['failed'] == 1)
    robot.wait_for_status(ERROR, words)
    puppet.act = staticmethod(good)
    after = robot.show()
    assert after.session_id == before.session_id + 1
    assert len(after.tracks) == 1
    robot.wait_for_status(OK, 'tracking')


def test_a_method_that_hangs(make_robot, puppet):
    robot = make_robot()
    before = robot.show()
    gate = Gate(puppet)
    stuck_ns = robot.send()
    gate.wait_entered()
    robot.wait_for_status(OK, 'tracking')  # the executor's thread is free
    known = robot.counts['received']
    for count in range(1, 21):
        newest_ns = robot.send()
        robot.wait_until(lambda count=count: robot.counts['received'] == known + count)
    gate.let_go(2)
    robot.wait_until(lambda: robot.has_result(newest_ns))
    stamps = [stamp_to_ns(message.header.stamp) for message in robot.results[-2:]]
    assert stamps == [stuck_ns, newest_ns]  # nothing of what waited meanwhile
    assert robot.results[-1].session_id == before.session_id


def test_a_full_disk_while_the_memory_is_saved(make_robot, monkeypatch, tmp_path):
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    path = tmp_path / 'memory'
    robot = make_robot(method='iou', memory_file=str(path))
    robot.show(picture((5, 5, 9, 9, RED)))
    stream = robot.core.streams[0]
    stream.save_quietly()
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', full)
        robot.show(picture((6, 5, 9, 9, RED)))
        stream.save_quietly()
        robot.wait_for_status(ERROR, 'the track memory was not written')
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['memory']
    robot.show(picture((7, 5, 9, 9, RED)))
    stream.save_quietly()
    assert load_snapshot(path).meta['stamp_ns'] > 0
    assert path.read_bytes() != before


def test_weights_are_swapped_under_a_running_node(make_robot, tmp_path, capfd):
    path = tmp_path / 'w.safetensors'
    shutil.copy(ROOT / 'models/synth_small.safetensors', path)
    robot = make_robot(method='rgnnvis_pp', weights=str(path))
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    before = robot.show(pixels)
    with path.open('r+b') as file:  # in place, as `cp` does it
        file.truncate(1000)
    after = robot.show(pixels)
    assert after.session_id == before.session_id
    assert robot.counts['failed'] == robot.counts['errors'] == 0
    change = robot.host._lifecycle.change
    assert change('deactivate')
    assert change('cleanup')
    assert not change('configure')  # the new file is damaged, and it says so
    assert 'not a readable weights file' in capfd.readouterr().err
    shutil.copy(ROOT / 'models/synth_small.safetensors', path)
    assert change('configure')
    assert change('activate')
    robot.wait_until(robot.is_connected)
