# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker on a recording: a bag, a video or a folder of images.

ros2 launch vis_ros replay.launch.py bag:=/data/street method:=deepsort

Every frame gets its result: the player waits for the tracker where that is slower, and it ends,
and with it all, after the last result. The frames keep their recorded stamps; /clock follows them.
`vis_ros replay` does the same in one process, as fast as the method goes.
"""

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

TOPIC = '/camera/image_raw'


def end(event: ProcessExited, context: LaunchContext) -> Shutdown:
    """Return what ends the launch with the player; its failure is the failure of the launch."""
    if event.returncode:
        raise RuntimeError(f'the player ended with code {event.returncode}, see above')
    return Shutdown(reason='the recording has ended')


def generate_launch_description() -> LaunchDescription:
    """Return the player and the tracker."""
    launch_file = PathJoinSubstitution(
        [FindPackageShare('vis_ros'), 'launch', 'tracker.launch.py']
    )
    passed_on = ('method', 'weights', 'device')
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', description='bag, video or folder of images'),
            DeclareLaunchArgument('rate', default_value='1.0', description='speed factor'),
            DeclareLaunchArgument('method', default_value='deepsort', description='method'),
            DeclareLaunchArgument('weights', default_value='', description='weights'),
            DeclareLaunchArgument('device', default_value='cpu', description='cpu or cuda:N'),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(launch_file),
                launch_arguments={
                    **{name: LaunchConfiguration(name) for name in passed_on},
                    'image': TOPIC,
                    'queue': 'every',
                    'use_sim_time': 'true',
                }.items(),
            ),
            Node(
                package='vis_ros',
                executable='vis_ros',
                name='vis_player',
                output='screen',
                arguments=[
                    'play',
                    LaunchConfiguration('bag'),
                    '--output',
                    TOPIC,
                    '--rate',
                    LaunchConfiguration('rate'),
                    '--stamps',
                    'recorded',
                    '--clock',
                    '--wait',
                    '60',
                    '--follow',
                    '/vis_tracker/tracks',
                ],
                on_exit=end,
            ),
        ]
    )
