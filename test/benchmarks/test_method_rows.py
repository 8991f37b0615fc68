# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of methods that are trained from end to end: what is run, scored, stored and shown."""

from __future__ import annotations

import itertools
import json
import sys
from argparse import Namespace
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks' / 'results'))

import end_to_end
import train_rows
import write
from charts import line_chart
from common import COUNTS, HOLD_OUT, KEPT, ROOT, read_rows
from runs import Row, rows_of
from sections import pictures

from vis_ros.methods import METHODS
from vis_ros.nn.maskprop.clips import Content, Seen
from vis_ros.ops.rle import encode
from vis_ros.pipeline.weights import manifest
from vis_ros.structures import FrameResult, Track, TrackState
from vis_ros.structures.options import build_config
from vis_ros.structures.settings import parse_yaml
from vis_ros.training.stages import STAGES

BENCHMARKS = ('easy', 'crowded', 'long')
METHOD = {
    'title': 'NET',
    'stage': 'ifr',
    'recipe': 'net.yaml',
    'paper': 'elsewhere',
    'rows': {
        'net': {'title': 'NET, plain', 'seeds': 3, 'set': {}, 'paper': 12.5},
        'net_less': {'title': 'less', 'set': {'model.recurrence': 'none'}},
        'net_late': {'title': 'late', 'of': 'net', 'options': {'clip.length': 2}},
    },
    'remarks': 'Nets catch more when they are whole.\n',
    'curves': {'late': {'title': 'Lateness', 'x': 'frames', 'rows': {0: 'net', 2: 'net_late'}}},
}
ROWS = {
    'recipe': 'recipe.yaml',
    'benchmarks': list(BENCHMARKS),
    'main': {
        'rgnnvis_pp': {'title': 'PP', 'seeds': 1, 'set': {}},
        'rgnnvis': {'title': 'FULL', 'seeds': 2, 'set': {}},
    },
    'ablation': {},
    'extension': {},
    'methods': {'net': METHOD},
}


def log(row, seed=0, values=None, options=None, **figures):
    plain = {
        **dict.fromkeys((*KEPT, 'IDP', 'IDR'), 0.5),
        **dict.fromkeys(COUNTS, 7),
        'correlation': 0.9,
        'cpu_ms_per_frame': 40.0,
        **figures,
    }
    document = {
        'row': row,
        'seed': seed,
        'set': values or {},
        'detector_sha256': 'abc',
        'threshold': 0.3,
        'versions': {'torch': '2.4', 'python': '3.10'},
        **dict.fromkeys(BENCHMARKS, plain),
    }
    if options is None:
        training = {'last': {'step': 600.0}, 'seconds_per_step': 1.5}
        return {**document, 'training': training}
    return {**document, 'of': 'net', 'options': options}


def section(text, title):
    return text.split(f'## {title}\n', 1)[1].split('\n## ', 1)[0]


def cells(text, title, row, number=0):
    lines = [line for line in section(text, title).splitlines() if line.startswith(f'| {row} |')]
    return [cell.strip() for cell in lines[number].strip('|').split('|')]


def test_rows_that_share_weights_are_one_group_and_seeds_come_one_after_the_other():
    groups = train_rows.jobs_of(ROWS)
    keys = [[job.key for job in jobs] for jobs in groups]
    assert keys == [
        ['rgnnvis_pp-0'],
        ['rgnnvis-0'],
        ['net-0', 'net_late-0'],
        ['net_less-0'],
        ['rgnnvis-1'],
        ['net-1', 'net_late-1'],
        ['net_less-1'],
        ['net-2'],
    ]
    late = groups[2][1]
    assert (late.run, late.stage, late.recipe) == ('net-0', 'ifr', 'net.yaml')
    assert late.document() == {
        'row': 'net_late',
        'seed': 0,
        'set': {},
        'of': 'net',
        'options': {'clip.length': 2},
    }
    assert groups[1][0].document() == {'row': 'rgnnvis', 'seed': 0, 'set': {}}
    assert train_rows.jobs_of({**ROWS, 'main': {}, 'methods': {}}) == []


