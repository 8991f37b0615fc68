# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What people write: command lines, parameter files, NAME=VALUE, options of every method."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from fuzz_kit import Target, damaged_text, refused_with
from hypothesis import strategies as st

from vis_ros.methods import METHODS
from vis_ros.ros.arguments import parse_arguments
from vis_ros.ros.parameters import NodeParameters
from vis_ros.structures.options import build_config, options_of
from vis_ros.structures.settings import parse_settings

_FOLDER = tempfile.TemporaryDirectory(prefix='vis_ros_fuzz_')
CONFIGS = (NodeParameters, *(METHODS[name].Config for name in sorted(METHODS)))

PARAMETERS = """\
/**:
  ros__parameters:
    method: deepsort
    queue_depth: 3
    classes: [person, 'traffic light']
front:
  vis_tracker:
    ros__parameters: {config.memory.capacity: 8, diagnostics_period_s: 1.5, use: true}
"""
LOOPS = """\
/**:
  ros__parameters: &here
    inner: *here
    list: &list [*list]
"""
DEEP = '/**:\n  ros__parameters:\n    a: ' + '[' * 3000
DEEPER = '{a: ' * 1500 + '1' + '}' * 1500
LAUGHS = 'a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n' + ''.join(
    f'{chr(98 + k)}: &{chr(98 + k)} [{", ".join(["*" + chr(97 + k)] * 8)}]\n' for k in range(9)
)
WORDS = (
    'queue_depth:=3',
    'classes:=[a, b]',
    'front:queue:=latest',
    '__node:=a',
    'rostopic:///a:=~/b',
    'warn',
    'config.memory.capacity:=8',
    '/front/camera:=/left/image_raw',
    'vis_tracker:=debug',
    'frame: 1',
    "text:='a b'",
    'a.b:=1e400',
    'a:=' + '[' * 3000,
    'a:=' + DEEPER,
    'a:=&x [*x]',
    'a:=&x {b: *x}',
    'a:=2026-13-45',
    'a:=0x',
    'a:=' + '9' * 5000,
)
SWITCHES = ('-p', '-r', '--param', '--remap', '--log-level', '--', '--ros-args', '-e', '-x')


@refused_with(ValueError)
def take_words(words):
    """A command line is read, or refused with its fault."""
    read = parse_arguments(['--ros-args', *words])
    read.overrides('/front/vis_tracker')
    read.resolve('~/tracks', read.node_name('vis_tracker'), read.namespace('vis_tracker'), 'topic')
    read.log_level('/vis_tracker')


@refused_with(ValueError)
def take_file(text):
    """A file of parameters is read, or refused with its fault."""
    file = Path(_FOLDER.name) / f'{os.getpid()}.yaml'
    file.write_text(text)
    parse_arguments(['--ros-args', '--params-file', str(file)]).overrides('/vis_tracker')


@refused_with(ValueError)
def take_settings(texts):
    """NAME=VALUE is read, or refused with its fault."""
    parse_settings(texts, '--config')


def values(config):
    """Return a strategy of a configuration class and values for it by name; most names exist."""
    names = [item.name for item in options_of(config)]
    name = st.one_of(st.sampled_from(names), st.sampled_from(names), damaged_text(*names[:3]))
    plain = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from((0, 1, 5, 0.5, 'latest', 'cpu', '', 2**70)),
    )
    value = st.one_of(plain, plain, st.lists(plain, max_size=3), st.dictionaries(name, plain))
    return st.tuples(st.just(config), st.dictionaries(name, value, max_size=3))


@refused_with(ValueError)
def take_values(case):
    """Values become a configuration whose options all hold, or are refused."""
    config, given = case
    made = build_config(config, given)
    for item in options_of(made):
        item.check(item.default)


TARGETS = [
    Target(
        'command lines',
        st.lists(st.one_of(st.sampled_from(SWITCHES), damaged_text(*WORDS)), max_size=6).map(
            lambda words: ['-p', *words]
        ),
        take_words,
        6,
    ),
    Target('parameter files', damaged_text(*[PARAMETERS] * 20, LOOPS, DEEP), take_file, 3),
    Target(
        'settings',
        st.lists(
            damaged_text('a.b=1', 'a=[1, 2]', 'a={b: 1}', f'a={DEEPER}', 'a=&x [*x]', LAUGHS),
            max_size=3,
        ),
        take_settings,
        3,
    ),
    Target('options', st.one_of(*map(values, CONFIGS)), take_values, 2),
]
