# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recipes that ship, and those of docs/training.md, name options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from vis_ros.cli.train import read_recipe
from vis_ros.structures.options import build_config, flatten
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.stages import STAGES

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / 'config' / 'training').glob('*.yaml'))
PAGE = (ROOT / 'docs' / 'training.md').read_text()
STILL = {'condinst': 'iai', 'maskrcnn': 'iai', 'mask2former': 'ifr'}  # stages of single images
BLOCKS = re.findall(r'```yaml\n(.*?)```', PAGE, re.DOTALL)


@pytest.mark.parametrize('path', FILES, ids=[path.stem for path in FILES])
def test_shipped_recipes_are_recipes(path):
    name = path.stem.split('_')[0]
    recipe = build_config(STAGES[STILL.get(name, name)].Recipe, read_recipe(path, []))
    assert recipe.data.folders


def test_the_recipes_of_the_page_are_recipes():
    plain, plus = (
        build_config(STAGES['tracker'].Recipe, flatten(yaml.safe_load(text))) for text in BLOCKS
    )
    assert (plain.method, plain.frames, plain.tracker.layer_norm) == ('rgnnvis', 10, False)
    assert (plus.method, plus.frames) == ('rgnnvis_pp', 20)
    assert plus.tracker.layer_norm and plus.tracker.positions
    assert plus.schedule.steps == 2 * plain.schedule.steps


def test_the_page_names_the_defaults():
    for name, stage in STAGES.items():
        schedule: ScheduleConfig = stage.Recipe().schedule
        assert f'{schedule.steps:,} (' in PAGE, name
    for name in re.findall(r'`((?:loss|tracker|schedule|data|augment)\.(?!yaml)\w+)[`=:]', PAGE):
        recipes = [stage.Recipe() for stage in STAGES.values()]
        part, field = name.split('.')
        assert any(hasattr(getattr(recipe, part, None), field) for recipe in recipes), name


def test_every_named_file_is_there():
    for name in re.findall(r'config/training/[\w.]+\.yaml', PAGE):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r'\]\(([\w.]+\.md)\)', PAGE):
        assert (ROOT / 'docs' / name).is_file(), name
