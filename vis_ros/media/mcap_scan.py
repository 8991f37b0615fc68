# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads an MCAP file from front to back without its index: what a cut recording still holds.

Source: MCAP format specification, https://mcap.dev/spec (records, chunks).
"""

import importlib
import mmap
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vis_ros.media.bag import BagTopic, Note
from vis_ros.media.source import SourceError

_MAGIC = b'\x89MCAP0\r\n'
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 0x02, 0x03, 0x04, 0x05, 0x06, 0x0F
_PREFIX_BYTES = 9  # one of operation code, eight of length
_MAX_CHUNK_BYTES = 2**31
_SLICE_BYTES = 2**16

_Item = tuple[int, int, memoryview]  # channel id, log time in nanoseconds, message


@dataclass(frozen=True, slots=True)
class _Record:
    """One record: operation code, body, and whether the body is there to its end."""

    code: int
    body: memoryview
    is_whole: bool


class McapScan:
    """One MCAP file with or without an index, whole or cut anywhere.

    Args:
        path: The file.

    Raises:
        SourceError: It is not MCAP, or holds no topic.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open('rb') as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise SourceError(f'{path}: is empty or no mcap file')
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}  # topic, type
        counts = Counter(channel for channel, _, _ in self._scan(_ignore))
        found: Counter[tuple[str, str]] = Counter()
        for channel, names in self._channels.items():
            found[names] += counts[channel]
        self.topics = [BagTopic(*names, count) for names, count in found.items()]
        if not self.topics:
            self.close()
            raise SourceError(f'{path}: is cut off before its first message')

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def messages(self, topic: BagTopic, note: Note) -> Iterator[tuple[int, bytes]]:
        """Yield log time in nanoseconds and CDR bytes of each whole message, in file order."""
        wanted = (topic.name, topic.type_name)
        for channel, log_ns, data in self._scan(note):
            if self._channels.get(channel) == wanted:
                yield log_ns, bytes(data)

    def _scan(self, note: Note) -> Iterator[_Item]:
        view = memoryview(self._map)
        try:
            for record in _records(view[len(_MAGIC) :]):
                if record.code in (_DATA_END, _FOOTER):
                    return
                if record.code == _CHUNK:
                    yield from self._scan_chunk(record.body, note)
                elif record.is_whole:
                    yield from self._read(record)
                if not record.is_whole:
                    break
            note(f'{self._path}: is cut off or damaged; what is whole was read')
        except (struct.error, UnicodeDecodeError) as error:
            note(f'{self._path}: is damaged ({error}); what is whole before that was read')

    def _scan_chunk(self, body: memoryview, note: Note) -> Iterator[_Item]:
        size, checksum = struct.unpack_from('<QI', body, 16)
        compression, at = _string(body, 28)
        (length,) = struct.unpack_from('<Q', body, at)
        data = inflate(body[at + 8 : at + 8 + length], compression, size)
        if len(data) < size:
            note(f'{self._path}: a chunk of {size} bytes has {len(data)} that can be read')
        elif checksum and zlib.crc32(data) != checksum:
            note(f'{self._path}: a chunk of {size} bytes has another checksum; it is left out')
            return
        for record in _records(memoryview(data)):
            if record.is_whole and record.code != _CHUNK:
                yield from self._read(record)

    def _read(self, record: _Record) -> Iterator[_Item]:
        body = record.body
        if record.code == _SCHEMA:
            (key,) = struct.unpack_from('<H', body)
            self._schemas[key] = _string(body, 2)[0]
        elif record.code == _CHANNEL:
            key, schema = struct.unpack_from('<HH', body)
            self._channels[key] = (_string(body, 4)[0], self._schemas.get(schema, ''))
        elif record.code == _MESSAGE:
            channel, _, log_ns, _ = struct.unpack_from('<HIQQ', body)
            yield channel, log_ns, body[22:]


def _ignore(problem: str) -> None:
    """Take no note: the first pass only counts, the second one tells."""


def _records(view: memoryview) -> Iterator[_Record]:
    at = 0
    while at + _PREFIX_BYTES <= len(view):
        code, length = struct.unpack_from('<BQ', view, at)
        if code == 0:  # not a record: the file's end was reserved on disk and never written
            return
        at += _PREFIX_BYTES
        body = view[at : at + length]
        yield _Record(code, body, len(body) == length)
        at += length


def _string(body: memoryview, at: int) -> tuple[str, int]:
    """Return the string at a place and the place behind it."""
    (length,) = struct.unpack_from('<I', body, at)
    end = at + 4 + length
    return bytes(body[at + 4 : end]).decode(), end


def inflate(
    data: memoryview, compression: str, size: int = _MAX_CHUNK_BYTES
) -> bytes | memoryview:
    """Return as much of compressed data as can be restored.

    Args:
        data: The compressed bytes, perhaps cut off or damaged.
        compression: Empty, zstd or lz4.
        size: Most bytes to restore.

    Raises:
        struct.error: The compression is another one.
    """
    if not compression:
        return data[:size]
    machine = _decompressor(compression)
    limit = min(size, _MAX_CHUNK_BYTES)
    restored, at = bytearray(), 0
    while len(restored) < limit and not machine.eof:
        piece = data[at : at + _SLICE_BYTES] if machine.needs_input else b''
        if machine.needs_input and not piece:
            break
        at += len(piece)
        try:
            restored += machine.decompress(piece, limit - len(restored))
        except Exception:  # each library has its own error for damage; what came before it counts
            break
    return bytes(restored)


class _Decompressor(Protocol):
    """The part that the decompressors of zstd and lz4 have in common."""

    eof: bool
    needs_input: bool

    def decompress(self, data: bytes | memoryview, max_length: int) -> bytes:
        """Take in data and return what is restored of it, `max_length` bytes at most."""


def _decompressor(compression: str) -> _Decompressor:
    """Load a library, both of which come with rosbags, and make its decompressor."""
    zstd = 'compression.zstd' if sys.version_info >= (3, 14) else 'backports.zstd'
    makers = {'zstd': (zstd, 'ZstdDecompressor'), 'lz4': ('lz4.frame', 'LZ4FrameDecompressor')}
    if compression not in makers:
        raise struct.error(f'chunk compression {compression!r} is not known')
    module, name = makers[compression]
    machine: _Decompressor = getattr(importlib.import_module(module), name)()
    return machine
