# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros demo`: which parts run, and the learned part with weights that were never trained."""

import json
import os
from pathlib import Path

import cv2
import pytest
from footage import vis_ros

from vis_ros.cli import demo
from vis_ros.cli.demo_report import messages_of
from vis_ros.pipeline import weights as weights_module
from vis_ros.pipeline.weights import sha256_of
from vis_ros.synth.shapes import CLASSES

SHORT = 'synth:easy,video=0,length=8,height=48,width=96,size_min=8,size_max=20'
REPORT = {'frames_in': 8, 'tracks': 2}
SCORE = {'AP': 0.5, 'AP50': 0.75, 'IDF1': 0.6, 'switches': 3}
SCORED = {**REPORT, 'score': {**SCORE, 'frames': 8, 'answered': 7, 'objects': 4, 'results': 5}}


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """Return a file of weights that were never trained, and with which things happen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / 'methods')
        from lively_weights import loaded, write

    folder = tmp_path_factory.mktemp('weights')
    options = {'layer_norm': True, 'positions': True}
    write(folder / 'other.safetensors', loaded(options))
    return write(folder / 'tiny.safetensors', loaded(options, classes=list(CLASSES[:3])))


def ship(monkeypatch, file=None):
    """Let a file be what ships for the learned method, or nothing."""
    entry = {'method': demo.LEARNED_METHOD, 'default': True, 'file': str(file)}
    entries = {'tiny': {**entry, 'sha256': sha256_of(file)}} if file else {}
    monkeypatch.setattr(weights_module, 'manifest', lambda: entries)


@pytest.fixture
def ran(monkeypatch):
    """Let no process start; return the list of the parts that would have run."""
    parts = []

    def run(part, console):
        parts.append(part)
        return True, dict(SCORED if part.is_scored else REPORT)

    monkeypatch.setattr(demo, '_run', run)
    return parts


def test_without_weights_the_learned_part_is_left_out(monkeypatch, ran, tmp_path, capsys):
    ship(monkeypatch)
    assert vis_ros('demo', '--out', tmp_path) == 0
    assert [(part.method, part.is_scored) for part in ran] == [('deepsort', False)]
    assert 'no weights of rgnnvis_pp ship: the learned part is left out' in capsys.readouterr().err
    assert json.loads((tmp_path / 'summary.json').read_text()) == REPORT


def test_with_weights_both_parts_run_and_the_score_is_told(
    monkeypatch, ran, tiny, tmp_path, capsys
):
    ship(monkeypatch, tiny)
    assert vis_ros('demo', '--out', tmp_path) == 0
    street, learned = ran
    assert (street.method, street.out, street.is_scored) == ('deepsort', tmp_path, False)
    assert street.source.endswith('street.mp4')
    assert (learned.method, learned.out) == ('rgnnvis_pp', tmp_path / 'learned')
    assert (learned.source, learned.weights) == (demo.LEARNED_SOURCE, '')
    assert learned.is_scored
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary == {**REPORT, 'learned': SCORED}
    line = 'AP 0.500, AP50 0.750, IDF1 0.600, switches 3 over 8 images with 4 objects (1 images'
    assert line in capsys.readouterr().err


def test_a_source_is_run_alone_unless_asked_otherwise(monkeypatch, ran, tiny, tmp_path):
    ship(monkeypatch, tiny)
    own = ('demo', '--out', tmp_path, '--source', 'mine.mp4')
    assert vis_ros(*own) == 0
    assert [part.source for part in ran] == ['mine.mp4']
    assert vis_ros(*own, '--part', 'both') == 0
    assert [part.source for part in ran[1:]] == ['mine.mp4', demo.LEARNED_SOURCE]


def test_one_part_that_fails_is_a_failure(monkeypatch, tiny, tmp_path, capsys):
    ship(monkeypatch, tiny)
    monkeypatch.setattr(demo, '_run', lambda part, _: (not part.is_scored, dict(REPORT)))
    old = tmp_path / 'learned' / 'overlay.mp4'
    old.parent.mkdir()
    old.write_bytes(b'of an earlier demo')
    assert vis_ros('demo', '--out', tmp_path) == 1
    assert 'demo FAILED' in capsys.readouterr().err
    assert not old.exists()


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (('--part', 'learned'), '--part: no weights of rgnnvis_pp ship; give --weights'),
        (('--part', 'learned', '--source', 'a.mp4'), '--source: is for the footage'),
        (('--part', 'footage', '--weights', 'TINY'), '--weights: are for the learned part'),
        (('--weights', 'none.safetensors'), 'neither a file nor a name'),
        (('--weights', 'OTHER'), 'share no name'),
        (('--method', 'deepsorrt'), "did you mean 'deepsort'"),
    ],
)
def test_wrong_arguments(monkeypatch, ran, tiny, tmp_path, capsys, words, error):
    ship(monkeypatch)
    files = {'TINY': tiny, 'OTHER': tiny.with_name('other.safetensors')}
    words = [files.get(word, word) for word in words]
    assert vis_ros('demo', '--out', tmp_path / 'out', *words) == 2
    assert error in capsys.readouterr().err
    assert ran == []
    assert not (tmp_path / 'out').exists()


def test_the_learned_part_as_processes(monkeypatch, tiny, tmp_path, capfd):
    pytest.importorskip('cyclonedds')
    monkeypatch.setattr(demo, 'LEARNED_SOURCE', SHORT)
    monkeypatch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    words = ('--part', 'learned', '--weights', tiny, '--out', tmp_path)
    assert vis_ros('demo', *words) == 0, capfd.readouterr().err
    learned = json.loads((tmp_path / 'summary.json').read_text())['learned']
    assert learned['exit_codes'] == {'tracker': 0, 'listener': 0, 'player': 0}
    assert (learned['frames_in'], learned['frames_dropped']) == (8, 0)
    assert (
        7 <= learned['frames_out'] <= 8
    )  # on a busy machine the recorder missed one, and says so
    score = learned['score']
    assert score['frames'] == 8 and 7 <= score['answered'] <= 8
    assert score['objects'] >= 2
    assert 0.0 <= score['AP'] <= score['AP50'] <= 1.0
    bag = tmp_path / 'learned' / 'bag'
    cameras, truths = (
        [message.header for message in messages_of(bag, topic)]
        for topic in ('/camera/image_raw', '/ground_truth/tracks')
    )
    assert cameras == truths
    assert cv2.imread(str(tmp_path / 'learned' / 'contact_sheet.png')) is not None
    assert (tmp_path / 'learned' / 'overlay.mp4').stat().st_size > 0
