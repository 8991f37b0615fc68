# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records check their fields; options check values and name what is wrong."""

import operator
from dataclasses import dataclass, field

import numpy as np
import pytest

from vis_ros.structures import CropMask, Detections, Frame, Rle, Track, TrackState
from vis_ros.structures.options import build_config, flatten, option, options_of, values_of


def detections(n: int, feature_size: int = 2) -> Detections:
    return Detections(
        boxes=np.arange(4 * n, dtype=np.float32).reshape(n, 4),
        scores=np.linspace(0, 1, n, dtype=np.float32),
        class_ids=np.arange(n),
        masks=tuple(CropMask(k, 0, np.ones((1, 1), np.bool_)) for k in range(n)),
        features=np.arange(n * feature_size, dtype=np.float32).reshape(n, feature_size),
    )


def test_no_detections() -> None:
    empty = Detections.empty(5)
    assert len(empty) == 0
    assert empty.features.shape == (0, 5)
    assert len(empty.select([])) == 0
    assert len(empty.select(np.zeros(0, np.bool_))) == 0


def test_detections_are_selected_together() -> None:
    chosen = detections(4).select([3, 1])
    assert chosen.class_ids.tolist() == [3, 1]
    assert [mask.x for mask in chosen.masks] == [3, 1]
    assert chosen.boxes[:, 0].tolist() == [12, 4]
    assert chosen.features[:, 0].tolist() == [6, 2]
    by_flag = detections(4).select(np.array([False, True, False, True]))
    assert by_flag.class_ids.tolist() == [1, 3]


@pytest.mark.parametrize('name', ['boxes', 'scores', 'class_ids', 'features'])
def test_detections_of_different_lengths_are_refused(name: str) -> None:
    good = detections(3)
    fields = {key: getattr(good, key) for key in ('boxes', 'scores', 'class_ids', 'features')}
    fields[name] = fields[name][:2]
    with pytest.raises(ValueError, match=rf'{name}: expected shape .*got \(2'):
        Detections(masks=good.masks, **fields)


@pytest.mark.parametrize(
    ('image', 'text'),
    [
        (np.zeros((2, 3), np.uint8), r'\(H, W, 3\)'),
        (np.zeros((2, 3, 4), np.uint8), r'\(H, W, 3\)'),
        (np.zeros((2, 3, 3), np.float32), 'uint8'),
        (np.zeros((0, 3, 3), np.uint8), 'at least one pixel'),
        (np.zeros((2, 0, 3), np.uint8), 'at least one pixel'),
        ('image.png', 'got str'),
    ],
)
def test_frames_of_other_kinds_are_refused(image: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Frame(image, 0)  # type: ignore[arg-type]


def test_frame() -> None:
    frame = Frame(np.zeros((2, 5, 3), np.uint8), 7)
    assert (frame.height, frame.width) == (2, 5)
    with pytest.raises(ValueError, match='stamp_ns'):
        Frame(frame.image, -1)


def test_crop_mask_checks_its_pixels() -> None:
    assert CropMask(0, 0, np.array([[True, False]])).area_px == 1
    for pixels in (np.zeros((2, 2), np.uint8), np.zeros(4, np.bool_)):
        with pytest.raises(ValueError, match='expected a bool array'):
            CropMask(0, 0, pixels)


def test_rle_equality_and_area() -> None:
    counts = np.array([1, 2, 1], np.uint32)
    assert Rle() == Rle()
    assert Rle().area_px == 0
    assert Rle(1, 2, 4, 1, counts) == Rle(1, 2, 4, 1, counts.copy())
    assert Rle(1, 2, 4, 1, counts) != Rle(0, 2, 4, 1, counts)
    assert Rle(1, 2, 4, 1, counts).area_px == 2
    assert not operator.ne(Rle(), Rle())  # tuples have one of their own
    assert Rle() != 'nothing'
    assert Rle() != tuple(Rle())


def test_tracks_differ_by_their_masks() -> None:
    counts = np.array([1, 2, 1], np.uint32)
    mask = Rle(1, 2, 4, 1, counts)
    track = Track(1, 0, TrackState.ACTIVE, 0, 1.0, (1, 2, 5, 3), mask, 0, 0, 1, 0)
    same = track._replace(mask=mask._replace(counts=counts.copy()))
    assert track == same
    assert not operator.ne(track, same)
    assert track != track._replace(mask=mask._replace(counts=counts * 2))


def test_only_lost_tracks_are_not_observed() -> None:
    for state in TrackState:
        track = Track(1, 0, state, 0, 1.0, (0, 0, 1, 1), Rle(), 0, 0, 1, 0)
        assert track.is_observed == (state != TrackState.LOST)


@dataclass(frozen=True)
class Inner:
    size: int = option(3, 'A size.', unit='px', minimum=1, maximum=9)


@dataclass(frozen=True)
class Outer:
    rate: float = option(0.5, 'A rate.', minimum=0.0, maximum=1.0, mutable=True)
    kind: str = option('a', 'A kind.', choices=('a', 'b'))
    names: tuple[str, ...] = option((), 'Some names.')
    weights: tuple[float, ...] = option((1.0,), 'Some numbers.', minimum=0.0)
    is_on: bool = option(True, 'A switch.')
    inner: Inner = field(default_factory=Inner)


def test_options_are_flat_and_documented() -> None:
    found = {item.name: item for item in options_of(Outer)}
    assert list(found) == ['rate', 'kind', 'names', 'weights', 'is_on', 'inner.size']
    assert found['inner.size'].unit == 'px'
    assert found['rate'].mutable
    assert values_of(Outer())['inner.size'] == 3
    changed = build_config(Outer, {'inner.size': 5})
    assert {item.name: item.default for item in options_of(changed)}['inner.size'] == 5


def test_values_flat_and_nested() -> None:
    assert build_config(Outer) == Outer()
    flat = build_config(Outer, {'inner.size': 4, 'rate': 1, 'names': ['x', 'y']})
    nested = build_config(Outer, {'inner': {'size': 4}, 'rate': 1.0, 'names': ('x', 'y')})
    assert flat == nested
    assert isinstance(flat.rate, float)
    assert flatten({'a': {'b': {'c': 1}}, 'd': 2}) == {'a.b.c': 1, 'd': 2}


@pytest.mark.parametrize(
    ('values', 'text'),
    [
        ({'rat': 0.1}, r"rat: no such option.*did you mean 'rate'"),
        ({'inner': {'zzz': 1}}, 'inner.zzz: no such option'),
        ({'inner': 3}, 'inner: no such option'),
        ({'rate': 1.5}, r'rate: expected a value in \[0.0, 1.0\], got 1.5'),
        ({'rate': float('nan')}, 'rate: expected a value in'),
        ({'rate': '0.5'}, "rate: expected float, got '0.5'"),
        ({'rate': True}, 'rate: expected float, got True'),
        ({'inner.size': 2.0}, 'inner.size: expected int, got 2.0'),
        ({'inner.size': True}, 'inner.size: expected int, got True'),
        ({'inner.size': 10}, r'inner.size: expected a value in \[1, 9\], got 10'),
        ({'kind': 'c'}, "kind: expected one of 'a', 'b', got 'c'"),
        ({'names': 'x'}, 'names: expected a list'),
        ({'names': [1]}, 'names: expected str, got 1'),
        ({'weights': [1.0, -1.0]}, r'weights: expected a value in \[0.0, inf\], got -1.0'),
        ({'is_on': 1}, 'is_on: expected bool, got 1'),
    ],
)
def test_bad_values_are_named(values: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        build_config(Outer, values)
