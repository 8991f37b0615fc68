# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names are expanded as a ROS 2 node expands them."""

import pytest

from vis_ros.ros.names import check_namespace, check_node_name, expand, join


@pytest.mark.parametrize(
    ('name', 'absolute'),
    [
        ('image', '/robot/image'),
        ('camera/image', '/robot/camera/image'),
        ('/camera/image', '/camera/image'),
        ('~/tracks', '/robot/vis/tracks'),
        ('~', '/robot/vis'),
        ('{node}/debug', '/robot/vis/debug'),
        ('{ns}/debug', '/robot/debug'),
        ('x/{ns}/debug', '/robot/x/robot/debug'),
    ],
)
def test_expand(name: str, absolute: str) -> None:
    assert expand(name, 'vis', '/robot') == absolute


def test_expand_in_the_root_namespace() -> None:
    assert expand('image', 'vis', '/') == '/image'
    assert expand('~/tracks', 'vis', '/') == '/vis/tracks'


@pytest.mark.parametrize('name', ['', '/', 'a//b', 'a/', '1a', 'a b', 'a/~/b', '~a', 'b-1', 'ä'])
def test_bad_names_are_named(name: str) -> None:
    with pytest.raises(ValueError, match='not a ROS name') as error:
        expand(name, 'vis', '/robot')
    assert repr(name) in str(error.value)


def test_unknown_substitution() -> None:
    with pytest.raises(ValueError, match='{host}'):
        expand('{host}/a', 'vis', '/')


def test_namespace() -> None:
    assert check_namespace('/') == '/'
    assert check_namespace('robot') == '/robot'
    assert check_namespace('/a/b') == '/a/b'
    with pytest.raises(ValueError, match='namespace'):
        check_namespace('/a//b')


def test_node_name() -> None:
    assert check_node_name('vis_tracker') == 'vis_tracker'
    for name in ('', 'a/b', '2a', 'a-b'):
        with pytest.raises(ValueError, match='node name'):
            check_node_name(name)


def test_join() -> None:
    assert join('/', 'a') == '/a'
    assert join('/b', 'a') == '/b/a'
