# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What benchmarks of a method's steps share; no benchmark by itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bars import check_least
from stopwatch import Stopwatch, noted

from vis_ros.methods import METHODS, Method
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

MAX_GROWTH = 1.3
OPEN: Mapping[str, Mapping[str, Any]] = {  # thresholds that let everything pass, by method
    'iai': {
        'detections.min_class_score': 0.0,
        'detections.min_id_score': 0.0,
        'detections.min_own_share': 0.0,
        'detections.max_overlap': 1.0,
    },
    'visstg': {
        'detections.min_score': 0.0,
        'detections.max_overlap': 1.0,
        'tracking.birth_score': 0.0,
    },
    'maskprop': {
        'detections.score_threshold': 0.0,
        'detections.nms_threshold': 1.0,
        'detections.any_class_overlap': 1.0,
    },
    'ifr': {
        'detections.score_threshold': 0.0,
        'detections.birth_score': 0.0,
        'detections.duplicate_overlap': 1.0,
        'memory.capacity': 256,
    },
}
_PERIOD_NS = 33_333_333


def random_method(name: str, network: str, device: str, options: Mapping[str, Any]) -> Any:
    """Return a method with random parameters, always the same ones.

    Args:
        name: Of the method.
        network: Its option of that name.
        device: That of torch.
        options: All others but the classes.
    """
    classes = tuple(f'class {k}' for k in range(8 if network == 'small' else 40))
    given = {'network': network, 'classes': classes, **options}
    random = LoadedWeights({}, 'random', is_random=True)
    config = build_config(METHODS[name].Config, given)
    return METHODS[name](config, weights=random, device=device)


def frames(height: int, width: int, count: int) -> Iterator[Frame]:
    """Yield frames of noise, four of them in turn."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(4)]
    for index in range(count):
        yield Frame(images[index % 4], index * _PERIOD_NS)


def stages_of(
    method: Method,
    stages: Sequence[str],
    places: Sequence[tuple[Any, str, str]],
    given: Iterable[Frame],
    warm_up: int,
) -> dict[str, float]:
    """Return the median time of each stage of a step of a stream [ms].

    Args:
        method: Its own `step` runs.
        stages: Names in their order; the last one ends with the step.
        places: Where the others end, see `noted`.
        given: Frames of the stream.
        warm_up: Steps at the beginning that do not count.

    Raises:
        RuntimeError: A step that counts did not go through all stages in their order.
    """
    state, spans = method.init_state(), []
    for frame in given:
        watch = Stopwatch(method.device)
        with noted(places, watch):
            watch.note('')
            state, _ = method.step(state, frame)
            watch.note(stages[-1])
        spans.append(watch.spans_ms())
    own = spans[warm_up:]
    for found in own:
        if tuple(found) != tuple(stages):
            raise RuntimeError(f'stages: expected {tuple(stages)}, got {tuple(found)}')
    return {name: round(float(np.median([one[name] for one in own])), 3) for name in stages}


def long_stream(method: Method, given: Iterable[Frame], filling: int = 0) -> dict[str, Any]:
    """Run a stream; return its times at the beginning and at the end, and the sizes of its state.

    Args:
        method: Its own `step` runs.
        given: 10 frames or more.
        filling: So many frames pass before the state has its full size.

    Raises:
        ValueError: There are no more frames than those.
    """
    state, times, sizes = method.init_state(), [], set()
    for index, frame in enumerate(given):
        watch = Stopwatch(method.device)
        watch.note('')
        state, _ = method.step(state, frame)
        watch.note('step')
        times += watch.spans_ms().values()
        if index >= filling:
            sizes.add(state_bytes(method, state))
    if not sizes:
        raise ValueError(f'frames: expected more than {filling}, got {len(times)}')
    return {**growth(times), 'state_bytes': sorted(sizes), 'use': method.memory_use(state)}


def growth(times_ms: Sequence[float]) -> dict[str, Any]:
    """Return how the time of a step grew over a stream of 10 or more."""
    tenth = len(times_ms) // 10
    first, last = (float(np.median(part)) for part in (times_ms[:tenth], times_ms[-tenth:]))
    return {
        'frames': len(times_ms),
        'first_tenth_ms': round(first, 3),
        'last_tenth_ms': round(last, 3),
        'growth': round(last / first, 4),
    }


def state_bytes(method: Method, state: Any) -> int:
    """Return how many bytes the tensors of a stream's state take."""
    return sum(part.nbytes for part in method.save(state).tensors.values())


def growth_bars(stream: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return the bars of a long stream in words, and whether each is kept."""
    sizes, growth = stream['state_bytes'], stream['growth']
    return [
        (f'last tenth / first tenth {growth:.2f}, at most {MAX_GROWTH}', growth <= MAX_GROWTH),
        (f'state of {sizes[0]} to {sizes[-1]} bytes, expected one size', len(sizes) == 1),
    ]


def show_stages(found: Mapping[str, float]) -> None:
    """Print the time of each stage, and its share of the step."""
    whole = sum(found.values())
    print(f'{"stage of a step":28}{"ms":>10}{"share":>10}')
    for name, value in found.items():
        print(f'{name:28}{value:10.3f}{value / whole:10.1%}')


def command_line(doc: str | None, networks: Sequence[str]) -> argparse.ArgumentParser:
    """Return the command line of a benchmark of stages and of a long stream.

    Args:
        doc: Of the benchmark; its first line is shown.
        networks: Choices of `--network`.
    """
    parser = argparse.ArgumentParser(description=(doc or '').splitlines()[0])
    parser.add_argument('--network', default='small', choices=networks)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--repetitions', type=int, default=20, help='steps (%(default)s)')
    parser.add_argument(
        '--frames', type=int, default=1000, help='of the long stream (%(default)s)'
    )
    parser.add_argument('--threads', type=int, default=1, help='of the CPU (%(default)s)')
    parser.add_argument('--json', type=Path)
    return parser


def parsed(
    parser: argparse.ArgumentParser, given: Sequence[str] | None, **least: int
) -> argparse.Namespace:
    """Return the arguments, checked; `least` names those that the benchmark adds."""
    args = parser.parse_args(given)
    check_least(parser, args, {'repetitions': 1, 'frames': 20, 'threads': 1, **least})
    return args
