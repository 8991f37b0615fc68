# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Life cycle, identities, capacity and eviction of the track memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.memory import MemoryConfig, Observations, TrackMemory
from vis_ros.memory.report import report_tracks
from vis_ros.memory.track_memory import FREE
from vis_ros.structures import Rle, TrackState

SECOND = 1_000_000_000
TODAY = 1_763_600_000 * SECOND + 123_456_789  # nanoseconds of a real clock: above 2^53


def memory_of(capacity: int = 4, **options: float) -> TrackMemory:
    config = MemoryConfig(capacity=capacity, **options)  # type: ignore[arg-type]
    return TrackMemory(config, num_classes=2)


def see(*boxes: tuple[float, float, float, float], scores: tuple[float, ...] = ()) -> Observations:
    n = len(boxes)
    return Observations(
        torch.tensor(boxes, dtype=torch.float32).reshape(n, 4),
        torch.tensor(scores or [0.9] * n, dtype=torch.float32),
        torch.tensor([[1.0, 0.0]] * n).reshape(n, 2),
    )


def step(
    memory: TrackMemory,
    stamp_ns: int,
    seen: Observations | None = None,
    *,
    match: dict[int, int] | None = None,
    birth: tuple[int, ...] = (),
) -> list[int]:
    """Update with slot: detection pairs and with the detections that are new; return `shown`."""
    seen = seen or see()
    slots = torch.full((memory.config.capacity,), -1, dtype=torch.int64)
    for slot, index in (match or {}).items():
        slots[slot] = index
    is_new = torch.zeros(len(seen.scores), dtype=torch.bool)
    is_new[list(birth)] = True
    return memory.update(stamp_ns, seen, slots, is_new).tolist()


BOX = (10.0, 10.0, 20.0, 30.0)


def test_an_empty_memory_ages() -> None:
    memory = memory_of()
    assert step(memory, TODAY) == [-1] * 4
    assert report_tracks(memory, lambda slot: Rle()) == ()
    assert int(memory['next_id']) == 1
    assert not memory.occupied.any()


def test_life_cycle_by_stamps() -> None:
    memory = memory_of(confirm_hits=3, tentative_timeout_s=0.25, lost_timeout_s=1.0)
    states = []
    now = TODAY
    step(memory, now, see(BOX), birth=(0,))
    states.append(int(memory['state'][0]))
    for _ in range(2):
        now += SECOND // 10
        step(memory, now, see(BOX), match={0: 0})
        states.append(int(memory['state'][0]))
    assert states == [TrackState.TENTATIVE, TrackState.TENTATIVE, TrackState.ACTIVE]
    seen_ns = now
    step(memory, seen_ns + 1)
    assert memory['state'][0] == TrackState.LOST
    step(memory, seen_ns + SECOND)  # as long as the time-out: not longer
    assert memory['state'][0] == TrackState.LOST
    assert (int(memory['misses'][0]), int(memory['last_seen_ns'][0])) == (2, seen_ns)
    step(memory, seen_ns + SECOND + 1)
    assert memory['state'][0] == FREE
    assert int(memory['track_id'][0]) == 0


def test_a_lost_track_comes_back_at_once() -> None:
    memory = memory_of(confirm_hits=1)
    step(memory, TODAY, see(BOX), birth=(0,))
    assert memory['state'][0] == TrackState.ACTIVE
    step(memory, TODAY + SECOND)
    assert memory['state'][0] == TrackState.LOST
    step(memory, TODAY + 2 * SECOND, see(BOX), match={0: 0})
    (track,) = report_tracks(memory, lambda slot: Rle())
    assert (track.track_id, track.state, track.misses) == (1, TrackState.ACTIVE, 0)
    assert (track.hits, track.first_seen_ns, track.last_seen_ns) == (2, TODAY, TODAY + 2 * SECOND)


