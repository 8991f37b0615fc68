# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The real executables, as processes that only share topics, on a loopback domain of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from patience import PATIENCE_S

pytest.importorskip('cyclonedds')

ROOT = Path(__file__).parents[2]
SMALL = ('-p', 'warm_up_width:=64', '-p', 'warm_up_height:=48')


@pytest.fixture(scope='module')
def clip(tmp_path_factory) -> Path:
    """Return a folder of images: a block walks over rough ground."""
    folder = tmp_path_factory.mktemp('clip')
    ground = np.random.default_rng(1).integers(60, 110, (96, 128, 3), np.uint8)
    for index in range(30):
        picture = ground.copy()
        if index >= 8:
            picture[30:60, 4 * (index - 8) : 4 * (index - 8) + 18] = 230
        assert cv2.imwrite(str(folder / f'{index:03d}.png'), picture)
    return folder


class Process:
    """A `vis_ros` command whose output goes to files."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._out = folder / f'{time.monotonic_ns()}.out'
        self._err = self._out.with_suffix('.err')
        with self._out.open('wb') as out, self._err.open('wb') as err:
            self.popen = subprocess.Popen(
                [sys.executable, '-m', 'vis_ros.cli', *words],
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env={
                    **os.environ,
                    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
                    'ROS_DOMAIN_ID': str(10 + os.getpid() % 90),
                    'PYTHONUNBUFFERED': '1',
                    'OMP_NUM_THREADS': '1',
                },
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until a text is in the log."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.err:
            assert self.popen.poll() is None, f'ended with {self.popen.returncode}:\n{self.err}'
            assert time.monotonic() < deadline, f'no {text!r} in:\n{self.err}'
            time.sleep(0.02)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return the exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(PATIENCE_S)

    def assert_clean_end(self, number: int = signal.SIGINT) -> None:
        code = self.end(number)
        assert code == 0, self.err
        assert 'Traceback' not in self.err, self.err


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Process]]:
    """Return a function that starts a command; none outlives the test."""
    running: list[Process] = []

    def begin(*words: str) -> Process:
        running.append(Process(tmp_path, *words))
        return running[-1]

    yield begin
    for process in running:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()


def node(start, *words: str) -> Process:
    """Start a tracker and wait until it is active."""
    tracker = start('node', '--host', 'dds', '--ros-args', *SMALL, *words)
    tracker.wait_for('active: images from')
    return tracker


def results(start, clip: Path, *words: str) -> list[dict]:
    """Play the clip to the running tracker; return what a listener got."""
    listener = start('listen', '--host', 'dds', '--json', '--count', '20')
    player = start('play', str(clip), '--host', 'dds', '--loop', '--fps', '20', *words)
    assert listener.popen.wait(PATIENCE_S) == 0, listener.err
    player.assert_clean_end()
    return [json.loads(line) for line in listener.out.splitlines()]


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ((), ()),
        ((), ('--best-effort', '--frame-id', 'street')),
        (('-p', 'image_transport:=compressed'), ('--compressed',)),
        (('-p', 'qos_reliability:=reliable', '-p', 'queue:=every'), ()),
    ],
    ids=['reliable', 'best effort', 'compressed', 'every frame'],
)
def test_images_become_tracks(start, clip, parameters, words):
    tracker = node(start, '-p', 'image_topic:=/camera/image_raw', '-p', 'method:=iou', *parameters)
    got = results(start, clip, *words)
    assert len(got) == 20  # exactly as many as were asked for
    assert {tuple(message) for message in got} == {('stamp', 'session_id', 'latency_ms', 'tracks')}
    stamps = [tuple(message['stamp']) for message in got]
    assert stamps == sorted(stamps)
    assert len({message['session_id'] for message in got}) == 1
    tracker.assert_clean_end()
    assert 'ERROR' not in tracker.err.upper().replace('ERRORS SO FAR', ''), tracker.err


def test_the_same_walker_keeps_its_id(start, clip):
    node(start, '-p', 'image_topic:=/camera/image_raw', '-p', 'queue:=every')
    listener = start('listen', '--host', 'dds', '--json', '--count', '28')
    player = start('play', str(clip), '--host', 'dds', '--stamps', 'recorded')
    assert player.popen.wait(PATIENCE_S) == 0, player.err
    listener.popen.wait(PATIENCE_S)
    messages = [json.loads(line) for line in listener.out.splitlines()]
    active = [t['id'] for m in messages for t in m['tracks'] if t['state'] == 'active']
    assert len(active) > 5
    assert len(set(active)) == 1


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('moment', ['import', 'built', 'idle', 'busy'])
def test_signals_end_the_node_quietly(start, clip, number, moment):
    tracker = start('node', '--host', 'dds', '--ros-args', *SMALL, '-p', 'image_topic:=/cam')
    if moment == 'import':
        wait_for_handlers(tracker)
    elif moment == 'built':
        tracker.wait_for('is ready on cpu')
    else:
        tracker.wait_for('active: images from')
    if moment == 'busy':
        listener = start('listen', '--host', 'dds', '--json', '--count', '3')
        start('play', str(clip), '--host', 'dds', '--output', '/cam', '--loop', '--fps', '100')
        assert listener.popen.wait(PATIENCE_S) == 0, listener.err
    tracker.assert_clean_end(number)


def wait_for_handlers(process: Process) -> None:
    """Wait until the process catches SIGTERM, which is long before torch is there."""
    status = Path(f'/proc/{process.popen.pid}/status')
    deadline = time.monotonic() + PATIENCE_S
    while True:
        line = next(item for item in status.read_text().splitlines() if item.startswith('SigCgt'))
        if int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_second_signal_changes_nothing(start):
    tracker = node(start)
    tracker.popen.send_signal(signal.SIGINT)
    tracker.popen.send_signal(signal.SIGINT)
    tracker.assert_clean_end(signal.SIGTERM)


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (('-p', 'queue:=sometimes'), "queue: expected one of 'latest', 'every', got 'sometimes'"),
        (('-p', 'qos_depth:=0'), 'qos_depth: expected a value in [1'),
        (('-p', 'device:=7'), 'device: expected str'),
        (('--params-file', 'no.yaml'), 'no.yaml'),
        (('-r', '__node:=9lives'), '9lives'),
    ],
)
def test_wrong_parameters_end_with_2(start, words, error):
    tracker = start('node', '--host', 'dds', '--ros-args', *words)
    assert tracker.popen.wait(PATIENCE_S) == 2
    assert error in tracker.err
    assert 'Traceback' not in tracker.err


def test_what_stops_configure_is_said_and_the_node_waits(start):
    tracker = start('node', '--host', 'dds', '--ros-args', '-p', 'method:=deepsorrt')
    tracker.wait_for('NOT tracking')
    assert "did you mean 'deepsort'?" in tracker.err
    tracker.assert_clean_end()


def test_without_autostart_the_node_waits(start):
    tracker = start('node', '--host', 'dds', '--ros-args', '-p', 'autostart:=false')
    tracker.wait_for('waiting to be configured')
    tracker.assert_clean_end(signal.SIGTERM)


def test_the_demo(start, clip, tmp_path):
    out = tmp_path / 'demo'
    demo = start('demo', '--source', str(clip), '--out', str(out))
    assert demo.popen.wait(PATIENCE_S) == 0, demo.err
    names = {path.name for path in out.iterdir()}
    assert names == {'bag', 'overlay.mp4', 'contact_sheet.png', 'summary.json'}
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['exit_codes'] == {'tracker': 0, 'listener': 0, 'player': 0}
    assert summary['tracks'] >= 1
    assert summary['sessions'] == 1
    assert summary['frames_out'] + summary['frames_dropped'] <= 30
    assert 'Traceback' not in demo.err
    cover = cv2.imread(str(out / 'contact_sheet.png'))
    assert cover is not None


def test_a_demo_whose_tracker_is_killed_fails(start, clip, tmp_path):
    demo = start('demo', '--source', str(clip), '--out', str(tmp_path / 'demo'))
    demo.wait_for('active: images from')
    os.kill(tracker_of(demo.popen.pid), signal.SIGKILL)
    assert demo.popen.wait(PATIENCE_S) == 1, demo.err
    assert 'FAILED' in demo.err
    summary = json.loads((tmp_path / 'demo' / 'summary.json').read_text())
    assert summary['exit_codes']['tracker'] == -signal.SIGKILL


def tracker_of(parent: int) -> int:
    """Return the process id of the demo's tracker."""
    children = Path(f'/proc/{parent}/task/{parent}/children').read_text().split()
    for child in children:
        if b'\0node\0' in Path(f'/proc/{child}/cmdline').read_bytes():
            return int(child)
    raise LookupError(f'no tracker among {children}')


def test_a_demo_of_an_unknown_method_fails_at_once(start, tmp_path):
    demo = start('demo', '--method', 'nonsense', '--out', str(tmp_path / 'demo'))
    assert demo.popen.wait(PATIENCE_S) == 2
    assert "method: 'nonsense' is unknown" in demo.err
