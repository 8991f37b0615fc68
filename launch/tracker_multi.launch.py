# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One tracker for several cameras: the weights are loaded once, each camera has its own memory.

ros2 launch vis_ros tracker_multi.launch.py cameras:='[front, rear]' method:=deepsort
ros2 launch vis_ros tracker_multi.launch.py cameras_file:=my_cameras.yaml device:=cuda:0

Images of camera NAME come from NAME/image_raw, its tracks are on /vis_tracker/NAME/tracks. A file
such as config/cameras.yaml gives single cameras other topics.
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

ARGUMENTS = {
    'cameras': ('', 'names such as [front, rear]; empty where cameras_file has them'),
    'cameras_file': ('', 'parameters of cameras, see config/cameras.yaml; empty for none'),
    'method': ('deepsort', 'registered name of the method; `vis_ros methods` lists them'),
    'weights': ('', 'path or name of the weights; empty for methods without'),
    'device': ('cpu', 'cpu, cuda or cuda:N'),
    'image': ('', 'image topics with {camera} for the name; empty for {camera}/image_raw'),
    'image_transport': ('', 'raw or compressed; empty for what the files say'),
    'queue': ('', 'latest, or every for replays; empty for what the files say'),
    'memory_file': (
        '',
        'where the memories are kept, with {camera}; empty for what the files say',
    ),
    'name': ('vis_tracker', 'name of the node'),
    'namespace': ('', 'namespace of the node'),
    'use_sim_time': ('false', 'take the time from /clock'),
    'autostart': ('true', 'configure and activate at start'),
    'log_level': ('info', 'debug, info, warn, error or fatal'),
}
_TEXTS = {  # parameter of the node: launch argument
    'method': 'method',
    'weights': 'weights',
    'device': 'device',
    'image_topic': 'image',
    'image_transport': 'image_transport',
    'queue': 'queue',
    'memory_file': 'memory_file',
}
_FLAGS = ('use_sim_time', 'autostart')


def camera_names(text: str) -> list[str]:
    """Return the names in a list such as `[front, rear]` or `front,rear`; the node checks them."""
    inner = text.strip().removeprefix('[').removesuffix(']')
    return [name.strip().strip('\'"') for name in inner.split(',')] if inner.strip() else []


def parameters(value: dict[str, str]) -> list[str | dict[str, str | bool | list[str]]]:
    """Return files and values for the node, in the order in which they count.

    Raises:
        ValueError: No camera is given, or a flag is neither true nor false.
    """
    names = camera_names(value['cameras'])
    if not names and not value['cameras_file']:
        raise ValueError('cameras: expected names such as [front, rear], or a cameras_file')
    given: dict[str, str | bool | list[str]] = {
        parameter: value[argument] for parameter, argument in _TEXTS.items() if value[argument]
    }
    for flag in _FLAGS:
        if value[flag].lower() not in ('true', 'false'):
            raise ValueError(f'{flag}: expected true or false, got {value[flag]}')
        given[flag] = value[flag].lower() == 'true'
    if names:
        given['cameras'] = names
    files = [value['common_file'], value['params_file'], value['cameras_file']]
    return [*filter(None, files), given]


def tracker(context: LaunchContext) -> list[Node]:
    """Return the node, whose parameters depend on which launch arguments were given."""
    names = (*ARGUMENTS, 'params_file')
    value = {name: LaunchConfiguration(name).perform(context) for name in names}
    common = PathJoinSubstitution([FindPackageShare('vis_ros'), 'config', 'common.yaml'])
    value['common_file'] = common.perform(context)
    return [
        Node(
            package='vis_ros',
            executable='tracker_node',
            name=value['name'],
            namespace=value['namespace'],
            output='screen',
            arguments=['--ros-args', '--log-level', value['log_level']],
            parameters=parameters(value),
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Return the tracker node with its arguments."""
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
            OpaqueFunction(function=tracker),
        ]
    )
