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


class LstmCell(nn.Module):
    """The `lstm` recurrence in one call, on a GPU one kernel after its products: for inference.

    Args:
        recurrence: Whose parameters are copied.
    """

    weights: Tensor  # (2, 4 E, E), of node and previous output
    biases: Tensor  # (2, 4 E)

    def __init__(self, recurrence: Recurrence) -> None:
        super().__init__()
        assert recurrence.input is not None
        weight, bias = _as_torch(recurrence.input)
        previous = (torch.zeros_like(weight), torch.zeros_like(bias))
        if recurrence.previous is not None:
            previous = _as_torch(recurrence.previous)
        self.register_buffer('weights', torch.stack((weight, previous[0])))
        self.register_buffer('biases', torch.stack((bias, previous[1])))

    def forward(self, node: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next output and cell; see `Recurrence`."""
        rows = [x.flatten(0, -2) for x in (node, output, cell)]
        parameters = (*self.weights.unbind(), *self.biases.unbind())
        output, cell = torch.lstm_cell(rows[0], rows[1:], *parameters)
        return output.view_as(node), cell.view_as(node)


def _as_torch(linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """Return weight and bias with the gates in torch's order: take, forget, candidate, give."""
    weights, biases = linear.weight.chunk(4), linear.bias.chunk(4)
    order = (1, 0, 3, 2)
    return torch.cat([weights[k] for k in order]), torch.cat([biases[k] for k in order])
