# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros play` and `vis_ros listen` on a host that only writes down what it is given."""

import json
import os
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from footage import scene, vis_ros
from paper_host import NOW_NS, PATIENCE_S, Paper

from vis_ros.cli.common import run_beside
from vis_ros.cli.follower import WINDOW
from vis_ros.cli.listen import Listener
from vis_ros.cli.main import build_parser
from vis_ros.cli.play import Player
from vis_ros.media.sources import open_source
from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import tracks_message
from vis_ros.wire.encodings import frame_of


def play(folder, *words):
    """Play to the end at full speed; return host and player."""
    args = build_parser().parse_args(['play', str(folder), '--rate', '1000', *words])
    host = Paper()
    with open_source(folder) as source:
        player = Player(host, source, args)
        run_beside(host, player.play, player.ended)
    return host, player


def test_a_recording_is_published_as_it_is(folder):
    host, player = play(folder, '--stamps', 'recorded', '--frame-id', 'cam', '--clock')
    images, clock = host.sent['/camera/image_raw'], host.sent['/clock']
    assert player.count == len(images) == len(clock) == 40
    for number, (image, tick) in enumerate(zip(images, clock, strict=True)):
        frame = frame_of(image)
        assert (frame.stamp_ns, frame.frame_id) == (number * 100_000_000, 'cam')
        np.testing.assert_array_equal(frame.image, scene(number))
        assert tick.clock == image.header.stamp
    assert host.logs == ['40 frames published']


def test_stamps_are_those_of_publishing_by_default(folder):
    host, _ = play(folder, '--output', '/elsewhere')
    assert {frame_of(image).stamp_ns for image in host.sent['/elsewhere']} == {NOW_NS}


def test_compressed_images_hold_the_same_colours(folder):
    host, _ = play(folder, '--compressed')
    images = host.sent['/camera/image_raw/compressed']
    error = np.abs(frame_of(images[20]).image.astype(int) - scene(20)).mean()
    assert error < 20


def test_a_loop_ends_when_it_is_told_to(folder):
    args = build_parser().parse_args(['play', str(folder), '--rate', '1000', '--loop'])
    host = Paper()
    with open_source(folder) as source:
        player = Player(host, source, args)
        thread = threading.Thread(target=player.play)
        thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while player.count < 90 and time.monotonic() < deadline:
            time.sleep(0.005)
        player.ended.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert player.count >= 90


@pytest.mark.parametrize('rate', ['0', '-1', 'nan', 'inf'])
def test_rates_that_are_none(folder, capsys, rate):
    assert vis_ros('play', folder, '--rate', rate) == 2
    assert '--rate: expected a value in (0, 1000]' in capsys.readouterr().err


@pytest.mark.parametrize('ahead', ['0', '-1', str(WINDOW + 1)])
def test_windows_that_are_none(folder, capsys, ahead):
    assert vis_ros('play', folder, '--ahead', ahead) == 2
    assert f'--ahead: expected a value in [1, {WINDOW}], got {ahead}' in capsys.readouterr().err


class Tracker(Paper):
    """Takes what is played, and answers when the test says so; keeps how many were due."""

    def __init__(self, answers):
        super().__init__()
        self.answers, self.most_due = answers, 0
        self._due = []

    def publishers_on(self, topic):
        return ['one'] if self.answers is not None else []

    def create_subscription(self, type_name, topic, qos, callback):
        assert topic == '/t/tracks'
        self._callback = callback

    def create_publisher(self, type_name, topic, qos):
        sheet = super().create_publisher(type_name, topic, qos)
        if topic == '/camera/image_raw':
            assert qos.depth == WINDOW
            sheet.publish = self._take
        return sheet

    def _take(self, image):
        self.sent['/camera/image_raw'].append(image)
        self._due.append(image.header)
        self.most_due = max(self.most_due, len(self._due))
        if self.answers(len(self.sent['/camera/image_raw'])):
            threading.Timer(0.01, self.answer, (list(self._due),)).start()

    def answer(self, headers):
        for header in headers[-1:]:
            self._callback(SimpleNamespace(header=header))
        self._due = [header for header in self._due if header not in headers]


