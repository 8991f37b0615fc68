# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Does an object that was hidden for k frames keep its id? One log for each method.

    python benchmarks/results/occlusion.py [--work WORK] [--only ROW ...]

`hiding.py` makes the videos. Without WORK the methods run that need no training, and those whose
weights ship; with it also the other main rows that `train_rows.py` has trained there.
Methods that detect first share the detections of one detector. What is stored is not run again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import FPS, ROOT, STORED, read_rows, store, stored
from hiding import CONFIG, HidingVideo
from runs import TRAINING_FREE

from vis_ros.methods import Method
from vis_ros.ops.rle import decode
from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.pipeline.weights import manifest, sha256_of, shipped_for
from vis_ros.structures import Detections, Frame, FrameResult, Rle

HIDDEN = (2, 5, 10, 20, 40)  # frames
VIDEOS = 12  # for each of them
WINDOW = 10  # frames before the object vanishes, in which its track is looked for
REMEMBERED_S = 10.0  # longer than the longest time in which it is hidden, for every method
OUTCOMES = ('kept', 'twin', 'new', 'lost', 'unseen')
_MIN_OVERLAP = 0.5


@dataclass(frozen=True)
class Contender:
    """A method with its weights.

    Args:
        name: Name of its row.
        title: As the page names it.
        method: Name of the method.
        weights: File of its weights.
        options: Options of the method.
    """

    name: str
    title: str
    method: str
    weights: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Method:
        """Return the method."""
        options = {**self.options, 'memory.lost_timeout_s': REMEMBERED_S}
        return build_method(self.method, weights=str(self.weights), **options)


class Remembered:
    """A detector that looks at each image once, whoever asks.

    Args:
        detector: One without a state.
    """

    needs_weights = True

    def __init__(self, detector: Any) -> None:
        self.classes, self.feature_size = detector.classes, detector.feature_size
        self._detector = detector
        self._found: dict[int, Detections] = {}

    def init_state(self) -> Any:
        """Return the state of a new stream."""
        return self._detector.init_state()

    def forget(self) -> None:
        """Forget the images of a video."""
        self._found = {}

    def detect(self, state: Any, frame: Frame) -> tuple[Any, Detections]:
        """Return the instances of a frame; frames of a video are told apart by their stamps."""
        if frame.stamp_ns not in self._found:
            self._found[frame.stamp_ns] = self._detector.detect(state, frame)[1]
        return state, self._found[frame.stamp_ns]


def contenders(rows: Mapping[str, Any], detector: Path, work: Path | None) -> list[Contender]:
    """Return the methods that can be run.

    Methods with weights that ship run these: they are what users get.

    Args:
        rows: What rows.yaml holds.
        detector: Weights of the detector.
        work: Folder in which rows were trained.
    """
    found = []
    for name, title in TRAINING_FREE.items():
        tuned = (stored(name) or {'set': {}})['set']
        found.append(Contender(name, title, name, detector, {'detector': 'yolact', **tuned}))
    trained = {
        name: (row['title'], row['set'].get('method', 'rgnnvis'))
        for name, row in rows['main'].items()
    }
    for method in rows.get('methods', {}).values():
        name, row = next(iter(method['rows'].items()))
        trained[name] = (row['title'], method['stage'])
    for name, (title, method) in trained.items():
        weights = None if work is None else work / 'runs' / f'{name}-0' / 'model.safetensors'
        if name == method and (shipped := shipped_for(method)):
            weights = ROOT / 'models' / manifest()[shipped]['file']
        if weights is not None and weights.exists():
            found.append(Contender(name, title, method, weights))
    return found


def follow(method: Method, images: Sequence[np.ndarray]) -> list[FrameResult]:
    """Return the results of a method, a new stream."""
    session = TrackingSession(method)
    ready = []
    for t, image in enumerate(images):
        ready += session.process(Frame(image, round(t * 1e9 / FPS)))
    return [item.result for item in [*ready, *session.flush()]]


def outcome(
    results: Sequence[FrameResult],
    hider: Sequence[np.ndarray],
    twin: Sequence[np.ndarray],
    gone: int,
    back: int,
) -> str:
    """Return what became of the track of an object that was hidden.

    Its id before is that of most of the last `WINDOW` frames in which it shows, its id after that
    of most frames after its return.

    Args:
        results: One for each frame.
        hider: bool arrays (H, W), its visible pixels.
        twin: bool arrays (H, W), those of its twin.
        gone: First frame in which it does not show.
        back: First frame in which it shows again.

    Returns:
        `kept`: the id is the same; `twin`: it is that of the twin; `new`: another one; `lost`: it
        has none; `unseen`: it had none before, so that the method lost nothing.
    """
    before, after = range(max(gone - WINDOW, 0), gone), range(back, len(results))
    mine = _usual_id(results, hider, before)
    if mine is None:
        return 'unseen'
    now = _usual_id(results, hider, after)
    if now is None:
        return 'lost'
    if now == mine:
        return 'kept'
    return 'twin' if now == _usual_id(results, twin, before) else 'new'


