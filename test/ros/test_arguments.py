# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS command line means here what it means to a real node."""

from pathlib import Path
from typing import Any

import pytest

from vis_ros.ros.arguments import RosArguments, parse_arguments


def test_nothing_is_fine() -> None:
    arguments = parse_arguments([])
    assert arguments == RosArguments()
    assert arguments.node_name('vis') == 'vis'
    assert arguments.namespace('vis') == '/'
    assert arguments.overrides('/vis') == {}
    assert arguments.log_level('/vis') == 'info'
    assert arguments.resolve('image', 'vis', '/', 'topic') == '/image'


def test_only_what_follows_ros_args_is_for_ros() -> None:
    argv = ['a', '-p', '--ros-args', '-p', 'x:=1', '--', 'b', '--ros-args', '-p', 'y:=2']
    arguments = parse_arguments(argv)
    assert arguments.rest == ('a', '-p', 'b')
    assert arguments.overrides('/vis') == {'x': 1, 'y': 2}


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1', 1),
        ('-7', -7),
        ('0x10', 16),
        ('1.5', 1.5),
        ('1e3', 1000.0),
        ('.5', 0.5),
        ('true', True),
        ('No', False),
        ('cpu', 'cpu'),
        ('"1"', '1'),
        ('2026-01-01', '2026-01-01'),
        ('1:30', '1:30'),
        ('a:=b', 'a:=b'),
        ('""', ''),
        ('[a, b]', ['a', 'b']),
        ('[1, 2.5]', [1, 2.5]),
        ('[]', []),
    ],
)
def test_parameter_values_are_yaml(text: str, value: Any) -> None:
    found = parse_arguments(['--ros-args', '--param', f'a.b:={text}']).overrides('/vis')
    assert found == {'a.b': value}
    assert type(found['a.b']) is type(value)


def test_later_values_win_and_nodes_are_told_apart() -> None:
    argv = ['--ros-args', '-p', 'x:=1', '-p', 'x:=2', '-p', 'other:x:=3', '-p', 'vis:y:=4']
    arguments = parse_arguments(argv)
    assert arguments.overrides('/vis') == {'x': 2, 'y': 4}
    assert arguments.overrides('/other') == {'x': 3}


def test_parameter_file(tmp_path: Path) -> None:
    path = tmp_path / 'parameters.yaml'
    path.write_text(
        '/**:\n  ros__parameters:\n    a: 1\n    memory: {capacity: 8, decay: {rate: 1e-1}}\n'
        'vis:\n  ros__parameters: {a: 2}\n'
        '/robot/vis:\n  ros__parameters: {a: 3}\n'
        '/cell:\n  vis:\n    ros__parameters: {a: 4}\n'
        '/*/seer:\n  ros__parameters: {a: 5}\n'
        '/**/deep:\n  ros__parameters: {a: 6}\n'
        'empty:\n  ros__parameters:\n'
    )
    arguments = parse_arguments(['--ros-args', '--params-file', str(path), '-p', 'b:=7'])
    nodes = ['/vis', '/robot/vis', '/cell/vis', '/x/seer', '/x/y/seer', '/deep', '/x/y/deep']
    assert [arguments.overrides(node)['a'] for node in nodes] == [2, 3, 4, 5, 1, 6, 6]
    assert arguments.overrides('/empty') == {
        'a': 1,
        'b': 7,
        'memory.capacity': 8,
        'memory.decay.rate': 0.1,
    }


@pytest.mark.parametrize(
    'text',
    [
        'vis:\n  a: 1\n',
        'ros__parameters: {a: 1}\n',
        'vis: {ros__parameters: [1]}\n',
        '[1]',
        ': :\n- a',
    ],
)
def test_bad_parameter_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'parameters.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'--params-file .*parameters\.yaml'):
        parse_arguments(['--ros-args', '--params-file', str(path)])


def test_missing_parameter_file() -> None:
    with pytest.raises(ValueError, match='--params-file /nowhere.yaml'):
        parse_arguments(['--ros-args', '--params-file', '/nowhere.yaml'])


def test_remaps() -> None:
    argv = [
        '--ros-args',
        '-r',
        'image:=/camera/image_raw',
        '--remap',
        '~/tracks:=out',
        '-r',
        '__node:=eye',
    ]
    arguments = parse_arguments([*argv, '-r', '__ns:=/robot', '-r', 'image:=never'])
    assert arguments.node_name('vis') == 'eye'
    assert arguments.namespace('vis') == '/robot'
    resolve = arguments.resolve
    assert resolve('image', 'eye', '/robot', 'topic') == '/camera/image_raw'
    assert resolve('/robot/image', 'eye', '/robot', 'topic') == '/camera/image_raw'
    assert resolve('/image', 'eye', '/robot', 'topic') == '/image'
    assert resolve('~/tracks', 'eye', '/robot', 'topic') == '/robot/out'


def test_remaps_for_one_node_and_for_one_kind() -> None:
    argv = ['--ros-args', '-r', 'eye:a:=b', '-r', 'eye:__node:=look', '-r', 'rosservice://c:=d']
    arguments = parse_arguments(argv)
    assert arguments.resolve('a', 'eye', '/', 'topic') == '/b'
    assert arguments.resolve('a', 'ear', '/', 'topic') == '/a'
    assert arguments.node_name('eye') == 'look'
    assert arguments.node_name('ear') == 'ear'
    assert arguments.resolve('c', 'eye', '/', 'service') == '/d'
    assert arguments.resolve('c', 'eye', '/', 'topic') == '/c'


def test_log_levels() -> None:
    argv = '--ros-args --log-level WARN --log-level robot.vis:=debug --log-level other:=error'
    arguments = parse_arguments(argv.split())
    assert arguments.log_level('/vis') == 'warn'
    assert arguments.log_level('/robot/vis') == 'debug'
    assert arguments.log_level('/robot/vision') == 'warn'
    assert arguments.log_level('/other') == 'error'


def test_flags_of_real_nodes_are_tolerated() -> None:
    argv = '--ros-args --enable-rosout-logs --disable-stdout-logs --enclave / --log-config-file x'
    assert parse_arguments(argv.split()) == RosArguments()


@pytest.mark.parametrize(
    'argv',
    [
        ['-p'],
        ['-p', '--'],
        ['-p', 'x'],
        ['-p', ':=1'],
        ['-p', 'x:='],
        ['-p', 'x:=null'],
        ['-p', 'x:={a: 1}'],
        ['-p', 'x:=[1, a]'],
        ['-p', 'x:=[1'],
        ['-r', 'a:='],
        ['-r', 'a'],
        ['-r', 'a b:=c'],
        ['-r', 'a:=1c'],
        ['-r', '__node:=a/b'],
        ['-r', '__ns:=/a//b'],
        ['--log-level', 'loud'],
        ['--log-level', ':=info'],
        ['--unknown'],
    ],
)
def test_faults_name_the_argument(argv: list[str]) -> None:
    with pytest.raises(ValueError, match=argv[0]) as error:
        parse_arguments(['--ros-args', *argv])
    assert argv[-1] in str(error.value) or argv[-1] == '--'
