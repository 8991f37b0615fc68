# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What readers of bags have in common, and the reader for bags that are whole."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rosbags.rosbag2 import Reader

Note = Callable[[str], None]
"""Takes a line about damage."""


@dataclass(frozen=True, slots=True)
class BagTopic:
    """One topic of a bag.

    Args:
        name: Such as /camera/image_raw.
        type_name: Such as sensor_msgs/msg/Image.
        count: Messages, or None where the bag does not say.
    """

    name: str
    type_name: str
    count: int | None

    def __str__(self) -> str:
        count = '' if self.count is None else f', {self.count} messages'
        return f'{self.name} ({self.type_name}{count})'


class Bag(Protocol):
    """Messages of recorded topics."""

    topics: list[BagTopic]

    def messages(self, topic: BagTopic, note: Note) -> Iterator[tuple[int, bytes]]:
        """Yield log time in nanoseconds and CDR bytes, in order of recording; tell of damage."""

    def close(self) -> None:
        """Let go of the files."""


class WholeBag:
    """A bag that was closed properly: folder with metadata.yaml, or one storage file.

    Raises:
        Exception: Whatever `rosbags` meets in a bag that is not whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = Reader(path)
        self._reader.open()
        counts: Counter[tuple[str, str]] = Counter()
        for connection in self._reader.connections:
            counts[connection.topic, connection.msgtype] += connection.msgcount
        self.topics = [BagTopic(*names, count) for names, count in counts.items()]

    def close(self) -> None:
        """Let go of the files."""
        if self._reader.is_open:
            self._reader.close()

    def messages(self, topic: BagTopic, note: Note) -> Iterator[tuple[int, bytes]]:
        """See `Bag.messages`."""
        names = (topic.name, topic.type_name)
        wanted = [c for c in self._reader.connections if (c.topic, c.msgtype) == names]
        messages = self._reader.messages(wanted) if wanted else iter(())
        while True:
            try:
                _, log_ns, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # decoders raise whatever damage provokes
                note(f'{self._path}: is damaged ({error}); what is whole before that was read')
                return
            yield log_ns, data
