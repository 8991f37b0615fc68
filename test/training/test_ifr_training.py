# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stage `ifr`: which frames, which rates, where it starts, what it learns, how it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killed_training import check_going_on
from rich.console import Console
from synth_world import write_data

from vis_ros.nn.ifr import IfrSizes, sizes_of
from vis_ros.nn.ifr import model as model_module
from vis_ros.pipeline.weights import write_weights
from vis_ros.structures.options import build_config
from vis_ros.training.ifr import IfrRecipe, IfrTask, frames_around

TINY = IfrSizes('slim18', None, 192, 320, 32, 1, 32, 2, 32, 4, 6)
QUICK: dict[str, Any] = {
    'network': 'small',
    'frozen': 'none',
    'smallest': 0.3,  # 58 x 96
    'largest': 0.3,
    'backbone_rate': 0.5,
    'validation_videos': 1,
    'validation_frames': 2,
    'augment.fit_height': 192,
    'augment.fit_width': 320,
    'data.hold_out': 0.34,
    'loss.points': 128,
    'schedule.steps': 3,
    'schedule.batch': 2,
}


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = write_data(tmp_path_factory.mktemp('world') / 'data', length=4)
    return {**QUICK, 'data.folders': [folder]}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)


def task(world: dict[str, Any], **values: Any) -> IfrTask:
    return IfrTask(build_config(IfrRecipe, {**world, **values}))


def test_frames_lie_near_each_other_in_order() -> None:
    assert frames_around(1, np.array([0.9, 0.9]), 20) == [0, 0]
    assert frames_around(5, np.array([0.5]), 20) == [2]
    assert frames_around(3, np.array([0.5, 0.0, 0.0, 0.9]), 20) == [0, 1, 2, 2]
    draws = np.random.default_rng(0).random((600, 3))
    clips = {tuple(frames_around(12, draw, 2)) for draw in draws}
    assert all(a < b < c and c - a <= 4 for a, b, c in clips)
    assert {a for a, _, _ in clips} == set(range(10)) and len(clips) > 30


def test_pictures_are_those_of_the_paper(world: dict[str, Any]) -> None:
    stage = task(world)
    assert stage.picture_size(stage.module.network) == (192, 320)
    for name, expected in (('resnet50', (360, 640)), ('swin_l', (480, 853))):
        network = torch.nn.Module()
        network.sizes = sizes_of(name)  # type: ignore[assignment]
        assert stage.picture_size(network) == expected
    assert stage.item(0, 0).images.shape == (2, 58, 96, 3)
    assert task(world, frames=3).item(0, 0).images.shape[0] == 3


def test_the_backbone_learns_more_slowly(world: dict[str, Any]) -> None:
    stage = task(world, backbone_rate=0.1)
    groups = stage.rates()
    assert set(groups) == {1.0, 0.1}
    backbone: Any = stage.module.network.get_submodule('backbone')
    assert {id(p) for p in groups[0.1]} == {id(p) for p in backbone.parameters()}
    every = {id(p) for p in stage.module.parameters() if p.requires_grad}
    assert {id(p) for part in groups.values() for p in part} == every
    assert {id(p) for p in task(world, backbone_rate=1.0).rates()[1.0]} != set()
    frozen = task(world, frozen='norms').rates()
    assert len(frozen[0.5]) < len(groups[0.1])


def test_a_training_starts_from_a_mask2former(world: dict[str, Any], tmp_path: Path) -> None:
    """What was imported is taken over; the new layers and the classes are random."""
    torch.manual_seed(5)
    other = task(world).module.network
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    new = ('decoder.layers.', 'decoder.classes.')
    kept = {n: v for n, v in other.state_dict().items() if not n.startswith(new)}
    write_weights(tmp_path / 'start.safetensors', kept, {'method': 'ifr', 'part': 'start'})
    plain = task(world).module.network.state_dict()
    stage = task(world, start=str(tmp_path / 'start.safetensors'))
    for name, value in stage.module.network.state_dict().items():
        expected = plain if name.startswith(new) else kept
        assert torch.equal(value, expected[name]), name


