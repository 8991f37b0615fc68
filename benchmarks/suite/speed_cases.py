# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the suite measures: cases, in sections, for a CPU and for a GPU."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from vis_ros.nn.acceleration import ACCELERATORS

LEARNED = ('rgnnvis', 'rgnnvis_pp', 'iai', 'visstg', 'maskprop', 'ifr')
FREE = ('iou', 'deepsort')
PICTURES: Mapping[str, tuple[int, int]] = {  # rows and columns
    'VGA': (480, 640),
    '720p': (720, 1280),
    '1080p': (1080, 1920),
    '4K': (2160, 3840),
}
HD = PICTURES['720p']
OBJECTS = (1, 10, 24, 50, 100)
CAMERAS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Case:
    """A stream of noise through a method with random parameters.

    Args:
        method: Name of the method, or of an implementation of others in `other_networks.py`.
        network: Its option of that name.
        device: That of torch.
        precision: Its option.
        accelerate: Its option.
        picture: Rows and columns of the frames.
        objects: What it finds in each frame, where it can be told (IFR: its queries; iou and
            deepsort: what `motion` finds).
        cameras: Streams that are taken together.
        frames: Steps that count.
        threads: Of torch, on a CPU.
    """

    method: str
    network: str = 'small'
    device: str = 'cpu'
    precision: str = 'float32'
    accelerate: str = 'none'
    picture: tuple[int, int] = HD
    objects: int = 10
    cameras: int = 1
    frames: int = 40
    threads: int = 1

    @property
    def key(self) -> str:
        """Name in the file of results."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, key: str) -> Case:
        """Return the case of a key."""
        values = json.loads(key)
        return cls(**{**values, 'picture': tuple(values['picture'])})


def sections(device: str, frames: int) -> dict[str, list[Case]]:
    """Return all cases for a device.

    Args:
        device: `cpu`, or one of CUDA.
        frames: Steps of a case that count.
    """
    is_cpu = device == 'cpu'
    network = 'small' if is_cpu else 'resnet50'
    plain = Case('rgnnvis_pp', network, device, frames=frames)
    found = {'methods': [replace(plain, method=name) for name in (*LEARNED, *FREE)]}
    found['ways'] = list(_ways(plain, is_cpu))
    found['backbones'] = [
        replace(plain, method=name, network=each, frames=5 if is_cpu else frames)
        for each in ('small', 'resnet50', 'resnet101')
        for name in LEARNED
    ]
    found['objects'] = [
        replace(plain, method=name, objects=count)
        for name in ('rgnnvis_pp', 'maskprop')
        for count in OBJECTS
    ]
    found['pictures'] = [
        replace(plain, method=name, picture=picture)
        for name in LEARNED
        for picture in PICTURES.values()
    ]
    found['cameras'] = [
        replace(plain, cameras=count, frames=max(5, frames // count)) for count in CAMERAS
    ]
    if not is_cpu:
        found['bars'] = [replace(case, device=device, frames=frames) for case in GPU_BARS]
    found['others'] = [
        replace(plain, method=name, network='resnet50', frames=3 if is_cpu else frames)
        for name in ('rgnnvis_pp', 'maskprop', 'ifr', *OTHERS)
    ]
    return found


def bar_of(case: Case) -> float | None:
    """Return the frames a second that a case on a GPU must reach; None without a bar."""
    for barred, least in GPU_BARS.items():
        if replace(barred, device=case.device, frames=case.frames) == case:
            return least
    return None


_FAST = Case('rgnnvis_pp', 'resnet50', 'cuda', 'float16', 'graphs')
GPU_BARS: Mapping[Case, float] = {  # of an H200
    replace(_FAST, picture=(480, 864)): 400.0,
    replace(_FAST, method='iai', picture=(360, 640)): 250.0,
    replace(_FAST, method='maskprop', picture=(480, 864)): 60.0,
    replace(_FAST, method='ifr', picture=(480, 864)): 100.0,
    replace(_FAST, cameras=8): 8 * 30.0,
}
OTHERS = ('torchvision_maskrcnn', 'transformers_mask2former', 'ultralytics_bytetrack')


def _ways(plain: Case, is_cpu: bool) -> Iterator[Case]:
    precisions = ('float32',) if is_cpu else ('float32', 'tf32', 'bfloat16', 'float16')
    accelerators = ('none', 'compile') if is_cpu else ACCELERATORS
    for method in LEARNED:
        for precision in precisions:
            for accelerate in accelerators:
                yield replace(plain, method=method, precision=precision, accelerate=accelerate)
