# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Other people's names."""

import pytest
import torch

from vis_ros.nn.renaming import rename, renamed
from vis_ros.nn.yolact.official import from_stock

ONE = torch.ones(1)


def test_the_first_fitting_rule_counts() -> None:
    rules = ((r'a\.(\d+)', r'b.\1'), (r'a\..*', 'c'))
    assert [rename(n, rules) for n in ('a.1', 'a.x', 'xa.1')] == ['b.1', 'c', 'xa.1']


def test_two_tensors_for_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match='two tensors for x'):
        renamed({'a': ONE, 'b': ONE}, (('[ab]', 'x'),))


def test_stock_files_lose_unused_levels_and_gain_counters() -> None:
    names = ('backbone.layers.1.0.bn1.running_mean', 'fpn.downsample_layers.2.bias', 'what')
    found = from_stock(dict.fromkeys(names, ONE))
    base = 'backbone.layer2.0.bn1.'
    assert set(found) == {base + 'running_mean', base + 'num_batches_tracked', 'what'}
