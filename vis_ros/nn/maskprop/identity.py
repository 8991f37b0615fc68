# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From clip-level tracks to the identities of a video, and the scores of a whole track.

Source: MaskProp, section 4.3, equation 5.
"""

from __future__ import annotations

import numpy as np

NEW = -1
DUPLICATE = -2


def identity_scores(matching: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Return how well each clip-level track fits each identity (equation 5), float64 (N, count).

    Args:
        matching: float array (N, M), matching scores (equation 4) with the M tracks of all
            overlapping clips that were processed before.
        owners: int64 array (M,), identity of each of these, below `count`; below 0 for none.
        count: Number of identities.

    Returns:
        Means over the tracks of each identity; 0 for identities without any.
    """
    is_of = (owners[:, None] == np.arange(count)).astype(np.float64)  # (M, count)
    tracks = is_of.sum(axis=0)
    return (matching.astype(np.float64) @ is_of) / np.maximum(tracks, 1)


def assign(scores: np.ndarray, threshold: float, rule: str) -> np.ndarray:
    """Return the identity of each clip-level track of one frame, int64 (N,).

    A track takes the identity that it fits best, if it fits it better than the threshold;
    otherwise it is NEW.

    Args:
        scores: float array (N, Y), see `identity_scores`.
        threshold: A score must be greater than it.
        rule: When two tracks of a frame want one identity, the better fit gets it (the earlier
            one of equals). `next`: the other takes the best that is left; `drop`: it is a
            DUPLICATE.
    """
    result = np.full(len(scores), NEW, np.int64)
    if not scores.size:
        return result
    if rule == 'drop':
        best = scores.argmax(axis=1)
        value = scores.max(axis=1)
        result = np.where(value > threshold, best, NEW)
        order = np.argsort(-value, kind='stable')
        _, first = np.unique(result[order], return_index=True)
        is_first = np.zeros(len(scores), np.bool_)
        is_first[order[first]] = True
        return np.where(is_first | (result == NEW), result, DUPLICATE)
    left = scores.astype(np.float64).copy()
    while left.size:
        track, identity = divmod(int(left.argmax()), left.shape[1])
        if not left[track, identity] > threshold:
            break
        result[track] = identity
        left[track], left[:, identity] = -1.0, -1.0
    return result


def class_means(sums: np.ndarray, counts: np.ndarray, frames: np.ndarray, rule: str) -> np.ndarray:
    """Return the scores of tracks, one for each class (section 4.3), float32 (M, K).

    Args:
        sums: float array (M, K), sums of the scores with which each class was detected.
        counts: float array (M, K), how often it was.
        frames: float array (M,), detections of any class.
        rule: `all`: the mean over all detections, 0 where another class was seen; `class`: over
            those of the class only.
    """
    times = counts if rule == 'class' else np.broadcast_to(frames[:, None], sums.shape)
    return (sums / np.maximum(times, 1)).astype(np.float32)
