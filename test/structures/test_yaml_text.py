# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YAML within limits: what is refused, and that what people write is not."""

import pytest

from vis_ros.structures.yaml_text import load_yaml


def test_nothing():
    assert load_yaml('') is None


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('3', 3),
        ('[1, 2.5, a]', [1, 2.5, 'a']),
        ('a: {b: [x, {c: true}]}\nd: ~', {'a': {'b': ['x', {'c': True}]}, 'd': None}),
        ('[' * 40 + ']' * 40, None),
    ],
)
def test_what_people_write(text, value):
    found = load_yaml(text)
    assert value is None or found == value


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('[1, 2', "expected ',' or ']'"),
        ('[' * 42 + ']' * 42, 'more than 40 maps and lists'),
        ('[' * 100_000, 'more than 40 maps and lists'),
        ('{a: ' * 5000, 'more than 40 maps and lists'),
        ('&a [*a]', 'aliases are not supported'),
        ('a: &a [1, 1]\nb: [*a, *a]', 'aliases are not supported'),
        ('!!bool x', "KeyError: 'x'"),
        ('2026-13-45', 'ValueError: month must be in 1..12'),
        ('!!python/object:os.system x', 'could not determine a constructor'),
        ('a' * 2_000_000, 'at most 1048576 characters, got 2000000'),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(ValueError) as caught:
        load_yaml(text)
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)
