# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trainings of whole methods, from a data set to a file that runs, on tiny pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killed_training import check_going_on
from synth_world import write_data

from vis_ros.pipeline.build import build_method
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config
from vis_ros.synth.config import CLASSES
from vis_ros.training.clip_task import ClipTask
from vis_ros.training.loop import MODEL, make_fabric
from vis_ros.training.maskprop import pair_around
from vis_ros.training.stages import STAGES
from vis_ros.training.visstg import VisstgTask

CPU = torch.device('cpu')
QUICK = {
    'network': 'small',
    'frozen': 'none',
    'smallest': 0.3,  # 58 x 96
    'largest': 0.3,
    'validation_frames': 2,
    'augment.fit_height': 192,
    'augment.fit_width': 320,
    'data.hold_out': 0.34,
    'schedule.steps': 3,
    'schedule.batch': 2,
    'schedule.warmup': 0,
}
OPTIONS: dict[str, dict[str, Any]] = {
    'visstg': {'model.rounds': 1, 'detections.limit': 3},
    'maskprop': {'model.propagation.merge': 'mean', 'match_threshold': 0.1},
    'maskprop-strong': {
        'model.cascade': 'htc',
        'model.semantic': True,
        'model.sampling.enabled': True,
        'model.sampling.embedding': 8,
    },
    'iai': {'model.ids': 7, 'model.stored_frames': 2, 'detections.limit': 3},
    'iai-maskrcnn': {'model.ids': 7, 'model.detector': 'maskrcnn', 'loss.regions': 16},
    'ifr': {'model.queries': 5, 'model.recurrence': 'none', 'detections.birth_score': 0.6},
}


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = write_data(tmp_path_factory.mktemp('world') / 'data', length=5)
    return {**QUICK, 'data.folders': [folder]}


def task(world: dict[str, Any], name: str = 'visstg', **values: Any) -> ClipTask:
    found: ClipTask = STAGES[name](build_config(STAGES[name].Recipe, {**world, **values}))
    return found


def test_pairs_reach_in_both_directions() -> None:
    assert pair_around(1, 0.9, 0.9, 25) == (0, 0)
    assert pair_around(2, 0.0, 0.9, 25) == (0, 1)
    assert pair_around(2, 0.9, 0.0, 25) == (1, 0)
    draws = np.linspace(0, 0.999, 40)
    pairs = {pair_around(10, a, b, 2) for a in draws for b in draws}
    wanted = {(a, b) for a in range(10) for b in range(10) if 0 < abs(a - b) <= 2}
    assert pairs == wanted


def test_a_recipe_with_sizes_upside_down_is_refused(world: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='smallest: expected at most largest'):
        task(world, largest=0.2)


def test_weights_of_another_size_are_refused(world: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='start: expected weights with a backbone'):
        task(world, start='synth_small', network='resnet50')


def test_the_clips_of_a_step_have_one_size(world: dict[str, Any]) -> None:
    stage = task(world, **{'largest': 0.6, 'schedule.batch': 2})
    sizes = []
    for epoch in range(4):
        clips = [stage.item(epoch, place) for place in range(2)]
        shapes = {clip.images.shape for clip in clips}
        assert len(shapes) == 1
        sizes.append(shapes.pop()[1:3])
    assert len(set(sizes)) > 1
    assert all(58 <= h <= 115 and 96 <= w <= 192 for h, w in sizes), sizes


def test_the_same_place_gives_the_same_clip(world: dict[str, Any]) -> None:
    stage, other = task(world), task(world)
    one, two, later = stage.item(0, 1), other.item(0, 1), stage.item(1, 1)
    assert one.images.shape == (2, 58, 96, 3)
    assert np.array_equal(one.images, two.images) and np.array_equal(one.labels, two.labels)
    assert one.images.shape != later.images.shape or not np.array_equal(one.images, later.images)


def test_frozen_norms_keep_their_statistics(world: dict[str, Any]) -> None:
    stage = task(world, start='synth_small', frozen='stem')
    backbone: Any = stage.module.network.get_submodule(stage.backbone)
    trained = {name for name, p in backbone.named_parameters() if p.requires_grad}
    assert trained and not any('bn' in name or 'layer1' in name for name in trained)
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    stage.module.train()
    stage.module(stage.collate([stage.item(0, place) for place in range(2)]))
    assert all(torch.equal(before[name], value) for name, value in backbone.named_buffers())
    assert stage.module.network.plain.masks.training


