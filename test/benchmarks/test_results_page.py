# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""docs/results.md: it is what the stored logs say, and the tables say it right."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from pycocotools import mask as mask_utils

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks' / 'results'))

import end_to_end
import train_rows
import write
from common import COUNTS, KEPT, ROOT, THRESHOLDS, best_threshold, only, read_rows
from runs import amount, percent, read_runs, rows_of, spread

from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Annotations

BENCHMARKS = ('easy', 'crowded', 'long')
ROWS = {
    'recipe': 'recipe.yaml',
    'benchmarks': list(BENCHMARKS),
    'main': {
        'rgnnvis_pp': {'title': 'PP', 'seeds': 2, 'set': {'frames': 20}},
        'rgnnvis': {'title': 'FULL', 'seeds': 2, 'set': {}},
    },
    'ablation': {'less': {'title': 'LESS', 'paper': 28.6, 'set': {'tracker.graph': 'none'}}},
    'extension': {'more': {'title': 'MORE', 'paper': 13.5, 'set': {'frames': 20}}},
}


def log(row, seed=None, values=None, **figures):
    """Return the log of a run whose figures are the same on all benchmarks but for those named."""
    named = {name: value for name, value in figures.items() if name not in BENCHMARKS}
    plain = {**dict.fromkeys(KEPT, 0.5), **dict.fromkeys(COUNTS, 7), 'correlation': 0.9, **named}
    document = {
        'row': row,
        'set': values or {},
        'detector_sha256': 'abc',
        'threshold': 0.3,
        'versions': {'torch': '2.4', 'python': '3.10'},
        'training': {'last': {'step': 600.0}, 'seconds_per_step': 1.5},
        **{name: {**plain, **figures.get(name, {})} for name in BENCHMARKS},
    }
    if seed is None:
        del document['training']
        return document
    return {**document, 'seed': seed}


def diverged(row, seed, values=None):
    whole = log(row, seed, values)
    kept = {name: whole[name] for name in ('row', 'seed', 'set', 'detector_sha256', 'versions')}
    return {**kept, 'diverged': 'the loss is no number by step 40'}


def pp(seed, **figures):
    return log('rgnnvis_pp', seed, {'frames': 20}, **figures)


def section(text, title):
    return text.split(f'## {title}\n', 1)[1].split('\n## ', 1)[0]


def cells(text, title, row):
    (line,) = [line for line in section(text, title).splitlines() if line.startswith(f'| {row} |')]
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_a_threshold_leaves_out_false_tracks_and_keeps_true_ones():
    labels = np.zeros((2, 8, 8), np.uint8)
    labels[:, :4, :4], labels[:, 4:, 4:] = 1, 2
    truth = annotations_of([(labels, np.array([0, 0]))], ('disc',))
    first, second = (track.masks for track in truth.tracks)
    one = Annotations(truth.videos, truth.categories, truth.tracks[:1])
    results = [ResultTrack(1, 1, 0.35, first), ResultTrack(1, 1, 0.15, second)]
    assert best_threshold([(truth, results)]) == THRESHOLDS[0]
    assert best_threshold([(one, results)]) == 0.2
    assert best_threshold([(one, results), (truth, results), (truth, results)]) == THRESHOLDS[0]


def test_only_some_videos_and_their_tracks_are_kept():
    labels = np.zeros((2, 8, 8), np.uint8)
    labels[:, :4, :4] = 1
    truth = annotations_of([(labels, np.array([0]))] * 3, ('disc',))
    kept = only(truth, list(truth.videos.values())[-1:])
    assert list(kept.videos) == [3] and [track.video_id for track in kept.tracks] == [3]
    assert only(truth, []).tracks == ()


