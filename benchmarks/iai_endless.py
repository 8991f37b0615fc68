# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI's memory in a stream that goes on for long, with 500 objects that come and go.

    python benchmarks/iai_endless.py [--frames 10000] [--objects 500] [--json FILE]

The image model is left out: features are random, detections are squares, and the identity that
each is said to have is the right one, with noise. All else is the method's own: association block,
network memory, forgetting, track memory, masks. Bars: the last tenth of the stream takes at most
1.3 times as long as the first (thread time on a CPU), no tensor of the state grows, no id is that
of two objects, and who is hidden for at most 4 frames keeps its id.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import steps
import torch
from bars import check_least, conclude
from stages import machine
from stopwatch import Stopwatch
from torch import Tensor

from vis_ros.methods import iai
from vis_ros.methods.iai import IaiMethod, IaiState
from vis_ros.nn.iai import Perception
from vis_ros.nn.iai.detection import Detected
from vis_ros.nn.iai.selection import Found, owned_pixels
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.options import build_config

HEIGHT, WIDTH, CELL = 64, 96, 8
_SHORT, _LONG = (1, 4), (20, 300)  # frames that it is hidden: within the timeout, or not
_PERIOD_NS = 100_000_000
_OPTIONS: Mapping[str, Any] = {
    'classes': ('thing', 'other'),
    'memory.lost_timeout_s': 0.55,
    'memory.tentative_timeout_s': 0.55,
}


