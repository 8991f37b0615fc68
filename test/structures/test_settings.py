# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NAME=VALUE on a command line."""

import pytest

from vis_ros.structures.settings import parse_settings


def test_nothing_says_nothing() -> None:
    assert parse_settings([]) == {}


def test_values_are_yaml_and_the_last_one_counts() -> None:
    items = ['a=1', 'b.c=[x, y]', 'd=', 'e=x=y', 'a=2.5']
    assert parse_settings(items) == {'a': 2.5, 'b.c': ['x', 'y'], 'd': None, 'e': 'x=y'}


@pytest.mark.parametrize(
    ('item', 'text'),
    [
        ('a', "--set 'a': expected NAME=VALUE"),
        ('=1', "--set '=1': expected NAME=VALUE"),
        ('a=[', r"--set 'a=\[': is no YAML: "),
    ],
)
def test_faults_are_named(item: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_settings([item], '--set')
