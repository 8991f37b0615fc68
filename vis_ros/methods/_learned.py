# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What methods with networks of their own share: what a file says, masks, probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from vis_ros.memory import TrackMemory
from vis_ros.memory.snapshot import Snapshot
from vis_ros.ops.rle import encode
from vis_ros.structures import Rle, Track
from vis_ros.structures.options import differences, replace_config, values_of

C = TypeVar('C')


def config_of_file(config: C, meta: Mapping[str, Any]) -> C:
    """Return the configuration with the file's own values where an option has its default."""
    defaults, given = values_of(type(config)()), values_of(config)
    own = dict(meta.get('config') or {})
    return replace_config(
        config, {name: own[name] for name in own if given.get(name) == defaults.get(name)}
    )


def class_names(chosen: tuple[str, ...], meta: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return the names of the classes: those chosen, those of the file, or numbers.

    Args:
        chosen: By the user; may be empty.
        meta: What the weights file says about itself.
        count: Classes that the weights have.
    """
    if chosen:
        return chosen
    if named := meta.get('classes'):
        return tuple(map(str, named))
    return ('object',) if count <= 1 else tuple(f'class {k + 1}' for k in range(count))


def masks_of_labels(labels: np.ndarray, memory: TrackMemory) -> Callable[[int], Rle]:
    """Return a function that gives the mask of a slot.

    Args:
        labels: int array (H, W), slot + 1 of each pixel's owner, or 0.
        memory: Its boxes are the tight ones of the labels.
    """
    boxes = memory['box'].cpu().numpy().astype(np.int64)

    def mask_of(slot: int) -> Rle:
        x1, y1, x2, y2 = boxes[slot].tolist()
        return encode(labels[y1:y2, x1:x2] == slot + 1, x=x1, y=y1)

    return mask_of


def with_probabilities(tracks: tuple[Track, ...], memory: TrackMemory) -> tuple[Track, ...]:
    """Return tracks whose class scores are those of the memory, whatever their sum.

    Args:
        tracks: As `report_tracks` gives them: shares that add up to 1.
        memory: What they come from.
    """
    total = memory['class_votes'].sum(dim=1).tolist()
    return tuple(
        replace(
            track, class_scores=tuple((k, s * total[track.slot]) for k, s in track.class_scores)
        )
        for track in tracks
    )


def check_origin(snapshot: Snapshot, mine: Mapping[str, Any]) -> None:
    """Check that a snapshot comes from a method like this one.

    Raises:
        ValueError: It does not; the text says what differs.
    """
    for name, value in mine.items():
        other = snapshot.meta.get(name)
        if other == value:
            continue
        if isinstance(other, dict) and isinstance(value, dict):
            text = differences(other, value)
        else:
            text = f'was {other!r}, is {value!r}'
        raise ValueError(f'memory of another {name}: {text}')