class Crowd:
    """Objects that come and go, and what is known of each.

    Args:
        objects: How many there are.
        at_once: How many of them are there, those that are hidden for short included.
        stay: Frames that an object is seen, in the mean.

    Attributes:
        visible: Cell of each object that the frame shows.
        last_id: Id that each object had last.
        owner: Object of each id.
        counts: `appearances`, `short_returns` that kept their id, `short_losses` that did not,
            `mixed` ids of two objects, `repeated` ids.
    """

    def __init__(self, objects: int, *, at_once: int = 10, stay: int = 10) -> None:
        self._at_once, self._stay = at_once, stay
        self._rng = np.random.default_rng(0)
        self._waiting = [(0, index) for index in self._rng.permutation(objects).tolist()]
        heapq.heapify(self._waiting)
        self._returns: dict[int, int] = {}  # frame at which an object is back after a short time
        self._was_short: set[int] = set()
        self._highest = 0
        self.frame = -1
        self.visible: dict[int, int] = {}
        self.last_id: dict[int, int] = {}
        self.owner: dict[int, int] = {}
        self.counts: Counter[str] = Counter(mixed=0, repeated=0, short_losses=0)

    def advance(self) -> None:
        """Go on by a frame."""
        self.frame += 1
        for index in [j for j in self.visible if self._rng.random() < 1 / self._stay]:
            del self.visible[index]
            is_short = self._rng.random() < 0.5
            low, high = _SHORT if is_short else _LONG
            hidden = int(self._rng.integers(low, high + 1))
            if is_short:
                self._returns[index] = self.frame + hidden
                self._was_short.add(index)
            else:
                heapq.heappush(self._waiting, (self.frame + hidden, index))
        for index in [j for j, when in self._returns.items() if when == self.frame]:
            del self._returns[index]
            self._show(index)
        while len(self.visible) + len(self._returns) < self._at_once and self._waiting:
            if self._waiting[0][0] > self.frame:
                break
            self._show(heapq.heappop(self._waiting)[1])

    def _show(self, index: int) -> None:
        free = sorted(set(range(HEIGHT * WIDTH // CELL**2)) - set(self.visible.values()))
        self.visible[index] = free[int(self._rng.integers(len(free)))]
        self.counts['appearances'] += 1

    def detected(self, state: IaiState, ids: int) -> Detected:
        """Return what a detector that knows the identities says about the frame.

        Args:
            state: Of the stream, before the frame.
            ids: Identity channels.
        """
        count = len(self.visible)
        slots = {int(k): slot for slot, k in enumerate(state.memory['track_id'].tolist()) if k}
        masks = torch.zeros(count, HEIGHT, WIDTH)
        shares = torch.from_numpy(self._rng.normal(0.05, 0.02, (count, ids)).astype(np.float32))
        for row, (index, cell) in enumerate(self.visible.items()):
            y, x = divmod(cell, WIDTH // CELL)
            masks[row, y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL] = 1.0
            shares[row, slots.get(self.last_id.get(index, 0), ids - 1)] += 0.85
        score = torch.linspace(0.95, 0.6, count)
        classes = torch.stack((score, 1 - score), dim=1)
        is_real = torch.ones(count, dtype=torch.bool)
        found = Found(is_real, torch.arange(count), torch.zeros(count, 4), score, classes, shares)
        return Detected(found, masks, owned_pixels(masks, 0.1))

    def take(self, result: FrameResult) -> None:
        """Note which track each object is."""
        cells = {cell: index for index, cell in self.visible.items()}
        for track in result.tracks:
            if track.is_observed:
                mask = track.mask
                self._name(
                    cells[mask.y // CELL * (WIDTH // CELL) + mask.x // CELL], track.track_id
                )

    def _name(self, index: int, track_id: int) -> None:
        if track_id not in self.owner:
            self.counts['repeated'] += track_id <= self._highest
            self._highest = max(self._highest, track_id)
        self.counts['mixed'] += self.owner.setdefault(track_id, index) != index
        if index in self._was_short:
            self._was_short.remove(index)
            is_same = self.last_id.get(index) == track_id
            self.counts['short_returns' if is_same else 'short_losses'] += 1
        self.last_id[index] = track_id


class Step(NamedTuple):
    """A frame of the stream: its result, the state that it left, what it took [ms]."""

    result: FrameResult
    state: IaiState
    span_ms: float


def build(device: str, **options: Any) -> IaiMethod:
    """Return a method with random parameters, for the pictures of the crowd."""
    config = build_config(IaiMethod.Config, {**_OPTIONS, **options})
    method = IaiMethod(config, weights=LoadedWeights({}, 'random', is_random=True), device=device)
    image = method._model.image
    image.config = replace(image.config, long_side=WIDTH, short_side=HEIGHT)
    return method


def stream(method: IaiMethod, crowd: Crowd, frames: int) -> Iterator[Step]:
    """Run the method on what the crowd shows."""
    model, device = method._model, method.device
    generator = torch.Generator().manual_seed(0)
    state, image = method.init_state(), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    channels = model.image.backbone.channels[2]

    def perceive(picture: Tensor, memory: Any, *rest: Any) -> Perception:
        features = torch.randn(1, channels, HEIGHT // 32, WIDTH // 32, generator=generator)
        _, encoded = model.association(features.to(device), memory, model.bank.nobody)
        return Perception(None, None, encoded)

    def detect(*args: Any, **named: Any) -> Detected:
        found, masks, owned = crowd.detected(state, model.options.ids)
        parts = (type(part)(*(value.to(device) for value in part)) for part in (found, owned))
        return Detected(next(parts), masks.to(device), next(parts))

    with (
        patch.object(model, 'look', lambda image, precision: image),
        patch.object(model, 'understand', perceive),
        patch.object(iai, 'detect', detect),
    ):
        for index in range(frames):
            crowd.advance()
            watch = Stopwatch(device)
            watch.note('')
            state, (result,) = method.step(state, Frame(image, index * _PERIOD_NS, 'crowd'))
            watch.note('step')
            crowd.take(result)
            yield Step(result, state, sum(watch.spans_ms().values()))


def measure(method: IaiMethod, crowd: Crowd, frames: int) -> dict[str, Any]:
    """Return all figures of a stream of 10 or more frames."""
    times, sizes, most = [], set(), 0
    for step in stream(method, crowd, frames):
        times.append(step.span_ms)
        sizes.add(steps.state_bytes(method, step.state))
        most = max(most, len(step.result.tracks))
        use = method.memory_use(step.state)
    return {
        'machine': machine(),
        'objects_seen': len(crowd.last_id),
        'tracks_at_once': most,
        **steps.growth(times),
        'state_bytes': sorted(sizes),
        'use': use,
        'counts': dict(crowd.counts),
    }


def verdicts(found: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return each bar in words, and whether it is kept."""
    counts = found['counts']
    wrong, lost = counts['mixed'] + counts['repeated'], counts['short_losses']
    return [
        *steps.growth_bars(found),
        (f'{wrong} ids of two objects or given twice, expected 0', wrong == 0),
        (f'{lost} other ids after a short time, expected 0', lost == 0),
    ]


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--frames', type=int, default=10_000)
    parser.add_argument('--objects', type=int, default=500)
    parser.add_argument('--threads', type=int, default=1, help='of the CPU (%(default)s)')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(given)
    check_least(parser, args, {'frames': 10, 'objects': 1, 'threads': 1})
    torch.set_num_threads(args.threads)
    found = measure(build(args.device), Crowd(args.objects), args.frames)
    for name, value in found.items():
        print(f'{name:16}{value}')
    return conclude(verdicts(found), found, args.json)


if __name__ == '__main__':
    sys.exit(main())
