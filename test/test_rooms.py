# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: the rooms of the package, from left to right."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / 'vis_ros'
ROOMS = (
    'structures',
    'ops',
    'nn',
    'detectors',
    'memory',
    'methods',
    'pipeline',
    'spatial',
    'wire',
    'media',
    'evaluation',
    'synth',
    'data',
    'training',
    'ros',
    'client',
    'cli',
)
FREE = {'resources'}  # modules that every room may import
ONLY = {  # rooms that see less than all to their left
    'memory': {'structures', 'ops'},
    'client': {'structures', 'ops', 'wire', 'ros'},  # runs in planners, without torch
}
ALSO = {'detectors': {'vis_ros.memory.snapshot'}}  # modules further to the right
DOOR = 'pipeline'  # where `vis_ros.build_method` leads to
FILES = sorted(ROOT.rglob('*.py'))
INSIDE = [path for path in FILES if path.parent != ROOT]


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the full names of all modules, or names in them, that a file imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parts = package.split('.')[: len(package.split('.')) + 1 - node.level]
                base = '.'.join([*parts, *([base] if base else [])])
            yield from (f'{base}.{alias.name}' for alias in node.names)


def faults(room: str, source: str, package: str) -> list[str]:
    """Return what a file of a room imports that it must not."""
    allowed = ONLY.get(room, set(ROOMS[: ROOMS.index(room)])) | {room} | FREE
    found = []
    for name in imports(ast.parse(source), package):
        first, _, rest = name.partition('.')
        if first == 'rclpy' or first.endswith('_msgs'):
            if room != 'ros':
                found.append(name)
        elif first == 'vis_ros':
            is_also = any(name.startswith(module) for module in ALSO.get(room, ()))
            room_of = rest.partition('.')[0] or DOOR  # `import vis_ros` is the way to the door
            if room_of not in allowed and not is_also:
                found.append(name)
    return found


def test_every_file_has_a_room() -> None:
    assert len(FILES) > 50
    tops = {path.relative_to(ROOT).parts[0] for path in FILES}
    assert tops <= set(ROOMS) | {'__init__.py', 'resources.py'}


@pytest.mark.parametrize('path', INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_see_only_what_lies_left(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    package = '.'.join(('vis_ros', *parts[:-1]))
    assert faults(parts[0], path.read_text(), package) == []


@pytest.mark.parametrize(
    ('room', 'source', 'expected'),
    [
        ('ops', '', []),
        ('ops', 'import numpy\nfrom vis_ros.structures import Frame', []),
        ('ops', 'from vis_ros.nn.weights import load', ['vis_ros.nn.weights.load']),
        ('ops', 'from vis_ros import nn', ['vis_ros.nn']),
        ('ops', 'import vis_ros', ['vis_ros']),
        ('cli', 'import vis_ros', []),
        ('ops', 'from .. import nn', ['vis_ros.nn']),
        ('ops', 'from . import boxes', []),
        ('ops', 'def f():\n    import vis_ros.cli.main', ['vis_ros.cli.main']),
        ('memory', 'from vis_ros.nn import x', ['vis_ros.nn.x']),
        ('detectors', 'from vis_ros.memory.snapshot import Snapshot', []),
        ('detectors', 'from vis_ros.memory import TrackMemory', ['vis_ros.memory.TrackMemory']),
        ('cli', 'from vis_ros.resources import resource_path', []),
        ('cli', 'import rclpy.node', ['rclpy.node']),
        ('wire', 'from sensor_msgs.msg import Image', ['sensor_msgs.msg.Image']),
        ('ros', 'import rclpy\nfrom sensor_msgs.msg import Image', []),
    ],
)
def test_the_check_finds_faults(room: str, source: str, expected: list[str]) -> None:
    assert faults(room, source, f'vis_ros.{room}') == expected


@pytest.mark.parametrize(
    ('module', 'absent'),
    [
        ('vis_ros', ('torch', 'rclpy', 'numpy', 'cv2')),
        ('vis_ros.structures', ('torch', 'rclpy', 'cv2')),
        ('vis_ros.spatial.locator', ('torch', 'rclpy', 'rosbags')),
        ('vis_ros.wire.messages', ('torch', 'rclpy', 'rosbags')),
        ('vis_ros.ros.core', ('rclpy', 'rosbags', 'cyclonedds')),
        ('vis_ros.client', ('torch', 'cv2', 'scipy', 'rclpy', 'rosbags', 'cyclonedds')),
        ('vis_ros.methods', ('torchvision', 'rclpy')),
        ('vis_ros.pipeline.build', ('torchvision', 'rclpy')),
    ],
)
def test_imports_bring_no_more_than_they_must(module: str, absent: tuple[str, ...]) -> None:
    code = f'import sys, {module}; print(*(n for n in {absent!r} if n in sys.modules))'
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert done.stdout.split() == []
