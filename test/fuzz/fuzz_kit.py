# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all fuzz targets have in common: cases, verdicts, damage to bytes, and running them."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

TAKEN, REFUSED = 'taken', 'refused'
ROUND = 1000  # cases of one run of hypothesis; what it remembers of them stays small
EDGES = (0, 1, 2, 3, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


@dataclass(frozen=True)
class Target:
    """Something that takes what comes from outside.

    Args:
        name: Short.
        cases: Strategy of inputs.
        check: Gives an input to the code. Returns TAKEN where it was taken, REFUSED where it was
            refused as it should be; raises for everything else.
        weight: Its share of all cases, relative to the others.
    """

    name: str
    cases: st.SearchStrategy[Any]
    check: Callable[[Any], str]
    weight: int


def refused_with(*errors: type[Exception]) -> Callable[[Callable[[Any], Any]], Any]:
    """Make a check of a function: the named errors are refusals, all others are faults."""

    def wrap(function: Callable[[Any], Any]) -> Callable[[Any], str]:
        def check(case: Any) -> str:
            try:
                function(case)
            except errors:
                return REFUSED
            return TAKEN

        check.__doc__ = function.__doc__
        return check

    return wrap


def run(
    target: Target, cases: int, *, start: int = 0, watch: Callable[[Any], None] = lambda case: None
) -> Counter[str]:
    """Try a number of cases; return how many were taken and how many refused.

    Args:
        target: What to try.
        cases: How many.
        start: Seed.
        watch: Called with each case before it is tried.

    Raises:
        Exception: What the first faulty case raised, made as small as possible; hypothesis notes
            the case.
    """
    counts: Counter[str] = Counter()
    while (done := counts.total()) < cases:

        @seed(start + done)
        @settings(
            max_examples=min(ROUND, cases - done),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
            print_blob=False,
        )
        @given(target.cases)
        def one_round(case: Any) -> None:
            watch(case)
            counts[target.check(case)] += 1

        one_round()
        if counts.total() == done:
            raise RuntimeError(f'{target.name}: the strategy gives no cases')
    return counts


# Damage

_SEEDS = st.integers(0, 2**32 - 1)


def damaged(*wholes: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of bytes that are one of `wholes`, or were before something happened.

    Where and what is drawn by one seed, which is many times faster than to let hypothesis draw it.
    """
    return st.builds(_damage_by_seed, st.sampled_from(wholes), st.integers(0, 4), _SEEDS)


def _damage_by_seed(data: bytes, count: int, number: int) -> bytes:
    rng = random.Random(number)
    values = (lambda: rng.randrange(256), lambda: rng.choice(EDGES))
    return damage(
        data,
        [
            (rng.choice('bbbwwwxcdi'), rng.randrange(2**16), rng.choice(values)())
            for _ in range(count)
        ],
    )


def damage(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Change bytes: overwrite one or four, cut off, cut out, double, or insert.

    Args:
        data: The bytes.
        changes: What to do, where (modulo the length), and with which value.
    """
    changed = bytearray(data)
    for kind, place, value in changes:
        at = place % (len(changed) + 1)
        if kind == 'b':
            changed[at : at + 1] = bytes([value & 255])
        elif kind == 'w':
            changed[at : at + 4] = struct.pack('<I', value)
        elif kind == 'x':
            del changed[at:]
        elif kind == 'c':
            del changed[at : at + value % 64]
        elif kind == 'd':
            changed[at:at] = changed[at : at + value % 64]
        else:
            changed[at:at] = bytes([value & 255]) * (value % 17)
    return bytes(changed)


def damaged_text(*wholes: str) -> st.SearchStrategy[str]:
    """The same with texts; what is no UTF-8 any more becomes question marks."""
    plain = damaged(*(whole.encode() for whole in wholes))
    return plain.map(lambda data: data.decode(errors='replace'))


FLOATS = st.one_of(
    st.sampled_from(
        (0.0, 1.0, -1.0, 0.5, 100.0, float('nan'), float('inf'), float('-inf'), 1e300)
    ),
    st.floats(-1000.0, 1000.0, width=32),
)
