# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras that look at coloured boxes, for tests of one node that takes them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from coloured_world import TODAY, ColourDetector, street
from core_rig import PATIENCE_S, Rig, image

from vis_ros.wire.stamps import stamp_to_ns

NAMES = ('front', 'rear')


class TogetherDetector(ColourDetector):
    """Sees the colours of several frames at once; a test reads how many there were.

    `batches` is set by the fixture of a test to a list of its own.
    """

    takes_batches = True
    batches: list[int] = []

    def detect_many(self, states: Sequence[int], frames: Sequence[Any]) -> list[Any]:
        """See `Detector.detect_many`."""
        self.batches.append(len(frames))
        return super().detect_many(states, frames)


def video(seed: int, count: int, *, frame_id: str = 'camera') -> list[Any]:
    """Return image messages of boxes that walk, 100 ms apart."""
    return [
        image(frame.image, stamp_ns=frame.stamp_ns, frame_id=frame_id)
        for frame in street(count, seed=seed)
    ]


def seen(message: Any) -> tuple[Any, ...]:
    """Return all that a message of tracks says, but for the session and the times it took."""
    return (
        stamp_to_ns(message.header.stamp) - TODAY,
        message.header.frame_id,
        (message.height, message.width),
        [_seen_track(track) for track in message.tracks],
    )


def _seen_track(track: Any) -> tuple[Any, ...]:
    mask = track.mask
    return (
        (track.id, track.slot, track.state, track.class_id, track.hits, track.misses),
        (track.score, track.x_min, track.y_min, track.x_max, track.y_max),
        (mask.x, mask.y, mask.width, mask.height, list(mask.counts)),
    )


def alone(messages: Sequence[Any]) -> list[Any]:
    """Return what a node with one camera says of these images."""
    rig = Rig(method='iou', queue='every', queue_depth=100).start()
    rig.send(*messages)
    rig.settle()
    assert rig.change('shutdown')
    return [seen(message) for message in rig.tracks]


class CamerasRig(Rig):
    """A node core with several cameras."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**{'cameras': NAMES, **parameters})

    def show(self, camera: str, *messages: Any) -> None:
        """Send images of one camera."""
        for message in messages:
            self.host.send(f'/{camera}/image_raw', message)

    def stream(self, camera: str) -> Any:
        """Return what belongs to a camera."""
        (found,) = [stream for stream in self.core.streams if stream.name == camera]
        return found

    def published(self, camera: str) -> list[Any]:
        """Return every message of a camera's tracks."""
        name = f'/tracker/{camera}/tracks'
        return [m for e in self.host.entities if e.name == name for m in e.sent]

    def statuses(self) -> dict[str, Any]:
        """Return the diagnostics of each camera now."""
        self.host.tick()
        found = self.host.sent('/diagnostics')[-1].status
        return {status.name.removeprefix('/tracker: tracker '): status for status in found}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the worker from taking a frame; what is sent inside waits together."""
        reached, goes_on = Event(), Event()

        def wait() -> None:
            reached.set()
            assert goes_on.wait(PATIENCE_S)

        keeper = Thread(target=self.core.worker.call, args=(wait, PATIENCE_S))
        keeper.start()
        assert reached.wait(PATIENCE_S)
        try:
            yield
        finally:
            goes_on.set()
            keeper.join(PATIENCE_S)
