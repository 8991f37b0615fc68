# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the method, on a full disk and with other weights, with a node on each transport."""

import errno
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from coloured_world import picture
from core_rig import MESSAGES, Gate, track
from hosts_rig import wait_until
from robot_rig import ERROR, stamp_of

from vis_ros.memory.snapshot import load_snapshot

ROOT = Path(__file__).parents[2]
RED = (250, 9, 0)


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
def test_a_method_that_fails_on_one_frame_and_then_on_every_frame(make_robot, puppet, fault):
    robot = make_robot()
    session = robot.show().session_id
    good, (bad, words) = puppet.act, FAULTS[fault]
    failed = 0
    for count in (1, 5):
        known = len(robot.results)
        puppet.act = staticmethod(bad)
        for _ in range(count):
            failed += 1
            with robot.reporting(ERROR, words):
                robot.send()
                wait_until(lambda n=failed: robot.counts['failed'] == n)
        assert len(robot.results) == known
        puppet.act = staticmethod(good)
        after = robot.show()
        assert len(after.tracks) == 1
        assert after.session_id == session + failed  # each begins anew
        robot.wait_until_well()
    values = robot.statuses[-1][2]
    assert [values[name] for name in ('failed', 'errors', 'resets')] == ['6'] * 3


def test_a_method_that_hangs(make_robot, puppet):
    robot = make_robot()
    before = robot.show()
    gate = Gate(puppet)
    stuck_ns = robot.send()
    gate.wait_entered()
    known = robot.counts['received']
    for count in range(1, 21):
        newest_ns = robot.send()
        wait_until(lambda c=count: robot.counts['received'] == known + c)
    robot.statuses.clear()
    wait_until(lambda: robot.statuses)  # the executor's thread is free
    state = robot.transport.call('lifecycle_msgs/srv/GetState', '/tracker/get_state')
    assert state.current_state.label == 'active'
    gate.let_go(2)
    wait_until(lambda: robot.newest_ns == newest_ns)
    stamps = [stamp_of(message) for message in robot.results[-2:]]
    assert stamps == [stuck_ns, newest_ns]  # nothing of what waited meanwhile
    assert robot.results[-1].session_id == before.session_id


def test_a_full_disk_while_the_memory_is_saved(make_robot, colours, monkeypatch, tmp_path):
    path = tmp_path / 'memory'
    robot = make_robot(method='iou', memory_file=str(path))
    robot.show(picture((5, 5, 9, 9, RED)))
    robot.stream.save_quietly()
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', full)
        robot.show(picture((6, 5, 9, 9, RED)))
        with robot.reporting(ERROR, 'the track memory was not written'):
            robot.stream.save_quietly()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['memory']
    newest = robot.show(picture((7, 5, 9, 9, RED)))
    assert len(newest.tracks) == 1
    robot.stream.save_quietly()
    assert load_snapshot(path).meta['stamp_ns'] == stamp_of(newest)


def test_weights_are_swapped_under_a_running_node(make_robot, tmp_path, capfd):
    path, whole = tmp_path / 'w.safetensors', ROOT / 'models/synth_small.safetensors'
    shutil.copy(whole, path)
    robot = make_robot(method='rgnnvis_pp', weights=str(path))
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    before = robot.show(pixels)

    def change(number):
        transition = MESSAGES.make('lifecycle_msgs/msg/Transition', id=number, label='')
        service = 'lifecycle_msgs/srv/ChangeState'
        return robot.transport.call(
            service, '/tracker/change_state', transition=transition
        ).success

    configure, cleanup, activate, deactivate = 1, 2, 3, 4
    with path.open('r+b') as file:  # in place, as `cp` does it
        file.truncate(1000)
    after = robot.show(pixels)
    assert after.session_id == before.session_id
    assert robot.counts['failed'] == robot.counts['errors'] == 0
    assert change(deactivate)
    assert change(cleanup)
    assert not change(configure)  # the new file is damaged, and it says so
    assert 'not a readable weights file' in capfd.readouterr().err
    shutil.copy(whole, path)
    assert change(configure)
    assert change(activate)
    robot.wait_connected()
    assert robot.show(pixels).session_id > before.session_id
