# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of all tracks: messages in, snapshots out."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from vis_ros.client.reading import TrackFrame, read_tracks
from vis_ros.client.record import NS_PER_S, Sample, TrackRecord
from vis_ros.client.snapshot import Snapshot
from vis_ros.structures.options import build_config, option

_PATIENCE = 3  # messages in a row of a lower session id until it is taken for the one that counts


@dataclasses.dataclass(frozen=True)
class TableConfig:
    """Limits of a table."""

    capacity: int = option(
        1024,
        'Most tracks in the table. When there are more, those stay that are present, then those '
        'seen latest, then those of the highest score.',
        minimum=1,
        maximum=100000,
    )
    max_absence_s: float = option(
        5.0,
        'A track that messages no longer list is forgotten after this time of the image stamps.',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
    )
    history_s: float = option(
        1.0,
        'Observations of a track are kept for so long; speeds are fitted to them.',
        unit='s',
        minimum=0.0,
        maximum=600.0,
    )
    history_length: int = option(
        64, 'Most observations that are kept of a track.', minimum=2, maximum=10000
    )


class Update(Enum):
    """What a message was to the table."""

    TAKEN = 'taken'  # newer than all before
    NEW_SESSION = 'new_session'  # everything known of earlier ids was forgotten
    REPEATED = 'repeated'  # of the same stamp as the newest: replaces it
    LATE = 'late'  # older than the newest: adds to the histories only
    OLD_SESSION = 'old_session'  # of an earlier session: ignored


class TrackTable:
    """All tracks of one tracker, for any number of readers.

    Holds at most `capacity` tracks with `history_length` observations each; see `TableConfig` for
    what is forgotten first. `update` may be called by one thread at a time or by several; reading
    never waits, and a snapshot that was read never changes.

    Session ids rise, so a higher one is a new session at once. A lower one is a message that was
    held up on its way, or a tracker that loaded an earlier memory: it counts when three messages
    of it come in a row.

    Args:
        **limits: Fields of `TableConfig`.

    Raises:
        ValueError: A limit is unknown or out of its range.
    """

    def __init__(self, **limits: Any) -> None:
        self.config = build_config(TableConfig, limits)
        self._lock = threading.Lock()
        self._snapshot = Snapshot()
        self._has_message = False
        self._earlier: tuple[int, int] = (0, 0)  # a lower session id, and how often in a row
        self._counts: Counter[Update] = Counter()

    def snapshot(self) -> Snapshot:
        """Return the table as it is now."""
        return self._snapshot

    @property
    def counts(self) -> Mapping[Update, int]:
        """How many messages of each kind there were."""
        with self._lock:
            return {kind: self._counts[kind] for kind in Update}

    def clear(self) -> None:
        """Forget everything, as before the first message; the counts stay."""
        with self._lock:
            self._snapshot = Snapshot()
            self._has_message = False
            self._earlier = (0, 0)

    def update(self, message: Any) -> Update:
        """Take in a `vis_msgs/InstanceTrackArray` of any host.

        Raises:
            ValueError: The message is not valid; the table stays as it was.
        """
        frame = read_tracks(message)
        with self._lock:
            kind = self._kind_of(frame)
            self._counts[kind] += 1
            if kind is Update.LATE:
                self._snapshot = _with_late(self._snapshot, frame, self.config)
            elif kind is not Update.OLD_SESSION:
                before = Snapshot() if kind is Update.NEW_SESSION else self._snapshot
                self._snapshot = _next(before, frame, self.config)
                self._has_message = True
        return kind

    def _kind_of(self, frame: TrackFrame) -> Update:
        now = self._snapshot
        if not self._has_message or frame.session_id > now.session_id:
            self._earlier = (0, 0)
            return Update.NEW_SESSION
        if frame.session_id < now.session_id:
            session_id, count = self._earlier
            count = count + 1 if session_id == frame.session_id else 1
            self._earlier = (frame.session_id, count)
            if count < _PATIENCE:
                return Update.OLD_SESSION
            self._earlier = (0, 0)
            return Update.NEW_SESSION
        self._earlier = (0, 0)
        if frame.stamp_ns == now.stamp_ns:
            return Update.REPEATED
        return Update.TAKEN if frame.stamp_ns > now.stamp_ns else Update.LATE


def _next(before: Snapshot, frame: TrackFrame, config: TableConfig) -> Snapshot:
    """Return the table after a message that is not older than the newest."""
    listed = {record.track_id for record in frame.records}
    records = [_joined(before.get(record.track_id), record, config) for record in frame.records]
    oldest_ns = frame.stamp_ns - config.max_absence_s * NS_PER_S
    for record in before:
        if record.track_id not in listed and record.stamp_ns >= oldest_ns:
            records.append(dataclasses.replace(record, is_present=False))
    if len(records) > config.capacity:
        records.sort(key=lambda r: (r.is_present, r.last_seen_ns, r.score, -r.track_id))
        records = records[-config.capacity :]
    return Snapshot(
        session_id=frame.session_id,
        stamp_ns=frame.stamp_ns,
        frame_id=frame.frame_id,
        frame_id_3d=frame.frame_id_3d or before.frame_id_3d,
        image_shape=frame.image_shape,
        method=frame.method,
        records=_by_id(records),
    )


def _by_id(records: list[TrackRecord]) -> Mapping[int, TrackRecord]:
    return MappingProxyType({r.track_id: r for r in sorted(records, key=lambda r: r.track_id)})


def _joined(before: TrackRecord | None, record: TrackRecord, config: TableConfig) -> TrackRecord:
    """Return the new record of a track with its history."""
    history: tuple[Sample, ...] = ()
    frame_id_3d = record.frame_id_3d
    if before is not None:
        frame_id_3d = frame_id_3d or before.frame_id_3d
        history = before.history if _is_comparable(before, record) else ()
        history = tuple(sample for sample in history if sample.stamp_ns < record.stamp_ns)
    if record.is_observed:
        history = _trimmed((*history, record.sample()), config)
    return dataclasses.replace(record, history=history, frame_id_3d=frame_id_3d)


def _is_comparable(before: TrackRecord, record: TrackRecord) -> bool:
    """Return whether boxes and positions of two records are in the same pixels and axes."""
    frames = {before.frame_id_3d, record.frame_id_3d} - {''}
    return before.image_shape == record.image_shape and len(frames) <= 1


def _trimmed(history: tuple[Sample, ...], config: TableConfig) -> tuple[Sample, ...]:
    oldest_ns = history[-1].stamp_ns - config.history_s * NS_PER_S
    recent = tuple(sample for sample in history if sample.stamp_ns >= oldest_ns)
    return recent[-config.history_length :]


def _with_late(before: Snapshot, frame: TrackFrame, config: TableConfig) -> Snapshot:
    """Return the table with the observations of a message that came too late put in order."""
    records = dict(before.records)
    for late in frame.records:
        known = records.get(late.track_id)
        if known is None or not known.history or not late.is_observed:
            continue
        has_it = any(sample.stamp_ns == late.stamp_ns for sample in known.history)
        if has_it or not _is_comparable(known, late):
            continue
        history = sorted((*known.history, late.sample()), key=lambda sample: sample.stamp_ns)
        records[late.track_id] = dataclasses.replace(
            known, history=_trimmed(tuple(history), config)
        )
    return dataclasses.replace(before, records=MappingProxyType(records))
