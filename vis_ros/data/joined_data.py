# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several data sets as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vis_ros.data.clip import Clip, DataSet


class JoinedData:
    """The videos of all sources, one source after the other, a `DataSet`.

    Args:
        sources: The data sets.
        classes: Classes of the whole, each with a name of its own; those of the sources are found
            by name. A class that no source has is allowed.

    Attributes:
        classes: Names of the classes.
        lengths: Number of frames of each video.
        source_of: int64 array (V,), number of the source of each video.

    Raises:
        ValueError: There is no source, a name is there twice, or a class of a source is not among
            `classes`; the text names it.
    """

    def __init__(self, sources: Sequence[DataSet], classes: Sequence[str]) -> None:
        if not sources:
            raise ValueError('sources: expected at least one')
        twice = sorted({name for name in classes if list(classes).count(name) > 1})
        if twice:
            raise ValueError(f'classes: there twice: {", ".join(twice)}')
        self.classes = tuple(classes)
        self._sources = tuple(sources)
        self._tables = tuple(self._table(i, source) for i, source in enumerate(sources))
        sizes = [len(source.lengths) for source in sources]
        self.lengths = tuple(length for source in sources for length in source.lengths)
        self.source_of = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        self._first = np.cumsum([0, *sizes])

    def _table(self, number: int, source: DataSet) -> np.ndarray:
        """Return the class here of each class of a source."""
        unknown = [name for name in source.classes if name not in self.classes]
        if unknown:
            raise ValueError(
                f'source {number}: expected classes among {", ".join(self.classes)}, got '
                f'{", ".join(unknown)}'
            )
        return np.array([self.classes.index(name) for name in source.classes], dtype=np.int64)

    def clip(self, video: int, frames: Sequence[int]) -> Clip:
        """Return frames of a video; see `DataSet`."""
        source = int(self.source_of[video])
        found = self._sources[source].clip(video - int(self._first[source]), frames)
        return Clip(found.images, found.labels, self._tables[source][found.class_ids])
