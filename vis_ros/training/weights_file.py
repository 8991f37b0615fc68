# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights files that a training writes, and reads to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor


def write_weights(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: File to write, safetensors.
        tensors: State dict.
        meta: What the file says about itself: method, part, config, classes, training.
    """
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    part = path.with_suffix('.part')
    data = save(plain, metadata={'vis_ros': json.dumps(dict(meta), sort_keys=True)})
    part.write_bytes(data)  # save_file would make it unreadable for others
    part.replace(path)
