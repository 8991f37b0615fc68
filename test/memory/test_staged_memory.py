# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The memory in two stages: slots first, then what is to be seen."""

from __future__ import annotations

from typing import Any

import torch

from vis_ros.memory import MemoryConfig, Observations, StagedMemory
from vis_ros.memory.report import report_tracks
from vis_ros.memory.track_memory import FREE
from vis_ros.structures import Rle, TrackState
from vis_ros.structures.options import build_config

SECOND = 1_000_000_000


def memory(**options: Any) -> StagedMemory:
    defaults = {'capacity': 3, 'confirm_hits': 1, 'tentative_timeout_s': 1.0}
    config = build_config(MemoryConfig, {**defaults, **options})
    return StagedMemory(config, num_classes=2, extras={'mood': torch.tensor([1.0, 2.0])})


def flags(*slots: int, size: int = 3) -> torch.Tensor:
    return torch.tensor([slot in slots for slot in range(size)])


def frame(
    of: StagedMemory,
    second: float,
    *,
    births: tuple[float, ...] = (),
    held: tuple[int, ...] = (),
    visible: tuple[int, ...] = (),
    shift: float = 0.0,
) -> list[int]:
    stamp_ns = round(second * SECOND)
    scores = torch.tensor(births)
    slots = of.claim(stamp_ns, scores, torch.ones(len(births), dtype=torch.bool), flags(*held))
    box = torch.tensor([shift, 0.0, shift + 10, 10.0]).expand(3, -1)
    shares = torch.tensor([0.25, 0.75]).expand(3, -1)
    of.observe(stamp_ns, Observations(box, torch.full((3,), 0.5), shares), flags(*visible))
    return slots.tolist()


def ids(of: StagedMemory) -> list[int]:
    return of['track_id'].tolist()


def test_a_frame_without_anything() -> None:
    empty = memory()
    assert frame(empty, 0) == [-1, -1, -1]
    assert not empty.occupied.any() and empty['next_id'] == 1


def test_the_best_gets_the_first_slot() -> None:
    some = memory()
    assert frame(some, 0, births=(0.2, 0.9), visible=(0, 1)) == [1, 0, -1]
    assert ids(some) == [1, 2, 0]
    assert some['state'].tolist() == [TrackState.ACTIVE, TrackState.ACTIVE, FREE]
    assert some['class_votes'][0].tolist() == [0.25, 0.75]


def test_ids_are_given_at_first_sight() -> None:
    some = memory()
    frame(some, 0, births=(0.9, 0.8), visible=(1,))
    assert ids(some) == [0, 1, 0]
    assert some['state'].tolist() == [TrackState.TENTATIVE, TrackState.ACTIVE, FREE]
    assert [track.slot for track in report_tracks(some, lambda _: Rle())] == [1]
    frame(some, 0.5, births=(0.7,), held=(0, 1), visible=(0, 1, 2), shift=5.0)
    assert ids(some) == [2, 1, 3]
    assert some['first_seen_ns'].tolist() == [SECOND // 2, 0, SECOND // 2]
    assert some['velocity'][:, 0].tolist() == [0.0, 10.0, 0.0]
    assert some['hits'].tolist() == [1, 2, 1]


def test_what_is_never_seen_is_forgotten() -> None:
    some = memory()
    frame(some, 0, births=(0.9,))
    frame(some, 1.0, held=(0,))
    assert some.occupied.tolist() == [True, False, False]
    frame(some, 1.1, held=(0,))
    assert not some.occupied.any() and some['next_id'] == 1


def test_followed_without_a_pixel_is_lost_but_not_evicted() -> None:
    some = memory()
    frame(some, 0, births=(0.9, 0.8, 0.7), visible=(0, 1, 2))
    frame(some, 1, held=(0, 1, 2), visible=(1, 2))
    assert some['state'].tolist() == [TrackState.LOST, TrackState.ACTIVE, TrackState.ACTIVE]
    assert frame(some, 2, births=(0.9, 0.8), held=(0, 2), visible=(0, 1, 2)) == [-1, 0, -1]
    assert ids(some) == [1, 4, 3]
    assert some['refused'] == 1
    assert some['misses'].tolist() == [0, 0, 0]


def test_what_was_never_seen_is_evicted_first() -> None:
    some = memory(tentative_timeout_s=60.0, lost_timeout_s=60.0)
    frame(some, 1, births=(0.9,), visible=(0,))
    frame(some, 5, births=(0.9, 0.8), visible=(1,))
    assert ids(some) == [1, 2, 0]
    assert frame(some, 6, births=(0.9,), visible=(2,)) == [-1, -1, 0]
    assert ids(some) == [1, 2, 3]
    assert frame(some, 7, births=(0.9,), visible=(0,)) == [0, -1, -1]
    assert ids(some) == [4, 2, 3]


def test_a_new_track_starts_afresh() -> None:
    some = memory(capacity=1)
    some.claim(0, torch.ones(1), torch.tensor([True]), torch.tensor([False]))
    some.tensors['mood'] = torch.tensor([[5.0, 6.0]])
    slots = some.claim(1, torch.ones(1), torch.tensor([True]), torch.tensor([False]))
    assert slots.tolist() == [0]
    assert some['mood'].tolist() == [[1.0, 2.0]]


def test_thousands_of_frames_never_use_an_id_twice() -> None:
    some = memory(lost_timeout_s=0.5)
    generator = torch.Generator().manual_seed(0)
    given: set[int] = set()
    for index in range(3_000):
        before = set(ids(some)) - {0}
        births = tuple(torch.rand(int(torch.randint(0, 3, (), generator=generator))).tolist())
        held = tuple(torch.randperm(3, generator=generator)[:1].tolist())
        visible = tuple(torch.randperm(3, generator=generator)[:2].tolist())
        frame(some, index / 10, births=births, held=held, visible=visible)
        new = set(ids(some)) - before - {0}
        assert not new & given
        given |= new
    assert len(given) > 300
    assert {name: tuple(value.shape) for name, value in some.tensors.items()} == {
        name: tuple(value.shape) for name, value in memory().tensors.items()
    }
