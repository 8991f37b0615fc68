# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros replay`: the same footage gives the same tracks, whatever it comes in."""

import pytest
from footage import replay, vis_ros
from rosbags.highlevel import AnyReader

from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import result_of


def test_a_folder_and_the_bags_made_from_it_give_the_same_tracks(folder, bag, tmp_path):
    first = replay(folder, tmp_path / 'folder')
    second = replay(bag, tmp_path / 'bag')
    assert first['tracks_sha256'] == second['tracks_sha256']
    assert first['frames_in'] == first['frames_out'] == 40
    assert first['tracks'] >= 2
    assert first['problems'] == []


def test_a_video_and_the_bag_made_from_it_give_the_same_tracks(video, tmp_path):
    assert vis_ros('convert', video, tmp_path / 'copy') == 0
    first = replay(video, tmp_path / '1')
    second = replay(tmp_path / 'copy', tmp_path / '2')
    assert first['tracks_sha256'] == second['tracks_sha256']
    assert first['tracks'] >= 2


@pytest.mark.parametrize('method', ['iou', 'deepsort'])
def test_each_run_gives_the_same_tracks(video, tmp_path, method):
    runs = [replay(video, tmp_path / str(n), '-m', method) for n in range(2)]
    assert runs[0]['tracks_sha256'] == runs[1]['tracks_sha256']
    assert runs[0]['method'] == method


def test_another_configuration_gives_other_tracks(video, tmp_path):
    plain = replay(video, tmp_path / 'plain')
    strict = replay(video, tmp_path / 'strict', '-c', 'memory.confirm_hits=9')
    assert plain['tracks_sha256'] != strict['tracks_sha256']


def test_all_results_are_written(folder, tmp_path):
    out = tmp_path / 'out'
    assert vis_ros('replay', folder, '--out', out, '--images', '--limit', 30) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {'tracks', 'overlay.mp4', 'contact_sheet.png', 'summary.json'}
    messages = bare_messages()
    counts: dict[str, int] = {}
    with AnyReader([out / 'tracks'], default_typestore=messages.store) as reader:
        for connection, _, data in reader.messages():
            counts[connection.topic] = counts.get(connection.topic, 0) + 1
            if connection.topic.endswith('/tracks'):
                result = result_of(messages.deserialize(data, connection.msgtype))
                assert (result.height, result.width) == (96, 128)
    assert counts == {
        '/vis_tracker/tracks': 30,
        '/vis_tracker/label_info': 1,
        '/camera/image_raw': 30,
        '/vis_tracker/debug/overlay': 30,
    }


def test_nothing_is_overwritten_unasked(folder, tmp_path, capsys):
    out = tmp_path / 'out'
    replay(folder, out, '--limit', 3)
    before = sorted(out.rglob('*'))
    assert vis_ros('replay', folder, '--out', out, '--no-overlay') == 2
    assert 'nothing is overwritten unasked' in capsys.readouterr().err
    assert sorted(out.rglob('*')) == before
    replay(folder, out, '--limit', 4, '--overwrite')


def test_a_refused_video_leaves_nothing_behind(folder, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'overlay.mp4').write_bytes(b'precious')
    assert vis_ros('replay', folder, '--out', out) == 2
    assert [path.name for path in out.iterdir()] == ['overlay.mp4']
    assert (out / 'overlay.mp4').read_bytes() == b'precious'


