# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a frozen detector gives for each frame of a data set, computed once and kept on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vis_ros.data.clip import Clip
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.yolact.masks import box_masks
from vis_ros.nn.yolact.selection import DetectionSet

_HALVES = ('mask_logits', 'stride16', 'stride32')  # kept in 16 bits
_KEPT = ('is_real', 'anchor', 'logits', 'boxes', 'scores', 'mask_logits', 'stride16', 'stride32')


class Remembered(NamedTuple):
    """Frames of one video as the detector saw them, with their objects.

    Args:
        parts: T detections' fields and taps by name, (T, ...) each, as `Detected` has them but
            for `box_masks`, which follow from the boxes.
        labels: uint8 tensor (T, H, W) at the size of the network's input.
        class_ids: int64 tensor (J,), 0 is the first class of the data set.
    """

    parts: dict[str, Tensor]
    labels: Tensor
    class_ids: Tensor


@dataclass(frozen=True)
class FeatureCache:
    """One file for each video.

    A frame of the small network takes 0.3 MB, one of ResNet-50 at 480x864 5.5 MB.

    Args:
        folder: Where the files lie. It belongs to one detector, one selection and one way to
            make the network's input; another one needs another folder.
    """

    folder: Path

    def has(self, key: str) -> bool:
        """Return whether a video is there."""
        return self._path(key).exists()

    def write(self, key: str, seen: Detected, clip: Clip) -> None:
        """Keep a whole video.

        Args:
            key: Name of the video.
            seen: Of all its T frames.
            clip: The same frames as the network saw them.
        """
        values = {**seen.found._asdict(), 'stride16': seen.stride16, 'stride32': seen.stride32}
        tensors = {
            name: values[name].cpu().to(torch.float16 if name in _HALVES else values[name].dtype)
            for name in _KEPT
        }
        tensors['labels'] = torch.from_numpy(np.ascontiguousarray(clip.labels))
        tensors['class_ids'] = torch.from_numpy(clip.class_ids)
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self._path(key).with_suffix(f'.part-{os.getpid()}')
        save_file({name: value.contiguous() for name, value in tensors.items()}, part)
        part.replace(self._path(key))

    def length(self, key: str) -> int:
        """Return the number of frames of a video."""
        with safe_open(self._path(key), framework='pt') as file:
            return int(file.get_slice('labels').get_shape()[0])

    def read(self, key: str, frames: slice) -> Remembered:
        """Return consecutive frames of a video.

        Raises:
            ValueError: The file is missing or damaged.
        """
        path = self._path(key)
        try:
            with safe_open(path, framework='pt') as file:
                parts = {name: file.get_slice(name)[frames].float() for name in _HALVES}
                for name in set(_KEPT) - set(_HALVES):
                    parts[name] = file.get_slice(name)[frames]
                labels = file.get_slice('labels')[frames]
                return Remembered(parts, labels, file.get_tensor('class_ids'))
        except (OSError, SafetensorError) as error:
            raise ValueError(
                f'{path}: not a whole file of the feature cache ({error}); remove it'
            ) from error

    def _path(self, key: str) -> Path:
        return self.folder / f'{key}.safetensors'


def to_detected(parts: dict[str, Tensor], height: int, width: int) -> Detected:
    """Return what the detector gave, of one frame or of any batch of them.

    Args:
        parts: See `Remembered`, with any leading dimensions.
        height: Rows of the network's input [px].
        width: Columns of it [px].
    """
    masks = parts['mask_logits']
    size = (masks.shape[-2], masks.shape[-1])
    inside = box_masks(parts['boxes'], size, height, width) & parts['is_real'][..., None, None]
    fields = {name: parts[name] for name in DetectionSet._fields if name != 'box_masks'}
    return Detected(DetectionSet(**fields, box_masks=inside), parts['stride16'], parts['stride32'])


def joined(items: Sequence[Remembered]) -> dict[str, Tensor]:
    """Return the parts of several clips of the same length, (B, T, ...) each."""
    return {name: torch.stack([item.parts[name] for item in items]) for name in _KEPT}
