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


class LstmCells(nn.Module):
    """The `lstm` recurrences of tracks and of the empty track at once: for inference.

    Args:
        tracks: Whose parameters are copied.
        empty: Of the empty track, likewise.
    """

    weights: Tensor  # (2, 2 E, 4 E), of tracks and empty track: of node and previous output
    biases: Tensor  # (2, 4 E)

    def __init__(self, tracks: Recurrence, empty: Recurrence) -> None:
        super().__init__()
        both = [_joined(recurrence) for recurrence in (tracks, empty)]
        self.register_buffer('weights', torch.stack([weight for weight, _ in both]))
        self.register_buffer('biases', torch.stack([bias for _, bias in both]))

    def forward(self, node: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next output and cell of one stream, each (1, M + 1, E).

        Args:
            node: float tensor (1, M + 1, E), of the tracks and last the empty one.
            output: float tensor (1, M + 1, E), previous output tau.
            cell: float tensor (1, M + 1, E), previous cell.
        """
        before = torch.cat((node[0], output[0]), dim=-1)  # (M + 1, 2 E)
        of_tracks = torch.addmm(self.biases[0], before[:-1], self.weights[0])
        of_empty = torch.addmm(self.biases[1], before[-1:], self.weights[1])
        gates = torch.cat((of_tracks, of_empty))[None]  # (1, M + 1, 4 E)
        candidate = 3 * cell.shape[-1]
        forget, take, give = gates[..., :candidate].sigmoid().chunk(3, dim=-1)
        cell = torch.addcmul(forget * cell, take, gates[..., candidate:].tanh())
        return give * cell.tanh(), cell


def _joined(recurrence: Recurrence) -> tuple[Tensor, Tensor]:
    """Return weight (2 E, 4 E) and bias (4 E,) for nodes beside previous outputs."""
    node, previous = recurrence.input, recurrence.previous
    assert node is not None
    if previous is None:
        return torch.cat((node.weight.T, torch.zeros_like(node.weight.T))), node.bias
    return torch.cat((node.weight.T, previous.weight.T)), node.bias + previous.bias
