# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth in bags."""

import itertools

import numpy as np
from rosbags.rosbag2 import Reader

from vis_ros.ops.rle import to_dense
from vis_ros.structures import TrackState
from vis_ros.synth.bags import CAMERA_TOPIC, LABELS_TOPIC, TRUTH_TOPIC, TruthBag, TruthTracks
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.video import SynthVideo, synth_camera
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import result_of
from vis_ros.wire.encodings import frame_of

SMALL = SynthConfig(
    height=64, width=96, length=8, size_max=30.0, objects_min=3, objects_max=5, leaving=0.5
)


def read(path):
    """Return the messages by topic, with their times of recording."""
    store = bare_messages().store
    found = {}
    with Reader(path) as reader:
        for connection, stamp_ns, data in reader.messages():
            message = store.deserialize_cdr(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((stamp_ns, message))
    return found


def write(path, config):
    frames = list(SynthVideo(config, 11).details())
    bag = TruthBag(path, config.fps)
    for frame in frames:
        bag.add(frame)
    bag.close()
    return frames


def test_a_bag_decodes_to_the_labels(tmp_path):
    frames = write(tmp_path / 'bag', SMALL)
    found = read(tmp_path / 'bag')
    assert len(found[CAMERA_TOPIC]) == len(found[TRUTH_TOPIC]) == 8
    ((_, info),) = found[LABELS_TOPIC]
    assert tuple(info.class_names) == CLASSES
    for frame, (stamp_ns, image), (_, message) in zip(
        frames, found[CAMERA_TOPIC], found[TRUTH_TOPIC], strict=True
    ):
        result = result_of(message)
        np.testing.assert_array_equal(frame_of(image).image, frame.image)
        assert result.stamp_ns == frame_of(image).stamp_ns == stamp_ns
        labels = np.zeros_like(frame.labels)
        for track in result.tracks:
            labels[to_dense(track.mask, 64, 96)] = track.track_id
            check_track(track, frame)
        np.testing.assert_array_equal(labels, frame.labels)
        assert {t.class_name for t in message.tracks} <= set(CLASSES)


def check_track(track, frame):
    assert track.state == TrackState.ACTIVE
    assert track.score == 1.0
    assert track.class_id == frame.class_ids[track.track_id - 1]
    rows, columns = np.nonzero(frame.labels == track.track_id)
    tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert track.box == tight


def test_an_empty_video_has_messages_without_tracks(tmp_path):
    config = SynthConfig(height=32, width=32, length=3, objects_min=0, objects_max=0)
    write(tmp_path / 'bag', config)
    found = read(tmp_path / 'bag')
    assert [len(message.tracks) for _, message in found[TRUTH_TOPIC]] == [0, 0, 0]


def test_history_is_kept_over_absences():
    tracks, seen = TruthTracks(), {}
    for number, frame in enumerate(SynthVideo(SMALL, 2).details()):
        for track in tracks.result(frame, number).tracks:
            first, hits = seen.get(track.track_id, (number, 0))
            seen[track.track_id] = first, hits + 1
            assert (track.first_seen_ns, track.hits) == seen[track.track_id]
            assert track.last_seen_ns == number
    assert seen


def test_the_endless_camera_needs_bounded_memory():
    config = SynthConfig(
        height=48, width=64, size_max=24.0, leaving=1.0, absence_max_s=0.5, speed=90.0, length=1
    )
    tracks = TruthTracks(forget_after=20)
    for number, frame in enumerate(itertools.islice(synth_camera(config, 5), 300)):
        tracks.result(frame, number)
        assert len(tracks._history) == len(tracks._last_seen) <= 10
    assert max(frame.object_ids) > 10
