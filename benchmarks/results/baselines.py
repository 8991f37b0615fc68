# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The training-free rows of docs/results.md: `iou` and `deepsort` on the learned detections.

    python benchmarks/results/baselines.py --work WORK [--detector FILE]

They get the very detections that the learned rows get (same network, same selection). Their
options are tuned on videos that training kept out for validation, one option after the other, on
the mean AP of the three benchmarks; what was chosen is stored with the figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import (
    FPS,
    ROOT,
    TUNED,
    best_threshold,
    figures,
    kept_out,
    only,
    read_rows,
    store,
    stored,
)

from vis_ros.data.ytvis_data import YtvisData
from vis_ros.detectors.yolact import YolactDetector, YolactDetectorConfig
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Annotations, read_annotations
from vis_ros.methods import METHODS
from vis_ros.pipeline.weights import load_weights, sha256_of
from vis_ros.structures import Detections, Frame
from vis_ros.structures.options import build_config
from vis_ros.training.sources import ANNOTATIONS, IMAGES

CHOICES: dict[str, dict[str, Sequence[Any]]] = {
    'iou': {
        'min_score': (0.05, 0.1, 0.2, 0.3, 0.4),
        'birth_score': (0.1, 0.2, 0.3, 0.5),
        'overlap': ('box', 'mask'),
        'min_overlap': (0.1, 0.2, 0.3, 0.5),
        'same_class': (True, False),
        'assignment': ('greedy', 'optimal'),
        'memory.lost_timeout_s': (0.5, 1.0, 3.0, 10.0),
        'memory.confirm_hits': (1, 2, 3),
    },
    'deepsort': {
        'min_score': (0.05, 0.1, 0.2, 0.3, 0.4),
        'birth_score': (0.1, 0.2, 0.3, 0.5),
        'max_appearance_distance': (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        'overlap': ('box', 'mask'),
        'min_overlap': (0.1, 0.2, 0.3, 0.5),
        'max_drift': (1.5, 5.0, 1e6),
        'max_hiding': (0.3, 0.6, 1.0),
        'frame_period_s': (1 / 30, 0.1),
        'same_class': (True, False),
        'memory.lost_timeout_s': (1.0, 3.0, 10.0),
        'memory.confirm_hits': (1, 2, 3),
    },
}


class Replayed:
    """A detector that says again what another one said, frame by frame."""

    needs_weights = True

    def __init__(self, detector: YolactDetector) -> None:
        self.classes, self.feature_size = detector.classes, detector.feature_size
        self.found: list[Detections] = []

    def init_state(self) -> int:
        return 0

    def detect(self, state: int, frame: Frame) -> tuple[int, Detections]:
        return state + 1, self.found[state]


class Footage:
    """Videos with ground truth, and the detections in them; the first `limit` ones."""

    def __init__(
        self, data: YtvisData, annotations: Annotations, detector: YolactDetector, limit: int
    ) -> None:
        self.videos = data.videos[:limit]
        self.annotations = only(annotations, self.videos)
        self.frames: list[list[Frame]] = []
        self.found: list[list[Detections]] = []
        for number, video in enumerate(self.videos):
            images = data.clip(number, range(video.length)).images
            frames = [Frame(image, round(t * 1e9 / FPS)) for t, image in enumerate(images)]
            self.found.append([detector.detect(None, frame)[1] for frame in frames])
            blank = np.zeros_like(images[0])  # nobody looks at the pictures any more
            self.frames.append([Frame(blank, frame.stamp_ns) for frame in frames])

    def run(self, name: str, options: dict[str, Any], replayed: Replayed) -> list[ResultTrack]:
        """Return the results of a method."""
        method = METHODS[name].__new__(METHODS[name])
        method.config = build_config(METHODS[name].Config, options)
        method.detector, method.classes = replayed, replayed.classes
        results: list[ResultTrack] = []
        for video, frames, found in zip(self.videos, self.frames, self.found, strict=True):
            replayed.found = found
            gathered = VideoResults(video, range(1, len(method.classes) + 1))
            state = method.init_state()
            for t, frame in enumerate(frames):
                state, (result,) = method.step(state, frame)
                gathered.add(t, result)
            results += gathered.finish()
        return results


def tuned(name: str, parts: Sequence[Footage], replayed: Replayed) -> dict[str, Any]:
    """Return the best options, found by going over each of them once."""

    def score(options: dict[str, Any]) -> float:
        values = [
            evaluate(
                part.annotations, part.run(name, options, replayed), with_tracking=False
            ).figures()['AP']
            for part in parts
        ]
        return sum(values) / len(values)

    best: dict[str, Any] = {}
    top = score(best)
    for option, values in CHOICES[name].items():
        for value in values:
            if value == best.get(option):
                continue
            given = {**best, option: value}
            if given.get('birth_score', 0.5) < given.get('min_score', 0.3):
                given['birth_score'] = given['min_score']
            if (now := score(given)) > top:
                best, top = given, now
    print(name, round(top, 4), best, flush=True)
    return best


def main() -> int:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work', type=Path, required=True)
    parser.add_argument('--detector', type=Path)
    args = parser.parse_args()
    weights_file = (args.detector or ROOT / 'models' / 'synth_small.safetensors').resolve()
    torch.set_num_threads(1)
    names = [name for name in CHOICES if stored(name) is None]
    if not names:
        return 0
    benchmarks = read_rows()['benchmarks']
    weights = load_weights(str(weights_file))
    detector = YolactDetector(YolactDetectorConfig(), weights=weights)
    replayed = Replayed(detector)
    folders = [args.work / 'data' / name / 'train' for name in benchmarks]
    validation = [
        Footage(kept_out(folder), read_annotations(folder / ANNOTATIONS), detector, TUNED)
        for folder in folders
    ]
    chosen = {name: tuned(name, validation, replayed) for name in names}
    documents: dict[str, dict[str, Any]] = {
        name: {
            'row': name,
            'set': options,
            'detector_sha256': sha256_of(weights_file),
            'threshold': best_threshold(
                [(part.annotations, part.run(name, options, replayed)) for part in validation]
            ),
        }
        for name, options in chosen.items()
    }
    for benchmark in benchmarks:
        folder = args.work / 'data' / benchmark / 'heldout'
        annotations = read_annotations(folder / ANNOTATIONS)
        part = Footage(YtvisData(annotations, folder / IMAGES), annotations, detector, 10**9)
        for name, options in chosen.items():
            document, results = documents[name], part.run(name, options, replayed)
            document[benchmark] = figures(annotations, results, document['threshold'])
            print(name, benchmark, document[benchmark], flush=True)
    for name, document in documents.items():
        store(name, document)
    return 0


if __name__ == '__main__':
    sys.exit(main())
