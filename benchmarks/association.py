# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training-free association beside that of well-known trackers, on the same detections.

    python benchmarks/association.py [--objects 1 10 100] [--frames 300] [--into docs/performance]

Objects cross a picture of 1280x720 at 30 Hz with constant speed and some noise; 5 % of the
detections are missing, none is false. All trackers take each frame in turns. Timed is what a
tracker does from detections in its own form to its tracks, by the clock of the thread; ours have
masks of 8x8 pixels to store and to encode beside that, the others none. So that speed is not
bought by being wrong: switches of identity and MOTA of the same frames (motmetrics), the truth
being the objects that were detected.

What is not installed is skipped: see `trackers.py` for how to get it. `--into` writes
association.json for `suite/measure.py --page`. Times are of this machine; what counts is the
ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from bars import check_least
from stages import machine
from trackers import HEIGHT, PACKAGES, TRACKERS, WIDTH, Found, Shown, Tracker

from vis_ros.evaluation.box_tracks import BoxFrame, VideoBoxes
from vis_ros.evaluation.tracking import mot_figures
from vis_ros.ops.boxes import iou_matrix

OBJECTS = (1, 5, 10, 25, 50, 100)
WARM_UP = 20  # frames that do not count: trackers confirm new tracks after different times
MISSED = 0.05
_SIDES_PX = (24.0, 64.0)
_SPEED_PX = 4.0  # per frame, in x and in y, at most
_JITTER_PX = 0.2  # of the speed, each frame
_ERROR_PX = 1.0  # of each side of a detected box


class Moment(NamedTuple):
    """One frame.

    Args:
        found: What the detector says.
        who: int64 array (N,), the object of each detection.
        boxes: float32 array (N, 4), where these objects are, xyxy [px].
    """

    found: Found
    who: np.ndarray
    boxes: np.ndarray


def crowd(objects: int, frames: int) -> Iterator[Moment]:
    """Yield frames of objects that move and turn round at the border; always the same ones."""
    rng = np.random.default_rng(objects)
    size = rng.uniform(*_SIDES_PX, (objects, 2))
    room = (WIDTH, HEIGHT) - size
    place = rng.uniform(0, room)
    speed = rng.uniform(-_SPEED_PX, _SPEED_PX, (objects, 2))
    for index in range(frames):
        speed += rng.normal(0, _JITTER_PX, speed.shape)
        speed = np.clip(speed, -_SPEED_PX, _SPEED_PX)
        place += speed
        is_outside = (place < 0) | (place > room)
        speed[is_outside] *= -1
        place = np.clip(place, 0, room)
        who = rng.permutation(np.flatnonzero(rng.random(objects) >= MISSED))
        boxes = np.concatenate((place, place + size), axis=1)[who].astype(np.float32)
        error = rng.normal(0, _ERROR_PX, boxes.shape).astype(np.float32)
        scores = rng.uniform(0.6, 0.95, len(who)).astype(np.float32)
        yield Moment(Found(index, boxes + error, scores), who, boxes)


def available(objects: int) -> tuple[dict[str, Tracker], dict[str, str]]:
    """Return trackers for so many objects by name, and why others are missing."""
    trackers, missing = {}, {}
    for name, make in TRACKERS.items():
        try:
            trackers[name] = make(objects)
        except ImportError as error:
            missing[name] = str(error)
    return trackers, missing


def follow(
    trackers: Mapping[str, Tracker], moments: Sequence[Moment]
) -> dict[str, tuple[list[float], list[Shown]]]:
    """Let all trackers take all frames, in turns.

    Returns:
        For each, what each frame took [ms], and what it showed.
    """
    done: dict[str, tuple[list[float], list[Shown]]] = {name: ([], []) for name in trackers}
    for moment in moments:
        for name, tracker in trackers.items():
            taken = tracker.take(moment.found)
            start = time.thread_time()
            result = tracker.step(taken)
            done[name][0].append((time.thread_time() - start) * 1e3)
            done[name][1].append(tracker.show(result))
    return done


def quality(moments: Sequence[Moment], shown: Sequence[Shown]) -> dict[str, float]:
    """Return the switches of identity and MOTA of frames.

    Raises:
        ValueError: motmetrics is not installed.
    """
    positions: dict[Any, int] = {}
    frames = []
    for moment, tracks in zip(moments, shown, strict=True):
        ids = [positions.setdefault(each, len(positions)) for each, _ in tracks]
        boxes = np.array([box for _, box in tracks], np.float64).reshape(-1, 4)
        rows, columns = np.argsort(moment.who), np.argsort(ids)
        ious = iou_matrix(moment.boxes[rows].astype(np.float64), boxes[columns])
        frames.append(BoxFrame(moment.who[rows], np.array(ids, np.int64)[columns], ious))
    objects = 1 + max((int(moment.who.max(initial=-1)) for moment in moments), default=-1)
    video = VideoBoxes(0, tuple(range(objects)), tuple(range(len(positions))), tuple(frames))
    found = mot_figures([video]).overall
    return {'switches': int(found['num_switches']), 'mota': round(found['mota'], 4)}


def measure(objects: int, frames: int) -> dict[str, dict[str, float]]:
    """Return the figures of each tracker that is there, of so many frames after the warm-up."""
    trackers, _ = available(objects)
    moments = list(crowd(objects, WARM_UP + frames))
    done = follow(trackers, moments)
    spans = {name: float(np.median(times[WARM_UP:])) for name, (times, _) in done.items()}
    return {
        name: {
            'ms': round(spans[name], 4),
            'ratio': round(spans[name] / spans['iou'], 3),
            **quality(moments[WARM_UP:], shown[WARM_UP:]),
        }
        for name, (_, shown) in done.items()
    }


def document(objects: Sequence[int], frames: int) -> dict[str, Any]:
    """Measure, print on the way, and return all that is stored."""
    trackers, missing = available(1)
    for name, why in missing.items():
        print(
            f"{name}: skipped: {why}; see benchmarks/trackers.py, pip install 'vis_ros[compare]'"
        )
    before = os.getloadavg()[0]
    figures = {}
    for count in objects:
        figures[str(count)] = measure(count, frames)
        show(count, figures[str(count)])
    return {
        'machine': machine(),
        'load': [round(before, 2), round(os.getloadavg()[0], 2)],
        'cores': os.cpu_count(),
        'frames': frames,
        'packages': {name: _version(PACKAGES[name]) for name in trackers if name in PACKAGES},
        'missing': missing,
        'figures': figures,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return 'unknown'


def show(objects: int, figures: Mapping[str, Mapping[str, float]]) -> None:
    """Print the figures of a number of objects."""
    title = f'{objects} objects'
    print(f'{title:16}{"ms a frame":>12}{"times iou":>12}{"switches":>10}{"MOTA":>8}')
    for name, f in figures.items():
        times = f'{f["ms"]:12.3f}{f["ratio"]:12.2f}'
        print(f'{name:16}{times}{f["switches"]:10}{f["mota"]:8.4f}', flush=True)


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--objects', type=int, nargs='+', default=OBJECTS, help='at once')
    parser.add_argument('--frames', type=int, default=300, help='that count (%(default)s)')
    parser.add_argument('--json', type=Path)
    parser.add_argument('--into', type=Path, help='folder for association.json')
    args = parser.parse_args(given)
    check_least(parser, args, {'frames': 1})
    if min(args.objects) < 1:
        parser.error(f'--objects: expected 1 or more, got {min(args.objects)}')
    torch.set_num_threads(1)
    text = json.dumps(document(args.objects, args.frames), indent=1) + '\n'
    for path in (args.json, args.into and args.into / 'association.json'):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
