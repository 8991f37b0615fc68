# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The memory of a track from frame to frame.

Source: Johnander et al., section 3.3, equation 6. Unlike in a usual LSTM the output goes through
the graph before it comes back; the code feeds it back directly too (`gates_see_previous`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vis_ros.nn.rgnn.config import RgnnOptions

_GATES = {'lstm': 4, 'gate': 2, 'none': 0}


class Recurrence(nn.Module):
    """LSTM-like gates, one simple gate, or nothing.

    Args:
        size: Channels E.
        options: Variants.
    """

    def __init__(self, size: int, options: RgnnOptions) -> None:
        super().__init__()
        self.kind = options.recurrence
        rows = _GATES[self.kind] * size
        self.input = nn.Linear(size, rows) if rows else None
        sees_previous = rows and options.gates_see_previous
        self.previous = nn.Linear(size, rows) if sees_previous else None

    def forward(self, node: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next output and cell.

        Args:
            node: float tensor (..., E), from the graph.
            output: float tensor (..., E), previous output tau.
            cell: float tensor (..., E), previous cell; only the LSTM uses it.
        """
        if self.input is None:
            return node, cell
        gates = self.input(node)
        if self.previous is not None:
            gates = gates + self.previous(output)
        if self.kind == 'gate':
            gate, candidate = gates.chunk(2, dim=-1)
            share = torch.sigmoid(gate)
            return (1 - share) * output + share * torch.tanh(candidate), cell
        forget, take, give, candidate = gates.chunk(4, dim=-1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(candidate)
        return torch.sigmoid(give) * torch.tanh(cell), cell
