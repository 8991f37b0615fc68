# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stage 1 from a data set to a weights file that a method runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synth_world import write_data

from vis_ros.cli.main import main
from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.weights import load_weights
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config
from vis_ros.synth.config import CLASSES
from vis_ros.training.detector import DetectorRecipe, DetectorTask
from vis_ros.training.loop import MODEL

SMALL = {
    'network': 'small',
    'data.hold_out': 0.34,
    'augment.fit_height': 192,
    'augment.fit_width': 320,
    'validation_frames': 3,
    'schedule.steps': 2,
    'schedule.batch': 2,
    'schedule.log_every': 1,
}


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_data(tmp_path_factory.mktemp('data'))


def task(data: str, **values: Any) -> DetectorTask:
    return DetectorTask(build_config(DetectorRecipe, {**SMALL, 'data.folders': [data], **values}))


def test_no_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r'data\.folders: expected at least one'):
        DetectorTask(DetectorRecipe())


def test_without_videos_held_out_there_is_no_best_step(data: str) -> None:
    with pytest.raises(ValueError, match=r'data\.hold_out: 0\.0 leaves no video'):
        task(data, **{'data.hold_out': 0.0})


def test_the_command_trains_and_a_method_runs_the_file(data: str, tmp_path: Path) -> None:
    values = [f'--set={name}={value}' for name, value in SMALL.items()]
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(f'data: {{folders: [{data}]}}\n')
    line = ['train', 'detector', '--config', str(recipe), '--out', str(tmp_path / 'run')]
    assert main([*line, '--device', 'cpu', *values]) == 0
    weights = str(tmp_path / 'run' / MODEL)
    loaded = load_weights(weights)
    assert loaded is not None and loaded.meta['training']['steps'] == 2
    assert loaded.meta['classes'] == list(CLASSES)
    method = build_method('iou', weights=weights, detector='yolact')
    assert method.classes == CLASSES
    frame = Frame(np.zeros((192, 320, 3), np.uint8), 0)
    method.step(method.init_state(), frame)
    assert main([*line, '--device', 'cpu', *values]) == 0  # already finished


def test_it_starts_from_a_detector_of_other_classes(data: str, tmp_path: Path) -> None:
    first = task(data)
    first.export(tmp_path / 'a.safetensors', {})
    second = task(data, start=str(tmp_path / 'a.safetensors'), **{'schedule.seed': 5})
    before, after = first.module.network, second.module.network
    assert torch.equal(before.backbone.conv1.weight, after.backbone.conv1.weight)
    assert torch.equal(before.head.classes.weight, after.head.classes.weight)


def test_items_depend_on_the_seed_alone(data: str) -> None:
    one, two, other = task(data), task(data), task(data, **{'schedule.seed': 1})
    assert np.array_equal(one.item(3, 1).images, two.item(3, 1).images)
    assert not np.array_equal(one.item(3, 1).images, other.item(3, 1).images)


def test_validation_of_the_truth_itself(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detections that are the truth get full marks, so classes, masks and places fit."""
    from synth_world import perfect_found

    stage = task(data)
    clips = iter(stage._validation)
    monkeypatch.setattr(
        'vis_ros.training.detector.select',
        lambda network, output, config: perfect_found([next(clips) for _ in output.prototypes]),
    )
    figures = stage.validate(torch.device('cpu'))
    assert figures['AP50'] == pytest.approx(1.0)
    assert figures['AP75'] > 0.7  # masks at a quarter of the resolution
