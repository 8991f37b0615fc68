# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration of IFR as a method."""

from __future__ import annotations

from dataclasses import dataclass, field

from vis_ros.memory import MemoryConfig
from vis_ros.nn.acceleration import accelerate_option
from vis_ros.nn.ifr import IfrOptions, IfrSelection
from vis_ros.nn.ifr.config import NETWORKS
from vis_ros.nn.precision import PRECISIONS
from vis_ros.structures.options import option

MODES = ('stream', 'clip')


def _memory() -> MemoryConfig:
    return MemoryConfig(capacity=64, confirm_hits=1, tentative_timeout_s=1.0, lost_timeout_s=3.0)


@dataclass(frozen=True)
class ClipOptions:
    """Only for mode `clip`."""

    length: int = option(
        5,
        'Frames T of a clip; results are late by one less. 2 and 5 in table 4. One that no video '
        'reaches makes the whole video one clip, as in the main tables: results then come when '
        'the video ends.',
        unit='frames',
        minimum=2,
        maximum=10_000,
    )
    stride: int = option(
        3,
        'Frames from one clip to the next, less than the length: clips are matched by the frames '
        'that they share. 1 averages most and costs most; the paper does not say.',
        unit='frames',
        minimum=1,
        maximum=10_000,
    )
    link_overlap: float = option(
        0.3,
        'Instances of two clips whose masks agree less than this in the shared frames (soft IoU) '
        'are not the same. The paper matches by the cost alone, and all its videos are short.',
        minimum=0.0,
        maximum=1.0,
    )
    short_sides: tuple[float, ...] = option(
        (),
        'Shorter sides of the pictures at which each clip is seen; results are matched and '
        'averaged (test-time augmentation; four in the paper). Empty: that of the network.',
        unit='px',
        minimum=32.0,
        maximum=4096.0,
    )


@dataclass(frozen=True)
class IfrConfig:
    """IFR.

    What a weights file says about itself counts wherever an option has its default.
    """

    network: str = option(
        'small',
        'Size of the network: resnet50, resnet101, swin_t, swin_s, swin_b, swin_l, or small (a '
        'slim ResNet-18 at 192x320) for CPUs. It must be that of the weights.',
        choices=NETWORKS,
    )
    classes: tuple[str, ...] = option(
        (),
        'Names of the classes, in the order of the training. Empty: those that the weights file '
        'names.',
    )
    mode: str = option(
        'stream',
        'stream: each frame has its result at once and is decoded once; clip: overlapping clips, '
        'or a whole video, as in the paper.',
        choices=MODES,
    )
    idle: str = option(
        'carry',
        'What frame-level queries without a track do in a stream. carry: they go on, as in the '
        'paper; restart: they start from the clip-level queries in each frame, as in the first '
        'one of a clip, so that nothing but tracks outlives a frame.',
        choices=('carry', 'restart'),
    )
    precision: str = option(
        'float32',
        'Precision of backbone and pixel decoder; the recurrent decoder is always float32.',
        choices=PRECISIONS,
    )
    accelerate: str = accelerate_option()
    min_score: float = option(
        0.0,
        'Tracks below this score are not shown. The score is the mean probability of the best '
        'class over the frames in which the track was seen.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    clip: ClipOptions = field(default_factory=ClipOptions)
    detections: IfrSelection = field(default_factory=IfrSelection)
    model: IfrOptions = field(default_factory=IfrOptions)
    memory: MemoryConfig = field(default_factory=_memory)
