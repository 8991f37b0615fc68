# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all rows of docs/results.md share: the held-out videos, and the figures that are stored."""

from __future__ import annotations

import dataclasses
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
from vis_ros.evaluation.box_tracks import video_boxes
from vis_ros.evaluation.confidence import confidence
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.tracking import mot_figures
from vis_ros.evaluation.ytvis import Annotations, Video, read_annotations
from vis_ros.methods.rgnnvis import RgnnVisMethod
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.weights import part_of
from vis_ros.nn.yolact import SelectionConfig
from vis_ros.pipeline.weights import load_weights, sha256_of
from vis_ros.structures.options import values_of
from vis_ros.training.feature_cache import Remembered
from vis_ros.training.followed import follow_videos
from vis_ros.training.kept_videos import KeptVideos, cache_of
from vis_ros.training.sources import ANNOTATIONS, IMAGES, DataConfig, open_folders

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STORED = ROOT / 'docs' / 'results'
FPS = 10.0
KEPT = ('AP', 'AP50', 'AP75', 'AR10', 'APso', 'APmo', 'APho', 'HOTA', 'AssA', 'IDF1', 'MOTA')
COUNTS = ('switches', 'misses', 'false_positives')
HOLD_OUT = 0.06  # share of the training videos that all recipes keep out
TUNED = 8  # of those of each benchmark at most: options are chosen on them
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def read_rows() -> dict[str, Any]:
    """Return rows.yaml; under `methods` the files of the methods that it names."""
    found: dict[str, Any] = yaml.safe_load((HERE / 'rows.yaml').read_text())
    files = {name: HERE / 'methods' / f'{name}.yaml' for name in found['methods']}
    found['methods'] = {name: yaml.safe_load(path.read_text()) for name, path in files.items()}
    return found


class HeldOut:
    """The held-out part of a benchmark as a detector sees it.

    Args:
        folder: Folder of the part.
        detector: Weights of the detector.
        cache: Folder of feature caches.
        videos: Only these; None for all.
    """

    def __init__(
        self, folder: Path, detector: Path, cache: Path, videos: Sequence[Video] | None = None
    ) -> None:
        annotations = read_annotations(folder / ANNOTATIONS)
        self.annotations = annotations if videos is None else only(annotations, videos)
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

    def run(self, method: RgnnVisMethod) -> list[ResultTrack]:
        """Return the results of a method; their video ids are those of the annotations."""
        ids = tuple(self.annotations.videos)
        found = follow_videos(method, self._videos(), fps=FPS)
        return [dataclasses.replace(one, video_id=ids[one.video_id - 1]) for one in found]

    def _videos(self) -> Iterator[Remembered]:
        """Yield the videos in the order of the file."""
        for number in range(len(self.data.videos)):
            yield self.kept.read(number, slice(None))


def kept_out(folder: Path) -> YtvisData:
    """Return the videos of a training part that no training learns from.

    All rows choose their options and thresholds on the first `TUNED` of them.

    Args:
        folder: The training part of a benchmark.
    """
    return open_folders(DataConfig(folders=(str(folder),), hold_out=HOLD_OUT))[1][0]


def only(annotations: Annotations, kept: Sequence[Video]) -> Annotations:
    """Return the annotations of some of the videos."""
    videos = {video.video_id: video for video in kept}
    tracks = tuple(track for track in annotations.tracks if track.video_id in videos)
    return Annotations(videos, annotations.categories, tracks)


def best_threshold(parts: Sequence[tuple[Annotations, Sequence[ResultTrack]]]) -> float:
    """Return the lowest score of tracks that count in box tracking: the highest mean MOTA.

    A learned score and the mean of a detector's scores are not of one scale, so that one threshold
    for all methods would compare how many tracks they show, not how well they keep them apart.
    MOTA weighs the very counts that the tables show: misses, false positives and switches.

    Args:
        parts: Truth and results of validation videos of each benchmark.
    """

    def mota(threshold: float) -> float:
        boxes = [video_boxes(*part, score_threshold=threshold) for part in parts]
        return sum(mot_figures(videos).overall['mota'] for videos in boxes)

    return max(THRESHOLDS, key=mota)


def figures(
    annotations: Annotations,
    results: Sequence[ResultTrack],
    threshold: float,
    kept: Sequence[str] = KEPT,
) -> dict[str, Any]:
    """Return what is stored of the results of one benchmark.

    Args:
        annotations: Truth.
        results: Of the same video ids.
        threshold: Lowest score of tracks that count in box tracking, see `best_threshold`.
        kept: Names of the figures that are no counts.
    """
    found = evaluate(annotations, results, score_threshold=threshold).figures()
    scored = confidence(annotations, results)
    return {
        **{name: round(found[name], 5) for name in kept},
        **{name: int(found[name]) for name in COUNTS},
        'correlation': round(scored.correlation(), 4),
        'tracks': len(results),
    }


def store(name: str, document: dict[str, Any], folder: Path = STORED) -> None:
    """Write the stored log of a row."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {'torch': torch.__version__, 'python': platform.python_version()}
    text = json.dumps({**document, 'versions': versions}, indent=1, sort_keys=True)
    (folder / f'{name}.json').write_text(text + '\n')


def stored(name: str, folder: Path = STORED) -> dict[str, Any] | None:
    """Return the stored log of a row, None without one."""
    path = folder / f'{name}.json'
    return json.loads(path.read_text()) if path.exists() else None