def test_all_rows_choose_on_the_same_videos_which_no_training_sees(tmp_path):
    folder = tmp_path / 'train'
    counts = mask_utils.encode(np.ones((8, 8), np.uint8, order='F'))['counts'].decode('ascii')
    root = {'categories': [{'id': 1, 'name': 'disc'}], 'videos': [], 'annotations': []}
    for number in range(1, 151):
        name = f'{number}.png'
        (folder / 'JPEGImages').mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / 'JPEGImages' / name), np.zeros((8, 8, 3), np.uint8))
        root['videos'].append({'id': number, 'height': 8, 'width': 8, 'file_names': [name]})
        whole = {'segmentations': [{'size': [8, 8], 'counts': counts}], 'areas': [64]}
        root['annotations'].append({'id': number, 'video_id': number, 'category_id': 1, **whole})
    (folder / 'instances.json').write_text(json.dumps(root))
    wanted = list(range(142, 150))  # 9 of 150 are kept out; the first 8 of them
    assert list(end_to_end.validation(folder).annotations.videos) == wanted
    part = train_rows.part_of.__wrapped__
    found = []
    with patch.object(train_rows.HeldOut, 'fill', lambda self, detector: found.append(self)):
        part(folder, ROOT / 'models' / 'synth_small.safetensors', tmp_path)
        part(folder.rename(tmp_path / 'heldout'), ROOT / 'README.md', tmp_path)
    assert [list(one.annotations.videos) for one in found] == [wanted, list(range(1, 151))]


def test_the_page_is_what_the_logs_say(capsys):
    assert write.main(['--check']) == 0, capsys.readouterr().err


def test_without_logs_the_page_says_so():
    text = write.page(ROWS, [])
    assert 'there are no results' in text
    assert section(text, 'Not run yet').count('\n- ') == 6  # four rows, iou and deepsort
    assert cells(text, 'Benchmark `easy`', 'PP') == ['PP', 'not run yet'] + ['-'] * 10
    assert 'pass' not in text and 'fail' not in text
    assert 'not run yet' in section(text, 'Bars')


def test_the_real_rows_are_all_there():
    text, rows = write.page(read_rows(), []), read_rows()
    for part in ('main', 'ablation', 'extension'):
        for row in rows[part].values():
            assert f'- {row["title"]} ({part})' in section(text, 'Not run yet')
            if 'paper' in row:
                assert (
                    f'| {row["title"]} | not run yet | - | - | - | - | - | {row["paper"]} |'
                    in text
                )


def test_means_and_deviations():
    assert spread([0.25]) == (0.25, None)
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
    assert (percent(0.1234), amount(7.0), amount(7.25), amount(1234.5)) == (
        '12.3',
        '7',
        '7.2',
        '1234',
    )
    text = write.page(ROWS, [pp(0, AP=0.4, switches=10), pp(1, AP=0.5, switches=13)])
    found = cells(text, 'Benchmark `crowded`', 'PP')
    assert found[:3] == ['PP', '2', '45.0 ± 7.1'] and found[7] == '11.5 ± 2.1'.replace(
        '11.5', '12'
    )
    assert 'PP' not in section(text, 'Not run yet')


def test_fewer_seeds_than_intended_are_marked():
    text = write.page(ROWS, [pp(0, AP=0.4)])
    assert cells(text, 'Benchmark `easy`', 'PP')[:3] == ['PP', '1 of 2 seeds', '40.0']
    assert '- PP (main): 1 of 2 seeds' in text
    assert 'Seeds of PP: 1 of 2 seeds.' in section(text, 'Bars')


def test_diverged_runs_are_told_and_bring_no_figures():
    text = write.page(ROWS, [diverged('rgnnvis', 0), diverged('rgnnvis', 1)])
    assert cells(text, 'Benchmark `easy`', 'FULL') == [
        'FULL',
        '2, 2 diverged',
        *['diverged'] * 9,
        '-',
    ]
    text = write.page(ROWS, [diverged('rgnnvis', 0), log('rgnnvis', 1, AP=0.3)])
    assert cells(text, 'Benchmark `easy`', 'FULL')[1:3] == ['2, 1 diverged', '30.0']
    text = write.page(ROWS, [diverged('rgnnvis_pp', 0, {'frames': 20})])
    assert 'PP: diverged.' in section(text, 'Bars')


def test_an_undefined_figure_is_no_number():
    runs = [log('rgnnvis', 0, APho=-1.0), log('rgnnvis', 1, APho=-1.0)]
    assert cells(write.page(ROWS, runs), 'AP by occlusion', 'FULL')[3] == 'undefined'
    runs[1] = log('rgnnvis', 1, APho=0.2)
    found = cells(write.page(ROWS, runs), 'AP by occlusion', 'FULL')[3]
    assert found == '20.0 (1 undefined)'