def follow(host, source, *words):
    own = ('--rate', '1000', '--stamps', 'recorded', '--follow', '/t/tracks')
    args = build_parser().parse_args(['play', str(source), *own, *words])
    with open_source(source) as frames:
        player = Player(host, frames, args)
        run_beside(host, player.play, player.ended)
    return player


def test_a_player_waits_for_the_tracker_that_it_follows(folder):
    host = Tracker(lambda count: count % WINDOW == 0 or count == 40)
    player = follow(host, folder)
    assert (player.count, host.most_due) == (40, WINDOW)
    assert host.logs == ['40 frames published']


def test_a_player_can_wait_for_each_result(folder):
    host = Tracker(lambda count: True)
    player = follow(host, folder, '--ahead', '1')
    assert (player.count, host.most_due) == (40, 1)


def test_a_player_gives_up_a_tracker_that_says_nothing(folder, monkeypatch):
    monkeypatch.setattr('vis_ros.cli.follower._PATIENCE_S', 0.2)
    host = Tracker(lambda count: False)
    assert follow(host, folder).count == 40
    assert host.logs[0].startswith(f'/t/tracks: no result of {WINDOW} frames for 0 s')
    assert host.logs[1].startswith('/t/tracks: no result of 8 frames for 0 s')


def test_without_a_tracker_to_follow_nothing_is_played(folder):
    host = Tracker(None)
    with pytest.raises(TimeoutError, match='no tracker within 0.1 s'):
        follow(host, folder, '--wait', '0.1')
    assert host.sent['/camera/image_raw'] == []


def test_an_error_beside_the_host_reaches_the_caller():
    def fail():
        raise OSError('disk on fire')

    ended = threading.Event()
    with pytest.raises(OSError, match='disk on fire'):
        run_beside(Paper(), fail, ended)
    assert ended.is_set()


def message(index=0):
    mask = Rle(2, 3, 1, 1, np.array([0, 1], np.uint32))
    stamp_ns = NOW_NS - 25_000_000 + index
    track = Track(
        7, 0, TrackState.ACTIVE, 0, 0.5, (2, 3, 3, 4), mask, stamp_ns, stamp_ns, 4, 0, (1.0, -2.0)
    )
    result = FrameResult(stamp_ns, 'cam', 8, 9, (track,), 5)
    return tracks_message(bare_messages(), result, method='iou', class_names=['thing'])


def listener(*words):
    return Listener(Paper(), build_parser().parse_args(['listen', *words]))


def test_a_line_of_json_for_each_message(capsys):
    planner = listener('--json', '--count', '2')
    for index in range(5):  # three more than were asked for
        planner.take(message(index))
    planner.show()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == planner.count == 2
    assert json.loads(lines[0]) == {
        'stamp': [NOW_NS // 10**9 - 1, 975_000_000],
        'session_id': 5,
        'latency_ms': 25.0,
        'tracks': [
            {
                'id': 7,
                'class': 'thing',
                'state': 'active',
                'score': 0.5,
                'box': [2.0, 3.0, 3.0, 4.0],
                'hits': 4,
            }
        ],
    }


def test_on_a_pipe_the_last_table_is_printed(capsys):
    planner = listener('--duration', '0')
    planner.take(message())
    planner.ended.set()
    planner.show()
    text = capsys.readouterr().out
    assert 'iou: 1 messages, latency 25.0 ms' in text
    assert 'active' in text


def test_a_duration_of_nothing_ends_at_once(capsys):
    listener('--json', '--duration', '0').show()
    assert capsys.readouterr().out == ''


def test_a_reader_that_has_seen_enough_ends_it(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, 'w') as pipe:
        monkeypatch.setattr('sys.stdout', pipe)
        planner = listener('--json')
        planner.take(message())
        assert planner.ended.is_set()
