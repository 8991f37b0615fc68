# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the results of single frames to results of whole videos, as the servers take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vis_ros.evaluation.coco_masks import CocoMask, from_rle
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Video
from vis_ros.structures import FrameResult, Track, TrackState


@dataclass
class _Gathered:
    """What is known of one track so far."""

    masks: dict[int, CocoMask] = field(default_factory=dict)  # by frame
    totals: dict[int, float] = field(default_factory=dict)  # sums of scores by class
    is_confirmed: bool = False


class VideoResults:
    """Gathers the frame results of one video.

    The rule: one entry for each track (session and id). Frames in which it was observed count,
    TENTATIVE ones too, LOST ones not. Its score for a class is the mean over these frames of the
    probability in `class_scores`, or of `score` for `class_id` where a frame has no
    `class_scores`; a class that a frame does not name has 0 there. The class with the highest
    mean, the lowest id among equal ones, is the entry's category, that mean its score. Tracks that
    were never ACTIVE are left out, as a listener is told not to trust them.

    It grows with the video: one compressed mask for each track and frame.

    Args:
        video: The video.
        category_ids: Category of each class of the method, `None` for a class that the data set
            lacks: it is never chosen.
        keep_tentative: Whether tracks that were never ACTIVE count too.
    """

    def __init__(
        self,
        video: Video,
        category_ids: Sequence[int | None],
        *,
        keep_tentative: bool = False,
    ) -> None:
        self._video = video
        self._category_ids = tuple(category_ids)
        self._keep_tentative = keep_tentative
        self._tracks: dict[tuple[int, int], _Gathered] = {}

    def add(self, frame: int, result: FrameResult) -> None:
        """Take in the result of a frame.

        Args:
            frame: Its position in the video, from 0.
            result: All its tracks.

        Raises:
            ValueError: The video has no such frame, or frames of another size.
        """
        video = self._video
        if not 0 <= frame < video.length:
            raise ValueError(f'frame: expected 0 to {video.length - 1}, got {frame}')
        if (result.height, result.width) != (video.height, video.width):
            raise ValueError(
                f'result: expected {video.height} x {video.width}, the size of video '
                f'{video.video_id}, got {result.height} x {result.width}'
            )
        for track in result.tracks:
            if track.is_observed:
                key = (result.session_id, track.track_id)
                self._take(self._tracks.setdefault(key, _Gathered()), frame, track)

    def _take(self, gathered: _Gathered, frame: int, track: Track) -> None:
        gathered.is_confirmed |= track.state == TrackState.ACTIVE
        gathered.masks[frame] = from_rle(track.mask, self._video.height, self._video.width)
        for class_id, score in track.class_scores or ((track.class_id, track.score),):
            gathered.totals[class_id] = gathered.totals.get(class_id, 0.0) + score

    def finish(self) -> tuple[ResultTrack, ...]:
        """Return the entries, in the order in which the tracks were first seen."""
        entries = (
            self._entry(gathered)
            for gathered in self._tracks.values()
            if gathered.is_confirmed or self._keep_tentative
        )
        return tuple(entry for entry in entries if entry is not None)

    def _entry(self, gathered: _Gathered) -> ResultTrack | None:
        best_score, best_category = 0.0, None
        for class_id, total in sorted(gathered.totals.items()):
            category = self._category_ids[class_id]
            if category is not None and (best_category is None or total > best_score):
                best_score, best_category = total, category
        if best_category is None:
            return None
        return ResultTrack(
            video_id=self._video.video_id,
            category_id=best_category,
            score=best_score / len(gathered.masks),
            masks=tuple(gathered.masks.get(frame) for frame in range(self._video.length)),
        )
