# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What benchmarks of a method's steps share; no benchmark by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from stopwatch import Stopwatch, noted

from vis_ros.methods.base import Method
from vis_ros.structures import Frame

MAX_GROWTH = 1.3
_PERIOD_NS = 33_333_333
_LOOKS = 20  # at the size of a long stream's state


def frames(height: int, width: int, count: int) -> Iterator[Frame]:
    """Yield frames of noise, four of them in turn."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(4)]
    for index in range(count):
        yield Frame(images[index % 4], index * _PERIOD_NS)


def stages_of(
    method: Method[Any],
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
        RuntimeError: A step did not go through all stages in their order.
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


def long_stream(method: Method[Any], given: Iterable[Frame], count: int) -> dict[str, Any]:
    """Run a stream; return its times at the beginning and at the end, and the sizes of its state.

    The sizes are looked at in the second half, when all places have been taken once.

    Args:
        method: Its own `step` runs.
        given: Frames.
        count: How many there are, 20 or more.
    """
    state, times, sizes = method.init_state(), [], set()
    for index, frame in enumerate(given):
        watch = Stopwatch(method.device)
        watch.note('')
        state, _ = method.step(state, frame)
        watch.note('step')
        times += watch.spans_ms().values()
        if index >= count // 2 and index % max(1, count // _LOOKS) == 0:
            sizes.add(state_bytes(method, state))
    tenth = count // 10
    first, last = (float(np.median(part)) for part in (times[:tenth], times[-tenth:]))
    return {
        'frames': count,
        'first_tenth_ms': round(first, 3),
        'last_tenth_ms': round(last, 3),
        'growth': round(last / first, 4),
        'state_bytes': sorted(sizes),
        'use': method.memory_use(state),
    }


def state_bytes(method: Method[Any], state: Any) -> int:
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
