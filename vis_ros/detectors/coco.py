# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The classes of COCO, as torchvision names them."""

from __future__ import annotations


def coco_categories() -> tuple[str, ...]:
    """Return the names of COCO's categories by number, 0 to 90.

    Number 0 is the background, and there are numbers without a category: their names are empty.
    The 80 that have one are, in this order, the classes of most trainings on COCO.
    """
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights  # slow to import

    names = MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.meta['categories']
    return tuple('' if name in ('__background__', 'N/A') else name for name in names)