def test_the_difference_is_to_the_full_model():
    less = log('less', 0, {'tracker.graph': 'none'}, AP=0.3, easy={'AP': 0.6})
    text = write.page(ROWS, [log('rgnnvis', 0, AP=0.5), less])
    assert cells(text, 'Ablations', 'FULL')[-3:] == ['50.0', '-', '']
    found = cells(text, 'Ablations', 'LESS')
    assert found[2:] == ['60.0', '30.0', '30.0', '40.0', '-10.0', '28.6']
    assert 'another data set' in section(text, 'Ablations')
    without = write.page(ROWS, [less])
    assert cells(without, 'Ablations', 'LESS')[-2:] == ['-', '28.6']
    assert cells(text, 'Extensions', 'MORE')[-1] == '13.5'


def test_bars_are_computed():
    free = [log('iou', crowded={'AP': 0.2, 'switches': 40}), log('deepsort', crowded={'AP': 0.1})]
    runs = [pp(0, crowded={'AP': 0.3, 'switches': 10, 'correlation': 0.6}), *free]
    text = write.page(ROWS, runs)
    assert '| AP on `crowded`, PP over `iou` | 1.500 | at least 1 | pass |' in text
    assert '| switches on `crowded`, PP over `iou` | 0.250 | at most 1 | pass |' in text
    assert '0.800 | at least 0.78 | pass |' in text
    text = write.page({**ROWS, 'bars': {'crowded_ap_ratio': 1.6, 'correlation': 0.81}}, runs)
    assert '1.500 | at least 1.6 | **fail** |' in text
    assert '0.800 | at least 0.81 | **fail** |' in text
    free[0]['crowded']['switches'] = 0
    assert 'undefined: divided by 0' in write.page(ROWS, runs)


def test_tuned_options_and_costs():
    text = write.page(ROWS, [log('iou', values={'min_score': 0.1}), log('rgnnvis', 0)])
    assert '- `iou`: `min_score=0.1`.' in text and '- `deepsort`: not run yet.' in text
    assert '| FULL | 600 | 1.50 | 0.25 |' in section(text, 'Cost of training')
    assert '- torch 2.4' in section(text, 'Versions')


@pytest.mark.parametrize(
    ('run', 'message'),
    [
        (log('gone', 0), 'no such row'),
        (log('rgnnvis_pp', 0, {'frames': 10}), 'run it again'),
        ({**log('rgnnvis', 0), 'detector_sha256': 'other'}, 'several detectors'),
        ({k: v for k, v in log('rgnnvis', 0).items() if k != 'long'}, 'no figures of long'),
    ],
)
def test_logs_that_do_not_fit_are_refused(run, message):
    with pytest.raises(ValueError, match=message):
        rows_of(ROWS, [log('iou'), run])


def test_only_logs_of_rows_are_read(tmp_path):
    assert read_runs(tmp_path) == []
    (tmp_path / 'iou.json').write_text(json.dumps(log('iou')))
    (tmp_path / 'stages.json').write_text('{"cases": []}')
    assert read_runs(tmp_path) == [log('iou')]
    (tmp_path / 'bad.json').write_text('{')
    with pytest.raises(ValueError, match=r'bad\.json: is no JSON'):
        read_runs(tmp_path)
    (tmp_path / 'bad.json').write_text('[]')
    with pytest.raises(ValueError, match=r'bad\.json: expected an object'):
        read_runs(tmp_path)


def test_check_tells_and_write_mends(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(write, 'PAGE', tmp_path / 'results.md')
    monkeypatch.setattr(write, 'PICTURES', tmp_path / 'images')
    monkeypatch.setattr(write, 'STORED', tmp_path / 'results')
    assert write.main(['--check']) == 1
    assert 'make results' in capsys.readouterr().err and not write.PAGE.exists()
    assert write.main([]) == 0 and write.main(['--check']) == 0
    write.PAGE.write_text(write.PAGE.read_text().replace('no results', 'fine results'))
    assert write.main(['--check']) == 1
    assert 'fine results' in capsys.readouterr().err
    write.STORED.mkdir()
    (write.STORED / 'bad.json').write_text('{')
    assert write.main([]) == 2
