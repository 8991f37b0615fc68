# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The track memory on the disk: services, restarts, crashes, damaged files."""

import shutil

import pytest
from coloured_world import PERIOD_NS, TODAY, ColourDetector, picture
from core_rig import Rig, image

from vis_ros.detectors import DETECTORS
from vis_ros.memory.snapshot import load_snapshot

RED, BLUE, GREEN = (250, 9, 0), (90, 9, 240), (150, 200, 30)
PLACES = {RED: (5, 5), BLUE: (40, 20), GREEN: (70, 8)}


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    """Let the method `iou` see each colour as one instance."""
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)


@pytest.fixture
def start(make_rig):
    """Return a function that starts a node with the method `iou`."""
    return lambda **parameters: make_rig(method='iou', **parameters).start()


def show(rig: Rig, index: int, *colours) -> dict[int, int]:
    """Show things; return how often each track was seen, by id."""
    boxes = [(*PLACES[colour], 9, 13, colour) for colour in colours]
    rig.step(image(picture(*boxes), stamp_ns=TODAY + index * PERIOD_NS))
    return {item.id: item.hits for item in rig.tracks[-1].tracks}


def test_identities_survive_a_restart(start, tmp_path):
    path = tmp_path / 'memory'
    rig = start(memory_file=str(path))
    for index in range(4):
        show(rig, index, RED, BLUE)
    session_id = rig.tracks[-1].session_id
    assert rig.change('shutdown')
    again = start(memory_file=str(path))
    assert again.texts('info')[0] == f'track memory restored from {path}'
    assert show(again, 5, RED, BLUE, GREEN) == {1: 5, 2: 5, 3: 1}  # known ones, and the next id
    assert again.tracks[-1].session_id == session_id
    assert not again.texts('warn')


def test_an_id_is_never_given_again_after_a_crash(start, tmp_path):
    path, copy = tmp_path / 'memory', tmp_path / 'as left by SIGKILL'
    rig = start(memory_file=str(path), memory_period_s=1.0)
    show(rig, 0, RED)
    rig.host.tick()  # the periodic file
    shutil.copy(path, copy)
    assert set(show(rig, 1, RED, BLUE)) == {1, 2}  # 2 was published, and the file does not know
    assert rig.change('shutdown')
    again = start(memory_file=str(copy))
    ids = set(show(again, 2, RED, GREEN))
    assert again.tracks[-1].session_id == rig.tracks[-1].session_id
    assert 1 in ids
    assert 2 not in ids
    assert min(ids - {1}) > 1_000_000


def test_the_file_knows_from_the_first_frame_on_that_ids_are_being_given(start, tmp_path):
    path = tmp_path / 'memory'
    rig = start(memory_file=str(path))
    show(rig, 0, RED)
    assert rig.change('deactivate')
    assert load_snapshot(path).meta['is_final'] is True
    assert rig.change('activate')  # and killed later
    assert load_snapshot(path).meta['is_final'] is False


def test_the_periodic_file_is_always_whole(start, tmp_path):
    path = tmp_path / 'memory'
    rig = start(memory_file=str(path), memory_period_s=0.5)
    sizes = set()
    for index in range(6):
        show(rig, index, RED, BLUE)
        rig.host.tick()
        sizes.add(load_snapshot(path).meta['highest_id'])
    assert sizes == {2}
    assert [item.name for item in tmp_path.iterdir()] == ['memory']


def test_save_and_load_services(start, tmp_path):
    rig = start()
    path = str(tmp_path / 'kept')
    show(rig, 0, RED)
    answer = rig.host.call('/tracker/save_memory', path=path)
    assert (answer.success, answer.message) == (True, f'written to {path}')
    assert set(show(rig, 1, RED, BLUE)) == {1, 2}
    answer = rig.host.call('/tracker/load_memory', path=path)
    assert (answer.success, answer.message) == (True, f'restored from {path}')
    ids = set(show(rig, 2, RED, GREEN))
    assert ids > {1}
    assert 2 not in ids  # that was somebody else, in the same session
    assert len({m.session_id for m in rig.tracks}) == 1


