# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stage 2 from a data set to a weights file that a method runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from synth_world import TAPS, perfect_clip, write_data
from test_detector import SMALL as DETECTOR
from torch import Tensor

from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.network import Rgnn
from vis_ros.pipeline.build import build_method
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config
from vis_ros.synth.config import CLASSES
from vis_ros.training.detector import DetectorRecipe, DetectorTask
from vis_ros.training.tracker import TrackerRecipe, TrackerTask
from vis_ros.training.tracker_loss import TrackerLossConfig, unroll

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A data set and a detector, untrained but eager to find things."""
    folder = tmp_path_factory.mktemp('world')
    data = write_data(folder / 'data')
    detector = DetectorTask(build_config(DetectorRecipe, {**DETECTOR, 'data.folders': [data]}))
    with torch.no_grad():
        network = detector.module.network
        network.head.classes.bias.zero_()
        network.head.classes.weight.mul_(4)
    detector.export(folder / 'detector.safetensors', {})
    return {
        'detector': str(folder / 'detector.safetensors'),
        'data.folders': [data],
        'data.hold_out': 0.34,
        'cache': str(folder / 'cache'),
        'frames': 4,
        'schedule.steps': 2,
        'schedule.batch': 2,
        'loss.segmentation_size': 'mask',
    }


def task(world: dict[str, Any], **values: Any) -> TrackerTask:
    found = TrackerTask(build_config(TrackerRecipe, {**world, **values}))
    found.prepare(CPU, Console(quiet=True))
    return found


def losses(stage: TrackerTask) -> dict[str, Tensor]:
    batch = stage.collate([stage.item(0, place) for place in range(stage.items)])
    result: dict[str, Tensor] = stage.module(batch)
    return result


def test_weights_without_classes_are_refused(world: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='detector: expected weights'):
        task({**world, 'detector': 'random'})


def test_only_the_tracker_learns(world: dict[str, Any]) -> None:
    stage = task(world)
    losses(stage)['total'].backward()
    model = stage.module.model
    assert all(p.grad is None for p in model.detector.parameters())
    assert any(p.grad is not None for p in model.tracker.parameters())
    assert not model.detector.training and model.tracker.training


def test_kept_features_give_the_losses_of_the_detector_itself(world: dict[str, Any]) -> None:
    """The same clips, once from the cache and once through the detector; 16 bits differ a bit."""
    plain = {
        'augment.low': 1.0,
        'augment.high': 1.0,
        'augment.flip': 0.0,
        'frames': 6,
        'augment.fit_height': 192,
        'augment.fit_width': 320,
        'augment.center_rule': False,
    }
    kept, live = task(world, **plain), task(world, cache='', **plain)
    for name, value in losses(kept).items():
        torch.testing.assert_close(value, losses(live)[name], rtol=0.02, atol=0.02)


def test_the_cache_is_filled_once(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    task(world, views=2)
    monkeypatch.setattr('vis_ros.training.kept_videos._detect', None)
    task(world, views=2)


def test_the_file_holds_all_that_is_needed_to_run_it(
    world: dict[str, Any], tmp_path: Path
) -> None:
    options = {'tracker.layer_norm': True, 'tracker.positions': True, 'tracker.blocks': 1}
    stage = task(world, method='rgnnvis_pp', **options)
    assert set(stage.validate(CPU)) >= {'AP', 'AR10'}
    stage.export(tmp_path / 'model.safetensors', {'step': 2})
    method = build_method('rgnnvis_pp', weights=str(tmp_path / 'model.safetensors'))
    assert method.classes == CLASSES and method.config.tracker.blocks == 1
    method.step(method.init_state(), Frame(np.zeros((96, 160, 3), np.uint8), 0))


@pytest.mark.parametrize('is_pp', [False, True])
def test_one_clip_can_be_learned_by_heart(is_pp: bool) -> None:
    frames, truth = perfect_clip(5)
    torch.manual_seed(0)
    sizes = RgnnSizes(len(CLASSES) + 1, TAPS, 192, 320, appearance=16, look=16, mask=8)
    options = RgnnOptions(layer_norm=is_pp, positions=is_pp, background_score=0.0)
    tracker = Rgnn(sizes, options)
    config = TrackerLossConfig(segmentation_size='mask')
    steps = 80 if is_pp else 160  # the rate falls to 0: at a high one rounding decides the end
    optimizer = torch.optim.Adam(tracker.parameters(), lr=5e-3)
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    first = None
    for _ in range(steps):
        optimizer.zero_grad()
        found = unroll(tracker, frames, truth, config).losses
        found['total'].backward()
        torch.nn.utils.clip_grad_norm_(tracker.parameters(), 1.0)
        optimizer.step()
        rate.step()
        first = first or found
    values = {name: value.item() for name, value in found.items()}
    assert values['match'] < 0.05 and values['init'] < 0.1 and values['score'] < 0.2, values
    assert values['segmentation'] < 0.2, values
