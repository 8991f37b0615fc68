# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every method promises; runs over all that are registered, none is listed here."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from coloured_world import (
    HEIGHT,
    PERIOD_NS,
    TODAY,
    WIDTH,
    Case,
    ColourDetector,
    frame_of,
    picture,
    run,
    steps,
    street,
)
from stream_laws import check_every_part_is_needed, check_interruption

from vis_ros.detectors import DETECTORS
from vis_ros.memory.snapshot import load_snapshot, save_snapshot
from vis_ros.methods import METHODS
from vis_ros.methods._detect_then_associate import DetectThenAssociate
from vis_ros.methods._learned import NetworkMethod
from vis_ros.ops.rle import to_dense
from vis_ros.structures import Frame, FrameResult, TrackState
from vis_ros.structures.options import options_of, replace_config

FORMS = ('overlap', 'model.detector')  # options that make another method of a method


def cases() -> list[Case]:
    """Return every method, in each of its forms where it has several."""
    found = []
    for name, method in METHODS.items():
        choices = {item.name: item.choices for item in options_of(method.Config)}
        found += [
            Case(name, ((form, kind),)) for form in FORMS for kind in choices.get(form, ())
        ] or [Case(name)]
    return found


def needs_weights(case: Case) -> bool:
    """Return whether a method is here with random weights: it obeys the laws, and sees nothing."""
    return METHODS[case.name].needs_weights(METHODS[case.name].Config())


CASES = cases()
SEEING = [case for case in CASES if not needs_weights(case)]
ASSOCIATIONS = [case for case in CASES if issubclass(METHODS[case.name], DetectThenAssociate)]
WALKER = (40.0, 10.0, 9, 13, (250, 9, 0))


@pytest.fixture(params=CASES, ids=str)
def method(request: pytest.FixtureRequest):
    """Return a method as it ships, with the detector of its defaults."""
    return request.param.build()


@pytest.fixture(params=SEEING, ids=str)
def seeing_method(request: pytest.FixtureRequest):
    """Return a method that finds objects without any training."""
    return request.param.build()


