# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""test/run.sh finds a ROS 2, says what it does with it, and runs pytest in any case."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from patience import PATIENCE_S

SCRIPT = Path(__file__).parent / 'run.sh'
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then [ -n "$SOURCED" ] && [ ! -e "$0.fails" ]; exit; fi
echo "ran: $* sourced=$SOURCED distro=$ROS_DISTRO need=$VIS_ROS_NEED_RCLPY built=$BUILT"
"""
COLCON = """#!/bin/sh
[ ! -e "$0.fails" ] || { echo 'no compiler'; exit 1; }
mkdir -p build/ros/install && echo 'export BUILT=yes' > build/ros/install/setup.bash
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def rig(tmp_path):
    """Return a folder with the script, a ROS 2 that names itself not, colcon and Python."""
    program(tmp_path / 'repo/test/run.sh', SCRIPT.read_text())
    program(tmp_path / 'ros/humble/setup.bash', 'unset MAYBE; export SOURCED=yes$MAYBE\n')
    program(tmp_path / 'bin/python', PYTHON)
    program(tmp_path / 'bin/colcon', COLCON)
    for name in ('bash', 'basename', 'cat', 'dirname', 'mkdir', 'sh'):
        (tmp_path / 'bin' / name).symlink_to(shutil.which(name))
    return tmp_path


def run(rig, *args, setup='humble', **variables):
    given = {
        'PATH': str(rig / 'bin'),
        'PYTHON_BIN': str(rig / 'bin'),
        'ROS_SETUP': str(rig / 'ros' / setup / 'setup.bash') if setup else '',
        **variables,
    }
    command = [shutil.which('bash'), str(rig / 'repo/test/run.sh'), *args]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=PATIENCE_S)


def test_without_ros_only_pytest_runs(rig):
    done = run(rig, '-k', 'some', setup='')
    assert done.returncode == 0 and '== no ROS 2' in done.stdout
    assert (
        'ran: -m pytest -n 2 --dist loadfile -k some sourced= distro= need= built=' in done.stdout
    )


def test_a_ros_that_does_not_say_its_name_has_that_of_its_folder(rig):
    done = run(rig)
    assert done.returncode == 0, done.stderr
    assert '== with ROS 2 humble' in done.stdout
    assert 'sourced=yes distro=humble need=1 built=yes' in done.stdout


def test_a_sourced_ros_comes_first(rig):
    done = run(rig, ROS_DISTRO='lyrical', SOURCED='before')
    assert 'sourced=before distro=lyrical need=1 built=yes' in done.stdout
    assert '== with ROS 2 lyrical' in done.stdout


@pytest.mark.parametrize('lacks', ['colcon', 'rclpy'])
def test_a_ros_that_cannot_be_used_is_told_and_left_alone(rig, lacks):
    if lacks == 'colcon':
        (rig / 'bin/colcon').unlink()
    else:
        (rig / 'bin/python.fails').touch()
    done = run(rig)
    assert done.returncode == 0 and '== ROS 2 humble is there, but' in done.stdout
    assert lacks in done.stdout and 'its tests skip' in done.stdout
    assert 'sourced= distro= need= built=' in done.stdout


def test_a_build_that_fails_ends_the_run_with_what_it_printed(rig):
    (rig / 'bin/colcon.fails').touch()
    done = run(rig)
    assert done.returncode != 0 and 'no compiler' in done.stdout and 'ran:' not in done.stdout