def test_a_truncated_bag_is_replayed_as_far_as_it_is_whole(folder, tmp_path):
    from vis_ros.media.bag_writer import BagWriter
    from vis_ros.media.sources import open_source
    from vis_ros.wire.encodings import encode_image, make_header

    messages = bare_messages()
    with BagWriter(tmp_path / 'bag', compress=False) as writer, open_source(folder) as source:
        for frame in source:
            header = make_header(messages, frame.stamp_ns)
            message = encode_image(messages, frame.image, header)
            writer.write('/image', message, frame.stamp_ns)
    (file,) = (tmp_path / 'bag').glob('*.mcap')
    data = file.read_bytes()
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes(data[: len(data) * 2 // 3])
    summary = replay(cut, tmp_path / 'out')
    assert 0 < summary['frames_in'] < 40
    assert any('not whole' in problem for problem in summary['problems'])


@pytest.mark.parametrize('kind', ['video', 'bag', 'text', 'empty', 'missing', 'empty folder'])
def test_footage_that_is_none(folder, tmp_path, capsys, kind):
    path = tmp_path / {'video': 'a.mp4', 'bag': 'a.mcap', 'text': 'a.txt'}.get(kind, 'a')
    if kind == 'empty folder':
        path.mkdir()
    elif kind != 'missing':
        path.write_bytes(b'' if kind == 'empty' else b'\x00\x01noise' * 500)
    assert vis_ros('replay', path, '--out', tmp_path / 'out') == 2
    error = capsys.readouterr().err
    assert error.startswith('vis_ros replay: ')
    assert str(path) in error
    assert 'Traceback' not in error
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('part', ['middle', 'end'])
def test_a_damaged_video_is_replayed_as_far_as_it_goes_or_refused(video, tmp_path, capsys, part):
    data = bytearray(video.read_bytes())
    if part == 'middle':
        data[len(data) // 3 :][:2000] = bytes(2000)
    else:  # where an mp4 keeps its index
        del data[len(data) // 2 :]
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(data)
    out = tmp_path / 'out'
    code = vis_ros('replay', broken, '--out', out, '--no-overlay')
    error = capsys.readouterr().err
    assert 'Traceback' not in error
    assert (code == 2) == (part == 'end')
    assert (f'vis_ros replay: {broken}' in error) == (part == 'end')


def test_a_bag_without_images(folder, tmp_path, capsys):
    out = tmp_path / 'out'
    replay(folder, out, '--limit', 3)
    assert vis_ros('replay', out / 'tracks', '--out', tmp_path / 'again') == 2
    error = capsys.readouterr().err
    assert 'has no image topic' in error
    assert '/vis_tracker/tracks' in error


def test_a_bag_with_several_topics_asks_which(folder, tmp_path, capsys):
    out = tmp_path / 'out'
    assert vis_ros('replay', folder, '--out', out, '--images', '--limit', 12) == 0
    assert vis_ros('replay', out / 'tracks', '--out', tmp_path / 'no') == 2
    assert 'which topic?' in capsys.readouterr().err
    again = replay(out / 'tracks', tmp_path / 'yes', '--topic', '/camera/image_raw')
    assert again['tracks_sha256'] == replay(folder, tmp_path / '2', '--limit', 12)['tracks_sha256']


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (('-c', 'gain'), "--config 'gain': expected NAME=VALUE"),
        (('-c', '=3'), 'expected NAME=VALUE'),
        (('-c', 'memory.capacity=[1'), 'is no YAML'),
        (('-c', 'memory.capacity=many'), "memory.capacity: expected int, got 'many'"),
        (('-c', 'memory.capacity=0'), 'memory.capacity: expected a value in [1, 4096], got 0'),
        (('-c', 'memory.capacitty=3'), "did you mean 'memory.capacity'?"),
        (('-m', 'deepsorrt'), "did you mean 'deepsort'?"),
        (('--device', 'cuda:77'), 'torch sees'),
        (('--weights', 'nothing.pt'), 'neither a file nor a name'),
        (('--limit', '0'), '--limit: expected 1 or more'),
        (('--fps', '-1'), 'fps: expected a positive number'),
        (('--fps', 'nan'), 'fps: expected a positive number'),
        (('--topic', '/camera'), 'only a bag has a topic'),
        (('--config-file', 'missing.yaml'), 'missing.yaml'),
    ],
)
def test_wrong_arguments(folder, tmp_path, capsys, words, error):
    assert vis_ros('replay', folder, '--out', tmp_path / 'out', *words) == 2
    text = capsys.readouterr().err
    assert text.startswith('vis_ros replay: ')
    assert error in text
    assert 'Traceback' not in text


def test_configuration_files(folder, tmp_path, capsys):
    plain, ros, broken = (tmp_path / f'{name}.yaml' for name in ('plain', 'ros', 'broken'))
    plain.write_text('memory:\n  confirm_hits: 9\n')
    ros.write_text('/**:\n  ros__parameters:\n    config: {memory: {confirm_hits: 9}}\n')
    digests = set()
    for number, path in enumerate((plain, ros)):
        summary = replay(folder, tmp_path / str(number), '--config-file', path)
        digests.add(summary['tracks_sha256'])
    given = replay(folder, tmp_path / 'given', '-c', 'memory.confirm_hits=9')
    assert digests == {given['tracks_sha256']}
    for text in ('- 1\n- 2\n', 'a: [\n', '7'):
        broken.write_text(text)
        words = ('replay', folder, '--out', tmp_path / 'no', '--config-file', broken)
        assert vis_ros(*words) == 2
        assert f'--config-file {broken}: ' in capsys.readouterr().err


def test_every_shipped_configuration_works(folder, tmp_path):
    from vis_ros.methods import METHODS
    from vis_ros.pipeline.weights import shipped_for
    from vis_ros.resources import resource_path

    for path in sorted(resource_path('config').glob('*.yaml')):
        if path.stem in METHODS:
            method = METHODS[path.stem]
            needs = method.needs_weights(method.Config()) and not shipped_for(path.stem)
            weights = ['--weights', 'random'] if needs else []
            words = ('-m', path.stem, '--config-file', path, *weights)
            replay(folder, tmp_path / path.stem, *words)
