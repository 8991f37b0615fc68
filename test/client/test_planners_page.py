# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""docs/planners.md: its Python runs, and what it names is there."""

import re
import sys
import types
from pathlib import Path

import pytest
from track_messages import S, message, placed, track

import vis_ros.client
from vis_ros.client import TableConfig, TrackTable
from vis_ros.structures.options import options_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs/planners.md').read_text()
BLOCKS = re.findall(r'```python\n(.*?)```', PAGE, re.S)


@pytest.fixture
def snapshot():
    """Return a person that walks towards the camera, seen six times."""
    table = TrackTable()
    for index in range(6):
        stamp_s = 1 + index / 10
        person = track(
            box=(300.0, 260.0, 340.0, 470.0),
            placement=placed((0, 0, 5 - index / 5), (0, 0, -2)),
            last_seen_ns=round(stamp_s * S),
        )
        table.update(message(stamp_s, person))
    return table.snapshot()


def test_the_questions_run_and_find_the_person(snapshot):
    names = {'snapshot': snapshot}
    exec(compile(BLOCKS[1], 'planners.md', 'exec'), names)
    assert names['record'].track_id == 1
    assert names['contact'].source == 'positions'
    assert names['later'].position_m[2] < 4.5
    assert names['whole'].shape == (480, 640)
    assert names['mask'].all()
    assert list(names['nearest']) == ['person']


def test_the_node_runs(monkeypatch, snapshot):
    logged = []

    class Node:
        def __init__(self, name):
            pass

        def get_logger(self):
            return types.SimpleNamespace(info=logged.append)

    rclpy, node = types.ModuleType('rclpy'), types.ModuleType('rclpy.node')
    rclpy.init, rclpy.spin, node.Node = (lambda: None), (lambda planner: None), Node
    monkeypatch.setitem(sys.modules, 'rclpy', rclpy)
    monkeypatch.setitem(sys.modules, 'rclpy.node', node)
    made = []
    monkeypatch.setattr(
        vis_ros.client, 'TrackSubscriber', lambda *args, **kwargs: made.append((args, kwargs))
    )
    exec(compile(BLOCKS[0], 'planners.md', 'exec'), {})
    ((planner, topic), options) = made[0]
    assert topic == '/vis_tracker/tracks'
    options['on_update'](snapshot)
    assert len(logged) == 1
    assert logged[0].startswith('person 1 at (')
    assert planner is options['on_update'].__self__


def test_the_limits_are_those_of_the_code():
    said = dict(
        re.findall(r'(\w+)=([\d.]+)', PAGE[PAGE.index('`TrackTable(capacity') :].split('`')[1])
    )
    assert said == {item.name: str(item.default) for item in options_of(TableConfig)}


def test_what_is_named_is_there():
    names = set(re.findall(r'`([A-Za-z_]\w+)\b(?=[(`])', PAGE.split('## C++')[0]))
    known = set(vars(vis_ros.client))
    types_named = {name for name in names if name[0].isupper() and name not in ('LOST',)}
    foreign = {'PointCloud2', 'PointStamped', 'ValueError', 'None'}
    assert types_named - foreign <= known
    header = (ROOT / 'vis_msgs/include/vis_msgs/mask.hpp').read_text()
    for name in ('check_mask', 'decode_mask', 'paint_mask', 'mask_area', 'mask_contains'):
        assert f'`{name}(' in PAGE
        assert f' {name}(' in header
    assert (ROOT / 'examples/nearest_obstacle.py').stat().st_mode & 0o111
