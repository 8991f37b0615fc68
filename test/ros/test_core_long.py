# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Thousands of frames: nothing grows, no id comes back. `make soak` runs for half an hour."""

import gc
import tracemalloc
from pathlib import Path

from coloured_world import HEIGHT, PERIOD_NS, TODAY, WIDTH, ColourDetector, picture
from core_rig import image

from vis_ros.detectors import DETECTORS

FRAMES = 2_000
WARM = 1_000  # frames after which everything has its size
COLOURS = [(250, 9, 0), (200, 99, 9), (150, 200, 30), (90, 9, 240)]


def scene(index):
    """Return an image in which things come, walk and leave; each is new when it comes back."""
    things = [
        ((index * 3 + 40 * k) % (WIDTH + 60) - 30, 11 * k, 8, 8, colour)
        for k, colour in enumerate(COLOURS)
        if (index // 50 + k) % 3
    ]
    return image(picture(*things), stamp_ns=TODAY + index * PERIOD_NS)


def resident_bytes():
    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096


def test_thousands_of_frames(make_rig, monkeypatch):
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    options = {'config.memory.capacity': 8, 'config.memory.lost_timeout_s': 0.3}
    rig = make_rig(method='iou', queue='every', queue_depth=50, **options).start()
    assert HEIGHT * WIDTH < 5000
    spans: dict[int, list[int]] = {}  # by id: first and last stamp, messages
    sizes = []
    for index in range(FRAMES):
        rig.send(scene(index))
        if index % 50 == 49:
            rig.settle()
            for message in take(rig):
                assert len(message.tracks) <= 8
                for item in message.tracks:
                    span = spans.setdefault(item.id, [stamp_ns(message), 0, 0])
                    span[1:] = stamp_ns(message), span[2] + 1
        if index % 500 == 499:
            rig.host.tick()
            rig.host.sent('/diagnostics').clear()
            gc.collect()
            if index + 1 == WARM:
                tracemalloc.start()
                start_bytes = resident_bytes()
            elif index + 1 > WARM:
                sizes.append(tracemalloc.get_traced_memory()[0])
    traced = sizes[-1] - sizes[0]
    tracemalloc.stop()
    assert rig.counts['processed'] == FRAMES
    assert len(spans) > 100
    assert list(spans) == sorted(spans)  # ids rise
    for first_ns, last_ns, count in spans.values():  # and each is one unbroken piece of time
        assert (last_ns - first_ns) // PERIOD_NS == count - 1
    assert traced < 100_000, f'{sizes} bytes of Python objects'
    assert resident_bytes() - start_bytes < 30_000_000
    assert not rig.texts('error')
    rig.assert_balanced()


def take(rig):
    """Take what was published, as subscribers do: nobody keeps it."""
    taken = list(rig.host.sent('/tracker/tracks'))
    for entity in rig.host.entities:
        if entity.kind == 'publisher':
            entity.sent.clear()
    rig.host.find('publisher', '/tracker/debug/overlay').subscribers = 0
    rig.host.find('publisher', '/tracker/debug/labels').subscribers = 0
    return taken


def stamp_ns(message):
    stamp = message.header.stamp
    return stamp.sec * 10**9 + stamp.nanosec