def test_it_learns_its_clips_by_heart(world: dict[str, Any]) -> None:
    torch.manual_seed(0)
    stage = task(world)
    batch = stage.collate([stage.item(0, place) for place in range(2)])
    groups = [{'params': p, 'lr': 2e-3 * factor} for factor, p in stage.rates().items()]
    optimizer = torch.optim.AdamW(groups)
    totals = []
    for _ in range(25):
        losses = stage.module(batch)
        optimizer.zero_grad()
        losses['total'].backward()
        optimizer.step()
        totals.append({name: value.item() for name, value in losses.items()})
    for name in ('total', 'mask', 'dice'):
        assert min(row[name] for row in totals[-4:]) < 0.7 * totals[0][name], name


def test_from_kept_features_the_decoder_learns_what_it_learns_from_images(
    world: dict[str, Any], tmp_path: Path
) -> None:
    stage = task(world, cache=str(tmp_path), views=2)
    stage.prepare(torch.device('cpu'), Console(quiet=True))
    videos = len(stage._train.lengths)
    files = sorted(tmp_path.glob('*/*.safetensors'))
    assert len(files) == 2 * videos
    wanted = {p for n, p in stage.module.network.named_parameters() if n.startswith('decoder.')}
    assert {p for part in stage.rates().values() for p in part} == wanted
    seen = [stage.item(epoch, 0) for epoch in range(4)]
    assert not torch.equal(seen[0].labels, seen[1].labels)
    drawn = {
        tuple(stage.item(epoch, k).labels.flatten().tolist())
        for epoch in (0, 2)
        for k in range(videos)
    }
    assert len(drawn) == videos  # a later epoch has the same clips
    kept = stage.collate([stage.item(0, 0)])
    torch.manual_seed(1)
    losses = stage.module(kept)
    rng = np.random.default_rng((5, 0, stage._order.video(0, 0)))
    clip = stage.view(stage._order.video(0, 0), rng, QUICK['smallest'])
    plain = task(world)
    plain.module.load_state_dict(stage.module.state_dict())
    torch.manual_seed(1)
    expected = plain.module(plain.collate([clip]))
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], rtol=2e-2, atol=2e-2)


def test_kept_features_are_computed_once_and_are_of_one_network(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {**world, 'cache': str(tmp_path), 'views': 1}
    task(values).prepare(torch.device('cpu'), Console(quiet=True))
    monkeypatch.setattr('vis_ros.training.ifr.features_of', lambda *_: pytest.fail('again'))
    task(values).prepare(torch.device('cpu'), Console(quiet=True))
    task(values, **{'loss.cross_frame': 0.0}).prepare(torch.device('cpu'), Console(quiet=True))
    for changed in ({'schedule.seed': 4}, {'max_gap': 3}, {'augment.low': 0.9}):
        with pytest.raises(pytest.fail.Exception, match='again'):
            task(values, **changed).prepare(torch.device('cpu'), Console(quiet=True))
    with pytest.raises(ValueError, match=r'cache: .* smallest = 0.3 and largest = 0.5'):
        task(values, largest=0.5)
    stage = task(values)
    next(stage._kept.folder.glob('*.safetensors')).write_bytes(b'half')
    with pytest.raises(ValueError, match='not a whole file of the feature cache'):
        for place in range(len(stage._train.lengths)):
            stage.item(0, place)


def test_after_a_kill_it_goes_on_to_the_very_same_result(
    world: dict[str, Any], tmp_path: Path
) -> None:
    check_going_on(IfrTask, world, tmp_path)


def test_and_so_it_does_from_kept_features(world: dict[str, Any], tmp_path: Path) -> None:
    check_going_on(IfrTask, {**world, 'cache': str(tmp_path / 'kept'), 'views': 2}, tmp_path)