def test_a_method_says_how_many_seeds_its_rows_have_unless_they_do():
    rows = {**ROWS, 'main': {}, 'methods': {'net': {**METHOD, 'seeds': 1}}}
    keys = [job.key for jobs in train_rows.jobs_of(rows) for job in jobs]
    assert keys == ['net-0', 'net_late-0', 'net_less-0', 'net-1', 'net-2']
    found = rows_of(rows, [])
    assert {name: found[name].intended for name in METHOD['rows']} == {
        'net': 3,
        'net_late': 1,
        'net_less': 1,
    }


BASED = {
    **ROWS,
    'main': {},
    'methods': {
        'net': {
            **METHOD,
            'base': {
                'name': 'still',
                'stage': 'iai',
                'recipe': 'still.yaml',
                'set': {'frames': 1},
            },
        }
    },
}


def test_rows_start_from_their_base_which_is_trained_once(monkeypatch, tmp_path):
    trained = []

    def fake(args, job, weights, out):
        assert args.set == []  # what is tried with a row is no part of its base
        trained.append((job.key, job.stage, job.recipe, dict(job.values), weights))
        out.mkdir(parents=True, exist_ok=True)
        (out / 'model.safetensors').write_bytes(b'base')
        return ''

    monkeypatch.setattr(train_rows, 'train', fake)
    args = Namespace(work=tmp_path, detector=tmp_path / 'det', set=['schedule.steps=2'])
    jobs = [job for group in train_rows.jobs_of(BASED) for job in group]
    starts = {train_rows.start_of(args, job) for job in jobs}
    assert starts == {tmp_path / 'runs' / 'still-0' / 'model.safetensors'}
    assert trained == [('still-0', 'iai', 'still.yaml', {'frames': 1}, tmp_path / 'det')]
    plain = train_rows.jobs_of(ROWS)[2][0]
    assert train_rows.start_of(args, plain) == tmp_path / 'det' and len(trained) == 1
    assert jobs[0].document() == plain.document()  # a log tells its base by its content


def test_a_base_may_start_from_weights_that_ship(monkeypatch, tmp_path):
    base = {**BASED['methods']['net']['base'], 'start': 'synth_small_iai'}
    rows = {**ROWS, 'methods': {'net': {**METHOD, 'base': base}}}
    args = Namespace(work=tmp_path, detector=tmp_path / 'det', set=[])
    job = train_rows.base_of(rows['methods']['net'])
    assert train_rows.start_of(args, job) == ROOT / 'models' / 'synth_small_iai.safetensors'
    base_folder = tmp_path / 'runs' / 'still-0'
    base_folder.mkdir(parents=True)
    (base_folder / 'model.safetensors').write_bytes(b'base')
    monkeypatch.setattr(train_rows, 'train', lambda *_: '')
    for given, has_detector in ((rows, False), (BASED, True)):
        late = train_rows.jobs_of({**given, 'main': {}})[0][1]  # runs what another row trained
        if has_detector:
            (tmp_path / 'det').write_bytes(b'weights')
        document, _ = train_rows.trained(args, late)
        assert ('detector_sha256' in document) == has_detector
    text = section(write.page(rows, [{**log('net'), 'base_sha256': 'a'}]), 'NET')
    assert 'start from one run of `still.yaml`, and that from `synth_small_iai`' in text


def test_a_base_may_start_from_another_base(monkeypatch, tmp_path):
    first = {**BASED['methods']['net']['base'], 'start': 'synth_small_iai'}
    base = {'name': 'longer', 'stage': 'ifr', 'recipe': 'longer.yaml', 'set': {}, 'base': first}
    rows = {**ROWS, 'methods': {'net': {**METHOD, 'base': base}}}
    trained = []

    def fake(args, job, weights, out):
        trained.append((job.key, weights))
        (out / 'model.safetensors').write_bytes(b'base')
        return ''

    monkeypatch.setattr(train_rows, 'train', fake)
    args = Namespace(work=tmp_path, detector=tmp_path / 'det', set=[])
    job = train_rows.jobs_of({**rows, 'main': {}})[0][0]
    start = tmp_path / 'runs' / 'longer-0' / 'model.safetensors'
    assert train_rows.start_of(args, job) == start and job.knows_no_detector
    shipped = ROOT / 'models' / 'synth_small_iai.safetensors'
    still = tmp_path / 'runs' / 'still-0' / 'model.safetensors'
    assert trained == [('still-0', shipped), ('longer-0', still)]
    text = section(write.page(rows, [{**log('net'), 'base_sha256': 'a'}]), 'NET')
    assert 'from one run of `longer.yaml`, that from one of `still.yaml`, and that from' in text


