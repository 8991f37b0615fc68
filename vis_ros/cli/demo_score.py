# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How good the tracks in a bag are that also holds the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vis_ros.cli.common import TRACKS_TOPIC
from vis_ros.cli.demo_report import messages_of
from vis_ros.cli.recorder import LABEL_INFO_TOPIC

FIGURES = ('AP', 'AP50', 'IDF1', 'switches')


def score_bag(bag: Path) -> dict[str, Any]:
    """Score what a tracker published against the ground truth beside it.

    The whole bag is one video. Each message counts for the image with its stamp; an image that
    the tracker left out counts as one without tracks.

    Args:
        bag: Folder of the bag: tracks, the names of their classes, ground truth.

    Returns:
        `FIGURES`, of which IDF1 and switches are missing where their library is; `frames`, the
        images with ground truth; `answered`, those with a message; `objects` and `results`, the
        tracks of the ground truth and of the tracker.

    Raises:
        ValueError: There is no ground truth, something in the bag is not valid, or no class of
            the tracker is one of the ground truth.
    """
    from vis_ros.evaluation.bag_truth import read_bag_truth
    from vis_ros.evaluation.data_sets import match_classes
    from vis_ros.evaluation.run_results import VideoResults
    from vis_ros.wire.conversion import result_of

    truth = read_bag_truth(bag)
    (video,) = truth.annotations.videos.values()
    categories = match_classes(_class_names(bag), truth.annotations.categories)
    results = VideoResults(video, categories)
    positions = {stamp_ns: place for place, stamp_ns in enumerate(truth.stamps_ns)}
    answered = set()
    for message in messages_of(bag, TRACKS_TOPIC):
        result = result_of(message)
        if (position := positions.get(result.stamp_ns)) is not None:
            results.add(position, result)
            answered.add(position)
    tracks = results.finish()
    return {
        **_figures(truth.annotations, tracks),
        'frames': video.length,
        'answered': len(answered),
        'objects': len(truth.annotations.tracks),
        'results': len(tracks),
    }


def describe(figures: dict[str, Any]) -> str:
    """Return the figures of `score_bag` as a line for people."""
    shown = [
        f'{name} {value}' if isinstance(value, int) else f'{name} {value:.3f}'
        for name, value in figures.items()
        if name in FIGURES
    ]
    return (
        f'{", ".join(shown)} over {figures["frames"]} images with {figures["objects"]} objects '
        f'({figures["frames"] - figures["answered"]} images left out)'
    )


def _class_names(bag: Path) -> list[str]:
    names: list[str] = []
    for message in messages_of(bag, LABEL_INFO_TOPIC):
        names = [str(name) for name in message.class_names]
    return names


def _figures(annotations: Any, tracks: Any) -> dict[str, Any]:
    from vis_ros.evaluation.evaluation import evaluate

    try:
        figures = evaluate(annotations, tracks).figures()
    except ValueError:  # a library for box tracking is not installed
        figures = evaluate(annotations, tracks, with_tracking=False).figures()
    return {
        name: value if isinstance(value, int) else round(value, 4)
        for name, value in figures.items()
        if name in FIGURES
    }
