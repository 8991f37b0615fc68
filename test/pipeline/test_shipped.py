# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The weights that ship: they run without any argument, and find what they were trained for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import accuracy

import vis_ros
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.methods import METHODS
from vis_ros.pipeline.weights import manifest, shipped_for
from vis_ros.synth.config import CLASSES

SHIPPED = sorted({entry['method'] for entry in manifest().values() if entry.get('default')})
LOWEST = {'iai': 0.3, 'ifr': 0.3, 'maskprop': 0.5, 'rgnnvis_pp': 0.3, 'visstg': 0.3}  # AP50


def test_one_at_most_is_the_default_of_a_method() -> None:
    defaults = [entry['method'] for entry in manifest().values() if entry.get('default')]
    assert len(defaults) == len(set(defaults)) and set(defaults) <= set(METHODS)
    assert shipped_for('no such method') == ''


@pytest.mark.parametrize('name', SHIPPED)
def test_it_tracks_what_it_never_saw(name: str) -> None:
    """Video AP on two held-out videos, far above what chance or broken weights give."""
    method = vis_ros.build_method(name)
    assert method.classes == CLASSES
    pictures, truth = accuracy.videos_of('easy', 2)
    results = [
        track
        for number, shown in enumerate(pictures, start=1)
        for track in accuracy.follow(method, number, shown)
    ]
    assert evaluate(truth, results, with_tracking=False).figures()['AP50'] > LOWEST[name]
