# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method over one bag with ground truth."""

import json
import os

import pytest
from replay_world import (
    CLASSES,
    HEIGHT,
    WIDTH,
    Namer,
    Perfect,
    frame_at,
    image_of,
    result_of_image,
    write_truth,
    write_world,
)

from vis_ros.evaluation.bag_runs import BagTask, MethodChoice, TruthChoice, find_bags, run_bag
from vis_ros.evaluation.bag_truth import read_bag_truth
from vis_ros.evaluation.data_sets import annotations_json
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.method_runs import Pace
from vis_ros.evaluation.video_runs import RunOptions
from vis_ros.media.bag_writer import BagWriter
from vis_ros.media.source import SourceError
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import encode_image, make_header

IOU = MethodChoice('iou')


def task_of(path, *, step_ms=50.0, **more):
    options = RunOptions(pace=Pace(step_ms=step_ms))
    values = {'method': IOU, 'truth': TruthChoice(), 'options': options, **more}
    return BagTask(path.name, path, **values)


def figures(runs, mode):
    return evaluate(runs.annotations, runs.modes[mode].results).figures()


def test_a_perfect_method_is_perfect_in_both_modes(tmp_path):
    runs = run_bag(task_of(write_world(tmp_path / 'bag')), Perfect())
    for mode in ('frames', 'realtime'):
        found = figures(runs, mode)
        ones = [found[name] for name in ('AP', 'AR1', 'IDF1', 'MOTA', 'HOTA')]
        assert ones == pytest.approx([1.0] * 5)
        assert runs.modes[mode].counts.dropped == 0
    assert runs.problems == ()


def test_latency_costs(tmp_path):
    path = write_world(tmp_path / 'bag')
    slow = run_bag(task_of(path, step_ms=250.0), Perfect())
    assert slow.modes['realtime'].counts.dropped == 5
    assert slow.modes['frames'].counts.dropped == 0
    exact, late = figures(slow, 'frames'), figures(slow, 'realtime')
    for name in ('AP', 'IDF1', 'HOTA'):
        assert exact[name] == pytest.approx(1.0)
        assert late[name] < 0.8


def test_images_without_truth_are_not_scored(tmp_path):
    runs = run_bag(task_of(write_world(tmp_path / 'bag', truth_every=4)), Perfect())
    assert runs.annotations.videos[1].length == 3
    assert runs.modes['frames'].counts.processed == 10
    assert figures(runs, 'frames')['AP'] == pytest.approx(1.0)


def test_truth_of_a_file(tmp_path):
    path = write_world(tmp_path / 'bag')
    file = tmp_path / 'gt.json'
    file.write_text(json.dumps(annotations_json(read_bag_truth(path).annotations)))
    bare = write_world(tmp_path / 'bare', with_truth=False)
    runs = run_bag(task_of(bare, truth=TruthChoice(file=file)), Perfect())
    assert figures(runs, 'realtime')['AP'] == pytest.approx(1.0)
    short = write_world(tmp_path / 'short', 9, with_truth=False)
    with pytest.raises(ValueError, match=r'expected 10 images, .* of video 1 of .*gt.json, got 9'):
        run_bag(task_of(short, truth=TruthChoice(file=file)), Perfect())
    with pytest.raises(ValueError, match="called '7'"):
        run_bag(task_of(bare, truth=TruthChoice(file=file, video='7')), Perfect())


@pytest.mark.parametrize(
    ('options', 'method', 'text'),
    [
        ({'with_truth': False}, Perfect, 'has no ground truth /ground_truth/tracks'),
        (
            {'truth_size': (HEIGHT, WIDTH + 1)},
            Perfect,
            'image 0: expected 24 x 81, .* got 24 x 80',
        ),
        ({'with_images': False}, Perfect, 'has no image topic'),
        ({'labels': ('x', 'y')}, Perfect, r'\(cat, dog\) and .* \(x, y\) share no name'),
        ({}, Namer, r'\(thing, stuff\) and .* \(cat, dog\) share no name'),
    ],
)
def test_bags_that_do_not_fit(tmp_path, options, method, text):
    path = write_world(tmp_path / 'bag', 2, **options)
    with pytest.raises(ValueError, match=text):
        run_bag(task_of(path), method())


