# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of the host, in processes whose rclpy and vis_msgs are stand-ins."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from vis_ros.ros.open_host import is_importable, open_host
print(is_importable('rclpy'), is_importable('vis_msgs'))
try:
    host = open_host('n', [], sys.argv[1])
except ValueError as error:
    print(error)
else:
    print(type(host).__name__)
    host.destroy()
"""
needs_dds = pytest.mark.skipif(
    importlib.util.find_spec('cyclonedds') is None, reason='cyclonedds is not installed'
)


def opened(kind: str, folder: Path, **modules: str) -> tuple[str, str, str]:
    """Return what is importable, what came of it, and the log; with modules of the given code."""
    for name, code in modules.items():
        path = folder.joinpath(*name.split('__'))
        path.mkdir(parents=True)
        (path / '__init__.py').write_text(code)
    done = subprocess.run(
        [sys.executable, '-c', CODE, kind],
        cwd=ROOT,  # where the folder vis_msgs is
        env={
            **{n: v for n, v in os.environ.items() if n != 'PYTHONPATH'},
            'PYTHONPATH': str(folder),
            'ROS_DOMAIN_ID': str(10 + os.getpid() % 90),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    importable, outcome = done.stdout.splitlines()
    return importable, outcome, done.stderr


@needs_dds
def test_without_ros_it_is_dds(tmp_path):
    assert opened('auto', tmp_path) == ('False False', 'DdsHost', '')


@needs_dds
def test_the_folder_of_a_checkout_is_no_built_vis_msgs(tmp_path):
    importable, outcome, log = opened('auto', tmp_path, rclpy='')
    assert (importable, outcome) == ('True False', 'DdsHost')
    assert 'rclpy is there but vis_msgs is not: source ROS 2 and the workspace' in log


def test_wanted_rclpy_without_built_vis_msgs(tmp_path):
    importable, outcome, _ = opened('rclpy', tmp_path, rclpy='')
    assert importable == 'True False'
    assert outcome.startswith('host: rclpy is there but vis_msgs is not: source ROS 2 and'), (
        outcome
    )


def test_wanted_rclpy_that_is_not_there(tmp_path):
    importable, outcome, _ = opened('rclpy', tmp_path)
    assert importable == 'False False'
    assert outcome.startswith('host: rclpy cannot be imported: source ROS 2 and the workspace')


BROKEN = {'rclpy': 'raise ImportError("built for\\nanother Python")', 'vis_msgs__msg': ''}
FAULT = 'rclpy is there but cannot be loaded: ImportError: built for another Python'


def test_wanted_rclpy_that_is_broken(tmp_path):
    assert opened('rclpy', tmp_path, **BROKEN)[:2] == ('True True', f'host: {FAULT}')


@needs_dds
def test_broken_rclpy_falls_back_and_says_so(tmp_path):
    importable, outcome, log = opened('auto', tmp_path, **BROKEN)
    assert (importable, outcome) == ('True True', 'DdsHost')
    assert f'{FAULT}; this node runs on Cyclone DDS instead' in log


def test_broken_rclpy_and_no_dds_names_both(tmp_path):
    _, outcome, _ = opened('auto', tmp_path, **BROKEN, cyclonedds='raise ImportError("no")')
    assert outcome == f'host: {FAULT}; and host: cyclonedds is there but cannot be loaded: no'


def test_unknown_kinds_are_refused(tmp_path):
    outcome = opened('ros1', tmp_path)[1]
    assert outcome == "host: expected auto, rclpy or dds, got 'ros1'"
