# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node of tracker_multi.launch.py; ROS 2 is stood in for."""

import pytest
from launch_stand_ins import check_declarations, run_launch_file, with_defaults

from vis_ros.ros.parameters import NodeParameters
from vis_ros.structures.options import options_of


@pytest.fixture
def launch_file(monkeypatch):
    """Return what the launch file defines."""
    return run_launch_file('tracker_multi.launch.py', monkeypatch)


def node(launch_file, **given):
    """Return what the node is made with for these launch arguments."""
    (made,) = launch_file['tracker'](with_defaults(launch_file, **given))
    return made.named


def test_a_list_of_cameras(launch_file):
    made = node(launch_file, cameras='[front, rear]')
    assert (made['package'], made['executable']) == ('vis_ros', 'tracker_node')
    assert (made['name'], made['namespace']) == ('vis_tracker', '')
    *files, values = made['parameters']
    assert files == ['/share/config/common.yaml', '/p.yaml']
    assert values == {
        'cameras': ['front', 'rear'],
        'method': 'deepsort',
        'device': 'cpu',
        'use_sim_time': False,
        'autostart': True,
    }


def test_all_arguments_reach_the_node(launch_file):
    given = {
        'cameras_file': '/c.yaml',
        'method': 'iou',
        'weights': '/w',
        'device': 'cuda:1',
        'image': '/{camera}/image',
        'image_transport': 'compressed',
        'queue': 'every',
        'memory_file': '/m/{camera}',
        'name': 'eyes',
        'namespace': 'robot',
        'use_sim_time': 'True',
        'autostart': 'false',
        'log_level': 'debug',
    }
    made = node(launch_file, **given)
    assert (made['name'], made['namespace']) == ('eyes', 'robot')
    assert made['arguments'] == ['--ros-args', '--log-level', 'debug']
    *files, values = made['parameters']
    assert files == ['/share/config/common.yaml', '/p.yaml', '/c.yaml']  # the later one counts
    assert values == {
        'method': 'iou',
        'weights': '/w',
        'device': 'cuda:1',
        'image_topic': '/{camera}/image',
        'image_transport': 'compressed',
        'queue': 'every',
        'memory_file': '/m/{camera}',
        'use_sim_time': True,
        'autostart': False,
    }  # cameras are those of the file
    assert set(values) - {'use_sim_time'} <= {item.name for item in options_of(NodeParameters)}


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('', []),
        ('[]', []),
        ('front', ['front']),
        ('front,rear', ['front', 'rear']),
        (' [ front , rear ] ', ['front', 'rear']),
        ('[\'front\', "rear"]', ['front', 'rear']),
        ('front,,rear', ['front', '', 'rear']),  # the node says what is wrong with it
    ],
)
def test_forms_of_the_list(launch_file, text, names):
    assert launch_file['camera_names'](text) == names


def test_wrong_arguments(launch_file):
    with pytest.raises(ValueError, match='cameras: expected names such as'):
        node(launch_file)
    with pytest.raises(ValueError, match='autostart: expected true or false, got 1'):
        node(launch_file, cameras='a', autostart='1')


def test_every_argument_is_declared(launch_file):
    check_declarations(launch_file)
