# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL and SIGTERM in the middle of a frame, and a restart that goes on with the ids."""

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from core_rig import NOW_NS, image

from vis_ros.memory.snapshot import load_snapshot
from vis_ros.ros.host import Qos
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, stamp_to_ns

ACTIVE = 2
SPARE_IDS = 1_000_000
START_S = 90.0  # torch takes its time on a busy machine
WAITING = Path(__file__).parent / 'node_that_waits.py'


class Robot:
    """A node as a process, and a world that lives on when it dies."""

    def __init__(self, make_host, wait_until, folder):
        self.folder, self.memory = folder, folder / 'memory'
        self.wait_until, self.results = wait_until, []
        self._left = 0  # column of the block
        self._ground = np.random.default_rng(1).integers(60, 110, (96, 128, 3), np.uint8)
        self._index = itertools.count()
        world = make_host('world')
        world.create_subscription(
            TRACKS_TYPE, '/vis_tracker/tracks', Qos(depth=200), self.results.append
        )
        self._images = world.create_publisher(IMAGE_TYPE, '/kill/image', Qos(depth=5))

    def start(self):
        """Start the node; return it once its first result came."""
        parameters = {
            'method': 'iou',
            'image_topic': '/kill/image',
            'memory_file': self.memory,
            'memory_period_s': 0.1,
            'warm_up_width': 64,
            'warm_up_height': 48,
            'config.memory.lost_timeout_s': 1000.0,
        }
        words = [word for item in parameters.items() for word in ('-p', '{}:={}'.format(*item))]
        log = (self.folder / 'log').open('w')
        node = subprocess.Popen(
            [sys.executable, WAITING, self.folder, '--ros-args', *words], stderr=log
        )
        self.results.clear()
        deadline = time.monotonic() + START_S
        while node.poll() is None and not (self.send() and self.results):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        assert node.poll() is None, self.log
        return node

    @property
    def log(self):
        return (self.folder / 'log').read_text()

    def send(self):
        """Send the next image: a block on rough ground."""
        pixels = self._ground.copy()
        pixels[30:60, self._left : self._left + 18] = 230
        stamp_ns = NOW_NS + next(self._index) * 5_000_000
        self._images.publish(image(pixels, stamp_ns=stamp_ns))
        return stamp_ns

    def show(self):
        """Let the block walk on, and send an image; return its tracks, or those of a later one."""
        self._left = (self._left + 3) % 110
        stamp_ns = self.send()
        self.wait_until(lambda: stamp_to_ns(self.results[-1].header.stamp) >= stamp_ns)
        return self.results[-1].tracks

    def hold(self):
        """Leave the node inside of a frame."""
        (self.folder / 'hold').touch()
        self.wait_until(lambda: self.send() and (self.folder / 'held').exists())

    def let_go(self):
        for name in ('hold', 'held'):
            (self.folder / name).unlink()


@pytest.fixture
def robot(make_host, wait_until, tmp_path):
    return Robot(make_host, wait_until, tmp_path)


def known_ids(path):
    """Return the highest id that a memory file knows of, and its session."""
    meta = load_snapshot(path).meta
    return meta['highest_id'], meta['session_id']


def test_killed_and_terminated_in_the_middle_of_a_frame(robot):
    node = robot.start()
    try:
        robot.wait_until(lambda: any(item.state == ACTIVE for item in robot.show()))
        robot.wait_until(lambda: robot.show() and known_ids(robot.memory)[0] > 0)
        seen = {item.id for message in robot.results for item in message.tracks}
        robot.hold()
        node.send_signal(signal.SIGKILL)
        assert node.wait(30) == -signal.SIGKILL
        robot.let_go()
        highest, session = known_ids(robot.memory)  # the file is whole

        node = robot.start()
        assert f'track memory restored from {robot.memory}' in robot.log
        ids = {item.id for item in robot.show()} | {
            item.id for message in robot.results for item in message.tracks
        }
        assert {message.session_id for message in robot.results} == {session}
        assert ids & seen, 'no track went on'
        assert not [k for k in ids - seen if k <= highest + SPARE_IDS], 'an id was given twice'

        robot.hold()
        node.send_signal(signal.SIGTERM)
        robot.let_go()  # the frame ends, and with it the node
        assert node.wait(30) == 0, robot.log
        assert load_snapshot(robot.memory).meta['is_final'] is True
        highest, session = known_ids(robot.memory)

        ids |= {item.id for message in robot.results for item in message.tracks}
        node = robot.start()
        robot.show()
        again = {item.id for message in robot.results for item in message.tracks}
        assert {message.session_id for message in robot.results} == {session}
        assert again & ids, 'no track went on'
        assert not [k for k in again - ids if k <= highest], 'an id was given twice'
        node.send_signal(signal.SIGINT)
        assert node.wait(30) == 0, robot.log
    finally:
        node.kill()
        node.wait()
