# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results in the JSON format of the YouTube-VIS and OVIS servers: read and written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vis_ros.evaluation.coco_masks import Masks
from vis_ros.evaluation.json_input import Item, load_json
from vis_ros.evaluation.ytvis import Annotations, known_video, read_masks


@dataclass(frozen=True, slots=True)
class ResultTrack:
    """One object that a method found in one video.

    Args:
        video_id: Its video.
        category_id: Its category.
        score: Confidence of the whole track; only the order of scores matters for AP.
        masks: One entry for each frame.
    """

    video_id: int
    category_id: int
    score: float
    masks: Masks


def read_results(path: str | Path, annotations: Annotations) -> tuple[ResultTrack, ...]:
    """Read results and check them against the ground truth that they are for.

    Categories that the ground truth does not list are let through: the official evaluator drops
    their results without a word, and so does ours.

    Args:
        path: A JSON file, or a zip archive with one as the servers take it.
        annotations: The ground truth.

    Returns:
        The results in the order of the file, which decides between equal scores.

    Raises:
        OSError: The file cannot be read.
        DataError: It does not hold what it should; the text names the file, the key and the value.
    """
    return tuple(_read_result(item, annotations) for item in load_json(Path(path)).items())


def _read_result(item: Item, annotations: Annotations) -> ResultTrack:
    video = known_video(item, annotations.videos)
    return ResultTrack(
        video_id=video.video_id,
        category_id=item.get('category_id').integer(),
        score=item.get('score').number(),
        masks=read_masks(item, video),
    )


def write_results(path: str | Path, results: Iterable[ResultTrack]) -> None:
    """Write results; into a zip archive, as the servers take it, where the path ends in .zip.

    Raises:
        OSError: The file cannot be written.
    """
    path = Path(path)
    text = json.dumps([to_json(result) for result in results])
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('results.json', text)
    else:
        path.write_text(text)


def to_json(result: ResultTrack) -> dict[str, Any]:
    """Return the entry of the file for one result."""
    return {
        'video_id': result.video_id,
        'category_id': result.category_id,
        'score': result.score,
        'segmentations': [None if mask is None else mask.to_json() for mask in result.masks],
    }
