# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole node: any sequence of messages in, messages that can be sent out."""

from __future__ import annotations

from unittest import mock

import depth_rig
import numpy as np
from core_rig import IMAGES, NOW_NS, PERIOD_NS, Rig, image, new_puppet
from fuzz_images import ANY_ENCODING, calibrations, images
from fuzz_kit import FLOATS, REFUSED, TAKEN, Target
from hypothesis import strategies as st
from result_makers import CLASSES, MESSAGES, place, result, track

from vis_ros.media.palette import track_colour
from vis_ros.methods import METHODS
from vis_ros.structures import TrackState
from vis_ros.wire.annotation_messages import annotations_message
from vis_ros.wire.conversion import result_of, tracks_message
from vis_ros.wire.marker_messages import TrackMarkers
from vis_ros.wire.standard_messages import detections_2d_message, detections_3d_message

# Sequences of messages

GOOD = st.builds(
    lambda step, side: image(
        np.full((side, side + 4, 3), 7, np.uint8), stamp_ns=NOW_NS + step * PERIOD_NS
    ),
    st.integers(-40, 40),
    st.sampled_from((8, 8, 8, 24)),
)
EVENTS = st.one_of(
    st.tuples(st.just(IMAGES), GOOD),
    st.tuples(st.just(IMAGES), images(ANY_ENCODING)),
    st.tuples(st.just(depth_rig.INFO), calibrations()),
    st.tuples(st.just(depth_rig.DEPTH), st.builds(depth_rig.depth, st.integers(-5, 5))),
    st.tuples(st.just('reset'), st.none()),
    st.tuples(st.just('tick'), st.none()),
)


def take_events(events):
    """The node lives, each image ends in one counter, and a good image is tracked at the end."""
    with mock.patch.dict(METHODS, {'puppet': new_puppet()}):
        rig = Rig(depth_topic='depth', depth_wait_s=0.0, queue='every', queue_depth=50).start()
        try:
            for topic, event in events:
                if topic == 'reset':
                    assert rig.host.call('/tracker/reset').success
                elif topic == 'tick':
                    rig.host.tick()
                else:
                    rig.host.send(topic, event)
            rig.settle()
            rig.assert_balanced()
            rig.assert_still_tracks(NOW_NS + 10**12)
            for message in rig.tracks:
                MESSAGES.serialize(message)
            return REFUSED if rig.counts['failed'] else TAKEN
        finally:
            rig.core.shutdown()


# Results as messages for everybody

NUMBERS = st.integers(1, 2**64 - 1)


@st.composite
def results(draw):
    """Return a valid result, at the edges of what is valid."""
    tracks = []
    for slot, number in enumerate(draw(st.lists(NUMBERS, max_size=4, unique=True))):
        x, y = draw(st.integers(0, 1200)), draw(st.integers(0, 700))
        is_lost = draw(st.booleans())
        changes = {
            'slot': slot,
            'class_id': draw(st.integers(0, len(CLASSES) - 1)),
            'score': draw(st.floats(0.0, 1.0)),
            'box': (float(x), float(y), x + draw(st.floats(0, 80)), y + draw(st.floats(0, 20))),
            'hits': draw(st.integers(0, 2**32 - 1)),
            'velocity_px_s': (draw(st.floats(-1e6, 1e6)), 0.0),
            'class_scores': tuple(
                (k, draw(st.floats(0, 1))) for k in range(draw(st.integers(0, 2)))
            ),
        }
        if is_lost:
            changes['state'] = TrackState.LOST
        if draw(st.booleans()):
            xyz = [value if abs(value := draw(FLOATS)) < 1e6 else 1.0 for _ in range(3)]
            changes['placement'] = place(*xyz)
        tracks.append(track(number, **changes))
    frame = draw(st.sampled_from(('camera', '', 'ünï/code', 'x' * 300)))
    return result(*tracks, frame_id=frame, frame_id_3d=frame)


def take_result(found):
    """Each output of a valid result can be sent, and ours comes back as it was."""
    sent = tracks_message(MESSAGES, found, method='iou', class_names=CLASSES)
    data = bytes(MESSAGES.serialize(sent))
    back = result_of(MESSAGES.deserialize(data, sent.__msgtype__))
    assert [item.track_id for item in back.tracks] == [item.track_id for item in found.tracks]
    names = {'class_names': CLASSES, 'colour_of': track_colour}
    made = [
        detections_2d_message(MESSAGES, found),
        detections_3d_message(MESSAGES, found),
        annotations_message(MESSAGES, found, **names),
        TrackMarkers(MESSAGES, **names).message(found),
    ]
    for message in made:
        MESSAGES.serialize(message)
    return TAKEN


TARGETS = [
    Target('sequences of messages', st.lists(EVENTS, max_size=8), take_events, 1),
    Target('results', results(), take_result, 2),
]
