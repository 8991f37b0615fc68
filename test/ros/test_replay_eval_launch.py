# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments of replay_eval.launch.py as the command gets them; ROS 2 is stood in for."""

import types

import pytest
from launch_stand_ins import check_declarations, run_launch_file, with_defaults

from vis_ros.cli.evaluate_options import check_form
from vis_ros.cli.main import build_parser


@pytest.fixture
def launch_file(monkeypatch):
    """Return what the launch file defines."""
    return run_launch_file('replay_eval.launch.py', monkeypatch)


def command(launch_file, **given):
    """Return the words of the process that runs with these launch arguments."""
    (process,) = launch_file['evaluation'](with_defaults(launch_file, **given))
    program, *words = process.named['cmd']
    assert type(program).__name__ == 'ExecutableInPackage'
    assert 'shell' not in process.named
    return words


def parsed(words):
    """Return the arguments that the command sees."""
    args = build_parser().parse_args(words)
    assert check_form(args) == 'replay'
    return args


def test_a_bag_alone(launch_file):
    args = parsed(command(launch_file, bag='/data/a bag'))
    assert str(args.replay) == '/data/a bag'
    assert args.truth_topic == '/ground_truth/tracks'
    assert (args.truth_file, args.out, args.topic, args.weights) == (None, None, None, '')
    assert (args.method, args.device, args.mode, args.jobs) == ('deepsort', 'cpu', 'both', 1)
    assert str(args.config_file) == '/p.yaml'
    assert args.class_agnostic is False
    assert args.cluster is None


def test_all_arguments_reach_the_command(launch_file):
    given = {
        'gt': 'truth/gt.json',
        'method': 'rgnnvis_pp',
        'weights': 'synth_small',
        'device': 'cuda:0',
        'out': '/data/out',
        'image': '/front/image',
        'mode': 'realtime',
        'jobs': '3',
        'class_agnostic': 'True',
    }
    args = parsed(command(launch_file, bag='/bags', **given))
    assert (str(args.truth_file), args.truth_topic) == ('truth/gt.json', None)
    assert (args.method, args.weights, args.device) == ('rgnnvis_pp', 'synth_small', 'cuda:0')
    assert (str(args.out), args.topic) == ('/data/out', '/front/image')
    assert (args.mode, args.jobs, args.class_agnostic) == ('realtime', 3, True)


def test_a_flag_that_is_neither_true_nor_false(launch_file):
    with pytest.raises(ValueError, match='class_agnostic: expected true or false, got 1'):
        command(launch_file, bag='/b', class_agnostic='1')


def test_its_failure_is_the_failure_of_the_launch(launch_file):
    launch_file['end'](types.SimpleNamespace(returncode=0), None)
    with pytest.raises(RuntimeError, match='ended with code 2'):
        launch_file['end'](types.SimpleNamespace(returncode=2), None)


def test_every_argument_is_declared_and_the_bag_is_required(launch_file):
    declared = check_declarations(launch_file)
    required = [name for name, named in declared.items() if named['default_value'] is None]
    assert required == ['bag']