def _usual_id(
    results: Sequence[FrameResult], masks: Sequence[np.ndarray], frames: range
) -> int | None:
    """Return the id that an object has in most of some frames, None where it has none."""
    ids = Counter(_ids(results, masks, frames))
    return ids.most_common(1)[0][0] if ids else None


def _ids(
    results: Sequence[FrameResult], masks: Sequence[np.ndarray], frames: range
) -> Iterator[int]:
    for t in frames:
        overlaps = {
            track.track_id: _overlap(masks[t], track.mask)
            for track in results[t].tracks
            if track.is_observed
        }
        best = max(overlaps, key=overlaps.__getitem__, default=None)
        if best is not None and overlaps[best] >= _MIN_OVERLAP:
            yield best


def _overlap(mask: np.ndarray, rle: Rle) -> float:
    """Return the IoU of a mask (H, W) and a track's mask."""
    crop = decode(rle)
    shared = int((mask[rle.y : rle.y + rle.height, rle.x : rle.x + rle.width] & crop).sum())
    return shared / max(int(mask.sum()) + int(crop.sum()) - shared, 1)


def run(methods: Mapping[str, Method], hidden: int, videos: int) -> dict[str, dict[str, int]]:
    """Return how often each outcome came to be, by method.

    Args:
        methods: By name.
        hidden: Frames in which the object is hidden.
        videos: Number of videos, with the seeds 0, 1, ...
    """
    counts = {name: dict.fromkeys(OUTCOMES, 0) for name in methods}
    shared = None
    for method in methods.values():  # of one detector's weights, see `contenders`
        if hasattr(method, 'detector'):
            shared = shared or Remembered(method.detector)
            method.detector = shared
    for seed in range(videos):
        video = HidingVideo(hidden, seed)
        frames = list(video.frames())
        if shared is not None:
            shared.forget()
        for name, method in methods.items():
            results = follow(method, [frame.image for frame in frames])
            hider, twin = [frame.hider for frame in frames], [frame.twin for frame in frames]
            counts[name][outcome(results, hider, twin, video.gone, video.back)] += 1
    return counts


def main(given: Sequence[str] | None = None) -> int:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--work', type=Path)
    parser.add_argument('--detector', type=Path, help='weights (models/synth_small.safetensors)')
    parser.add_argument('--only', nargs='*', default=[], metavar='ROW')
    parser.add_argument('--hidden', nargs='*', type=int, default=HIDDEN, metavar='FRAMES')
    parser.add_argument('--videos', type=int, default=VIDEOS)
    parser.add_argument('--into', type=Path, default=STORED, help='folder of the logs')
    args = parser.parse_args(given)
    torch.set_num_threads(1)
    detector = (args.detector or ROOT / 'models' / 'synth_small.safetensors').resolve()
    found = contenders(read_rows(), detector, args.work)
    found = [one for one in found if not args.only or one.name in args.only]
    for hidden in args.hidden:
        todo = [one for one in found if str(hidden) not in _log(one, args.into)['events']]
        methods = {one.name: one.build() for one in todo}
        counts = run(methods, hidden, args.videos) if todo else {}
        for one in todo:
            document = _log(one, args.into)
            document['events'][str(hidden)] = counts[one.name]
            print(one.name, hidden, counts[one.name], flush=True)
            store(f'occlusion-{one.name}', document, args.into)
    return 0


def _log(one: Contender, folder: Path) -> dict[str, Any]:
    """Return the log of a method as far as it goes; one of other weights does not count."""
    fresh = {
        'occlusion': one.name,
        'title': one.title,
        'options': {**one.options, 'memory.lost_timeout_s': REMEMBERED_S},
        'weights_sha256': sha256_of(one.weights),
        'size': [CONFIG.height, CONFIG.width],
        'events': {},
    }
    old = stored(f'occlusion-{one.name}', folder)
    if old is None or any(old.get(key) != fresh[key] for key in ('options', 'weights_sha256')):
        return fresh
    return {**fresh, 'events': old['events']}


if __name__ == '__main__':
    sys.exit(main())
