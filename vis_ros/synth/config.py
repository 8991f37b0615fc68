# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of synthetic videos, and the three named benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vis_ros.structures.options import option
from vis_ros.synth.shapes import CLASSES

MAX_OBJECTS = 254  # labels are uint8, 0 is nobody


@dataclass(frozen=True)
class SynthConfig:
    """What synthetic videos are like."""

    height: int = option(192, 'Rows of the picture.', unit='px', minimum=32, maximum=4096)
    width: int = option(320, 'Columns of the picture.', unit='px', minimum=32, maximum=4096)
    length: int = option(24, 'Frames of a video.', minimum=1, maximum=1_000_000)
    fps: float = option(10.0, 'Frames per second.', unit='1/s', minimum=0.5, maximum=1000.0)
    objects_min: int = option(2, 'Fewest objects.', minimum=0, maximum=MAX_OBJECTS)
    objects_max: int = option(4, 'Most objects.', minimum=0, maximum=MAX_OBJECTS)
    classes: tuple[str, ...] = option(
        CLASSES, 'Classes that objects are of. Ids do not depend on it.', choices=CLASSES
    )
    size_min: float = option(20.0, 'Smallest object, across.', unit='px', minimum=6.0)
    size_max: float = option(64.0, 'Biggest object, across.', unit='px', minimum=6.0)
    likeness: float = option(
        0.4,
        'How much objects of one species look alike. 0: as strangers; 1: the same texture, colour '
        'and size.',
        minimum=0.0,
        maximum=1.0,
    )
    family: float = option(
        1.5, 'Mean number of objects of one species (class and colours).', minimum=1.0
    )
    crowding: float = option(
        0.2,
        'Share of the ways that lead an object across another one.',
        minimum=0.0,
        maximum=1.0,
    )
    speed: float = option(
        55.0, 'Mean speed of an object that is on its way.', unit='px/s', minimum=0.0, maximum=1e4
    )
    deformation: float = option(
        0.5, 'How much outlines deform; 0: rigid.', minimum=0.0, maximum=1.0
    )
    leaving: float = option(
        0.0,
        'Share of the objects that leave the picture and come back, again and again.',
        minimum=0.0,
        maximum=1.0,
    )
    absence_min_s: float = option(
        0.5, 'Shortest time that one is away.', unit='s', minimum=0.0, maximum=1e6
    )
    absence_max_s: float = option(
        1.5, 'Longest time that one is away.', unit='s', minimum=0.0, maximum=1e6
    )
    occluders: int = option(
        0, 'Posts and bushes that stand in front of all objects.', minimum=0, maximum=50
    )
    camera: float = option(
        0.3, 'Pan, zoom, roll and shake of the camera; 0: it stands.', minimum=0.0, maximum=1.0
    )
    jerks: float = option(
        0.0, 'Sudden shifts of the camera per second.', unit='1/s', minimum=0.0, maximum=10.0
    )
    motion_blur: float = option(
        0.3, 'Exposure as a share of the time between frames.', minimum=0.0, maximum=1.0
    )
    defocus: float = option(
        0.5, 'Strongest blur of the lens (standard deviation).', unit='px', minimum=0.0, maximum=5
    )
    noise: float = option(
        4.0, 'Noise of the sensor (standard deviation).', unit='grey levels', minimum=0, maximum=80
    )
    lighting: float = option(
        0.3, 'Drift of brightness and moving shadows.', minimum=0.0, maximum=1.0
    )

    def __post_init__(self) -> None:
        for low, high in (
            ('objects_min', 'objects_max'),
            ('size_min', 'size_max'),
            ('absence_min_s', 'absence_max_s'),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f'{low}: expected no more than {high} = {getattr(self, high)}, '
                    f'got {getattr(self, low)}'
                )
        if not self.classes:
            raise ValueError(f'classes: expected some of {", ".join(CLASSES)}, got none')


@dataclass(frozen=True)
class Benchmark:
    """A named kind of videos.

    Args:
        name: Its name.
        config: What its videos are like.
        train: Videos to train with, unless asked for otherwise.
        heldout: Videos to evaluate with.
    """

    name: str
    config: SynthConfig
    train: int
    heldout: int


_EASY = SynthConfig()
_CROWDED = SynthConfig(
    length=36,
    objects_min=5,
    objects_max=9,
    size_min=28.0,
    size_max=66.0,
    likeness=0.7,
    family=2.0,
    crowding=0.6,
    speed=100.0,
    deformation=0.6,
    leaving=0.25,
    occluders=1,
    camera=0.5,
    jerks=0.5,
    motion_blur=0.35,
    defocus=0.6,
    noise=5.0,
    lighting=0.5,
)
_LONG = SynthConfig(
    length=150,
    objects_min=3,
    objects_max=7,
    size_min=28.0,
    likeness=0.6,
    family=2.0,
    crowding=0.4,
    speed=90.0,
    deformation=0.6,
    leaving=0.7,
    absence_min_s=1.0,
    absence_max_s=4.0,
    occluders=2,
    camera=0.5,
    jerks=0.2,
    motion_blur=0.35,
    defocus=0.6,
    noise=5.0,
    lighting=0.5,
)

BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        'easy': Benchmark('easy', _EASY, train=150, heldout=30),
        'crowded': Benchmark('crowded', _CROWDED, train=250, heldout=40),
        'long': Benchmark('long', _LONG, train=50, heldout=12),
    }
)
