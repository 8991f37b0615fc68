# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small street: two things walk over rough ground before a camera that stands still."""

import json
from pathlib import Path

import cv2
import numpy as np

from vis_ros.cli.main import main

HEIGHT, WIDTH = 96, 128
GROUND = np.random.default_rng(1).integers(60, 110, (HEIGHT, WIDTH, 3), np.uint8)
TEXTURE = np.random.default_rng(2).integers(0, 60, (28, 16, 3), np.uint8)


def scene(index: int) -> np.ndarray:
    """Return frame `index` as RGB; the first ten are empty."""
    picture = GROUND.copy()
    if index >= 10:
        x = 3 * (index - 10)
        for left, top, light in ((x, 20, 190), (WIDTH - 16 - x, 60, 0)):
            part = picture[top : top + 28, max(left, 0) : max(left + 16, 0)]
            part[:] = TEXTURE[:, : part.shape[1]] + light
    return picture


def write_folder(path: Path, count: int = 40) -> Path:
    """Write the scene as PNG images, without loss."""
    path.mkdir(parents=True)
    for index in range(count):
        assert cv2.imwrite(str(path / f'{index:04d}.png'), scene(index)[:, :, ::-1])
    return path


def vis_ros(*words: object) -> int:
    """Return the exit code of a command, run in this process."""
    return main([str(word) for word in words])


def replay(source: Path, out: Path, *words: object) -> dict:
    """Replay without pictures; return the summary."""
    assert vis_ros('replay', source, '--out', out, '--no-overlay', *words) == 0
    return json.loads((out / 'summary.json').read_text())
