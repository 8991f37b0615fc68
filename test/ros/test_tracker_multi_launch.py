# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node of tracker_multi.launch.py; ROS 2 is stood in for."""

import runpy
import sys
import types
from pathlib import Path

import pytest

from vis_ros.ros.parameters import NodeParameters
from vis_ros.structures.options import options_of

FILE = Path(__file__).parents[2] / 'launch/tracker_multi.launch.py'


class Recorded:
    """Stands in for every class of launch: keeps what it was made with."""

    def __init__(self, *values, **named):
        self.values = values
        self.named = named

    def perform(self, context):
        """As a `LaunchConfiguration` and a `PathJoinSubstitution` do."""
        (value,) = self.values
        return context[value] if isinstance(value, str) else f'/share/{"/".join(value[1:])}'


@pytest.fixture
def launch_file(monkeypatch):
    """Return what the launch file defines."""
    names = {
        'launch': ('LaunchContext', 'LaunchDescription'),
        'launch.actions': ('DeclareLaunchArgument', 'OpaqueFunction'),
        'launch.substitutions': ('LaunchConfiguration', 'PathJoinSubstitution'),
        'launch_ros': (),
        'launch_ros.actions': ('Node',),
        'launch_ros.substitutions': ('FindPackageShare',),
    }
    for module, members in names.items():
        stand_in = types.ModuleType(module)
        for member in members:
            setattr(stand_in, member, type(member, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module, stand_in)
    return runpy.run_path(str(FILE))


def node(launch_file, **given):
    """Return what the node is made with for these launch arguments."""
    defaults = {name: default for name, (default, _) in launch_file['ARGUMENTS'].items()}
    (made,) = launch_file['tracker']({**defaults, 'params_file': '/p.yaml', **given})
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
    (actions,) = launch_file['generate_launch_description']().values
    declared = {a.values[0]: a.named for a in actions if a.values}
    assert set(declared) == {*launch_file['ARGUMENTS'], 'params_file'}
    assert all(named['description'] for named in declared.values())
    assert actions[-1].named['function'] is not None