@pytest.mark.parametrize('part', ['association', 'short_term'])
def test_iai_begins_with_a_liking_for_what_was_near(world: dict[str, Any], part: str) -> None:
    network: Any = task(world, 'iai', nearby=0.5).module.network
    likings = network.association.block.short_term.offset_scores.bias.reshape(2, 15, 15)
    assert (likings.flatten(1).argmax(dim=1) == 7 * 15 + 7).all()
    without: Any = task(world, 'iai', nearby=0.5, **{f'model.{part}': False}).module.network
    assert not hasattr(getattr(without, 'association', None), 'short_term')
    assert not hasattr(network.association.block.long_term, 'offset_bias')
    both: Any = task(world, 'iai', nearby=0.5, **{'model.long_term_offsets': True}).module.network
    likings = both.association.block.long_term.offset_bias.reshape(2, 226)
    assert (likings.argmax(dim=1) == 7 * 15 + 7).all()


def test_a_frozen_backbone_stays_as_it_is(world: dict[str, Any]) -> None:
    stage = task(world, start='synth_small', frozen='all')
    stage.module.train()
    stage.module(stage.collate([stage.item(0, 0)]))['total'].backward()
    backbone: Any = stage.module.network.get_submodule(stage.backbone)
    frozen = {id(p) for p in backbone.parameters()}
    assert frozen and all(p.grad is None for p in backbone.parameters())
    trained = [p for group in stage.rates().values() for p in group]
    assert trained and not frozen & {id(p) for p in trained}
    assert any(p.grad is not None and p.grad.any() for p in trained)


@pytest.mark.parametrize('form', OPTIONS)
def test_the_file_holds_all_that_is_needed_to_run_it(
    world: dict[str, Any], tmp_path: Path, form: str
) -> None:
    options, name = OPTIONS[form], form.split('-')[0]
    stage = task(world, name, **options)
    losses = stage.module(stage.collate([stage.item(0, place) for place in range(2)]))
    assert torch.isfinite(losses['total'])
    losses['total'].backward()
    stage.module.eval()
    assert set(stage.validate(CPU)) == {'AP', 'AP50', 'AP75', 'AR1', 'AR10'}
    stage.export(tmp_path / MODEL, {'step': 2})
    method = build_method(name, weights=str(tmp_path / MODEL))
    assert method.classes == CLASSES
    values = {**world, **options}
    for key in options.keys() - {'loss.regions'}:
        part: Any = method.config
        for field in key.split('.'):
            part = getattr(part, field)
        assert part == values[key]
    if name == 'iai':
        assert method.config.memory.capacity == 6
    state, _ = method.step(method.init_state(), Frame(np.zeros((96, 160, 3), np.uint8), 0))
    method.flush(state)


def test_after_a_kill_it_goes_on_to_the_very_same_result(
    world: dict[str, Any], tmp_path: Path
) -> None:
    check_going_on(VisstgTask, {**world, 'model.rounds': 1}, tmp_path)


@pytest.mark.parametrize(
    ('name', 'values'),
    [
        ('iai', {}),
        ('iai', {'model.detector': 'maskrcnn'}),
        ('visstg', {}),
        ('maskprop', {}),
        ('maskprop', {'model.tracking': 'masktrack', 'model.refinement.enabled': True}),
        ('maskprop', {'model.tracking': 'flow', 'model.flow': 'dis'}),
        ('ifr', {}),
    ],
)
def test_a_step_in_16_bits(world: dict[str, Any], name: str, values: dict[str, Any]) -> None:
    stage = task(world, name, **{'schedule.batch': 2, **values})
    fabric = make_fabric('cpu', 'bf16-mixed')
    module: Any = fabric.setup(stage.module)
    module.train()
    losses = module(stage.collate([stage.item(0, place) for place in range(2)]))
    fabric.backward(losses['total'])
    assert all(value.isfinite() for value in losses.values())
    grads = [p.grad for p in stage.module.parameters() if p.grad is not None]
    assert grads and all(grad.isfinite().all() for grad in grads)
