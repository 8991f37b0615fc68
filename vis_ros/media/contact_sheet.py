# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A run at a glance: frames from its whole length in one picture."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vis_ros.media.fit import fit
from vis_ros.media.overlay import draw_text
from vis_ros.media.palette import BLACK
from vis_ros.structures.result import FrameResult

_SPARE = 4  # frames kept per place; the more, the more even are the distances


@dataclass(frozen=True, slots=True)
class _Tile:
    """A small frame, when it was taken, and how many tracks were observed in it."""

    image: np.ndarray
    stamp_ns: int
    track_count: int


class ContactSheet:
    """Frames at equal distances from a run of unknown length, as a grid.

    Keeps less than four times as many small frames as the grid has places (up to 24 MB by
    default): whenever that is full, every second one is dropped, and from then on only every
    second frame of before is taken.

    Args:
        columns: Columns of the grid, at least 1.
        rows: Rows of the grid, at least 1.
        tile_width: Width of a frame in the grid [px].
    """

    def __init__(self, *, columns: int = 4, rows: int = 3, tile_width: int = 480) -> None:
        if min(columns, rows, tile_width) < 1:
            sizes = f'{columns}, {rows}, {tile_width}'
            raise ValueError(f'columns, rows, tile_width: expected 1 or more, got {sizes}')
        self._columns = columns
        self._rows = rows
        self._tile_width = tile_width
        self._tile_height = 0
        self._tiles: list[_Tile] = []
        self._stride = 1
        self._count = 0

    def wants_next(self) -> bool:
        """Whether the next frame will be kept, so that others need not be drawn."""
        return self._count % self._stride == 0

    def add(self, image: np.ndarray | None, result: FrameResult) -> None:
        """Take the next frame.

        Args:
            image: uint8 array (H, W, 3), RGB; may be None where `wants_next` said no.
            result: What was found in it.
        """
        is_wanted = self.wants_next()
        self._count += 1
        if not is_wanted or image is None:
            return
        if not self._tile_height:
            self._tile_height = max(1, round(self._tile_width * image.shape[0] / image.shape[1]))
        small = fit(image, self._tile_width, self._tile_height).copy()
        observed = sum(track.is_observed for track in result.tracks)
        self._tiles.append(_Tile(small, result.stamp_ns, observed))
        if len(self._tiles) == _SPARE * self._columns * self._rows:
            self._tiles = self._tiles[::2]
            self._stride *= 2

    def render(self) -> np.ndarray:
        """Return the sheet.

        Returns:
            uint8 array (rows * tile height, columns * tile width, 3), RGB; places without a frame
            are black.

        Raises:
            ValueError: No frame was added.
        """
        if not self._tiles:
            raise ValueError('a contact sheet needs at least one frame')
        places = self._columns * self._rows
        chosen = np.linspace(0, len(self._tiles) - 1, min(places, len(self._tiles)))
        height, width = self._tile_height, self._tile_width
        sheet = np.zeros((self._rows * height, self._columns * width, 3), np.uint8)
        for place, index in enumerate(chosen.round().astype(int)):
            row, column = divmod(place, self._columns)
            cell = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]
            cell[...] = self._captioned(self._tiles[index])
        return sheet

    def _captioned(self, tile: _Tile) -> np.ndarray:
        seconds = (tile.stamp_ns - self._tiles[0].stamp_ns) / 1e9
        noun = 'track' if tile.track_count == 1 else 'tracks'
        picture = tile.image.copy()
        text = f'{seconds:.1f} s  {tile.track_count} {noun}'
        draw_text(picture, text, (0, 0), BLACK, scale=max(0.3, self._tile_width / 800))
        return picture

    def write(self, path: str | Path) -> None:
        """Write the sheet as PNG.

        Raises:
            ValueError: No frame was added.
            OSError: The file cannot be written.
        """
        is_coded, data = cv2.imencode('.png', cv2.cvtColor(self.render(), cv2.COLOR_RGB2BGR))
        if not is_coded:
            raise OSError(f'{path}: the sheet cannot be coded as PNG')
        Path(path).write_bytes(data.tobytes())