def test_rows_may_start_from_weights_that_ship(tmp_path):
    rows = {**ROWS, 'methods': {'net': {**METHOD, 'start': 'synth_small_iai'}}}
    args = Namespace(work=tmp_path, detector=tmp_path / 'det', set=[])
    jobs = [job for group in train_rows.jobs_of(rows) for job in group if job.stage == 'ifr']
    starts = {train_rows.start_of(args, job) for job in jobs}
    assert starts == {ROOT / 'models' / 'synth_small_iai.safetensors'}
    logs = [{**log('net', seed), 'base_sha256': 'a'} for seed in range(2)]
    text = write.page(rows, logs)
    assert 'start from the weights `synth_small_iai` that ship' in section(text, 'NET')


def test_weights_that_ship_are_scored_without_a_training(monkeypatch, tmp_path):
    row = {'title': 'shipped', 'seeds': 1, 'weights': 'synth_small_iai'}
    method = {**METHOD, 'stage': 'iai', 'rows': {**METHOD['rows'], 'net_shipped': row}}
    rows = {**ROWS, 'methods': {'net': method}}
    built = []
    monkeypatch.setattr(train_rows, 'train', None)
    monkeypatch.setattr(train_rows, 'build_method', lambda *args, **more: built.append(more))
    monkeypatch.setattr(
        end_to_end,
        'scores',
        lambda *args: [{name: log('net')[name] for name in ('threshold', *BENCHMARKS)}],
    )
    detector = tmp_path / 'det'
    detector.write_bytes(b'abc')
    args = Namespace(work=tmp_path, detector=detector, set=[], into=tmp_path / 'logs')
    (job,) = [j for jobs in train_rows.jobs_of(rows) for j in jobs if j.name == 'net_shipped']
    train_rows.run(args, rows, [job])
    assert built == [{'weights': 'synth_small_iai'}]
    stored = json.loads((tmp_path / 'logs' / 'net_shipped-0.json').read_text())
    assert stored['weights_sha256'] == manifest()['synth_small_iai']['sha256']
    assert 'detector_sha256' not in stored  # another detector than that of other rows is no matter
    runs = [{**log('net'), 'base_sha256': 'a'}, stored]
    assert cells(write.page(rows, runs), 'Benchmark `easy`', 'shipped')[1] == '1'
    with pytest.raises(ValueError, match="net_shipped, seed 0: ran other weights than 'synth_sm"):
        rows_of(rows, [{**stored, 'weights_sha256': 'old'}])


def test_a_base_that_diverges_ends_the_run(monkeypatch, tmp_path):
    monkeypatch.setattr(train_rows, 'train', lambda *_: 'the loss is no number')
    args = Namespace(work=tmp_path, detector=tmp_path / 'det', set=[])
    with pytest.raises(SystemExit, match='still-0: the loss is no number'):
        train_rows.start_of(args, train_rows.jobs_of(BASED)[0][0])


def test_logs_of_several_bases_are_not_compared():
    runs = [{**log('net', seed), 'base_sha256': base} for seed, base in enumerate('aab')]
    assert len(rows_of(BASED, runs[:2])['net'].runs) == 2
    with pytest.raises(ValueError, match="NET: logs that started from several bases: .'a', 'b'."):
        rows_of(BASED, runs)


def test_only_takes_rows_and_methods():
    jobs = [job for jobs in train_rows.jobs_of(ROWS) for job in jobs]
    assert {job.name for job in jobs if train_rows.is_wanted(job, ['net_late'])} == {'net_late'}
    ours = {job.name for job in jobs if train_rows.is_wanted(job, ['ifr'])}
    assert ours == {'net', 'net_less', 'net_late'}
    assert all(train_rows.is_wanted(job, []) for job in jobs)