def test_a_session_id_is_never_given_again(start, tmp_path):
    rig = start()
    path = str(tmp_path / 'kept')
    show(rig, 0, RED)
    assert rig.host.call('/tracker/save_memory', path=path).success
    seen = [rig.tracks[-1].session_id]
    for index in range(1, 4):
        rig.host.call('/tracker/reset')
        show(rig, index, BLUE)
        seen.append(rig.tracks[-1].session_id)
        assert rig.host.call('/tracker/load_memory', path=path).success
    assert len(set(seen)) == 4
    assert seen == sorted(seen)


def test_services_that_cannot_do_it_say_why(start, tmp_path):
    rig = start()
    corrupt = tmp_path / 'corrupt'
    corrupt.write_bytes(b'not a memory' * 20)
    show(rig, 0, RED)
    for name, path, words in (
        ('save_memory', 'here', 'expected an absolute path'),
        ('save_memory', '', 'expected an absolute path'),
        ('save_memory', str(tmp_path / 'no' / 'such' / 'file'), 'No such file or directory'),
        ('load_memory', '../there', 'expected an absolute path'),
        ('load_memory', str(tmp_path / 'nothing'), 'no such file'),
        ('load_memory', str(tmp_path), 'no such file'),
        ('load_memory', str(corrupt), 'not a readable track memory'),
    ):
        answer = rig.host.call(f'/tracker/{name}', path=path)
        assert not answer.success
        assert words in answer.message, (name, path, answer.message)
    assert show(rig, 1, RED) == {1: 2}  # nothing was changed
    rig.assert_balanced()


def test_the_services_without_a_path_use_the_parameter(start, tmp_path):
    path = tmp_path / 'memory'
    rig = start(memory_file=str(path))
    show(rig, 0, RED)
    assert rig.host.call('/tracker/save_memory', path='').success
    assert show(rig, 1, RED) == {1: 2}
    assert rig.host.call('/tracker/load_memory', path='').success
    assert show(rig, 2, RED) == {1: 2}


def test_the_services_work_while_inactive(start, tmp_path):
    rig = start()
    show(rig, 0, RED)
    assert rig.change('deactivate')
    path = str(tmp_path / 'kept')
    assert rig.host.call('/tracker/save_memory', path=path).success
    assert rig.host.call('/tracker/load_memory', path=path).success


@pytest.mark.parametrize('damage', ['corrupt', 'truncated', 'another method', 'no numbers'])
def test_a_file_that_does_not_fit_is_kept_aside(start, tmp_path, damage):
    path = tmp_path / 'memory'
    rig = start(memory_file=str(path), **{'config.memory.capacity': 8})
    show(rig, 0, RED)
    assert rig.change('shutdown')
    data = path.read_bytes()
    if damage == 'corrupt':
        path.write_bytes(b'\x00' * len(data))
    elif damage == 'truncated':
        path.write_bytes(data[: len(data) // 2])
    elif damage == 'no numbers':
        path.write_bytes(data.replace(b'highest_id', b'highest_xx'))
    broken = path.read_bytes()
    capacity = 9 if damage == 'another method' else 8
    again = start(memory_file=str(path), **{'config.memory.capacity': capacity})
    (text,) = again.texts('warn')
    assert text.startswith('starting with an empty track memory: ')
    assert text.endswith(f'the file is now {path}.refused')
    assert path.with_name('memory.refused').read_bytes() == broken
    assert show(again, 1, RED) == {1: 1}
    assert again.tracks[-1].session_id > rig.tracks[-1].session_id


def test_a_folder_that_vanishes_does_not_stop_the_node(start, tmp_path):
    folder = tmp_path / 'usb stick'
    folder.mkdir()
    rig = start(memory_file=str(folder / 'memory'), memory_period_s=1.0)
    shutil.rmtree(folder)
    rig.host.tick()
    assert 'the track memory was not written' in rig.texts('error')[0]
    assert show(rig, 0, RED) == {1: 1}
    assert rig.change('deactivate')
    assert rig.counts['errors'] == 2


def test_a_reset_that_was_asked_for_is_in_the_file(start, tmp_path):
    path = tmp_path / 'memory'
    rig = start(memory_file=str(path))
    show(rig, 0, RED)
    rig.host.call('/tracker/reset')
    assert rig.change('shutdown')
    again = start(memory_file=str(path))
    assert show(again, 1, RED) == {2: 1}  # a new track; id 1 stays that of the one forgotten
    assert again.tracks[-1].session_id == rig.tracks[-1].session_id + 1
