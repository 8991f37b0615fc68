# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of synthetic videos."""

import pytest

from vis_ros.structures.options import build_config, replace_config
from vis_ros.synth.config import BENCHMARKS, SynthConfig
from vis_ros.synth.shapes import CLASSES


def test_nothing_given_is_the_easy_benchmark():
    assert build_config(SynthConfig) == BENCHMARKS['easy'].config


@pytest.mark.parametrize('name', BENCHMARKS)
def test_benchmarks_are_valid_and_named(name):
    benchmark = BENCHMARKS[name]
    assert benchmark.name == name
    assert replace_config(benchmark.config, {}) == benchmark.config
    assert (benchmark.config.height, benchmark.config.width) == (192, 320)
    assert benchmark.config.fps == 10.0
    assert benchmark.config.classes == CLASSES
    assert benchmark.train > benchmark.heldout > 0


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'likeness': 1.5}, 'likeness: expected a value in'),
        ({'objects_max': 255}, 'objects_max: expected a value in'),
        ({'height': 8}, 'height: expected a value in'),
        ({'noise': float('nan')}, 'noise: expected a value in'),
        ({'classes': ('disc', 'cat')}, "got 'cat'"),
        ({'classes': ()}, 'classes: expected some of disc'),
        ({'nois': 1.0}, "did you mean 'noise'"),
        ({'objects_min': 5, 'objects_max': 4}, 'no more than objects_max = 4, got 5'),
        ({'size_min': 70.0, 'size_max': 30.0}, 'no more than size_max = 30.0, got 70.0'),
        ({'absence_min_s': 9.0}, 'absence_min_s: expected no more than'),
    ],
)
def test_wrong_values_are_named(values, words):
    with pytest.raises(ValueError) as caught:
        build_config(SynthConfig, values)
    assert words in str(caught.value)
