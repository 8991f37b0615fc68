# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every image, or as on a robot: what is dropped, and what is known when."""

import pytest
from replay_world import HEIGHT, START_NS, STEP_NS, WIDTH, Late, Perfect, frame_at, result_of_image

from vis_ros.evaluation.coco_masks import from_rle
from vis_ros.evaluation.method_runs import Pace, RunCounts, run_at_rate, run_every_frame
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Video
from vis_ros.pipeline.session import TrackingSession


def stamps(count):
    return [START_NS + index * STEP_NS for index in range(count)]


def run(count, pace=None, *, method=None, stamps_ns=None, scored=None):
    """Return the counts, and for each scored frame the one whose masks are held there."""
    stamps_ns = stamps(count) if stamps_ns is None else stamps_ns
    scored = stamps_ns if scored is None else scored
    video = Video(1, HEIGHT, WIDTH, tuple(map(str, scored)))
    results = VideoResults(video, (1, 2))
    session = TrackingSession(method or Perfect())
    frames = [frame_at(index) for index in range(count)]
    frames = [type(f)(f.image, s, 'camera') for f, s in zip(frames, stamps_ns, strict=True)]
    positions = {stamp_ns: place for place, stamp_ns in enumerate(scored)}
    if pace is None:
        counts = run_every_frame(session, frames, results, positions=positions)
    else:
        counts = run_at_rate(
            session, frames, results, stamps_ns=stamps_ns, positions=positions, pace=pace
        )
    origin = {}
    for index in range(count):
        mask = result_of_image(frame_at(index)).tracks[0].mask
        origin[from_rle(mask, HEIGHT, WIDTH)] = index
    entries = results.finish()
    if not entries:
        return counts, [None] * len(scored)
    return counts, [None if mask is None else origin[mask] for mask in entries[0].masks]


def test_a_stream_without_images():
    for pace in (None, Pace(step_ms=5), Pace(step_ms=5, known_at='stamp')):
        counts, held = run(0, pace)
        assert counts == RunCounts(0, 0, (), ())
        assert held == []
    assert counts.summary()['latency_ms_p95'] == -1.0


def test_every_image_is_scored_with_its_own_result():
    counts, held = run(5)
    assert held == [0, 1, 2, 3, 4]
    assert (counts.images, counts.processed, counts.dropped) == (5, 5, 0)
    assert len(counts.step_ms) == len(counts.latency_ms) == 5


@pytest.mark.parametrize('step_ms', [0, 60, 100])
def test_a_method_that_keeps_up_drops_nothing(step_ms):
    counts, held = run(5, Pace(step_ms=step_ms))
    assert held == [0, 1, 2, 3, 4]
    assert counts.dropped == 0
    assert counts.latency_ms == (step_ms,) * 5


def test_a_slow_method_drops_what_arithmetic_says():
    # Images at 0, 100 ... 900. Taken: 0 at 0, 2 at 250, 5 at 500, 7 at 750, 9 at 1000.
    counts, held = run(10, Pace(step_ms=250))
    assert counts.processed == 5
    assert counts.dropped == 5
    assert counts.latency_ms == (250, 300, 250, 300, 350)
    # Frame k is scored at 100 (k + 1): 0 is out at 250, 2 at 500, 5 at 750, 7 at 1000.
    assert held == [None, None, 0, 0, 2, 2, 2, 5, 5, 7]


def test_only_what_is_out_at_the_stamp_counts_where_asked():
    counts, held = run(5, Pace(step_ms=60, known_at='stamp'))
    assert held == [None, 0, 1, 2, 3]
    assert counts.dropped == 0
    _, held = run(10, Pace(step_ms=250, known_at='stamp'))
    assert held == [None, None, None, 0, 0, 2, 2, 2, 5, 5]


def test_a_higher_rate_is_as_good_as_longer_steps():
    plain, held = run(10, Pace(step_ms=250))
    fast, also_held = run(10, Pace(step_ms=125, rate=2.0))
    assert held == also_held
    assert [value / 2 for value in plain.latency_ms] == list(fast.latency_ms)


def test_the_first_image_after_a_pause_is_taken_at_once():
    late = [START_NS, START_NS + STEP_NS, START_NS + 50 * STEP_NS]
    counts, held = run(3, Pace(step_ms=150), stamps_ns=late)
    assert counts.dropped == 0
    assert counts.latency_ms == (150, 200, 150)
    assert held == [None, 1, 1]  # the last frame is scored a usual step after its arrival


def test_measured_steps_move_the_clock(monkeypatch):
    ticks = iter([0.0, 0.25] * 10)
    monkeypatch.setattr('vis_ros.evaluation.method_runs.time.perf_counter', lambda: next(ticks))
    video = Video(1, HEIGHT, WIDTH, tuple('abcdefghij'))
    method = Perfect()
    monkeypatch.setattr(TrackingSession, 'process', lambda self, frame: [])
    counts = run_at_rate(
        TrackingSession(method),
        [frame_at(index) for index in range(10)],
        VideoResults(video, (1, 2)),
        stamps_ns=stamps(10),
        positions={},
        pace=Pace(),
    )
    assert counts.step_ms == (250.0,) * 5
    assert counts.dropped == 5


def test_images_without_truth_are_run_but_not_scored():
    every_third = stamps(10)[::3]
    assert run(10, scored=every_third)[1] == [0, 3, 6, 9]
    counts, held = run(10, Pace(step_ms=250), scored=every_third)
    assert held == [None, 0, 2, 7]
    assert counts.images == 10


def test_a_method_with_a_lag():
    assert run(4, method=Late())[1] == [0, 1, 2, 3]
    counts, held = run(4, Pace(step_ms=10), method=Late())
    assert held == [None, 0, 1, 2]
    assert counts.latency_ms == (110, 110, 110)


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        ({'rate': 0}, 'rate: expected a positive number, got 0'),
        ({'rate': float('nan')}, 'rate: expected'),
        ({'step_ms': -1}, 'step_ms: expected 0 or more, got -1'),
        ({'step_ms': float('inf')}, 'step_ms: expected'),
        ({'known_at': 'never'}, "known_at: expected next or stamp, got 'never'"),
    ],
)
def test_wrong_paces(options, text):
    with pytest.raises(ValueError, match=text):
        Pace(**options)


def test_counts_add_up():
    parts = [RunCounts(4, 2, (10.0, 30.0), (20.0,)), RunCounts(1, 1, (20.0,), (40.0,))]
    total = RunCounts.total(parts)
    assert total == RunCounts(5, 3, (10.0, 30.0, 20.0), (20.0, 40.0))
    summary = total.summary()
    assert (summary['dropped'], summary['step_ms_mean'], summary['latency_ms_mean']) == (2, 20, 30)
    assert summary['latency_ms_p95'] == pytest.approx(39)
    assert RunCounts.total([]).summary()['images'] == 0
