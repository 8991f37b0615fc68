# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The weights that ship: they run without any argument, and find what they were trained for."""

from __future__ import annotations

import numpy as np
import pytest

import vis_ros
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Video
from vis_ros.methods.base import METHODS, Method
from vis_ros.pipeline.weights import manifest, shipped_for
from vis_ros.structures import Frame
from vis_ros.synth.config import CLASSES
from vis_ros.synth.video import SynthVideo, find_benchmark, video_seed

SHIPPED = sorted({entry['method'] for entry in manifest().values() if entry.get('default')})
PERIOD_NS = 100_000_000


def test_one_at_most_is_the_default_of_a_method() -> None:
    defaults = [entry['method'] for entry in manifest().values() if entry.get('default')]
    assert len(defaults) == len(set(defaults)) and set(defaults) <= set(METHODS)
    assert shipped_for('no such method') == ''


@pytest.mark.parametrize('name', SHIPPED)
def test_it_tracks_what_it_never_saw(name: str) -> None:
    """Video AP on two held-out videos, far above what chance or broken weights give."""
    method = vis_ros.build_method(name)
    assert method.classes == CLASSES
    videos, results = [], []
    config = find_benchmark('easy').config
    for number in (1, 2):
        video = SynthVideo(config, video_seed('easy', 'heldout', 0, number))
        pictures, labels = zip(*video.frames(), strict=True)
        videos.append((np.stack(labels), np.asarray(video.class_ids, np.int64)))
        results += follow(method, number, pictures)
    truth = annotations_of(videos, CLASSES)
    assert evaluate(truth, results, with_tracking=False).figures()['AP50'] > LOWEST[name]


LOWEST = {'rgnnvis_pp': 0.3}


def follow(
    method: Method, number: int, pictures: tuple[np.ndarray, ...]
) -> tuple[ResultTrack, ...]:
    height, width = pictures[0].shape[:2]
    about = Video(number, height, width, ('',) * len(pictures))
    gathered = VideoResults(about, range(1, len(CLASSES) + 1))
    state = method.init_state()
    for t, picture in enumerate(pictures):
        state, ready = method.step(state, Frame(picture, t * PERIOD_NS))
        for result in ready:
            gathered.add(result.stamp_ns // PERIOD_NS, result)
    state, ready = method.flush(state)
    for result in ready:
        gathered.add(result.stamp_ns // PERIOD_NS, result)
    return gathered.finish()
