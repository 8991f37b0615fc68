# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What others built, with random parameters, for the same frames: speed only.

They detect in single images, or detect and associate (ultralytics). The shorter side of their
input is 480 as that of our ResNet-50s. Mask2Former comes with its own post-processing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from speed_cases import Case
from torch import nn

_SHORT, _LONG = 480, 864


def other(case: Case) -> tuple[Callable[[], int], int]:
    """Return what takes the next frame and returns how many objects there are, and the bytes of
    the parameters.

    Raises:
        ModuleNotFoundError: ultralytics is not installed: pip install 'vis_ros[compare]'.
    """
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*case.picture, 3), np.uint8)
    torch.manual_seed(0)
    makers = {
        'torchvision_maskrcnn': _torchvision,
        'transformers_mask2former': _transformers,
        'ultralytics_bytetrack': _ultralytics,
    }
    model, step = makers[case.method](case)
    return lambda: step(image), sum(each.nbytes for each in model.parameters())


Made = tuple[nn.Module, Callable[[np.ndarray], int]]


def _torchvision(case: Case) -> Made:
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    model = maskrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        min_size=_SHORT,
        max_size=_LONG,
        box_score_thresh=0.0,
        box_nms_thresh=1.0,
        box_detections_per_img=case.objects,
    )
    model = model.eval().to(case.device)

    def step(image: np.ndarray) -> int:
        picture = torch.from_numpy(image).to(case.device).permute(2, 0, 1).float() / 255
        (found,) = model([picture])
        return len((found['masks'] > 0.5).cpu())

    return model, step


def _transformers(case: Case) -> Made:
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        Mask2FormerImageProcessor,
        ResNetConfig,
    )

    stages = ['stage1', 'stage2', 'stage3', 'stage4']
    config = Mask2FormerConfig(backbone_config=ResNetConfig(out_features=stages), num_labels=40)
    model = Mask2FormerForUniversalSegmentation(config).eval().to(case.device)
    size = {'shortest_edge': _SHORT, 'longest_edge': _LONG}
    processor = Mask2FormerImageProcessor(size=size, size_divisor=32)

    def step(image: np.ndarray) -> int:
        inputs = processor(images=image, return_tensors='pt').to(case.device)
        result = model(**inputs)
        (found,) = processor.post_process_instance_segmentation(
            result, threshold=0.0, target_sizes=[image.shape[:2]]
        )
        return len(found['segments_info'])

    return model, step


def _ultralytics(case: Case) -> Made:
    from ultralytics import YOLO  # AGPL-3.0; only here, where somebody installed it

    network = YOLO('yolo11m-seg.yaml')
    options: dict[str, Any] = {
        'persist': True,
        'tracker': 'bytetrack.yaml',
        'imgsz': (_SHORT, _LONG),
        'conf': 0.0,
        'max_det': case.objects,
        'device': case.device,
        'verbose': False,
    }

    def step(image: np.ndarray) -> int:
        (found,) = network.track(np.ascontiguousarray(image[..., ::-1]), **options)
        return len(found)

    return network.model, step