def test_a_try_is_not_stored_among_the_results(capsys):
    with pytest.raises(SystemExit):
        train_rows.arguments(['--work', 'w', '--set', 'schedule.steps=2'])
    assert '--into' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['iai', 'visstg', 'maskprop', 'ifr'])
def test_every_row_of_the_files_is_a_recipe_and_a_configuration(name):
    method = read_rows()['methods'][name]
    assert method['stage'] == name and next(iter(method['rows'])) == name
    recipe = parse_yaml((ROOT / method['recipe']).read_text(), method['recipe'])
    base, start = train_rows.base_of(method), recipe['start']
    assert base is not None or start == method['start'] in manifest()
    while base is not None:
        assert start == f'runs/{base.name}/model.safetensors'
        still = parse_yaml((ROOT / base.recipe).read_text(), base.recipe)
        config = build_config(STAGES[base.stage].Recipe, {**still, **base.values})
        assert config.frames == 1
        assert still['data']['hold_out'] == HOLD_OUT and still['network'] == recipe['network']
        base, shipped, start = base.base, base.start or 'synth_small', config.start
        assert base is not None or start == shipped
    for row in method['rows'].values():
        if 'of' in row:
            assert 'set' not in method['rows'][row['of']].get('of', {})
            build_config(METHODS[name].Config, row['options'])
        elif 'weights' in row:
            assert manifest()[row['weights']]['method'] == name and 'set' not in row
        else:
            build_config(STAGES[name].Recipe, {**recipe, **row['set']})
    assert recipe['data']['hold_out'] == HOLD_OUT
    for curve in method.get('curves', {}).values():
        assert set(curve['rows'].values()) <= set(method['rows'])


def test_the_command_trains_the_stage_from_the_detector(monkeypatch, tmp_path):
    seen = []

    def fake(command, **more):
        seen.append(command)
        return Namespace(returncode=0, stderr='')

    monkeypatch.setattr(train_rows.subprocess, 'run', fake)
    args = Namespace(work=tmp_path, detector=Path('det'), set=['schedule.steps=2'])
    full, late = train_rows.jobs_of(ROWS)[2]
    assert train_rows.train(args, full, Path('det'), tmp_path / 'out') == ''
    assert seen[0][3:5] == ['train', 'ifr']
    assert {'--set=start=det', '--set=schedule.seed=0', '--set=schedule.steps=2'} <= set(seen[0])
    assert seen[0][-1] == '--set=schedule.steps=2'  # what is tried comes last
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'model.safetensors').touch()
    train_rows.train(args, late, Path('det'), tmp_path / 'out')
    assert len(seen) == 1  # the weights are there
    train_rows.train(args, train_rows.jobs_of(ROWS)[1][0], Path('det'), tmp_path / 'other')
    assert '--set=detector=det' in seen[1]


def test_a_loss_that_is_no_number_is_told_and_other_errors_end_the_run(monkeypatch, tmp_path):
    args = Namespace(work=tmp_path, detector=Path('det'), set=[])
    job = train_rows.jobs_of(ROWS)[2][0]
    ends = iter(['at step 3\nthe loss is no number', 'no such file'])
    monkeypatch.setattr(
        train_rows.subprocess, 'run', lambda *_, **__: Namespace(returncode=1, stderr=next(ends))
    )
    assert train_rows.train(args, job, Path('det'), tmp_path) == 'the loss is no number'
    with pytest.raises(SystemExit, match='no such file'):
        train_rows.train(args, job, Path('det'), tmp_path)


def bright(image):
    """Return where the object is: the only bright thing."""
    return image[..., 0] > 128


@dataclass
class Late:
    """A method that tells what is bright, one frame late; its state is the frame that waits."""

    lag = 1
    classes = ('thing',)
    seen = 0

    def init_state(self):
        return None

    def step(self, state, frame):
        self.seen += 1
        return frame, [] if state is None else [self._result(state)]

    def flush(self, state):
        return None, [] if state is None else [self._result(state)]

    def _result(self, frame):
        mask = encode(bright(frame.image))
        box = (mask.x, mask.y, mask.x + mask.width, mask.y + mask.height)
        stamp = frame.stamp_ns
        track = Track(1, 0, TrackState.ACTIVE, 0, 0.9, box, mask, 0, stamp, 1, 0)
        return FrameResult(stamp, frame.frame_id, frame.height, frame.width, (track,))


