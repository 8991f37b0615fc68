# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""replay_eval.launch.py under a real `ros2 launch`."""

import json

import pytest
from ros2_rig import Jobs

# isort: split
from replay_world import write_world

WORDS = ('method:=iou', 'class_agnostic:=true')


@pytest.fixture
def jobs(tmp_path):
    """Return what starts processes; none outlives the test."""
    running = Jobs(tmp_path)
    yield running
    running.close()


def test_a_folder_of_bags_is_evaluated_and_kept(jobs, tmp_path):
    for name in ('a', 'b'):
        write_world(tmp_path / 'bags' / name, 6)
    words = (f'bag:={tmp_path / "bags"}', *WORDS, f'out:={tmp_path / "out"}')
    text = jobs.launch('replay_eval', *words).wait()
    assert 'frame by frame' in text
    assert 'at full rate' in text
    assert 'IDF1' in text
    run = json.loads((tmp_path / 'out/a/run.json').read_text())
    assert run['modes']['frames']['processed'] == 6
    assert 'b: was run before' in jobs.launch('replay_eval', *words).wait()


def test_a_bag_without_ground_truth_fails_the_launch(jobs, tmp_path):
    bag = write_world(tmp_path / 'bare', 2, with_truth=False)
    words = (f'bag:={bag}', *WORDS)
    text = jobs.launch('replay_eval', *words).wait(expected=1)
    assert 'has no ground truth /ground_truth/tracks' in text
    assert 'the evaluation ended with code 2' in text
