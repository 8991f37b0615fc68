# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node with several cameras: which cameras, and what each of them takes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters
from vis_ros.structures.options import option, options_of

CAMERA = '{camera}'
"""Stands for the name of the camera in texts."""

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]*')
_TOPIC = f'{CAMERA}/image_raw'
_DEFAULT_TOPIC = NodeParameters().image_topic


@dataclass(frozen=True)
class CameraParameters:
    """Parameters of one of several cameras, with its name and a dot in front."""

    image_topic: str = option(
        '',
        f'Topic of its images. Empty: image_topic of the node with the name for `{CAMERA}`, or '
        f'`{_TOPIC}` where that is `{_DEFAULT_TOPIC}`.',
    )
    depth_topic: str = option(
        '', f'Topic of its depth images. Empty: depth_topic with the name for `{CAMERA}`.'
    )
    camera_info_topic: str = option(
        '',
        f'Topic of its calibration. Empty: camera_info_topic with the name for `{CAMERA}`.',
    )
    memory_file: str = option(
        '', f'File of its track memory. Empty: memory_file with the name for `{CAMERA}`.'
    )


def check_cameras(names: Sequence[str]) -> None:
    """Check the names of several cameras.

    Raises:
        ValueError: One cannot be part of a topic's name, is that of a parameter, or comes twice.
    """
    taken = {item.name.partition('.')[0] for item in options_of(NodeParameters)}
    taken |= {METHOD_PREFIX.rstrip('.'), 'qos_overrides', 'use_sim_time'}
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f'cameras: expected names of letters, digits and underscores with a letter in '
                f'front, got {name!r}'
            )
        if name in taken:
            raise ValueError(f'cameras: {name!r} is the name of a parameter; take another')
    if len(set(names)) < len(names):
        raise ValueError(f'cameras: expected each name once, got {list(names)}')


def check_given(given: Iterable[str], names: Sequence[str]) -> None:
    """Check that the parameters given for single cameras are those of cameras that there are.

    Args:
        given: Full names of all parameters that the node was given.
        names: Names of the cameras.

    Raises:
        ValueError: One is for a camera that is not there, or cameras have no such parameter.
    """
    own = [item.name for item in options_of(CameraParameters)]
    for full in sorted(given):
        name, _, parameter = full.partition('.')
        if parameter in own and name not in names:
            raise ValueError(f'{full}: cameras has no {name!r}, it is {list(names)}')
        if parameter and name in names and parameter not in own:
            raise ValueError(f'{full}: a camera has no such parameter; expected one of {own}')


def parameters_of(node: NodeParameters, name: str, own: CameraParameters) -> NodeParameters:
    """Return the parameters of a camera.

    Args:
        node: Parameters of the node.
        name: Name of the camera.
        own: What is given for this camera alone.
    """
    changes: dict[str, Any] = {k: v for k, v in dataclasses.asdict(own).items() if v}
    if node.image_topic == _DEFAULT_TOPIC:
        changes.setdefault('image_topic', _TOPIC)
    meant = dataclasses.replace(node, **changes)
    texts: dict[str, Any] = {
        field.name: value.replace(CAMERA, name)
        for field in dataclasses.fields(meant)
        if isinstance(value := getattr(meant, field.name), str)
    }
    return dataclasses.replace(meant, **texts)


def check_apart(cameras: Sequence[NodeParameters]) -> None:
    """Check that no two cameras take the same images, or write the same file.

    Raises:
        ValueError: Two have one value where each needs its own.
    """
    for item in options_of(CameraParameters):
        given = [value for camera in cameras if (value := getattr(camera, item.name))]
        if twice := sorted({value for value in given if given.count(value) > 1}):
            raise ValueError(
                f'{item.name}: several cameras have {twice[0]!r}; put {CAMERA} into it, or give '
                f'each camera its own with CAMERA.{item.name}'
            )


def check_unchanged(changes: Iterable[str], names: Sequence[str]) -> None:
    """Check that no parameter of a camera is to change; only while the node is configured.

    Raises:
        ValueError: One is.
    """
    for change in changes:
        if change.partition('.')[0] in names:
            raise ValueError(
                f'{change}: cannot change while the node is configured; run the transitions '
                'deactivate and cleanup first'
            )