@pytest.fixture
def tiny(tmp_path):
    """Return a folder with the parts of one benchmark: videos of a square that moves."""
    for part, count in (('train', 17), ('heldout', 2)):
        folder = tmp_path / 'easy' / part
        (folder / 'JPEGImages').mkdir(parents=True)
        videos, annotations = [], []
        for video_id in range(1, count + 1):
            names, polygons = [], []
            for t in range(3):
                image = np.zeros((24, 32, 3), np.uint8)
                image[4:12, 4 + 4 * t : 12 + 4 * t] = 255
                names.append(f'{video_id}_{t}.png')
                cv2.imwrite(str(folder / 'JPEGImages' / names[-1]), image)
                left, right = 4 + 4 * t, 12 + 4 * t
                polygons.append([[left, 4, right, 4, right, 12, left, 12]])
            about = {'id': video_id, 'height': 24, 'width': 32, 'length': 3}
            videos.append({**about, 'file_names': names})
            annotations.append(
                {
                    'id': video_id,
                    'video_id': video_id,
                    'category_id': 1,
                    'iscrowd': 0,
                    'segmentations': polygons,
                    'bboxes': [[4 + 4 * t, 4, 8, 8] for t in range(3)],
                    'areas': [64.0] * 3,
                }
            )
        root = {
            'videos': videos,
            'annotations': annotations,
            'categories': [{'id': 1, 'name': 'thing'}],
        }
        (folder / 'instances.json').write_text(json.dumps(root))
    return tmp_path


def test_a_method_is_scored_on_images_with_its_lag(tiny):
    method = Late()
    (found,) = end_to_end.scores([method], tiny, ['easy'])
    assert method.seen == 3 * (1 + 2)  # the last of 17 training videos is kept out
    easy = found['easy']
    assert found['threshold'] == 0.05 and easy['AP'] == 1.0 and easy['MOTA'] == 1.0
    assert (easy['switches'], easy['misses'], easy['IDP'], easy['IDR']) == (0, 0, 1.0, 1.0)
    assert easy['cpu_ms_per_frame'] >= 0


@dataclass
class Looking(Late):
    """The same in two parts, as learned methods have them."""

    lag: int = 1
    looks: int = 0

    def init_state(self):
        return []

    def look(self, frames):
        self.looks += len(frames)
        return [bright(frame.image) for frame in frames]

    def go_on(self, state, look, frame):
        assert (look == bright(frame.image)).all()
        state.append(frame)
        return [self._result(state.pop(0))] if len(state) > self.lag else []

    def step(self, state, frame):
        (look,) = self.look([frame])
        return state, self.go_on(state, look, frame)

    def flush(self, state):
        return state, [self._result(frame) for frame in state]


def test_methods_that_see_the_same_look_once_and_find_what_each_finds_alone(tiny):
    alone, also_alone, first, second = (Looking(lag) for lag in (0, 2, 0, 2))
    part = end_to_end.held_out(tiny / 'easy' / 'heldout')
    (expected, _), (late, _) = part.run([alone])[0], part.run([also_alone])[0]
    together = part.run([first, second])
    assert [found for found, _ in together] == [expected, late] and len(expected) == 2
    assert (alone.looks, first.looks, second.looks) == (3 * 2, 3 * 2, 0)
    assert all(milliseconds > 0 for _, milliseconds in together)


class Carrying(Looking):
    """One that carries what is in a frame to those before it, as MaskProp does."""

    carries = 0

    def init_state(self):
        return deque(maxlen=3)

    def look(self, frames):
        return [
            Seen(frame.stamp_ns, '', None, torch.ones(1), Content(None, torch.ones(2, 4, 4), ()))
            for frame in frames
        ]

    def go_on(self, state, look, frame):
        masks = self.carry(look, list(state))
        assert masks.shape == (2, len(state), 4, 4)
        expected = [float(look.stamp_ns - seen.stamp_ns) for seen in state]
        assert masks.amin((0, 2, 3)).tolist() == masks.amax((0, 2, 3)).tolist() == expected
        state.append(look)
        return [self._result(frame)]

    def carry(self, source, others):
        self.carries += len(others)
        gaps = torch.tensor([float(source.stamp_ns - other.stamp_ns) for other in others])
        return gaps[None, :, None, None].expand(2, -1, 4, 4)

    def flush(self, state):
        return state, []


