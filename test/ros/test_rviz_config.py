# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration of RViz 2 that is shipped."""

import re
from pathlib import Path

import pytest
import yaml
from core_rig import image

from vis_ros.resources import resource_path
from vis_ros.wire.marker_messages import BOXES, NAMES, TRAILS

# Classes that rviz_common and rviz_default_plugins declare on every distribution from Humble on,
# and the topic type of each display.
PANELS = {'Displays', 'Views', 'Time'}
TOOLS = {'MoveCamera', 'Interact', 'Select', 'FocusCamera', 'Measure'}
DISPLAYS = {
    'Grid': None,
    'TF': None,
    'Image': 'sensor_msgs/msg/Image',
    'Camera': 'sensor_msgs/msg/Image',
    'MarkerArray': 'visualization_msgs/msg/MarkerArray',
}
POLICIES = {
    'Durability Policy': {'Volatile', 'Transient Local'},
    'History Policy': {'Keep Last', 'Keep All'},
    'Reliability Policy': {'Reliable', 'Best Effort'},
}
NODE = '/vis_tracker'


@pytest.fixture
def config():
    return yaml.safe_load(resource_path('config', 'vis_ros.rviz').read_text(encoding='utf-8'))


@pytest.fixture
def displays(config):
    return config['Visualization Manager']['Displays']


def kinds(items, package):
    found = [item['Class'].split('/') for item in items]
    assert {owner for owner, _ in found} == {package}
    return {name for _, name in found}


def test_classes_are_those_of_rviz(config, displays):
    manager = config['Visualization Manager']
    assert kinds(config['Panels'], 'rviz_common') == PANELS
    assert kinds(displays, 'rviz_default_plugins') == set(DISPLAYS)
    assert kinds(manager['Tools'], 'rviz_default_plugins') == TOOLS
    assert manager['Views']['Current']['Class'] == 'rviz_default_plugins/Orbit'
    assert manager['Transformation']['Current']['Class'] == 'rviz_default_plugins/TF'
    assert manager['Global Options']['Fixed Frame']


def test_names_are_known_where_they_are_used(config, displays):
    names = {item['Name'] for item in displays}
    assert len(names) == len(displays)
    for display in displays:
        assert display['Enabled'] is display['Value'] is True
        assert set(display.get('Visibility', {})) - {'Value'} <= names
    panels = {item['Name'] for item in config['Panels']}
    shown = {name for name, value in config['Window Geometry'].items() if isinstance(value, dict)}
    assert shown <= names | panels


def test_topics_are_those_that_the_node_offers(displays, make_rig):
    rig = make_rig().start()
    rig.step(image())
    found = {}
    for display in displays:
        topic = display.get('Topic')
        if topic is None:
            continue
        assert all(topic[name] in values for name, values in POLICIES.items())
        assert topic['Depth'] >= 1
        found[topic['Value']] = kind = display['Class'].split('/')[1]
        if topic['Value'].startswith(NODE):
            publisher = rig.host.find('publisher', topic['Value'].replace(NODE, '~'))
            assert publisher.type_name == DISPLAYS[kind]
            assert publisher.qos.reliable
    assert found == {
        f'{NODE}/debug/overlay': 'Image',
        f'{NODE}/markers': 'MarkerArray',
        '/camera/image_raw': 'Camera',
    }


def test_defaults_are_those_of_the_launch_file():
    text = Path(resource_path('launch', 'tracker.launch.py')).read_text(encoding='utf-8')
    assert re.search(rf"'name': \('{NODE[1:]}'", text)
    assert re.search(r"'image': \('/camera/image_raw'", text)


def test_namespaces_are_those_of_the_markers(displays):
    (markers,) = (d for d in displays if d['Class'].endswith('/MarkerArray'))
    assert markers['Namespaces'] == {BOXES: True, NAMES: True, TRAILS: True}


def test_it_is_installed():
    root = Path(resource_path('config', 'vis_ros.rviz')).parents[1]
    if (root / 'setup.py').exists():  # a checkout
        assert "files('config', '*.rviz')" in (root / 'setup.py').read_text(encoding='utf-8')