@pytest.fixture(params=ASSOCIATIONS, ids=str)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Return a method that detects first; its detector sees the coloured world exactly."""
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    return request.param


def squares(count: int) -> list[Frame]:
    """Return frames that the real `motion` detector sees: two squares on grey, after 1.2 s."""
    noise = np.random.default_rng(1).integers(-6, 7, (HEIGHT, WIDTH, 1))
    ground = np.repeat(120 + noise, 3, axis=2).astype(np.uint8)
    frames = []
    for index in range(count):
        image = ground.copy()
        if index > 12:
            x = 2 * (index - 12)
            image[8:22, x : x + 12] = (250, 9, 0)
            image[28:42, WIDTH - x - 12 : WIDTH - x] = (20, 90, 250)
        frames.append(Frame(image, TODAY + index * PERIOD_NS, 'camera'))
    return frames


def check_results(results: list[FrameResult], frames: list[Frame]) -> None:
    """Check the laws of results: order, geometry, identities, states."""
    assert [result.stamp_ns for result in results] == [frame.stamp_ns for frame in frames]
    known: set[int] = set()
    for result in results:
        assert (result.frame_id, result.height, result.width) == ('camera', HEIGHT, WIDTH)
        order = [(not track.is_observed, track.track_id) for track in result.tracks]
        assert order == sorted(set(order))
        assert len({track.slot for track in result.tracks}) == len(result.tracks)
        new = {track.track_id for track in result.tracks} - known
        assert all(track_id > max(known, default=0) for track_id in new)
        known |= new
        for track in result.tracks:
            check_track(track, result)


def check_track(track, result: FrameResult) -> None:
    assert track.is_observed == (track.misses == 0)
    assert track.first_seen_ns <= track.last_seen_ns <= result.stamp_ns
    assert track.is_observed == (track.last_seen_ns == result.stamp_ns)
    assert 0 <= track.score <= 1
    assert track.class_scores[0][0] == track.class_id
    assert np.isfinite(track.velocity_px_s).all() and np.isfinite(track.box).all()
    if track.is_observed:
        mask = track.mask
        assert to_dense(mask, HEIGHT, WIDTH).sum() == mask.area_px > 0
        tight = (mask.x, mask.y, mask.x + mask.width, mask.y + mask.height)
        assert track.box == tight
    else:
        assert track.state == TrackState.LOST
        assert track.mask.area_px == 0


def test_there_are_methods() -> None:
    assert {'iou', 'deepsort'} <= set(METHODS)
    assert len(ASSOCIATIONS) >= 4


def test_a_stream_without_objects(seeing_method) -> None:
    frames = [frame_of(index) for index in range(5)]
    results = run(seeing_method, frames)
    check_results(results, frames)
    assert not any(result.tracks for result in results)


def test_nothing_is_due_before_the_first_frame(method) -> None:
    assert method.flush(method.init_state())[1] == []


def test_method_describes_itself(method) -> None:
    assert METHODS[method.name] is type(method)
    for text in (method.summary, method.inputs, method.licence, method.source):
        assert isinstance(text, str) and text
    assert len(method.classes) >= 1
    assert method.lag >= 0
    assert dataclasses.is_dataclass(method.Config)


def test_results_obey_the_laws(method) -> None:
    frames = squares(36)
    results = run(method, frames)
    check_results(results, frames)


def test_two_objects_are_two_tracks(seeing_method) -> None:
    results = run(seeing_method, squares(36))
    assert max(len(result.tracks) for result in results) == 2


def test_a_prefix_of_frames_gives_a_prefix_of_results(method) -> None:
    frames = squares(22)
    whole = run(method, frames)
    for count in (1, 14, 20):
        state, prefix = method.init_state(), []
        for frame in frames[:count]:
            state, results = method.step(state, frame)
            prefix += results
        assert len(prefix) >= count - method.lag
        assert prefix == whole[: len(prefix)]


def test_two_cameras_do_not_disturb_each_other(method) -> None:
    left = squares(20)
    right = [Frame(f.image[:, ::-1].copy(), f.stamp_ns + 5, 'camera') for f in left[:2] + left]
    expected = run(method, left), run(method, right)
    states = [method.init_state(), method.init_state()]
    got: tuple[list[FrameResult], list[FrameResult]] = ([], [])
    for pair in zip(left, right, strict=False):
        for side, frame in enumerate(pair):
            states[side], results = method.step(states[side], frame)
            got[side].extend(results)
    for side in (0, 1):
        assert got[side] == expected[side][: len(got[side])]
        assert len(got[side]) >= len(left) - method.lag


def test_what_is_prepared_ahead_changes_nothing(method) -> None:
    frames = squares(20)
    with ThreadPoolExecutor(1) as thread:  # another one than that of `step`
        prepared = list(thread.map(method.prepare, frames))
    assert isinstance(method, NetworkMethod) == (None not in prepared)
    ahead = [dataclasses.replace(f, prepared=p) for f, p in zip(frames, prepared, strict=True)]
    assert run(method, ahead) == run(method, frames)
    if method.takes_batches:
        mixed = [[*pair] for pair in zip(ahead[:3], frames[:3], strict=True)]
        states = [method.init_state(), method.init_state()]
        for pair in mixed:
            (one, first), (two, second) = method.step_many(states, pair)
            assert first == second
            states = [one, two]


def test_ids_survive_a_restart(seeing_method, tmp_path: Path) -> None:
    method, frames = seeing_method, squares(36)
    state = method.init_state()
    for frame in frames[:24]:
        state, results = method.step(state, frame)
    before = {track.track_id: track for track in results[-1].tracks}
    save_snapshot(tmp_path / 'memory', method.save(state))
    state = method.restore(load_snapshot(tmp_path / 'memory'))
    for frame in frames[24:]:
        state, results = method.step(state, frame)
    after = {track.track_id: track for track in results[-1].tracks}
    assert set(before) == set(after)
    for track_id, track in after.items():
        assert track.state == TrackState.ACTIVE
        assert track.first_seen_ns == before[track_id].first_seen_ns
        assert track.hits == before[track_id].hits + 12


def test_what_changes_at_run_time_bars_no_memory(method) -> None:
    """An operator turns a knob, the node restarts with its parameter file: the ids live on."""
    snapshot = method.save(method.init_state())
    knobs = {
        item.name: item.maximum if item.default != item.maximum else item.minimum
        for item in options_of(method.config)
        if item.mutable and item.kind is float
    }
    method.config = replace_config(method.config, knobs)
    method.restore(snapshot)
    method.config = replace_config(method.config, {'memory.capacity': 5})
    with pytest.raises(ValueError, match='capacity'):
        method.restore(snapshot)


def test_an_empty_memory_can_be_saved(method, tmp_path: Path) -> None:
    save_snapshot(tmp_path / 'memory', method.save(method.init_state()))
    state = method.restore(load_snapshot(tmp_path / 'memory'))
    results = method.step(state, frame_of(0))[1]
    assert results == method.step(method.init_state(), frame_of(0))[1]


def test_memories_of_others_are_refused(case: Case, tmp_path: Path) -> None:
    method = case.build()
    save_snapshot(tmp_path / 'memory', method.save(method.init_state()))
    snapshot = load_snapshot(tmp_path / 'memory')
    with pytest.raises(ValueError, match=r'memory\.capacity was 64, is 5'):
        case.build(**{'memory.capacity': 5}).restore(snapshot)
    for other in ASSOCIATIONS:
        if other.name != case.name:
            with pytest.raises(ValueError, match='memory of method'):
                other.build().restore(snapshot)
    check_every_part_is_needed(method, snapshot)


def test_interrupted_is_uninterrupted(case: Case, tmp_path: Path) -> None:
    frames = street(60)
    whole = run(case.build(), frames)
    for cut in (1, 25, 40):
        check_interruption(case.build, frames, whole, cut, tmp_path)


def test_a_street_obeys_the_laws(case: Case) -> None:
    frames = street(120)
    results = run(case.build(), frames)
    check_results(results, frames)
    assert run(case.build(), frames[:50]) == results[:50]


def test_the_order_of_detections_does_not_matter(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = street(80)
    forward = run(case.build(), frames)
    monkeypatch.setattr(ColourDetector, 'order', -1)
    backward = run(case.build(), frames)
    assert forward == backward


def test_empty_frames_age_tracks(case: Case) -> None:
    method = case.build(**{'memory.lost_timeout_s': 1.0})
    frames = [frame_of(k, WALKER) for k in range(5)] + [frame_of(k) for k in range(5, 20)]
    results = run(method, frames)
    check_results(results, frames)
    assert [track.state for r in results[:5] for track in r.tracks] == [1, 1, 2, 2, 2]
    lost = [[(track.state, track.misses) for track in r.tracks] for r in results[5:]]
    assert lost[:10] == [[(TrackState.LOST, k)] for k in range(1, 11)]
    assert lost[10:] == [[]] * 5  # unseen for longer than 1 s


@pytest.mark.parametrize('hidden', [1, 5, 10, 11, 20])
def test_occlusion_keeps_the_id_until_the_timeout(case: Case, hidden: int) -> None:
    method = case.build(**{'memory.lost_timeout_s': 1.05})
    seen = [k for k in range(40) if not 8 <= k < 8 + hidden]
    frames = [frame_of(k, *([WALKER] if k in seen else [])) for k in range(40)]
    results = run(method, frames)
    check_results(results, frames)
    expected = 1 if hidden <= 10 else 2  # the gap is one frame period longer than `hidden`
    if hidden == 10:
        assert results[17].tracks[0].misses == 10
    assert results[-1].tracks[0].track_id == expected
    assert len(results[-1].tracks) == 1


def test_repeated_stamps_are_allowed(case: Case) -> None:
    method = case.build()
    frames = [Frame(picture(WALKER), TODAY, 'camera') for _ in range(4)]
    frames += [frame_of(1, WALKER), frame_of(1), frame_of(1)]
    results = run(method, frames)
    assert [r.stamp_ns for r in results] == [f.stamp_ns for f in frames]
    assert [[t.track_id for t in r.tracks] for r in results] == [[1]] * 7
    assert [r.tracks[0].state for r in results[-2:]] == [TrackState.LOST] * 2
    assert results[3].tracks[0].hits == 4


def test_classes_are_kept_apart(case: Case) -> None:
    plain, blue = (250, 9, 0), (250, 9, 200)
    x = 30.0
    frames = [frame_of(k, (x, 9.0, 9, 13, plain if k < 5 else blue)) for k in range(10)]
    results = run(case.build(), frames)
    last = [(t.track_id, t.state, t.class_id) for t in results[-1].tracks]
    assert last == [(2, TrackState.ACTIVE, 1), (1, TrackState.LOST, 0)]


def test_weak_detections_start_no_track(case: Case) -> None:
    weak = (60.0, 10.0, 9, 13, (10, 200, 0))  # score 0.52
    frames = [frame_of(k, WALKER, weak) for k in range(4)]
    assert len(run(case.build(), frames)[-1].tracks) == 2
    assert len(run(case.build(birth_score=0.6), frames)[-1].tracks) == 1
    assert len(run(case.build(min_score=0.6), frames)[-1].tracks) == 1


def test_more_objects_than_places(case: Case) -> None:
    method = case.build(**{'memory.capacity': 3})
    frames = street(100)
    for state, result in steps(method, frames):
        assert len(result.tracks) <= 3
        use = method.memory_use(state)
    check_results(run(method, frames), frames)
    assert use['tracks'] <= use['capacity'] == 3
    assert use['refused'] > 0


def test_thousands_of_frames_leave_nothing_behind(case: Case) -> None:
    """Objects that jump about: ids are given again and again, the stores stay as they are."""
    count = 4_000 if str(case) == 'iou-box' else 1_000  # the same books
    method = case.build(**{'memory.capacity': 6, 'memory.lost_timeout_s': 0.5})
    rng = np.random.default_rng(0)
    colours = [(250, 9, 0), (200, 99, 9), (90, 9, 240)]
    pictures = [
        picture(*((*rng.integers(0, (40, 12)).tolist(), 5, 7, c) for c in colours[:n]))[:20, :48]
        for n in rng.integers(0, 4, 97)
    ]
    state, last_id, size = method.init_state(), 0, None
    for index in range(count):
        frame = Frame(pictures[index * 31 % 97], TODAY + index * PERIOD_NS, 'camera')
        state, (result,) = method.step(state, frame)
        ids = {track.track_id for track in result.tracks}
        assert len(ids) == len(result.tracks) <= 6
        last_id = max(last_id, *ids, 0)
        if index % 500 == 499:
            now = {name: value.nbytes for name, value in state.memory.tensors.items()}
            assert size in (None, now)
            size = now
            assert len(state.masks.masks) == 6
    use = method.memory_use(state)
    assert use['ids_given'] >= last_id > count // 20


def test_ids_survive_a_long_stop(case: Case, tmp_path: Path) -> None:
    """An hour between saving and loading is no time for the tracks: nobody walked on."""
    hour_ns = 3_600_000_000_000
    x = 10.0
    frames = [frame_of(k, (x + k, *WALKER[1:])) for k in range(10)]
    method = case.build()
    state = method.init_state()
    for frame in frames:
        state, _ = method.step(state, frame)
    save_snapshot(tmp_path / 'memory', method.save(state))
    for gone in (0, 3):  # frames until it shows again
        state = method.restore(load_snapshot(tmp_path / 'memory'))
        for k in range(gone):
            state, (result,) = method.step(state, frame_of(k, start_ns=TODAY + hour_ns))
            ((x0, *_),) = [track.box for track in result.tracks]
            assert x0 == pytest.approx(x + 9, abs=20)
        again = frame_of(gone, (x + 11, *WALKER[1:]), start_ns=TODAY + hour_ns)
        state, (result,) = method.step(state, again)
        assert [(track.track_id, track.misses) for track in result.tracks] == [(1, 0)]
