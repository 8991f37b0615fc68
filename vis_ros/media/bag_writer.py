# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes bags that `ros2 bag play` of every ROS 2 since Humble takes."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode

from vis_ros.wire.bare_messages import bare_messages

Storage = Literal['mcap', 'sqlite3']

# From version 9 on the metadata spells quality of service in a way that Humble cannot read.
_VERSION: Literal[8] = 8
_PLUGINS = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_BAG_SUFFIXES = ('.mcap', '.db3', '.zstd', '.yaml', '-wal', '-shm')
_FOREVER = QosTime(9223372036, 854775807)  # what ROS 2 records for no limit


class BagWriter:
    """A new bag. It appears at its path when it is closed, whole; until then it is in a folder
    beside it whose name ends in `.part-` and random letters.

    Leaving the `with` block by an exception keeps what was written so far as a whole bag, unless
    that is nothing.

    Args:
        path: Folder of the bag; folders above it are made.
        storage: mcap, or sqlite3, which every ROS 2 installation can read, but of which nothing is
            left if the writing process is killed.
        overwrite: Whether a bag at `path` is replaced (once the new one is whole).
        compress: Whether the chunks of an mcap file are compressed (zstd, level 3; no loss, read
            by every mcap reader). One rgb8 image of 768x576 is 1.33 MB and costs 4.3 ms of CPU
            without, 0.86 MB and 7.8 ms with it. Compressed sqlite3 needs a plug-in to play, so
            that is never done.

    Raises:
        FileExistsError: Something is at `path` and must not be replaced.
        ValueError: The storage is another one.
    """

    def __init__(
        self,
        path: str | Path,
        storage: Storage = 'mcap',
        *,
        overwrite: bool = False,
        compress: bool = True,
    ) -> None:
        if storage not in _PLUGINS:
            raise ValueError(f'storage: expected mcap or sqlite3, got {storage!r}')
        self.path = Path(path).absolute()
        self._overwrite = overwrite
        self._check_target()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = tempfile.mkdtemp(prefix=f'{self.path.name}.part-', dir=self.path.parent)
        self._part = Path(part)
        self._messages = bare_messages()
        plugin = _PLUGINS[storage]
        self._writer = Writer(self._part / self.path.name, version=_VERSION, storage_plugin=plugin)
        if compress and storage == 'mcap':
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        self._topics: dict[str, Connection] = {}
        self._is_open = True
        self.count = 0

    def declare(self, topic: str, type_name: str, *, latched: bool = False) -> None:
        """Announce a topic, which is needed only for one that is latched or may stay empty.

        Args:
            topic: Absolute name.
            type_name: Such as vis_msgs/msg/InstanceTrackArray.
            latched: Whether late subscribers get the last message (transient local).

        Raises:
            ValueError: The topic was declared before.
        """
        if topic in self._topics:
            raise ValueError(f'{topic}: declared already, as {self._topics[topic].msgtype}')
        self._topics[topic] = self._writer.add_connection(
            topic,
            type_name,
            typestore=self._messages.store,
            offered_qos_profiles=[_qos(latched=latched)],
        )

    def write(self, topic: str, message: Any, stamp_ns: int) -> None:
        """Append a message.

        Args:
            topic: Absolute name.
            message: Message of `bare_messages()`, of the same type each time.
            stamp_ns: Time of recording in nanoseconds.

        Raises:
            ValueError: The topic has another type, or the time is negative.
        """
        if stamp_ns < 0:
            raise ValueError(f'stamp_ns: expected 0 or more, got {stamp_ns}')
        type_name = message.__msgtype__
        if topic not in self._topics:
            self.declare(topic, type_name)
        connection = self._topics[topic]
        if connection.msgtype != type_name:
            raise ValueError(f'{topic}: expected {connection.msgtype}, got {type_name}')
        self._writer.write(connection, stamp_ns, self._messages.serialize(message))
        self.count += 1

    def close(self) -> None:
        """Finish the bag and put it in its place. A second call does nothing.

        Raises:
            FileExistsError: Something appeared at the path meanwhile; the bag stays in its
                `.part-` folder.
        """
        if not self._is_open:
            return
        self._is_open = False
        self._writer.close()
        self._check_target()
        if self.path.exists():
            os.replace(self.path, self._part / 'replaced')
        os.replace(self._part / self.path.name, self.path)
        shutil.rmtree(self._part)

    def _discard(self) -> None:
        self._is_open = False
        self._writer.abort()
        shutil.rmtree(self._part)

    def _check_target(self) -> None:
        if not self.path.exists():
            return
        if not self._overwrite:
            raise FileExistsError(f'{self.path}: exists already; nothing is overwritten unasked')
        if not self.path.is_dir():
            raise FileExistsError(f'{self.path}: is a file and not the folder of a bag')
        others = [item.name for item in self.path.iterdir() if not _belongs_to_bag(item)]
        if others:
            raise FileExistsError(f'{self.path}: holds more than a bag: {", ".join(others[:3])}')

    def __enter__(self) -> 'BagWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self.count == 0 and self._is_open:
            self._discard()
        else:
            self.close()


def _belongs_to_bag(item: Path) -> bool:
    return item.is_file() and item.name.endswith(_BAG_SUFFIXES)


def _qos(*, latched: bool) -> Qos:
    """Return what the tracker's publishers offer: reliable, and volatile or transient local."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )
