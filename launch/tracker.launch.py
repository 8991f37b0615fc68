# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker on a camera topic.

ros2 launch vis_ros tracker.launch.py method:=deepsort image:=/camera/image_raw device:=cuda:0
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

ARGUMENTS = {
    'method': ('deepsort', 'registered name of the method; `vis_ros methods` lists them'),
    'weights': ('', 'path or name of the weights; empty for methods without'),
    'device': ('cpu', 'cpu, cuda or cuda:N'),
    'image': ('/camera/image_raw', 'image topic'),
    'image_transport': ('raw', 'raw or compressed'),
    'queue': ('latest', 'latest, or every for replays'),
    'name': ('vis_tracker', 'name of the node'),
    'namespace': ('', 'namespace of the node'),
    'use_sim_time': ('false', 'take the time from /clock'),
    'autostart': ('true', 'configure and activate at start'),
    'log_level': ('info', 'debug, info, warn, error or fatal'),
    'memory_file': ('', 'where the track memory is kept over restarts'),
}


def generate_launch_description() -> LaunchDescription:
    """Return the tracker node with its arguments."""
    config = PathJoinSubstitution([FindPackageShare('vis_ros'), 'config'])
    value = {name: LaunchConfiguration(name) for name in ARGUMENTS}
    text = {name: ParameterValue(value[name], value_type=str) for name in ARGUMENTS}
    flag = {name: ParameterValue(value[name], value_type=bool) for name in ARGUMENTS}
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=what)
                for name, (default, what) in ARGUMENTS.items()
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value=[config, '/', value['method'], '.yaml'],
                description='parameters of the method (default: config/METHOD.yaml)',
            ),
            Node(
                package='vis_ros',
                executable='tracker_node',
                name=value['name'],
                namespace=value['namespace'],
                output='screen',
                arguments=['--ros-args', '--log-level', value['log_level']],
                parameters=[
                    PathJoinSubstitution([config, 'common.yaml']),
                    LaunchConfiguration('params_file'),
                    {
                        'method': text['method'],
                        'weights': text['weights'],
                        'device': text['device'],
                        'image_topic': text['image'],
                        'image_transport': text['image_transport'],
                        'queue': text['queue'],
                        'memory_file': text['memory_file'],
                        'use_sim_time': flag['use_sim_time'],
                        'autostart': flag['autostart'],
                    },
                ],
            ),
        ]
    )
