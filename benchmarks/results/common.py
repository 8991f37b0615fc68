# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all rows of docs/results.md share: the held-out videos, and the figures that are stored."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.console import Console

from vis_ros.data.augment import AugmentConfig
from vis_ros.data.ytvis_data import YtvisData
from vis_ros.evaluation.confidence import confidence
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Annotations, read_annotations
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.weights import part_of
from vis_ros.nn.yolact import SelectionConfig
from vis_ros.pipeline.weights import load_weights, sha256_of
from vis_ros.structures.options import values_of
from vis_ros.training.feature_cache import Remembered
from vis_ros.training.kept_videos import KeptVideos, cache_of
from vis_ros.training.sources import ANNOTATIONS, IMAGES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STORED = ROOT / 'docs' / 'results'
FPS = 10.0
KEPT = ('AP', 'AP50', 'AP75', 'AR10', 'APso', 'APmo', 'APho', 'HOTA', 'AssA', 'IDF1', 'MOTA')
COUNTS = ('switches', 'misses', 'false_positives')


def read_rows() -> dict[str, Any]:
    """Return rows.yaml."""
    found: dict[str, Any] = yaml.safe_load((HERE / 'rows.yaml').read_text())
    return found


class HeldOut:
    """The held-out part of a benchmark as a detector sees it.

    Args:
        folder: Folder of the part.
        detector: Weights of the detector.
        cache: Folder of feature caches.
    """

    def __init__(self, folder: Path, detector: Path, cache: Path) -> None:
        self.annotations: Annotations = read_annotations(folder / ANNOTATIONS)
        self.data = YtvisData(self.annotations, folder / IMAGES)
        values = {
            'detector': sha256_of(detector),
            'selection': values_of(SelectionConfig()),
            'annotations': sha256_of(folder / ANNOTATIONS),
        }
        names = [str(video.video_id) for video in self.data.videos]
        self.kept = KeptVideos(cache_of(str(cache), values), self.data, names, AugmentConfig(), 0)

    def fill(self, detector: Path) -> None:
        """Compute the features that are missing."""
        weights = load_weights(str(detector))
        assert weights is not None
        network, classes = weights.meta['config']['network'], weights.meta['classes']
        model = RgnnVis(network, len(classes) + 1, RgnnOptions()).eval()
        model.detector.load_state_dict(part_of(weights.tensors, 'detector.'))
        self.kept.fill(
            model,
            SelectionConfig(),
            views=1,
            device=torch.device('cpu'),
            console=Console(stderr=True),
        )

    def videos(self) -> Iterator[Remembered]:
        """Yield the videos in the order of the file."""
        for number in range(len(self.data.videos)):
            yield self.kept.read(number, slice(None))


def figures(annotations: Annotations, results: Sequence[ResultTrack]) -> dict[str, Any]:
    """Return what is stored of the results of one benchmark.

    Video ids of the results are those of the annotations.
    """
    found = evaluate(annotations, results).figures()
    scored = confidence(annotations, results)
    return {
        **{name: round(found[name], 5) for name in KEPT},
        **{name: int(found[name]) for name in COUNTS},
        'correlation': round(scored.correlation(), 4),
        'tracks': len(results),
    }


def store(name: str, document: dict[str, Any]) -> None:
    """Write the stored log of a row."""
    STORED.mkdir(parents=True, exist_ok=True)
    versions = {'torch': torch.__version__, 'python': platform.python_version()}
    text = json.dumps({**document, 'versions': versions}, indent=1, sort_keys=True)
    (STORED / f'{name}.json').write_text(text + '\n')


def stored(name: str) -> dict[str, Any] | None:
    """Return the stored log of a row, None without one."""
    path = STORED / f'{name}.json'
    return json.loads(path.read_text()) if path.exists() else None
