# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method over recorded bags with ground truth: frame by frame, and at full rate with drops.

ros2 launch vis_ros replay_eval.launch.py bag:=/data/bags gt:=/data/truth.json out:=/data/results

Prints the figures of both side by side; the difference is what latency costs. It is `vis_ros
evaluate --replay` with the parameters of the tracker's launch file, and ends with its exit code: 0
only if every bag could be scored. With `out`, bags that are done are not run again.
"""

from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import ExecutableInPackage, FindPackageShare

from launch import LaunchContext, LaunchDescription

ARGUMENTS = {
    'bag': (None, 'bag, or folder with bags in it or below'),
    'gt': ('/ground_truth/tracks', 'ground truth: topic in the bags, or file NAME.json'),
    'method': ('deepsort', 'registered name of the method; `vis_ros methods` lists them'),
    'weights': ('', 'path or name of the weights; empty for methods without'),
    'device': ('cpu', 'cpu, cuda or cuda:N'),
    'out': ('', 'folder that keeps the results of each bag; empty for none'),
    'image': ('', 'image topic, for bags with several'),
    'mode': ('both', 'frames, realtime or both'),
    'jobs': ('1', 'processes, for several bags'),
    'class_agnostic': ('false', 'take all classes as one, which the detector motion needs'),
}
_FLAGS = {'out': '--out', 'image': '--topic', 'weights': '--weights'}  # left out where empty


def words(value: dict[str, str]) -> list[str]:
    """Return the arguments of `vis_ros` for values of the launch arguments.

    Raises:
        ValueError: `class_agnostic` is neither true nor false.
    """
    is_file = value['gt'].endswith('.json')
    found = ['evaluate', '--replay', value['bag'], '--method', value['method']]
    found += ['--device', value['device'], '--mode', value['mode'], '--jobs', value['jobs']]
    found += ['--config-file', value['params_file']]
    found += ['--truth' if is_file else '--truth-topic', value['gt']]
    for name, flag in _FLAGS.items():
        found += [flag, value[name]] if value[name] else []
    if value['class_agnostic'].lower() not in ('true', 'false'):
        raise ValueError(f'class_agnostic: expected true or false, got {value["class_agnostic"]}')
    return found + ['--class-agnostic'] * (value['class_agnostic'].lower() == 'true')


def end(event: ProcessExited, context: LaunchContext) -> None:
    """Let a failure of the evaluation be the failure of the launch."""
    if event.returncode:
        raise RuntimeError(f'the evaluation ended with code {event.returncode}, see above')


def evaluation(context: LaunchContext) -> list[ExecuteProcess]:
    """Return the process, whose arguments depend on which launch arguments were given."""
    names = (*ARGUMENTS, 'params_file')
    value = {name: LaunchConfiguration(name).perform(context) for name in names}
    program = ExecutableInPackage(executable='vis_ros', package='vis_ros')
    return [ExecuteProcess(cmd=[program, *words(value)], output='screen', on_exit=end)]


def generate_launch_description() -> LaunchDescription:
    """Return the evaluation with its arguments."""
    config = PathJoinSubstitution([FindPackageShare('vis_ros'), 'config'])
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=what)
                for name, (default, what) in ARGUMENTS.items()
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value=[config, '/', LaunchConfiguration('method'), '.yaml'],
                description='parameters of the method (default: config/METHOD.yaml)',
            ),
            OpaqueFunction(function=evaluation),
        ]
    )