def test_methods_that_see_the_same_carry_once_from_frame_to_frame(tiny, monkeypatch):
    part = end_to_end.held_out(tiny / 'easy' / 'heldout')
    clock = itertools.count()
    monkeypatch.setattr(end_to_end.time, 'process_time', lambda: float(next(clock)))
    alone, first, second = (Carrying() for _ in range(3))
    (expected, _), *_ = part.run([alone])
    (found, one), (also_found, other) = part.run([first, second])
    assert found == also_found == expected
    assert (alone.carries, first.carries, second.carries) == (2 * 3, 2 * 3, 0)
    assert other - one == pytest.approx(1e3 * 4 / 6)  # a second in each frame but the first


def test_rows_that_share_weights_are_run_together_where_they_see_the_same(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(
        train_rows, 'run', lambda _, __, jobs: seen.append([job.key for job in jobs])
    )
    monkeypatch.setattr(train_rows, 'stored', lambda key, _: {} if key == 'net_less-1' else None)
    given = ['--work', str(tmp_path), '--only', 'ifr']
    for one_look in (False, True):
        method = {**METHOD, 'one_look': one_look}
        rows = {**ROWS, 'methods': {'net': method}}
        monkeypatch.setattr(train_rows, 'read_rows', lambda rows=rows: rows)
        train_rows.main(given)
    single = [['net-0'], ['net_late-0'], ['net_less-0'], ['net-1'], ['net_late-1'], ['net-2']]
    pairs = [['net-0', 'net_late-0'], ['net_less-0'], ['net-1', 'net_late-1'], ['net-2']]
    assert seen == single + pairs
    seen.clear()
    late = {**METHOD['rows']['net_late'], 'one_look': False}
    method = {**METHOD, 'one_look': True, 'rows': {**METHOD['rows'], 'net_late': late}}
    rows = {**ROWS, 'methods': {'net': method}}
    monkeypatch.setattr(train_rows, 'read_rows', lambda: rows)
    train_rows.main(given)
    assert seen == single


def test_a_run_of_a_reused_row_stores_its_options(tiny, monkeypatch, tmp_path):
    built = []

    def build(name, **given):
        built.append((name, given))
        return Late()

    monkeypatch.setattr(train_rows, 'build_method', build)
    monkeypatch.setattr(train_rows, 'train', lambda *_: '')
    detector = tmp_path / 'det'
    detector.write_bytes(b'weights')
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'data').symlink_to(tiny)
    args = Namespace(work=work, detector=detector, set=[], into=tmp_path / 'logs')
    rows = {**ROWS, 'benchmarks': ['easy']}
    train_rows.run(args, rows, [train_rows.jobs_of(rows)[2][1]])
    (path,) = (tmp_path / 'logs').iterdir()
    document = json.loads(path.read_text())
    assert path.name == 'net_late-0.json' and document['options'] == {'clip.length': 2}
    assert built[0][0] == 'ifr' and built[0][1]['clip.length'] == 2
    assert built[0][1]['weights'].endswith('runs/net-0/model.safetensors')
    assert 'training' not in document
    rows_of(rows, [document])  # fits its row
    with pytest.raises(ValueError, match='ran with'):
        rows_of(rows, [{**document, 'options': {'clip.length': 3}}])
    monkeypatch.setattr(train_rows, 'train', lambda *_: 'the loss is no number')
    train_rows.run(args, rows, [train_rows.jobs_of(rows)[3][0]])
    lost = json.loads((tmp_path / 'logs' / 'net_less-0.json').read_text())
    assert lost['diverged'] == 'the loss is no number' and 'easy' not in lost
    args.set = ['schedule.steps=2']  # a try is no log of the row
    train_rows.run(args, rows, [train_rows.jobs_of(rows)[3][0]])
    tried = json.loads((tmp_path / 'logs' / 'net_less-0.json').read_text())
    with pytest.raises(ValueError, match='run it again'):
        rows_of(rows, [tried])


