# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who is who: each identity at most once in a frame, by the Hungarian algorithm on the host.

Source: Zhu et al., ECCV 2022, section 3.2; details as in the official code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

NEWCOMER = -1
DISCARDED = -2


def match(shares: np.ndarray, in_use: np.ndarray, *, has_unused: bool = True) -> np.ndarray:
    """Return the identity of each detection.

    Any detection may also be new, which scores what the last identity says, or nobody, which
    scores 0 and makes it new as well; so does an identity that is not in use. No assignment is too
    weak.

    Args:
        shares: float array (N, I), probabilities of the identities; the last one means new.
        in_use: bool array (I - 1,), identities that were given to a track.
        has_unused: Whether identities that are not in use can be chosen at all.

    Returns:
        int64 array (N,), identities in [0, I - 1), or `NEWCOMER`.
    """
    count, ids = shares.shape
    if not count:
        return np.zeros(0, np.int64)
    gain = np.zeros((count, ids + count))  # identities, new, nobody, and new for all others
    gain[:, :ids] = shares
    if not has_unused:
        gain[:, np.flatnonzero(~in_use)] = 0.0
    gain[:, ids + 1 :] = shares[:, -1:]
    _, column = linear_sum_assignment(-gain)
    known = column < ids - 1
    known[known] = in_use[column[known]]
    return np.where(known, column, NEWCOMER)


def match_by_rank(count: int, in_use: np.ndarray) -> np.ndarray:
    """Return the identities of `count` detections where nothing tells them: by their rank.

    Args:
        count: Detections, best first; those beyond the identities are new.
        in_use: As for `match`.
    """
    found = np.full(count, NEWCOMER)
    known = np.flatnonzero(in_use[:count])
    found[known] = known
    return found


class Numbered(NamedTuple):
    """Identities by counting.

    Args:
        ids: int64 array (N,), or `DISCARDED`.
        given: Identities in use after the frame: those below this.
        is_birth: A newcomer was accepted.
    """

    ids: np.ndarray
    given: int
    is_birth: bool


def number(matched: np.ndarray, given: int, ids: int, *, when_full: str = 'share') -> Numbered:
    """Return the identities of a frame where newcomers are counted and nobody is ever forgotten.

    That is the life cycle of the paper and of the official code, for one short video. Streams
    take their identities from a track memory instead.

    Args:
        matched: int64 array (N,), see `match`; best detection first.
        given: Identities in use: those below this.
        ids: Number of identities I.
        when_full: `share`: all newcomers that are too many are identity I - 2, as in the code,
            which never shows it; `discard`: they are dropped, as in the paper.

    Raises:
        ValueError: `when_full` is neither.
    """
    if when_full not in ('share', 'discard'):
        raise ValueError(f"when_full: expected 'share' or 'discard', got {when_full!r}")
    found, is_birth = matched.copy(), False
    for index in np.flatnonzero(matched == NEWCOMER):
        if when_full == 'discard' and given >= ids - 1:
            found[index] = DISCARDED
            continue
        found[index], is_birth = given, True
        given = min(given + 1, ids - 2 if when_full == 'share' else ids - 1)
    return Numbered(found, given, is_birth)


def replaced(ids: np.ndarray) -> np.ndarray:
    """Return which detections lose their identity to a later one of the same frame, bool (N,)."""
    last = {int(k): index for index, k in enumerate(ids)}
    return np.array([last[int(k)] != index for index, k in enumerate(ids)], dtype=np.bool_)
