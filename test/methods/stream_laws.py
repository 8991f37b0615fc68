# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of several methods check alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from coloured_world import run

from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods import Method
from vis_ros.structures import Frame, FrameResult


def by_id(results: list[FrameResult]) -> Counter[int]:
    """Return how often each track was seen."""
    return Counter(t.track_id for result in results for t in result.tracks if t.is_observed)


def check_interruption(
    build: Callable[[], Method],
    video: list[Frame],
    whole: list[FrameResult],
    cut: int,
    folder: Path,
) -> None:
    """Check that what follows a restart before frame `cut` is what followed without it."""
    method = build()
    state = method.init_state()
    for frame in video[:cut]:
        state, _ = method.step(state, frame)
    save_snapshot(folder / 'memory', method.save(state))
    method = build()
    state = method.restore(load_snapshot(folder / 'memory'))
    later = []
    for frame in video[cut:]:
        state, ready = method.step(state, frame)
        later += ready
    assert later + method.flush(state)[1] == whole[cut:]


def check_every_part_is_needed(method: Method, snapshot: Snapshot) -> None:
    """Check that a memory that lacks anything is refused."""
    for name in snapshot.tensors:
        rest = {key: value for key, value in snapshot.tensors.items() if key != name}
        with pytest.raises(ValueError):
            method.restore(Snapshot(rest, snapshot.meta))
    for name in snapshot.meta:
        rest = {key: value for key, value in snapshot.meta.items() if key != name}
        with pytest.raises(ValueError):
            method.restore(Snapshot(snapshot.tensors, rest))


def check_min_score(build: Callable[..., Method], video: list[Frame]) -> list[FrameResult]:
    """Check that `min_score` hides the weaker half; return the results with it."""
    everything = run(build(), video)
    limit = float(np.median([t.score for r in everything for t in r.tracks if t.is_observed]))
    some = run(build(min_score=limit), video)
    shown = [t for result in some for t in result.tracks if t.is_observed]
    assert 0 < len(shown) < sum(by_id(everything).values())
    assert all(track.score >= limit for track in shown)
    return some