def test_without_logs_a_method_is_not_run_yet():
    text = write.page(ROWS, [])
    assert cells(text, 'NET', 'NET, plain') == ['NET, plain', 'not run yet', *['-'] * 6, '12.5']
    assert cells(text, 'NET', '*late*')[1] == 'not run yet'
    assert 'Lateness: not run yet.' in text
    assert 'Nets catch more when they are whole.' in section(text, 'NET')
    assert cells(text, 'Benchmark `easy`', 'NET, plain')[1] == 'not run yet'
    left = section(text, 'Not run yet')
    assert '- NET: late (reused)' in left and '- NET, plain (method)' in left
    assert pictures(ROWS['methods'], rows_of(ROWS, []), BENCHMARKS) == {}


def test_a_method_is_shown_beside_the_others_and_with_its_options():
    runs = [
        log('net', AP=0.2),
        log('net', 1, AP=0.4, switches=10),
        log('net_late', options={'clip.length': 2}, AP=0.5, cpu_ms_per_frame=100.0),
    ]
    text = write.page(ROWS, runs)
    assert cells(text, 'Benchmark `crowded`', 'NET, plain')[1:3] == ['2 of 3 seeds', '30.0 ± 14.1']
    assert cells(text, 'NET', '*late*')[5:] == ['50.0', '+20.0', '2.50', '-']
    assert cells(text, 'NET', 'NET, plain')[6:8] == ['-', '1.00']
    tracking = cells(text, 'NET', 'NET, plain', number=1)
    assert tracking[1] == '50.0 ± 0.0' and tracking[5:] == ['26 ± 6.4', '0.3, 0.3']
    assert '![Lateness](images/results_late.svg)' in text
    assert '| NET, plain | 600 | 1.50 | 0.25 |' in section(text, 'Cost of training')
    (picture,) = pictures(ROWS['methods'], rows_of(ROWS, runs), BENCHMARKS).items()
    assert picture[0] == 'results_late.svg' and picture[1].count('<circle') == 4 * 2 + 4


def test_a_mean_of_something_undefined_is_undefined():
    runs = (log('net', IDP=-1.0),)
    row = Row('NET', 'method', BENCHMARKS, 1, {}, '', runs)
    assert row.means('IDP') == [-1.0] and row.text_of(row.means('IDP'), str) == 'undefined'


def test_pictures_are_written_and_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(write, 'PAGE', tmp_path / 'results.md')
    monkeypatch.setattr(write, 'PICTURES', tmp_path / 'images')
    monkeypatch.setattr(write, 'STORED', tmp_path / 'results')
    monkeypatch.setattr(write, 'read_rows', lambda: ROWS)
    write.STORED.mkdir()
    (write.STORED / 'net-0.json').write_text(json.dumps(log('net')))
    assert write.main([]) == 0 and write.main(['--check']) == 0
    (picture,) = write.PICTURES.iterdir()
    picture.write_text('<svg/>')
    assert write.main(['--check']) == 1
    assert 'docs/images/results_late.svg is not what' in capsys.readouterr().err


def test_a_chart_has_its_points_in_order_and_within_its_frame():
    text = line_chart('a < b', 'x', 'y', {'one': [(40, 0.0), (2, 50.0)], 'two': [(5, 100.0)]})
    assert 'a &lt; b' in text and text.count('<path') == 6 + 1  # grid from 0 to 100, one line
    ways = [line for line in text.splitlines() if 'stroke-width' in line]
    points = [tuple(map(float, p.split())) for p in ways[0].split('"')[1][1:].split('L')]
    assert points[0][0] < points[1][0] and points[0][1] < points[1][1]  # y grows downwards
    assert line_chart('t', 'x', 'y', {'zero': [(0, 0.0)]}).count('<circle') == 2
    assert '>-10<' in line_chart('t', 'x', 'y', {'low': [(0, -8.0), (1, 30.0)]})
