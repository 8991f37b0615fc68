# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures and figures of a part of the demo, all of them taken from its bag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader

from vis_ros.cli.common import CAMERA_TOPIC, TRACKS_TOPIC
from vis_ros.cli.recorder import DIAGNOSTICS_TOPIC, OVERLAY_TOPIC
from vis_ros.structures import TrackState


def make_report(out: Path, exit_codes: Mapping[str, int]) -> dict[str, Any]:
    """Write overlay.mp4 and contact_sheet.png; return the summary.

    Args:
        out: Folder of the part, which holds the bag.
        exit_codes: Exit code of each process of the part.
    """
    from vis_ros.wire.conversion import result_of

    bag = out / 'bag'
    results = {}
    latencies = []
    for message in messages_of(bag, TRACKS_TOPIC):
        result = result_of(message)
        results[result.stamp_ns] = result
        latencies.append(float(message.stamp_to_publish_ms))
    frames_in = sum(1 for _ in messages_of(bag, CAMERA_TOPIC))
    _draw(out, bag, results)
    ids = {t.track_id for r in results.values() for t in r.tracks if t.state == TrackState.ACTIVE}
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99)) if latencies else (0.0, 0.0, 0.0)
    return {
        'frames_in': frames_in,
        'frames_out': len(latencies),
        'frames_dropped': _dropped(bag),
        'tracks': len(ids),
        'stamp_to_publish_ms': {
            'p50': round(float(p50), 2),
            'p95': round(float(p95), 2),
            'p99': round(float(p99), 2),
        },
        'sessions': len({result.session_id for result in results.values()}),
        'exit_codes': dict(exit_codes),
    }


def _draw(out: Path, bag: Path, results: Mapping[int, Any]) -> None:
    from vis_ros.media.contact_sheet import ContactSheet
    from vis_ros.media.video_writer import VideoWriter
    from vis_ros.wire.encodings import frame_of

    sheet = ContactSheet()
    stamps = sorted(results)
    period_s = float(np.median(np.diff(stamps))) / 1e9 if len(stamps) > 1 else 0.1
    count = 0
    with VideoWriter(
        out / 'overlay.mp4', round(1 / max(period_s, 1e-3), 2), overwrite=True
    ) as mp4:
        for message in messages_of(bag, OVERLAY_TOPIC):
            frame = frame_of(message)
            mp4.write(frame.image)
            if frame.stamp_ns in results:
                sheet.add(frame.image, results[frame.stamp_ns])
                count += 1
    if count:
        sheet.write(out / 'contact_sheet.png')


def _dropped(bag: Path) -> int:
    """Return the node's own count of dropped frames, as it said last."""
    dropped = 0
    for message in messages_of(bag, DIAGNOSTICS_TOPIC):
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            dropped = int(values.get('dropped', dropped))
    return dropped


def messages_of(bag: Path, topic: str) -> Iterator[Any]:
    """Yield the messages of one topic of a bag, in order of recording."""
    from vis_ros.wire.bare_messages import bare_messages

    messages = bare_messages()
    with AnyReader([bag], default_typestore=messages.store) as reader:
        connections = [c for c in reader.connections if c.topic == topic]
        for connection, _, data in reader.messages(connections=connections):
            yield messages.deserialize(data, connection.msgtype)
