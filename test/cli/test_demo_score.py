# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The score of what a tracker published, out of a bag that also holds the ground truth."""

import dataclasses
import sys

import pytest

from vis_ros.cli.common import TRACKS_TOPIC
from vis_ros.cli.demo_score import describe, score_bag
from vis_ros.cli.recorder import LABEL_INFO_TOPIC
from vis_ros.media.bag_writer import BagWriter
from vis_ros.synth.bags import LABELS_TOPIC, TRUTH_TOPIC, TruthTracks
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.source import SynthSource
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import TRACKS_TYPE, labels_message, tracks_message

pytest.importorskip('motmetrics')
pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')

VIDEO = 'synth:easy,video=0,length=10,height=96,width=128,size_min=12,size_max=30'


@pytest.fixture(scope='module')
def truth():
    """Return the results of a perfect tracker, which are the ground truth."""
    source, tracks = SynthSource(VIDEO), TruthTracks()
    return [tracks.result(source.latest, 1 + frame.stamp_ns) for frame in source]


def write(path, truth, results, names=CLASSES, truth_names=CLASSES):
    """Write a bag as the demo records it; None is an image that was left out."""
    messages = bare_messages()
    with BagWriter(path) as bag:
        bag.declare(TRACKS_TOPIC, TRACKS_TYPE)
        bag.write(LABEL_INFO_TOPIC, labels_message(messages, 1, 'm', names), 1)
        bag.write(LABELS_TOPIC, labels_message(messages, 1, 'm', truth_names), 1)
        for topic, series, own in (
            (TRUTH_TOPIC, truth, truth_names),
            (TRACKS_TOPIC, results, names),
        ):
            for result in series:
                if result is not None:
                    message = tracks_message(messages, result, method='m', class_names=own)
                    bag.write(topic, message, result.stamp_ns)
    return path


def renamed(result, track_id):
    """Return a result with other ids."""
    tracks = [t._replace(track_id=track_id(t.track_id)) for t in result.tracks]
    return dataclasses.replace(result, tracks=tuple(tracks), session_id=7)


def test_nothing_published_scores_nothing(truth, tmp_path):
    figures = score_bag(write(tmp_path / 'bag', truth, []))
    assert (figures['AP'], figures['AP50'], figures['IDF1']) == (0.0, 0.0, 0.0)
    assert (figures['frames'], figures['answered'], figures['results']) == (10, 0, 0)


def test_perfect_tracks_score_one_whatever_their_ids(truth, tmp_path):
    results = [renamed(result, lambda number: 100 - number) for result in truth]
    figures = score_bag(write(tmp_path / 'bag', truth, results))
    assert (figures['AP'], figures['AP50'], figures['IDF1']) == (1.0, 1.0, 1.0)
    assert figures['switches'] == 0
    assert figures['answered'] == figures['frames'] == 10
    assert figures['results'] == figures['objects'] >= 2


def test_an_image_left_out_counts_as_one_without_tracks(truth, tmp_path):
    results = [result if index % 2 else None for index, result in enumerate(truth)]
    figures = score_bag(write(tmp_path / 'bag', truth, results))
    assert figures['answered'] == 5
    assert 0.0 < figures['IDF1'] < 1.0
    assert figures['AP'] < 0.5
    assert describe(figures).endswith('(5 images left out)')


def test_new_ids_in_the_middle_are_switches(truth, tmp_path):
    results = [
        renamed(result, lambda number, shift=index // 5: number + 50 * shift)
        for index, result in enumerate(truth)
    ]
    figures = score_bag(write(tmp_path / 'bag', truth, results))
    assert figures['switches'] >= 2
    assert figures['AP50'] < 1.0


def test_classes_are_matched_by_name(truth, tmp_path):
    names = CLASSES[::-1]

    def turned(track):
        class_id = len(CLASSES) - 1 - track.class_id
        return track._replace(class_id=class_id, class_scores=((class_id, 1.0),))

    results = [
        dataclasses.replace(result, tracks=tuple(map(turned, result.tracks))) for result in truth
    ]
    assert score_bag(write(tmp_path / 'bag', truth, results, names))['AP'] == 1.0
    others = [f'thing {index}' for index in range(len(CLASSES))]
    with pytest.raises(ValueError, match='share no name'):
        score_bag(write(tmp_path / 'others', truth, results, others))


def test_results_of_images_without_truth_do_not_count(truth, tmp_path):
    figures = score_bag(write(tmp_path / 'bag', truth[2:], truth))
    assert (figures['frames'], figures['answered'], figures['AP']) == (8, 8, 1.0)


def test_without_truth_there_is_no_score(truth, tmp_path):
    with pytest.raises(ValueError, match='/ground_truth/tracks'):
        score_bag(write(tmp_path / 'bag', [], truth))


def test_without_the_library_of_tracking_ap_is_left(truth, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'motmetrics', None)
    figures = score_bag(write(tmp_path / 'bag', truth, truth))
    assert figures['AP'] == 1.0
    assert 'IDF1' not in figures
    assert describe(figures).startswith('AP 1.000, AP50 1.000 over 10 images')
