# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The first frames take longest; they are taken before somebody waits for them."""

from __future__ import annotations

import numpy as np

from vis_ros.methods.base import Method
from vis_ros.structures import Frame

_FRAMES = 2  # the second finds tracks, or their absence, in the state


def warm_up(method: Method, size: tuple[int, int], cameras: int = 1) -> None:
    """Run a method over blank images: alone, and as batches of each size if it takes those.

    What is compiled, or chosen by trial, for a size of batch is so before it is needed.

    Args:
        method: The method; its weights stay as they are.
        size: Rows and columns of the images.
        cameras: How many cameras there are.

    Raises:
        BatchError: Blank images of so many cameras cannot be taken together.
        Exception: Whatever the method raises.
    """
    image = np.zeros((*size, 3), np.uint8)
    state = method.init_state()
    for stamp_ns in range(_FRAMES):
        state, _ = method.step(state, Frame(image, stamp_ns))
    if not method.takes_batches:
        return
    for count in range(2, cameras + 1):  # as many as have a frame at one moment
        states = [method.init_state() for _ in range(count)]
        for stamp_ns in range(_FRAMES):
            stepped = method.step_many(states, [Frame(image, stamp_ns)] * count)
            for n, done in enumerate(stepped):
                if isinstance(done, Exception):
                    raise done
                states[n] = done[0]
