# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Commands and launch files of a real ROS 2 as processes, over topics of a loopback domain."""

# ruff: noqa: E402 (rclpy can be imported only where it is)
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rclpy_peer import ENVIRONMENT

ROOT = Path(__file__).parents[2]
SETUP = ROOT / 'build/ros/install/setup.bash'
_SOURCED = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
if shutil.which('ros2') is None or str(SETUP.parent / 'vis_ros') not in _SOURCED:
    _REASON = f'the command ros2 is missing, or {SETUP} is not sourced: start by test/run.sh'
    if os.environ.get('VIS_ROS_NEED_RCLPY') == '1':
        raise RuntimeError(_REASON)
    pytest.skip(_REASON, allow_module_level=True)

# isort: split
from hosts_rig import wait_until
from rclpy.qos import QoSProfile

from vis_msgs.msg import InstanceTrack, InstanceTrackArray
from vis_ros.media.bag_writer import BagWriter
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import encode_image, make_header

PERIOD_NS = 50_000_000
FRAMES = 40
CAMERA, TRACKS = '/camera/image_raw', '/vis_tracker/tracks'
_GROUND = np.random.default_rng(1).integers(60, 110, (96, 128, 3), np.uint8)


def scene(index: int) -> np.ndarray:
    """Return frame `index` as RGB: after 8 empty ones a block walks over rough ground."""
    picture = _GROUND.copy()
    if index >= 8:
        picture[30:60, 3 * (index - 8) : 3 * (index - 8) + 18] = 230
    return picture


def write_bag(path: Path, storage: str = 'mcap', *, is_compressed: bool = False) -> Path:
    """Write the scene as a bag of one camera."""
    import cv2

    messages = bare_messages()
    with BagWriter(path, storage) as bag:
        for index in range(FRAMES):
            stamp_ns = 1_700_000_000_000_000_000 + index * PERIOD_NS
            header = make_header(messages, stamp_ns, 'camera')
            if is_compressed:
                _, data = cv2.imencode('.jpg', scene(index)[..., ::-1])
                message = messages.make(
                    'sensor_msgs/msg/CompressedImage',
                    header=header,
                    format='jpeg',
                    data=data.reshape(-1),
                )
                bag.write(f'{CAMERA}/compressed', message, stamp_ns)
            else:
                bag.write(CAMERA, encode_image(messages, scene(index), header), stamp_ns)
    return path


class Job:
    """A process with its children, whose output goes to a file."""

    def __init__(self, path: Path, marker: str, words: tuple[str, ...]) -> None:
        self._path = path
        with path.open('wb') as out:
            self.popen = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=path.parent,  # not the checkout: what is installed is meant
                env={
                    **os.environ,
                    **ENVIRONMENT,
                    'PYTHONPATH': _python_path(),
                    'PYTHONUNBUFFERED': '1',
                    'OMP_NUM_THREADS': '1',
                    'ROS_LOG_DIR': str(path.parent / 'log'),
                    'VIS_ROS_TEST': marker,
                },
            )

    @property
    def text(self) -> str:
        """What it printed up to now."""
        return self._path.read_text()

    def wait_for(self, *texts: str) -> None:
        """Wait until all texts were printed."""
        wait_until(
            lambda: self.popen.poll() is not None or all(text in self.text for text in texts)
        )
        assert all(text in self.text for text in texts), (texts, self.popen.returncode, self.text)

    def wait(self, *, expected: int = 0) -> str:
        """Wait for an end with an expected code and no traceback; return what was printed."""
        wait_until(lambda: self.popen.poll() is not None)
        assert self.popen.returncode == expected, (self.popen.returncode, self.text)
        assert 'Traceback' not in self.text, self.text
        return self.text

    def end(self) -> None:
        """End a program of which it does not matter how it ends."""
        os.killpg(self.popen.pid, signal.SIGTERM)
        wait_until(lambda: self.popen.poll() is not None)

    def interrupt(self) -> str:
        """Press Ctrl-C, which all its processes get; return what was printed up to a good end."""
        os.killpg(self.popen.pid, signal.SIGINT)
        return self.wait()


def _python_path() -> str:
    """Return a PYTHONPATH on which the Python of ROS finds torch, and nothing of this checkout."""
    own = [p for p in sys.path if p.endswith('-packages') and Path(p).is_dir()]
    paths = os.environ.get('PYTHONPATH', '').split(os.pathsep) + own
    return os.pathsep.join(dict.fromkeys(filter(None, paths)))


class Jobs:
    """Starts processes; `close` leaves none of them nor of their children."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marker = uuid.uuid4().hex
        self._jobs: list[Job] = []

    def start(self, *words: object) -> Job:
        """Start a process."""
        path = self._folder / f'job{len(self._jobs)}.log'
        self._jobs.append(Job(path, self._marker, tuple(str(word) for word in words)))
        return self._jobs[-1]

    def launch(self, name: str, *words: object) -> Job:
        """Start a launch file of this package."""
        return self.start('ros2', 'launch', 'vis_ros', f'{name}.launch.py', *words)

    def vis_ros(self, *words: object) -> Job:
        """Start a command of this package on the Python of the tests."""
        return self.start(sys.executable, '-m', 'vis_ros.cli', *words)

    def ros2(self, *words: object, expected: str) -> str:
        """Run a command of ROS 2 until it has found the node and printed what is expected."""
        for _ in range(5):
            job = self.start('ros2', *words)
            wait_until(lambda job=job: job.popen.poll() is not None)
            if 'not found' not in job.text.lower():
                break
        assert expected in job.text, job.text
        return job.text

    def close(self) -> None:
        """Kill what is left."""
        for process in Path('/proc').iterdir():
            if process.name.isdecimal() and self._is_ours(process):
                try:
                    os.kill(int(process.name), signal.SIGKILL)
                except ProcessLookupError:
                    continue
        for job in self._jobs:
            job.popen.wait()

    def _is_ours(self, process: Path) -> bool:
        try:
            return f'VIS_ROS_TEST={self._marker}'.encode() in (process / 'environ').read_bytes()
        except OSError:
            return False


class Planner:
    """Takes the tracks as a node of a robot does."""

    def __init__(self, peer, topic: str = TRACKS) -> None:
        self.messages: list[InstanceTrackArray] = []
        profile = QoSProfile(depth=200)
        peer.node.create_subscription(InstanceTrackArray, topic, self.messages.append, profile)

    @property
    def stamps_ns(self) -> list[int]:
        stamps = [message.header.stamp for message in list(self.messages)]
        return [stamp.sec * 10**9 + stamp.nanosec for stamp in stamps]

    @property
    def sessions(self) -> list[int]:
        """Ids of the sessions in the order in which they came."""
        return list(dict.fromkeys(message.session_id for message in list(self.messages)))

    def wait_for_active(self, count: int = 5) -> None:
        """Wait until one thing was seen as active so many times, under one id."""
        wait_until(lambda: max(self.active.values(), default=0) >= count)

    @property
    def active(self) -> Counter[tuple[int, int]]:
        """How often each id of each session was active, with a mask."""
        return Counter(
            (message.session_id, track.id)
            for message in list(self.messages)
            for track in message.tracks
            if track.state == InstanceTrack.ACTIVE and track.mask.counts
        )
