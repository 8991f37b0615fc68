# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of an image topic in a bag of ROS 2."""

import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

from vis_ros.media.bag import Bag, BagTopic, WholeBag
from vis_ros.media.cut_bag import CutBag
from vis_ros.media.source import DEFAULT_FPS, Source, SourceError
from vis_ros.structures.frame import Frame
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import COMPRESSED_TYPE, IMAGE_TYPE, frame_of

BAG_SUFFIXES = ('.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
_PROBED_FRAMES = 16


class BagSource(Source):
    """Raw or compressed images of one topic; stamps are those of the message headers.

    A recording that was cut short (no metadata.yaml, no index, half a file) is read as far as it
    is whole, with a line in `problems`.

    Args:
        path: Folder of the bag, or one .mcap or .db3 file.
        topic: Image topic; may be left out where only one has images.

    Raises:
        SourceError: It cannot be read, has no image, or the topic is not clear.
    """

    def __init__(self, path: Path, *, topic: str | None = None) -> None:
        super().__init__()
        self._path = path
        self._messages = bare_messages()
        self._bag = self._open()
        try:
            self._topic = _choose(path, self._bag.topics, topic)
            self.topic = self._topic.name
            self.count = self._topic.count
            self._probe()
        except SourceError as error:
            self._bag.close()
            reasons = ''.join(f'; {problem}' for problem in self.problems[:3])
            raise SourceError(f'{error}{reasons}') from None

    def close(self) -> None:
        """Let go of the files."""
        self._bag.close()

    def _open(self) -> Bag:
        for log in self._write_ahead_logs():
            self._note_opening(f'{log}: messages that are still in this log are not read')
        try:
            return WholeBag(self._path)
        except Exception as error:  # rosbags raises whatever damage provokes
            reason = f'{type(error).__name__}: {error}' if str(error) else type(error).__name__
        try:
            bag = CutBag(self._path)
        except SourceError as error:
            raise SourceError(
                f'{self._path}: cannot be read as a bag: {reason}; {error}'
            ) from error
        self._note_opening(f'{self._path}: is not whole ({reason}); reading what there is')
        for problem in bag.problems:
            self._note_opening(problem)
        return bag

    def _write_ahead_logs(self) -> list[Path]:
        folder = self._path if self._path.is_dir() else self._path.parent
        start = '' if self._path.is_dir() else self._path.name
        logs = sorted(folder.glob('*.db3-wal'))
        return [log for log in logs if log.name.startswith(start) and log.stat().st_size]

    def _probe(self) -> None:
        """Find out size and rate from the first frames."""
        stamps_ns: list[int] = []
        for frame in self:
            if not stamps_ns:
                self.size = (frame.width, frame.height)
            stamps_ns.append(frame.stamp_ns)
            if len(stamps_ns) == _PROBED_FRAMES:
                break
        if not stamps_ns:
            raise SourceError(f'{self._path}: no image of {self.topic} can be read')
        self.problems[:] = self._opening_problems
        steps_ns = [b - a for a, b in itertools.pairwise(stamps_ns) if b > a]
        self.fps = 1e9 / statistics.median(steps_ns) if steps_ns else DEFAULT_FPS

    def _frames(self) -> Iterator[Frame]:
        messages = self._bag.messages(self._topic, self._note)
        for number, (_, data) in enumerate(messages):
            try:
                frame = frame_of(self._messages.deserialize(data, self._topic.type_name))
            except ValueError as error:
                self._note(f'{self.topic}, message {number}: {error}')
                continue
            yield frame


def _choose(path: Path, topics: list[BagTopic], wanted: str | None) -> BagTopic:
    images = [item for item in topics if item.type_name in (IMAGE_TYPE, COMPRESSED_TYPE)]
    if not images:
        others = ', '.join(map(str, topics)) or 'none'
        raise SourceError(f'{path}: has no image topic; its topics: {others}')
    listing = ', '.join(map(str, images))
    if wanted is None:
        filled = [item for item in images if item.count != 0]
        if not filled:
            raise SourceError(f'{path}: has no image; its image topics: {listing}')
        if len(filled) > 1:
            raise SourceError(f'{path}: which topic? Its image topics: {listing}')
        return filled[0]
    for item in images:
        if item.name == wanted:
            return item
    raise SourceError(f'{path}: has no image topic {wanted}; its image topics: {listing}')
