# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter reference: also of the recipes, and where no training is installed."""

import sys

from vis_ros.cli.parameters import reference
from vis_ros.structures.options import options_of
from vis_ros.training.stages import STAGES


def test_it_holds_every_option_of_the_recipes():
    text = reference()
    for name, stage in STAGES.items():
        (section,) = text.split(f'## Recipe of `vis_ros train {name}`\n')[1:]
        rows = section.split('\n## ')[0]
        assert all(f'| `{option.name}` |' in rows for option in options_of(stage.Recipe))


def test_without_what_training_needs_the_rest_is_there(monkeypatch):
    monkeypatch.setitem(sys.modules, 'vis_ros.training.stages', None)
    text = reference()
    assert '## Method `rgnnvis`' in text and '## Recipe' not in text
    assert "pip install 'vis_ros[training]'" in text
