# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Logs of a training: CSV files, and the same for TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Table:
    """A CSV file with one row per step; the columns are those of its first row.

    Args:
        path: The file. It is gone on with, after rows that lie beyond `first` were cut off: they
            come again.
        first: First step that is still to come.
    """

    def __init__(self, path: Path, first: int) -> None:
        self._path = path
        self._columns: list[str] | None = None
        if not path.exists():
            return
        with path.open(newline='') as file:
            rows = list(csv.reader(file))
        if not rows:
            return
        self._columns = rows[0]
        kept = [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[0]) <= first]
        with path.open('w', newline='') as file:
            csv.writer(file).writerows([rows[0], *kept])

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row.

        Raises:
            ValueError: Its columns are not those of the file.
        """
        columns = ['step', *values]
        is_new = self._columns is None
        if not is_new and columns != self._columns:
            raise ValueError(f'{self._path}: expected columns {self._columns}, got {columns}')
        self._columns = columns
        with self._path.open('a', newline='') as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(columns)
            writer.writerow([step, *(f'{value:.6g}' for value in values.values())])


class Logs:
    """`train.csv` and `validation.csv` of a folder, and the events of TensorBoard beside them.

    Args:
        folder: Folder of the run.
        first: First step that is still to come.
    """

    def __init__(self, folder: Path, first: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._train = Table(folder / 'train.csv', first)
        self._validation = Table(folder / 'validation.csv', first)
        self._events: Any = SummaryWriter(str(folder / 'tensorboard'), purge_step=first)

    def train(self, step: int, values: Mapping[str, float]) -> None:
        """Log losses, learning rate, speed."""
        self._train.add(step, values)
        self._put('train', step, values)

    def validation(self, step: int, values: Mapping[str, float]) -> None:
        """Log the figures of a validation."""
        self._validation.add(step, values)
        self._put('validation', step, values)

    def _put(self, part: str, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._events.add_scalar(f'{part}/{name}', value, step)

    def close(self) -> None:
        """Write out what is still held back."""
        self._events.close()


class NoLogs:
    """Logs of the processes but the first, which write nothing."""

    def train(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def validation(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
