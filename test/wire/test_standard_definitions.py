# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Definitions of standard messages that the bare host brings along."""

import re

import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.standard_definitions import STANDARD_DEFINITIONS, standard_definitions

# What rosidl gives the published definitions: vision_msgs 4.1.1, foxglove_msgs 3.4.3, and
# visualization_msgs, which is the same from Humble to Lyrical.
HASHES = {
    'vision_msgs/msg/Detection2DArray': (
        '214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968'
    ),
    'vision_msgs/msg/Detection3DArray': (
        '793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018'
    ),
    'vision_msgs/msg/LabelInfo': (
        '3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783'
    ),
    'foxglove_msgs/msg/ImageAnnotations': (
        'bc4e578b1ef80953415d6f966a4cab305c8a44c8b64fc405312b6f06a08fc45e'
    ),
    'visualization_msgs/msg/MarkerArray': (
        '86cb8800b6fb05b5eff1abd7a56f62a5641d3ae9a1c29e78e67e704f1d067dcf'
    ),
}


@pytest.fixture(autouse=True)
def _no_workspace(monkeypatch):
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)


@pytest.mark.parametrize('type_name', HASHES)
def test_hashes_are_those_of_ros(type_name):
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in STANDARD_DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    assert store.hash_rihs01(type_name) == f'RIHS01_{HASHES[type_name]}'


def test_without_a_workspace_they_are_ours():
    assert standard_definitions() == dict(STANDARD_DEFINITIONS)


def install(folder, package, change=lambda text: text, leave_out=''):
    """Write the definitions of a package as an installed workspace has them."""
    target = folder / 'share' / package / 'msg'
    target.mkdir(parents=True)
    for name, text in STANDARD_DEFINITIONS.items():
        if name.startswith(f'{package}/') and name != leave_out:
            (target / f'{name.rpartition("/")[2]}.msg').write_text(change(text), encoding='utf-8')


def test_a_workspace_goes_first(tmp_path, monkeypatch):
    install(tmp_path, 'foxglove_msgs', lambda text: re.sub(r'.*\[\] metadata\n', '', text))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    found = standard_definitions()
    for name, text in found.items():
        assert 'metadata' not in text
        if name.startswith('vision_msgs/'):
            assert text == STANDARD_DEFINITIONS[name]
    assert found.keys() == STANDARD_DEFINITIONS.keys()


def test_versions_are_not_mixed(tmp_path, monkeypatch):
    install(tmp_path, 'vision_msgs', lambda text: 'bool x\n', 'vision_msgs/msg/VisionClass')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert standard_definitions() == dict(STANDARD_DEFINITIONS)


def test_a_file_that_is_no_text(tmp_path, monkeypatch):
    install(tmp_path, 'vision_msgs')
    (tmp_path / 'share/vision_msgs/msg/Point2D.msg').write_bytes(b'\xff\xfe\x00')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert standard_definitions() == dict(STANDARD_DEFINITIONS)


def test_fields():
    messages = bare_messages()
    assert messages.fields('vision_msgs/msg/VisionClass') == {'class_id', 'class_name'}
    with pytest.raises(ValueError, match='no/msg/Such'):
        messages.fields('no/msg/Such')
