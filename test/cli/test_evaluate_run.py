# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros evaluate --replay BAG` and `vis_ros evaluate GT --images FOLDER`."""

import json

import cv2
import pytest
from footage import vis_ros
from replay_world import Namer, Perfect, image_of, write_world

from vis_ros.evaluation.bag_truth import read_bag_truth
from vis_ros.evaluation.data_sets import annotations_json
from vis_ros.evaluation.results import read_results
from vis_ros.evaluation.ytvis import read_annotations
from vis_ros.methods import METHODS

pytest.importorskip('motmetrics')
pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')


@pytest.fixture(autouse=True)
def methods(monkeypatch):
    for method in (Perfect, Namer):
        monkeypatch.setitem(METHODS, method.name, method)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Return a bag of ten images with ground truth, and beside it the same as a data set."""
    folder = tmp_path_factory.mktemp('world')
    bag = write_world(folder / 'walk')
    write_world(folder / 'bare', with_truth=False)
    truth = read_bag_truth(bag, name='walk').annotations
    document = annotations_json(truth)
    document['videos'][0]['file_names'] = [f'walk/{index}.png' for index in range(10)]
    (folder / 'gt.json').write_text(json.dumps(document))
    (folder / 'images' / 'walk').mkdir(parents=True)
    for index in range(10):
        cv2.imwrite(str(folder / f'images/walk/{index}.png'), image_of(index)[:, :, ::-1])
    return folder


def evaluate(*words, out):
    """Return what --json writes."""
    assert vis_ros('evaluate', *words, '--json', out) == 0
    return json.loads(out.read_text())


def test_both_modes_side_by_side(world, tmp_path, capsys):
    words = ('--replay', world / 'walk', '-m', 'perfect', '--step-ms', '250')
    page = tmp_path / 'page.html'
    found = evaluate(*words, '--html', page, out=tmp_path / 'out.json')
    frames, realtime = found['modes']['frames'], found['modes']['realtime']
    assert [frames[name] for name in ('AP', 'IDF1', 'HOTA')] == pytest.approx([1.0] * 3)
    assert realtime['AP'] < 0.8
    assert (frames['run']['dropped'], realtime['run']['dropped']) == (0, 5)
    assert realtime['run']['latency_ms_mean'] == pytest.approx(290)
    assert (realtime['run']['images'], realtime['run']['scored']) == (10, 10)
    assert (found['method'], found['step_ms'], found['videos']) == ('perfect', 250.0, ['walk'])
    captured = capsys.readouterr()
    lines = {line.split('│')[1].strip(): line for line in captured.out.splitlines() if '│' in line}
    assert '1.0000' in lines['AP']
    assert lines['dropped'].split()[-2:] == ['5', '│']
    assert 'frame by frame' in captured.out
    assert 'at full rate' in captured.out
    assert 'frame by frame' in page.read_text()
    assert 'at full rate' in (tmp_path / 'page-realtime.html').read_text()


@pytest.mark.parametrize('mode', ['frames', 'realtime'])
def test_one_mode(world, tmp_path, mode):
    words = ('--replay', world / 'walk', '-m', 'perfect', '--mode', mode, '--only-ap')
    found = evaluate(*words, out=tmp_path / 'out.json')
    assert list(found['modes']) == [mode]
    assert found['modes'][mode]['AP'] == pytest.approx(1.0)
    assert 'IDF1' not in found['modes'][mode]


def test_what_is_known_at_the_stamp_is_older(world, tmp_path):
    words = ('--replay', world / 'walk', '-m', 'perfect', '--mode', 'realtime', '--step-ms', 50)
    by_next = evaluate(*words, out=tmp_path / '1.json')
    by_stamp = evaluate(*words, '--known-at', 'stamp', out=tmp_path / '2.json')
    assert by_next['modes']['realtime']['AP'] == pytest.approx(1.0)
    assert by_stamp['modes']['realtime']['AP'] < 0.9


def test_truth_of_a_file(world, tmp_path):
    words = ('--replay', world / 'bare', '-m', 'perfect', '--truth', world / 'gt.json')
    found = evaluate(*words, '--video', 'walk', '--mode', 'frames', out=tmp_path / 'out.json')
    assert found['modes']['frames']['AP'] == pytest.approx(1.0)


def test_a_real_method_without_classes_of_its_own(world, tmp_path, capsys):
    words = ('--replay', world / 'walk', '-m', 'iou', '--mode', 'frames')
    assert vis_ros('evaluate', *words) == 2
    error = capsys.readouterr().err
    assert 'share no name' in error
    assert '(cat, dog)' in error
    found = evaluate(*words, '--class-agnostic', out=tmp_path / 'out.json')
    assert found['modes']['frames']['run']['processed'] == 10
    assert found['class_agnostic'] is True


def test_a_folder_of_bags_has_one_joint_result(world, tmp_path, capsys):
    write_world(tmp_path / 'bags' / '2', 4)
    write_world(tmp_path / 'bags' / '10', 6)
    words = ('--replay', tmp_path / 'bags', '-m', 'perfect', '--step-ms', 50)
    words = (*words, '--out', tmp_path / 'kept')
    first = evaluate(*words, out=tmp_path / '1.json')
    assert first['videos'] == ['2', '10']
    assert first['modes']['frames']['videos'] == 2
    assert first['modes']['frames']['truth_tracks'] == 4
    assert first['modes']['frames']['run']['images'] == 10
    assert [one['images'] for one in first['modes']['frames']['run_by_video']] == [4, 6]
    capsys.readouterr()
    assert evaluate(*words, out=tmp_path / '2.json') == first
    assert '10: was run before' in capsys.readouterr().err


def test_a_data_set_without_bags(world, tmp_path, capsys):
    results = tmp_path / 'results.json'
    words = (world / 'gt.json', '--images', world / 'images', '-m', 'perfect')
    found = evaluate(*words, '--results', results, out=tmp_path / '1.json')
    assert list(found['modes']) == ['frames']
    assert found['modes']['frames']['AP'] == pytest.approx(1.0)
    written = read_results(results, read_annotations(world / 'gt.json'))
    assert len(written) == 2
    assert vis_ros('evaluate', world / 'gt.json', results, '--json', tmp_path / '2.json') == 0
    again = json.loads((tmp_path / '2.json').read_text())
    assert {key: found['modes']['frames'][key] for key in again} == again
    both = evaluate(*words, '--mode', 'both', '--fps', 2, '--step-ms', 400, out=results)
    assert both['modes']['realtime']['run']['dropped'] == 0
    both = evaluate(*words, '--mode', 'both', '--fps', 20, '--step-ms', 120, out=results)
    assert both['modes']['realtime']['run']['dropped'] > 0


def test_options_may_stand_between_the_files(world, tmp_path):
    empty = tmp_path / 'results.json'
    empty.write_text('[]')
    assert vis_ros('evaluate', world / 'gt.json', '--only-ap', empty) == 0


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        ((), 'expected GT RESULTS, GT --images FOLDER, or --replay BAG'),
        (('gt.json',), 'RESULTS is missing'),
        (('gt.json', 'walk', '-m', 'iou'), '--method: does not go with GT RESULTS'),
        (('gt.json', 'walk', '--step-ms', '0'), '--step-ms: does not go with GT RESULTS'),
        (('gt.json', '--images', 'images', '--jobs', '2'), '--jobs: does not go with GT --images'),
        (('gt.json', '--images', 'none'), 'no such folder'),
        (('gt.json', '--images', 'images', '--rate', '2'), '--rate: has no meaning without'),
        (('gt.json', '--images', 'images', '--fps', '0'), '--fps: expected a positive number'),
        (('gt.json', '--replay', 'walk'), 'GT: does not go with --replay'),
        (('--replay', 'walk', '--fps', '3'), '--fps: does not go with --replay'),
        (('--replay', 'walk', '--results', 'x'), '--results: does not go with --replay'),
        (('--replay', 'walk', '--rate', '0'), 'rate: expected a positive number'),
        (('--replay', 'walk', '--jobs', '0'), 'jobs: expected 1 or more'),
        (('--replay', 'walk', '--video', '1'), '--video: names a video of the file'),
        (('--replay', 'walk', '--images', 'images'), '--images: only the report'),
        (('--replay', 'walk', '-m', 'iuo'), "did you mean 'iou'"),
        (('--replay', 'walk', '-m', 'namer'), '(thing, stuff) and those of the ground truth'),
        (('--replay', 'walk', '--json', 'no/x.json'), 'does not exist'),
        (('--replay', 'bare', '-m', 'perfect'), 'has no ground truth /ground_truth/tracks'),
        (('--replay', 'walk', '-m', 'perfect', '--truth-topic', '/no'), 'no ground truth /no'),
        (('--replay', 'images'), 'no bag in this folder'),
        (('--replay', 'none'), 'no such file or folder'),
        (('--replay', '.', '--truth', 'gt.json', '--video', '1'), 'has 2 bags'),
    ],
)
def test_wrong_arguments(world, monkeypatch, capsys, words, text):
    monkeypatch.chdir(world)
    assert vis_ros('evaluate', *words) == 2
    error = capsys.readouterr().err
    assert error.startswith('vis_ros evaluate: ')
    assert text in error


def test_a_missing_library_is_told_before_a_long_run(world, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, 'motmetrics', None)
    assert vis_ros('evaluate', '--replay', world / 'walk', '-m', 'perfect') == 2
    captured = capsys.readouterr()
    assert "pip install 'vis_ros[evaluation]'" in captured.err
    assert 'images (frames)' not in captured.err


def test_results_need_one_mode_and_classes(world, tmp_path, capsys):
    words = ('evaluate', world / 'gt.json', '--images', world / 'images', '-m', 'perfect')
    words = (*words, '--results', tmp_path / 'x.json')
    assert vis_ros(*words, '--mode', 'both') == 2
    assert 'choose it by --mode' in capsys.readouterr().err
    assert vis_ros(*words, '--class-agnostic') == 2
    assert '--class-agnostic has none' in capsys.readouterr().err
