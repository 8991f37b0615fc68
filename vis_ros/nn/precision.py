# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Precisions that networks run in, by the names that options give them."""

import torch

PRECISIONS = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return a context in which networks run in a precision; float32 leaves all as it is."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)
