# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Spatiotemporal sampling: against plain loops, at rest, moved, with and without supports."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from vis_ros.nn.maskprop.config import MaskPropSizes, ModelOptions, SamplingOptions
from vis_ros.nn.maskprop.detector import VideoMaskRcnn
from vis_ros.nn.maskprop.sampling import SpatioTemporalSampling, StageSampling

SIZES = MaskPropSizes('slim18', 96, 160, 8, 8, 16, 16, 8, 32, 8, 32)


def stage_of(channels: int = 4, **options: Any) -> StageSampling:
    """Return a stage in which everything matters."""
    torch.manual_seed(0)
    stage = StageSampling(channels, SamplingOptions(**options)).requires_grad_(False)
    for layer in stage.offsets:
        torch.nn.init.normal_(layer.weight, std=0.2)
    return stage


def detector_of(**options: Any) -> VideoMaskRcnn:
    torch.manual_seed(0)
    return VideoMaskRcnn(SIZES, 2, ModelOptions(sampling=SamplingOptions(enabled=True, **options)))


@pytest.mark.parametrize('layers', [1, 4])
def test_at_rest_a_frame_alone_is_itself(layers: int) -> None:
    torch.manual_seed(0)
    stage = StageSampling(4, SamplingOptions(layers=layers))
    x = torch.randn(2, 4, 5, 6)
    torch.testing.assert_close(stage(x, x[:, None][:, :0]), x)
    torch.testing.assert_close(stage(x, x[:, None].repeat(1, 3, 1, 1, 1)), x)


def test_aggregation_against_plain_loops() -> None:
    stage = stage_of(layers=2)
    frame, supports = torch.randn(1, 4, 5, 6), torch.randn(1, 3, 4, 5, 6)
    every = [frame, *(supports[:, k] for k in range(3))]
    sampled, looks = [], []
    for each in every:
        pair = torch.cat((frame, each), dim=1)
        x = torch.relu(stage.looks[0](pair, stage.offsets[0](pair)))
        sampled.append(stage.sample(each, stage.offsets[1](x))[0])
        looks.append(stage.embedding(sampled[-1][None])[0])
    expected = torch.zeros(4, 5, 6)
    for row in range(5):
        for column in range(6):
            place = (slice(None), row, column)
            own = looks[0][place]
            shares = [
                torch.exp(own @ look[place] / own.norm() / look[place].norm()) for look in looks
            ]
            for share, value in zip(shares, sampled, strict=True):
                expected[place] += share / sum(shares) * value[place]
    torch.testing.assert_close(stage(frame, supports)[0], expected)


def test_a_batch_is_its_frames() -> None:
    stage = stage_of()
    frames, supports = torch.randn(3, 4, 5, 6), torch.randn(3, 2, 4, 5, 6)
    both = stage(frames, supports)
    for k in range(3):
        torch.testing.assert_close(stage(frames[k : k + 1], supports[k : k + 1])[0], both[k])
    torch.testing.assert_close(stage(frames, supports.flip(1)), both)  # whatever their order


def test_known_offsets_move_a_supporting_frame_exactly() -> None:
    stage = StageSampling(2, SamplingOptions()).requires_grad_(False)
    offset = torch.tensor([1.0, -2.0]).repeat(9)  # one row down, two columns left
    stage.offsets[-1].bias.copy_(offset)
    x = torch.randn(1, 2, 6, 7)
    moved = stage.sampled(torch.zeros_like(x), x)
    expected = torch.zeros_like(x)
    expected[..., :-1, 2:] = x[..., 1:, :-2]
    torch.testing.assert_close(moved, expected)


def test_frames_that_look_alike_count_more() -> None:
    stage = stage_of(embedding=16)
    frame = torch.randn(1, 4, 5, 6)
    sampled = torch.stack((frame, frame, -frame), dim=1)
    weights = stage.weights(sampled)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(1, 1, 5, 6))
    torch.testing.assert_close(weights[:, 0], weights[:, 1])
    assert (weights[:, 2] < weights[:, 0]).all()


def test_widths() -> None:
    stage = StageSampling(8, SamplingOptions())
    assert [layer.out_channels for layer in stage.embedding[::2]] == [4, 4, 16]
    stage = StageSampling(8, SamplingOptions(embedding=3, layers=2))
    assert [layer.out_channels for layer in stage.embedding[::2]] == [3, 3, 12]
    assert len(stage.offsets) == 2 and len(stage.looks) == 1
    sampling = SpatioTemporalSampling(
        {'0': 4, '1': 8, '2': 16, '3': 32}, 16, SamplingOptions(levels=2)
    )
    assert sampling.names == ('2', '3')
    assert sampling.outputs == {'0': 4, '1': 8, '2': 16, '3': 16}
    assert set(sampling.reductions) == {'3'}


def test_companions_are_the_others_of_a_clip() -> None:
    sampling = SpatioTemporalSampling({'0': 2}, 2, SamplingOptions())
    x = torch.arange(6.0)[:, None, None, None].expand(6, 2, 1, 1)
    found = sampling.companions({'0': x}, 3)['0'][:, :, 0, 0, 0]
    assert found.tolist() == [[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 4]]
    assert sampling.companions({'0': x}, 1)['0'].shape == (6, 0, 2, 1, 1)


@pytest.mark.parametrize('levels', [1, 2])
def test_the_pyramid_sees_the_other_frame_of_a_pair(levels: int) -> None:
    model = detector_of(levels=levels).eval().requires_grad_(False)
    x = torch.rand(2, 3, 64, 96)
    pair, alone = model.features(x, (60, 90), 2), model.features(x, (60, 90))
    taps = model.taps(x)
    assert model.sampling is not None
    assert taps['3'].shape[1] == 32  # reduced
    for name in pair.levels:
        assert pair.levels[name].shape == alone.levels[name].shape
        assert not torch.allclose(pair.levels[name], alone.levels[name])
    for k in range(2):
        own = {name: value[k : k + 1] for name, value in taps.items()}
        supports = {name: taps[name][1 - k][None, None] for name in model.sampling.names}
        single = model.pyramid(own, supports, (64, 96), (60, 90))
        for name, level in single.levels.items():
            torch.testing.assert_close(level[0], pair.levels[name][k])


def test_gradients_reach_everything() -> None:
    model = detector_of(levels=2)
    assert model.sampling is not None
    with torch.no_grad():
        for stage in model.sampling.stages.values():
            for layer in stage.offsets:
                torch.nn.init.normal_(layer.weight, std=0.05)
    levels = model.features(torch.rand(2, 3, 64, 96), (64, 96), 2).levels
    (levels['1'] * torch.randn_like(levels['1'])).sum().backward()
    for name, parameter in model.sampling.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        if name != 'stages.2.embedding.4.bias' and name != 'stages.3.embedding.4.bias':
            assert parameter.grad.abs().max() > 0, name


def test_without_sampling_nothing_is_different() -> None:
    """No parameter more, and the clip does not count."""
    torch.manual_seed(0)
    plain = VideoMaskRcnn(SIZES, 2).eval().requires_grad_(False)
    assert not any('sampling' in name or 'cascade' in name for name in plain.state_dict())
    wide = dataclasses.replace(SIZES, sampling=1)
    torch.manual_seed(0)
    other = VideoMaskRcnn(wide, 2).eval().requires_grad_(False)
    x = torch.rand(2, 3, 64, 96)
    levels: dict[str, Tensor] = plain.features(x, (64, 96), 2).levels
    for name, level in other.features(x, (64, 96)).levels.items():
        assert torch.equal(level, levels[name])
