# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs from a device are those of the label image, and little comes down."""

import hypothesis.extra.numpy as shapes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.ops import run_starts as module
from vis_ros.ops.label_runs import LabelRuns
from vis_ros.ops.rle import encode
from vis_ros.ops.run_starts import download_masks, download_runs, run_starts

SIZES = shapes.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)


@given(st.sampled_from([np.uint8, np.int16]), SIZES, st.integers(1, 90), st.data())
def test_starts_are_those_of_the_image(
    dtype: type, shape: tuple[int, int], limit: int, data: st.DataObject
) -> None:
    labels = data.draw(shapes.arrays(dtype, shape, elements=st.integers(0, 3)))
    start, owner, total = (part.numpy() for part in run_starts(torch.from_numpy(labels), limit))
    assert start.shape == owner.shape == (limit,)
    told = min(int(total), limit)
    assert (start[told:] == 0).all() and (owner[told:] == 0).all()
    assert (owner[:told] == labels.reshape(-1)[start[:told]]).all()
    if total <= limit:
        runs = LabelRuns.of_starts(start[:told], owner[:told], shape, 2)
        whole = LabelRuns(labels, 2)
        assert (runs.boxes == whole.boxes).all()
        assert [runs.rle(k) for k in range(2)] == [whole.rle(k) for k in range(2)]


class OnDevice(torch.Tensor):
    """A tensor that says of itself that it is not on the CPU."""

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return False


@pytest.mark.parametrize(('stripes', 'copies'), [(0, 1), (1, 1), (2, 2)])
def test_an_image_with_too_many_runs_comes_down_whole(
    stripes: int, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.zeros((4, 9 * module.PER_ROW), np.int16)
    labels[:, : 2 * stripes * module.PER_ROW : 4] = 1
    counted = []
    download = module.download
    monkeypatch.setattr(module, 'download', lambda t: counted.append(list(t)) or download(t))
    device = torch.from_numpy(labels).as_subclass(OnDevice)
    runs, others = download_runs(device, 1, {'box': torch.ones(3)})
    assert len(counted) == copies, counted
    assert (others['box'] == 1).all() and set(others) == {'box'}
    assert runs.rle(0) == LabelRuns(labels, 1).rle(0)


def test_one_copy_comes_down_from_a_device_without_values() -> None:
    labels = torch.empty(4, 999, dtype=torch.int16, device='meta')
    start, owner, total = run_starts(labels, 20)
    assert (start.dtype, owner.dtype, total.shape) == (torch.int32, torch.int16, ())


@given(shapes.arrays(bool, shapes.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=6)))
def test_masks_that_overlap_are_told_apart(masks: np.ndarray) -> None:
    assert download_masks(torch.from_numpy(masks)) == [encode(mask) for mask in masks]
