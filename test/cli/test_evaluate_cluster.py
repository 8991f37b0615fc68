# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros evaluate --replay FOLDER --cluster`."""

import importlib.util
import json
import os
import sys

import pytest
from footage import vis_ros
from replay_world import write_world


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('world')
    for name, count in (('a', 3), ('b', 5)):
        write_world(folder / 'bags' / name, count)
    return folder / 'bags'


def test_without_ray_the_command_says_how_to_get_it(bags, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name, package=None: None)
    monkeypatch.setitem(sys.modules, 'ray', None)
    assert vis_ros('evaluate', '--replay', bags, '-m', 'iou', '--only-ap', '--cluster') == 2
    error = capsys.readouterr().err
    assert "cluster: needs the Python package ray: pip install 'vis_ros[cluster]'" in error
    assert 'images (frames)' not in error


def test_a_cluster_has_no_part_in_other_forms(capsys):
    assert vis_ros('evaluate', 'gt.json', 'results.json', '--cluster', 'auto') == 2
    assert '--cluster: does not go with GT RESULTS' in capsys.readouterr().err


def test_no_cluster_there(bags, capsys, monkeypatch):
    pytest.importorskip('ray', reason='RAY IS NOT INSTALLED, no cluster is tested')
    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    words = ('evaluate', '--replay', bags, '-m', 'iou', '--class-agnostic', '--only-ap')
    assert vis_ros(*words, '--cluster', 'nonsense') == 2
    assert 'cluster nonsense: cannot be reached' in capsys.readouterr().err


def test_the_command_gives_the_same_on_a_cluster_and_here(bags, tmp_path, capsys):
    ray = pytest.importorskip('ray', reason='RAY IS NOT INSTALLED, no cluster is tested')
    os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
    words = ('evaluate', '--replay', bags, '-m', 'iou', '--class-agnostic', '--only-ap')
    words = (*words, '--step-ms', 50, '--mode', 'realtime', '--json')
    assert vis_ros(*words, tmp_path / '1.json') == 0
    memory = 80 * 2**20
    ray.init(address='local', num_cpus=2, object_store_memory=memory, include_dashboard=False)
    try:
        there = (*words, tmp_path / '2.json', '--cluster', '--out', tmp_path / 'kept')
        assert vis_ros(*there) == 0
        assert 'b: 5 of 5 images' in capsys.readouterr().err
        assert vis_ros(*there) == 0
        assert 'b: was run before' in capsys.readouterr().err
    finally:
        ray.shutdown()
    first, second = (json.loads((tmp_path / name).read_text()) for name in ('1.json', '2.json'))
    assert first == second
