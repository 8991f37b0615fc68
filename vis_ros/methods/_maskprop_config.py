# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration of MaskProp as a method."""

from __future__ import annotations

from dataclasses import dataclass, field

from vis_ros.memory import MemoryConfig
from vis_ros.nn.acceleration import accelerate_option
from vis_ros.nn.maskprop import DetectionOptions, ModelOptions
from vis_ros.nn.maskprop.config import NETWORKS, SupportOptions, match_threshold_option
from vis_ros.nn.precision import PRECISIONS
from vis_ros.structures.options import option


def _memory() -> MemoryConfig:
    return MemoryConfig(capacity=64, confirm_hits=1, tentative_timeout_s=1.0, lost_timeout_s=10.0)


@dataclass(frozen=True)
class MaskPropConfig:
    """MaskProp.

    What a weights file says about itself counts wherever an option has its default.
    """

    network: str = option(
        'small',
        'Size of the detector: resnet50, resnet101 or resnext101_64x4d, or small (a slim '
        'ResNet-18 at 192x320) for CPUs. It must be that of the weights.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes without background, in the order of the training. Empty: those that '
        'the weights file names.',
    )
    precision: str = option(
        'float32',
        'Precision of the backbone; all that follows is always float32.',
        choices=PRECISIONS,
    )
    accelerate: str = accelerate_option()
    lookahead: int = option(
        6,
        'Frames of a clip after its centre, by which results are late: 6 as in the paper, 0 to '
        'look at past frames only.',
        unit='frames',
        minimum=0,
        maximum=25,
    )
    past: int = option(
        6,
        'Frames of a clip before its centre. 6 and a lookahead of 6 are the 13 frames of the '
        'paper; figure 6 tries other lengths. The training sees gaps up to 25.',
        unit='frames',
        minimum=0,
        maximum=25,
    )
    match_threshold: float = match_threshold_option()
    duplicates: str = option(
        'next',
        'When two instances of a frame fit one identity best, the better fit gets it. next: the '
        'other one takes its next best, or a new one; drop: it is not shown, for it is likely '
        'the same object twice. The paper does not say.',
        choices=('next', 'drop'),
    )
    score_mean: str = option(
        'all',
        'Score of a class: the mean of the scores with which it was detected. all: over all '
        'detections of the track, so that a rare wrong class weighs little; class: over those of '
        'the class only. The paper says "separately for each object category".',
        choices=('all', 'class'),
    )
    min_score: float = option(
        0.0,
        'Tracks below this score are not shown. The paper shows all.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    detections: DetectionOptions = field(default_factory=DetectionOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    support: SupportOptions = field(default_factory=SupportOptions)
    memory: MemoryConfig = field(default_factory=_memory)
