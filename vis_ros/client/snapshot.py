# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All tracks at one moment, and the questions that a planner asks of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from vis_ros.client.contact import Contact, Observer, time_to_contact
from vis_ros.client.masks import ImageShape
from vis_ros.client.record import NS_PER_S, TrackRecord
from vis_ros.client.regions import Region
from vis_ros.structures import TrackState


@dataclass(frozen=True)
class Query:
    """What a track must be to be among the answers. Every default lets all tracks pass.

    Args:
        classes: Names of classes; empty for all.
        states: States; empty for all.
        region: Part of the image; see `min_share`.
        min_share: Least share of the track that must lie in the region; a track without any share
            never passes.
        at_ns: Time of the question, on the clock of the image stamps; None for that of the newest
            message.
        min_age_s: Least time since the first observation [s].
        max_silence_s: Longest time since the latest observation [s].
        max_contact_s: Longest time to contact [s]. When finite, tracks of which it is not known
            do not pass.
        observer: Who is touched, and from where ranges are measured.
        with_absent: Whether tracks that the newest message does not list may pass.
        order: nearest: those with a position first, by range, then the others by the lower edge
            of their box, the lowest first (a camera that looks over level ground). contact:
            shortest time to contact first, the unknown last. id: ascending.
    """

    classes: Collection[str] = ()
    states: Collection[TrackState] = ()
    region: Region | None = None
    min_share: float = 0.0
    at_ns: int | None = None
    min_age_s: float = 0.0
    max_silence_s: float = math.inf
    max_contact_s: float = math.inf
    observer: Observer = field(default_factory=Observer)
    with_absent: bool = False
    order: Literal['nearest', 'contact', 'id'] = 'nearest'

    def __post_init__(self) -> None:
        if isinstance(self.classes, str):
            raise ValueError(f'classes: expected a collection of names, got {self.classes!r}')
        if self.order not in ('nearest', 'contact', 'id'):
            raise ValueError(f'order: expected nearest, contact or id, got {self.order!r}')
        if not 0 <= self.min_share <= 1:
            raise ValueError(f'min_share: expected a share in [0, 1], got {self.min_share}')
        for name in ('min_age_s', 'max_silence_s', 'max_contact_s'):
            if not (value := getattr(self, name)) >= 0:
                raise ValueError(f'{name}: expected 0 or more, got {value}')


_ALL = Query()
_NOTHING: Mapping[int, TrackRecord] = MappingProxyType({})


@dataclass(frozen=True)
class Snapshot:
    """The table after one message. Never changes; may be read by any thread and kept.

    Args:
        session_id: Run of the tracker's memory; 0 before the first message.
        stamp_ns: Stamp of the newest message; 0 before the first one.
        frame_id: Coordinate frame of the image.
        frame_id_3d: Coordinate frame of the positions; empty before the first one.
        image_shape: (height, width) of the source image [px].
        method: Name of the method that made the tracks.
        records: All tracks by id.
    """

    session_id: int = 0
    stamp_ns: int = 0
    frame_id: str = ''
    frame_id_3d: str = ''
    image_shape: ImageShape = (0, 0)
    method: str = ''
    records: Mapping[int, TrackRecord] = field(default_factory=lambda: _NOTHING)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[TrackRecord]:
        return iter(self.records.values())

    def get(self, track_id: int) -> TrackRecord | None:
        """Return the track with that id, or None."""
        return self.records.get(track_id)

    def age_s(self, now_ns: int) -> float:
        """Return how old the newest message is [s], by a clock that the image stamps follow."""
        return (now_ns - self.stamp_ns) / NS_PER_S

    def select(self, query: Query = _ALL) -> tuple[TrackRecord, ...]:
        """Return the tracks that pass a query, in its order.

        Raises:
            ValueError: The query's region has another size than the source image.
        """
        at_ns = self.stamp_ns if query.at_ns is None else query.at_ns
        plain = [record for record in self if _passes(record, query, at_ns)]
        needs_contact = query.order == 'contact' or query.max_contact_s < math.inf
        return _by_contact(plain, query, at_ns) if needs_contact else _sorted(plain, query)

    def nearest_of_each_class(self, query: Query = _ALL) -> dict[str, TrackRecord]:
        """Return the first track of each class, in the query's order."""
        first: dict[str, TrackRecord] = {}
        for record in self.select(query):
            first.setdefault(record.class_name, record)
        return first

    def contact(
        self, track_id: int, at_ns: int | None = None, observer: Observer | None = None
    ) -> Contact | None:
        """Return when a track will be touched; see `time_to_contact`.

        Args:
            track_id: Which track.
            at_ns: Time of the question; None for that of the newest message.
            observer: Who is touched.

        Returns:
            None also where there is no such track.
        """
        record = self.get(track_id)
        if record is None:
            return None
        return time_to_contact(
            record, self.stamp_ns if at_ns is None else at_ns, observer=observer
        )


def _passes(record: TrackRecord, query: Query, at_ns: int) -> bool:
    """Return whether a track passes all of a query but its time to contact; cheap tests first."""
    if not (record.is_present or query.with_absent):
        return False
    if query.classes and record.class_name not in query.classes:
        return False
    if query.states and record.state not in query.states:
        return False
    if record.age_s(at_ns) < query.min_age_s or record.silence_s(at_ns) > query.max_silence_s:
        return False
    if query.region is None:
        return True
    share = query.region.share_of(record)
    return share > 0 and share >= query.min_share


def _by_contact(records: list[TrackRecord], query: Query, at_ns: int) -> tuple[TrackRecord, ...]:
    contacts = [(time_to_contact(r, at_ns, observer=query.observer), r) for r in records]
    times = {r.track_id: contact.time_s for contact, r in contacts if contact is not None}
    if query.max_contact_s < math.inf:
        limit_s = query.max_contact_s
        records = [r for r in records if times.get(r.track_id, math.inf) <= limit_s]
    if query.order != 'contact':
        return _sorted(records, query)
    unknown_last = [(r.track_id not in times, times.get(r.track_id, 0.0), r) for r in records]
    unknown_last.sort(key=lambda item: (item[0], item[1], item[2].track_id))
    return tuple(record for _, _, record in unknown_last)


def _sorted(records: list[TrackRecord], query: Query) -> tuple[TrackRecord, ...]:
    if query.order == 'id':
        return tuple(sorted(records, key=lambda record: record.track_id))
    origin = query.observer.position_m

    def nearness(record: TrackRecord) -> tuple[bool, float, int]:
        position = record.position_m
        measure = -record.box[3] if position is None else math.dist(position, origin)
        return position is None, measure, record.track_id

    return tuple(sorted(records, key=nearness))
