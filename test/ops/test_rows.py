# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of tables with an index of -1 for no row."""

import torch

from vis_ros.ops.rows import add, put, rows_to_do


def test_what_belongs_nowhere_changes_nothing() -> None:
    table = torch.arange(6.0).reshape(3, 2)
    nobody = torch.tensor([-1, -1])
    values = torch.full((2, 2), 9.0)
    assert torch.equal(put(table, nobody, values), table)
    assert torch.equal(add(table, nobody, values), table)
    none = torch.zeros(0, dtype=torch.int64)
    assert torch.equal(put(table, none, table[:0]), table)


def test_values_come_to_their_rows_and_the_table_stays() -> None:
    table = torch.arange(6.0).reshape(3, 2)
    before = table.clone()
    row = torch.tensor([2, -1, 0])
    values = torch.tensor([[10.0, 11.0], [12.0, 13.0], [14.0, 15.0]])
    assert put(table, row, values).tolist() == [[14, 15], [2, 3], [10, 11]]
    assert add(table, row, values).tolist() == [[14, 16], [2, 3], [14, 16]]
    assert torch.equal(table, before)


def test_on_a_cpu_only_real_rows_are_worked_on() -> None:
    is_real = torch.tensor([False, True, False, True])
    assert rows_to_do(is_real).tolist() == [1, 3]
    assert rows_to_do(is_real.to('meta')).shape == (4,)
