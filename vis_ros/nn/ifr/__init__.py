# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR: Mask2Former with queries that go from frame to frame."""

from vis_ros.nn.ifr.config import IfrOptions, IfrSelection, IfrSizes, sizes_of
from vis_ros.nn.ifr.decoder import Decoded, Past, Prediction, mask_logits
from vis_ros.nn.ifr.model import Features, Ifr

__all__ = [
    'Decoded',
    'Features',
    'Ifr',
    'IfrOptions',
    'IfrSelection',
    'IfrSizes',
    'Past',
    'Prediction',
    'mask_logits',
    'sizes_of',
]