def test_tentative_tracks_go_sooner_and_are_not_reported_when_unseen() -> None:
    memory = memory_of(tentative_timeout_s=0.25)
    step(memory, TODAY, see(BOX), birth=(0,))
    step(memory, TODAY + SECOND // 4)
    assert memory['state'][0] == TrackState.TENTATIVE
    assert report_tracks(memory, lambda slot: Rle()) == ()
    step(memory, TODAY + SECOND // 4 + 1)
    assert memory['state'][0] == FREE


def test_the_same_stamp_again_is_a_frame() -> None:
    memory = memory_of(confirm_hits=2, lost_timeout_s=0.0, tentative_timeout_s=0.0)
    step(memory, TODAY, see(BOX), birth=(0,))
    step(memory, TODAY, see(BOX), match={0: 0})
    assert memory['state'][0] == TrackState.ACTIVE
    assert torch.isfinite(memory['velocity']).all()
    assert not memory['velocity'].any()
    step(memory, TODAY)
    assert memory['state'][0] == TrackState.LOST  # not longer than the time-out of 0


def test_velocity_in_pixels_per_second() -> None:
    memory = memory_of(velocity_time_constant_s=0.5)
    step(memory, TODAY, see((0, 0, 10, 10)), birth=(0,))
    for k in range(1, 4):
        moved = (2.0 * k, -k, 10 + 2.0 * k, 10 - k)
        step(memory, TODAY + k * SECOND // 20, see(moved), match={0: 0})
        np.testing.assert_allclose(memory['velocity'][0], (40, -20), rtol=1e-4)
    still = (6.0, -3.0, 16.0, 7.0)
    step(memory, TODAY + 4 * SECOND // 20, see(still), match={0: 0})
    slower = np.exp(-0.1) * np.array((40, -20))
    np.testing.assert_allclose(memory['velocity'][0], slower, rtol=1e-4)


def test_a_match_of_a_free_slot_shows_nothing() -> None:
    memory = memory_of()
    assert step(memory, TODAY, see(BOX), match={2: 0}) == [-1] * 4
    assert not memory.occupied.any()


def test_full_of_observed_tracks_refuses_and_counts() -> None:
    memory = memory_of(capacity=2)
    three = see(BOX, BOX, BOX, scores=(0.5, 0.9, 0.7))
    assert step(memory, TODAY, three, birth=(0, 1, 2)) == [1, 2]  # the best two
    assert (int(memory['next_id']), int(memory['refused'])) == (3, 1)
    shown = step(memory, TODAY + 1, three, match={0: 0, 1: 1}, birth=(2,))
    assert shown == [0, 1]
    assert (int(memory['next_id']), int(memory['refused'])) == (3, 2)
    assert memory['track_id'].tolist() == [1, 2]


def test_the_longest_unseen_is_evicted_first() -> None:
    memory = memory_of(capacity=3, confirm_hits=1)
    step(memory, TODAY, see(BOX, BOX, BOX, scores=(0.9, 0.8, 0.7)), birth=(0, 1, 2))
    step(memory, TODAY + 1, see(BOX, BOX), match={0: 0, 2: 1})  # slot 1 unseen since TODAY
    step(memory, TODAY + 2, see(BOX), match={2: 0})  # slot 0 unseen since TODAY + 1
    step(memory, TODAY + 3, see(BOX, BOX), match={2: 0}, birth=(1,))
    assert memory['track_id'].tolist() == [1, 4, 3]
    step(memory, TODAY + 4, see(BOX, BOX), match={2: 0}, birth=(1,))
    assert memory['track_id'].tolist() == [5, 4, 3]
    assert int(memory['refused']) == 0


def test_free_slots_are_used_before_any_eviction() -> None:
    memory = memory_of(capacity=3, confirm_hits=1)
    step(memory, TODAY, see(BOX), birth=(0,))
    step(memory, TODAY + 1, see(BOX, BOX), birth=(0, 1))
    assert memory['track_id'].tolist() == [1, 2, 3]


def test_a_reused_slot_starts_afresh() -> None:
    config = MemoryConfig(capacity=1, confirm_hits=1)
    memory = TrackMemory(config, num_classes=2, extras={'note': torch.tensor([7.0, 8.0])})
    step(memory, TODAY, see(BOX), birth=(0,))
    step(memory, TODAY + 1, see((0, 0, 9, 9)), match={0: 0})
    memory['note'][0] = 0
    step(memory, TODAY + 2)
    step(memory, TODAY + 3, see(BOX), birth=(0,))
    (track,) = report_tracks(memory, lambda slot: Rle())
    assert (track.track_id, track.hits, track.misses, track.first_seen_ns) == (2, 1, 0, TODAY + 3)
    assert track.velocity_px_s == (0.0, 0.0)
    assert memory['note'].tolist() == [[7.0, 8.0]]
    with pytest.raises(ValueError, match="'box' is a tensor of the memory itself"):
        TrackMemory(config, num_classes=1, extras={'box': torch.zeros(1)})


def test_ids_are_never_used_twice() -> None:
    rng = np.random.default_rng(0)
    memory = memory_of(capacity=5, confirm_hits=2, tentative_timeout_s=0.1, lost_timeout_s=0.3)
    now, last_id, wanted = TODAY, 0, 0
    shapes = {name: value.shape for name, value in memory.tensors.items()}
    for _ in range(4_000):
        now += int(rng.integers(0, SECOND // 10))
        n = int(rng.integers(0, 7))
        slots, order = rng.permutation(5), rng.permutation(n)
        count = int(rng.integers(0, min(5, n) + 1))
        match = dict(zip(slots[:count].tolist(), order[:count].tolist(), strict=True))
        before = set(memory['track_id'][memory.occupied].tolist())
        occupied = memory.occupied.tolist()
        taken = {index for slot, index in match.items() if occupied[slot]}
        birth = tuple(k for k in range(n) if k not in taken)
        scores = tuple(rng.random(n).tolist())
        step(memory, now, see(*[BOX] * n, scores=scores), match=match, birth=birth)
        wanted += len(birth)
        ids = memory['track_id'][memory.occupied].tolist()
        assert len(set(ids)) == len(ids) <= 5
        new = set(ids) - before
        assert all(track_id > last_id for track_id in new)
        last_id = max([last_id, *new])
        assert int(memory['next_id']) == last_id + 1
    assert last_id + int(memory['refused']) == wanted
    assert last_id > 2_000
    assert {name: value.shape for name, value in memory.tensors.items()} == shapes


@given(st.permutations(range(5)))
def test_births_do_not_depend_on_the_order(order: list[int]) -> None:
    boxes = [(float(k), 0.0, k + 5.0, 9.0) for k in range(5)]
    scores = (0.9, 0.8, 0.7, 0.6, 0.5)
    memory = memory_of(capacity=3)
    mixed = see(*[boxes[k] for k in order], scores=tuple(scores[k] for k in order))
    step(memory, TODAY, mixed, birth=(0, 1, 2, 3, 4))
    assert memory['box'][:, 0].tolist() == [0, 1, 2]


def test_reports_are_sorted() -> None:
    memory = memory_of(capacity=4, confirm_hits=1)
    step(memory, TODAY, see(BOX, BOX, BOX, scores=(0.9, 0.8, 0.7)), birth=(0, 1, 2))
    step(memory, TODAY + 1, see(BOX, BOX), match={2: 0, 1: 1})
    lost = np.full((4, 4), 5, np.float32)
    tracks = report_tracks(memory, lambda slot: Rle(slot, 0, 1, 1), lost_boxes=lost)
    assert [(t.track_id, int(t.state)) for t in tracks] == [(2, 2), (3, 2), (1, 3)]
    assert [t.mask.width for t in tracks] == [1, 1, 0]
    assert tracks[2].box == (5, 5, 5, 5)
    assert tracks[0].box == BOX
    assert tracks[0].class_scores == ((0, 1.0),)


def test_restored_memories_go_on_and_do_not_age_while_down() -> None:
    memory = memory_of(confirm_hits=1, lost_timeout_s=3.0)
    step(memory, TODAY, see(BOX, BOX), birth=(0, 1))
    step(memory, TODAY + SECOND, see(BOX), match={0: 0})
    again = memory_of(confirm_hits=1, lost_timeout_s=3.0)
    again.restore(memory.tensors)
    later = TODAY + 3600 * SECOND
    step(again, later)  # of the hour down, one second counts
    assert again['state'][:2].tolist() == [TrackState.LOST, TrackState.LOST]
    step(again, later + SECOND)
    assert again['state'][:2].tolist() == [TrackState.LOST, TrackState.LOST]
    step(again, later + SECOND + 1)  # unseen for 3 s and 1 ns, without the pause
    assert again['state'][:2].tolist() == [TrackState.LOST, FREE]
    step(again, later + SECOND + 2, see(BOX, BOX), match={0: 0}, birth=(1,))
    assert again['track_id'][:2].tolist() == [1, 3]
    step(again, later + 10 * SECOND)
    assert not again.occupied.any()  # the pause counts once only
    assert memory['state'][:2].tolist() == [TrackState.ACTIVE, TrackState.LOST]  # not shared


def test_restore_refuses_what_does_not_fit_and_changes_nothing() -> None:
    memory = memory_of(capacity=2)
    step(memory, TODAY, see(BOX), birth=(0,))
    before = {name: value.clone() for name, value in memory.tensors.items()}
    good = dict(memory.tensors)
    without = {name: value for name, value in good.items() if name != 'box'}
    for bad, text in (
        (without, "missing .'box'."),
        (good | {'odd': torch.zeros(1)}, "unexpected .'odd'."),
        (good | {'box': torch.zeros(3, 4)}, r'box: expected torch.float32 \(2, 4\)'),
        (good | {'box': torch.zeros(2, 4, dtype=torch.float64)}, 'got torch.float64'),
    ):
        with pytest.raises(ValueError, match=text):
            memory.restore(bad)
        assert all(torch.equal(before[name], value) for name, value in memory.tensors.items())
