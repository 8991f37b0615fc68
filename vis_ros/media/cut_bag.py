# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of a bag whose recording was cut short: no metadata, no index, half a file."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from vis_ros.media.bag import Bag, BagTopic, Note
from vis_ros.media.mcap_scan import McapScan, inflate
from vis_ros.media.natural import natural_key
from vis_ros.media.source import SourceError
from vis_ros.media.sqlite_scan import SqliteScan

_SCANNERS: Mapping[str, Callable[[Path], Bag]] = {'.mcap': McapScan, '.db3': SqliteScan}
_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'  # CDR starts with 0


class CutBag:
    """All storage files of a bag, one after the other, each as far as it can be read.

    Args:
        path: Folder of the bag, or one storage file.

    Attributes:
        problems: Files that cannot be read at all.

    Raises:
        SourceError: No file can be read.
    """

    def __init__(self, path: Path) -> None:
        self.problems: list[str] = []
        self._files: list[Bag] = []
        inside = list(path.iterdir()) if path.is_dir() else [path]
        for file in sorted(inside, key=lambda item: natural_key(item.name)):
            if file.suffix not in _SCANNERS:
                continue
            try:
                self._files.append(_SCANNERS[file.suffix](file))
            except (SourceError, OSError) as error:
                self.problems.append(str(error))
        if not self._files:
            raise SourceError('; '.join(self.problems) or f'{path}: holds no .mcap or .db3 file')
        self.topics = self._merge_topics()

    def _merge_topics(self) -> list[BagTopic]:
        counts: dict[tuple[str, str], int | None] = {}
        for topic in (topic for file in self._files for topic in file.topics):
            names = (topic.name, topic.type_name)
            before = counts.get(names, 0)
            known = before is not None and topic.count is not None
            counts[names] = before + topic.count if known else None  # type: ignore[operator]
        return [BagTopic(*names, count) for names, count in counts.items()]

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()

    def messages(self, topic: BagTopic, note: Note) -> Iterator[tuple[int, bytes]]:
        """See `Bag.messages`."""
        for file in self._files:
            for log_ns, data in file.messages(topic, note):
                yield log_ns, _plain(data)


def _plain(data: bytes) -> bytes:
    """Undo the compression of single messages, which only the lost metadata would tell of."""
    if not data.startswith(_ZSTD_MAGIC):
        return data
    return bytes(inflate(memoryview(data), 'zstd'))
