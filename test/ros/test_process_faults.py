# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL and SIGTERM in the middle of a frame, and a restart that goes on with the ids.

The node is a process, on Cyclone DDS and on a real ROS 2.
"""

import itertools
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from core_rig import NOW_NS, PERIOD_NS, image
from hosts_rig import PATIENCE_S, wait_until

from vis_ros.memory.snapshot import load_snapshot
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, stamp_to_ns

ACTIVE = 2
SPARE_IDS = 1_000_000
WAITING = Path(__file__).parent / 'node_that_waits.py'


class Robot:
    """A node as a process, and a world that lives on when it dies."""

    def __init__(self, transport, folder):
        self.folder, self.memory = folder, folder / 'memory'
        self.results, self.nodes = [], []
        self._kind = transport.kind
        self._left = 0  # column of the block
        self._ground = np.random.default_rng(1).integers(60, 110, (96, 128, 3), np.uint8)
        self._index = itertools.count()
        transport.subscribe(TRACKS_TYPE, '/vis_tracker/tracks', self.results.append)
        self.camera = transport.publisher(IMAGE_TYPE, '/kill/image')

    def start(self, memory_period_s):
        """Start the node; return it once its first result came."""
        parameters = {
            'method': 'iou',
            'image_topic': '/kill/image',
            'memory_file': self.memory,
            'memory_period_s': memory_period_s,
            'warm_up_width': 64,
            'warm_up_height': 48,
            'config.memory.lost_timeout_s': 1000.0,
        }
        words = [word for item in parameters.items() for word in ('-p', '{}:={}'.format(*item))]
        command = [sys.executable, WAITING, self._kind, self.folder, '--ros-args', *words]
        with (self.folder / 'log').open('w') as log:
            node = subprocess.Popen(command, stdout=log, stderr=log)
        self.nodes.append(node)
        self.results.clear()
        wait_until(
            lambda: (
                node.poll() is not None
                or (self.camera.subscriber_count() and self.send() and self.results)
            )
        )
        assert node.poll() is None, self.log
        return node

    @property
    def log(self):
        return (self.folder / 'log').read_text()

    @property
    def sessions(self):
        return {message.session_id for message in self.results}

    @property
    def ids(self):
        return {item.id for message in self.results for item in message.tracks}

    def send(self):
        """Send the next image: a block on rough ground."""
        pixels = self._ground.copy()
        pixels[30:60, self._left : self._left + 18] = 230
        stamp_ns = NOW_NS + next(self._index) * PERIOD_NS
        self.camera.publish(image(pixels, stamp_ns=stamp_ns))
        return stamp_ns

    def show(self):
        """Let the block walk on, and send an image; return its tracks, or those of a later one.

        Each step waits for its result: however slow the machine is, the block walks in small ones.
        """
        self._left = (self._left + 3) % 110
        stamp_ns = self.send()
        wait_until(lambda: stamp_to_ns(self.results[-1].header.stamp) >= stamp_ns)
        return self.results[-1].tracks

    def hold(self):
        """Leave the node inside of a frame; return the frame's stamp."""
        (self.folder / 'hold').touch()
        wait_until(lambda: self.send() and (self.folder / 'held').exists())
        return int((self.folder / 'held').read_text())

    def let_go(self):
        for name in ('hold', 'held'):
            (self.folder / name).unlink()

    def saved(self, name):
        """Return what the memory file says; it is whole at any time."""
        return load_snapshot(self.memory).meta[name]


@pytest.fixture
def robot(transport, tmp_path):
    """Return a robot of which no process is left."""
    made = Robot(transport, tmp_path)
    yield made
    for node in made.nodes:
        node.kill()
        node.wait()


@pytest.mark.timeout(1200)  # starts three processes
def test_killed_and_terminated_in_the_middle_of_a_frame(robot):
    node = robot.start(memory_period_s=0.1)
    wait_until(lambda: any(item.state == ACTIVE for item in robot.show()))
    wait_until(lambda: robot.show() and robot.saved('highest_id') > 0)
    held_ns = robot.hold()
    node.send_signal(signal.SIGKILL)
    assert node.wait(PATIENCE_S) == -signal.SIGKILL
    robot.let_go()
    seen, highest, session = robot.ids, robot.saved('highest_id'), robot.saved('session_id')
    assert robot.saved('stamp_ns') < held_ns

    node = robot.start(memory_period_s=0.0)
    assert f'track memory restored from {robot.memory}' in robot.log
    robot.show()
    assert robot.sessions == {session}
    assert robot.ids & seen, 'no track went on'
    assert not [k for k in robot.ids - seen if k <= highest + SPARE_IDS], 'an id was given twice'

    held_ns = robot.hold()
    node.send_signal(signal.SIGTERM)
    wait_until(lambda: robot.camera.subscriber_count() == 0)  # it is about to end
    assert node.poll() is None
    robot.let_go()  # the frame ends, and with it the node
    assert node.wait(PATIENCE_S) == 0, robot.log
    assert (robot.saved('is_final'), robot.saved('stamp_ns')) == (True, held_ns)
    seen, highest, session = robot.ids, robot.saved('highest_id'), robot.saved('session_id')

    node = robot.start(memory_period_s=0.0)
    robot.show()
    assert robot.sessions == {session}
    assert robot.ids & seen, 'no track went on'
    assert not [k for k in robot.ids - seen if k <= highest], 'an id was given twice'
    node.send_signal(signal.SIGINT)
    assert node.wait(PATIENCE_S) == 0, robot.log