def test_stamps_that_do_not_fit(tmp_path):
    truth = read_bag_truth(write_world(tmp_path / 'truth', 3)).annotations
    file = tmp_path / 'gt.json'
    file.write_text(json.dumps(annotations_json(truth)))
    messages = bare_messages()
    for name, stamps_ns in (('same', (5, 5, 6)), ('back', (5, 4, 6))):
        with BagWriter(tmp_path / name) as writer:
            for index, stamp_ns in enumerate(stamps_ns):
                header = make_header(messages, stamp_ns)
                writer.write('/image', encode_image(messages, image_of(index), header), index)
        with pytest.raises(ValueError, match='image 1: expected a stamp after 5 ns'):
            run_bag(task_of(tmp_path / name, truth=TruthChoice(file=file)), Perfect())


def test_truth_without_its_image(tmp_path):
    messages = bare_messages()
    with BagWriter(tmp_path / 'bag') as writer:
        for index in range(3):
            frame = frame_at(index)
            write_truth(writer, result_of_image(frame))
            if index != 1:
                header = make_header(messages, frame.stamp_ns)
                message = encode_image(messages, frame.image, header)
                writer.write('/image', message, frame.stamp_ns)
    with pytest.raises(ValueError, match='1 of 3 messages have the stamp of no image'):
        run_bag(task_of(tmp_path / 'bag'), Perfect())


def test_no_bags(tmp_path):
    with pytest.raises(SourceError, match='no bag in this folder'):
        find_bags(tmp_path)
    with pytest.raises(SourceError, match='no such file or folder'):
        find_bags(tmp_path / 'none')


def test_bags_are_found_in_natural_order(tmp_path):
    for name in ('b10', 'b2', 'deep/x'):
        write_world(tmp_path / name, 1)
    (storage,) = write_world(tmp_path / 'y', 1).glob('*.mcap')
    os.replace(storage, tmp_path / 'c.mcap')
    (tmp_path / 'y' / 'metadata.yaml').unlink()
    (tmp_path / 'notes.txt').write_text('')
    found = find_bags(tmp_path)
    assert [name for name, _ in found] == ['b2', 'b10', 'c.mcap', 'deep/x']
    for name, path in found:
        assert path == tmp_path / name
    assert find_bags(tmp_path / 'b2') == [('b2', tmp_path / 'b2')]
    assert find_bags(tmp_path / 'c.mcap') == [('c.mcap', tmp_path / 'c.mcap')]


def test_a_split_recording_is_one_bag_and_loose_files_are_several(tmp_path):
    for names, expected in (
        (('split_0.mcap', 'split_1.mcap'), ['split']),
        (('one.mcap', 'two.mcap'), ['one.mcap', 'two.mcap']),
    ):
        folder = tmp_path / expected[0] / 'split'
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_bytes(b'')
        assert [name for name, _ in find_bags(folder)] == expected


def test_the_key_changes_with_all_that_matters(tmp_path):
    path = write_world(tmp_path / 'bag', 1)
    weights = tmp_path / 'w.pt'
    weights.write_bytes(b'1')
    given = MethodChoice('iou', str(weights))
    keys = [
        task_of(path).key(),
        task_of(path, method=MethodChoice('deepsort')).key(),
        task_of(path, method=MethodChoice('iou', config='{"min_overlap": 0.4}')).key(),
        task_of(path, method=given).key(),
        task_of(path, topic='/image').key(),
        task_of(path, step_ms=60.0).key(),
        task_of(path, options=RunOptions(is_class_agnostic=True)).key(),
        task_of(path, truth=TruthChoice('/other')).key(),
        task_of(path, truth=TruthChoice(file=weights)).key(),
    ]
    weights.write_bytes(b'22')
    keys.append(task_of(path, method=given).key())
    os.utime(path / 'metadata.yaml', ns=(1, 2**62))
    keys.append(task_of(path).key())
    texts = {json.dumps(key, sort_keys=True) for key in keys}
    assert len(texts) == len(keys)
    assert task_of(path).key() == task_of(path).key() == json.loads(json.dumps(keys[-1]))


def test_a_default_that_is_written_out_is_the_same_method():
    spelt = MethodChoice('iou', config='{"min_overlap": 0.3, "memory.capacity": 64}')
    assert spelt.describe() == IOU.describe()
    assert spelt.build().classes != CLASSES
    with pytest.raises(ValueError, match="did you mean 'iou'"):
        MethodChoice('iuo').describe()
