# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests, and builders that several rooms use."""

import hypothesis
import numpy as np
import pytest
import torch

from vis_ros.structures import Frame

torch.set_num_threads(1)
hypothesis.settings.register_profile('vis_ros', deadline=None, max_examples=60)
hypothesis.settings.load_profile('vis_ros')


@pytest.fixture
def blank():
    """Return a maker of black frames: `blank(stamp_ns, height=24, width=32)`."""

    def make(stamp_ns, height=24, width=32):
        return Frame(np.zeros((height, width, 3), np.uint8), stamp_ns)

    return make
