# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny data sets for tests: masks are rectangles, written as rows of (x, y, width, height)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.evaluation.results import ResultTrack, read_results
from vis_ros.evaluation.ytvis import Annotations, read_annotations

HEIGHT, WIDTH, LENGTH = 24, 40, 4
Place = tuple[int, int, int, int] | None
FIRST, SECOND = (4, 2, 10, 10), (24, 12, 10, 10)
"""Two places that do not touch."""


def segmentation(place: Place) -> dict[str, Any] | None:
    """Return the mask of a rectangle as files hold it."""
    if place is None:
        return None
    x, y, width, height = place
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order='F')
    pixels[y : y + height, x : x + width] = 1
    counts = mask_utils.encode(pixels)['counts'].decode('ascii')
    return {'size': [HEIGHT, WIDTH], 'counts': counts}


def truth(track_id: int, places: Sequence[Place], **more: Any) -> dict[str, Any]:
    """Return an annotation; `more` overrides its fields."""
    return {
        'id': track_id,
        'video_id': 1,
        'category_id': 1,
        'iscrowd': 0,
        'segmentations': [segmentation(place) for place in places],
        'areas': [place and place[2] * place[3] for place in places],
        'bboxes': [place and list(place) for place in places],
        **more,
    }


def result(score: float, places: Sequence[Place], **more: Any) -> dict[str, Any]:
    """Return a result; `more` overrides its fields."""
    return {
        'video_id': 1,
        'category_id': 1,
        'score': score,
        'segmentations': [segmentation(place) for place in places],
        **more,
    }


def data_set(annotations: list[dict[str, Any]], videos: Sequence[int] = (1,)) -> dict[str, Any]:
    """Return the content of a file of annotations, with categories 1 and 2."""
    return {
        'categories': [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}],
        'videos': [
            {
                'id': video_id,
                'height': HEIGHT,
                'width': WIDTH,
                'length': LENGTH,
                'file_names': [f'v{video_id}/{frame}.jpg' for frame in range(LENGTH)],
            }
            for video_id in videos
        ],
        'annotations': annotations,
    }


def write(
    folder: Path, truths: dict[str, Any], results: list[dict[str, Any]] | None = None
) -> tuple[Path, Path]:
    """Write both files; return their paths."""
    paths = folder / 'gt.json', folder / 'results.json'
    paths[0].write_text(json.dumps(truths))
    paths[1].write_text(json.dumps(results or []))
    return paths


def load(
    folder: Path, truths: dict[str, Any], results: list[dict[str, Any]] | None = None
) -> tuple[Annotations, tuple[ResultTrack, ...]]:
    """Write both files and read them."""
    truth_path, result_path = write(folder, truths, results)
    annotations = read_annotations(truth_path)
    return annotations, read_results(result_path, annotations)
