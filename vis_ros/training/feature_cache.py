# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the frozen part of a network makes of clips, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vis_ros.data.batch import truth_of_labels
from vis_ros.data.clip import Clip, Truth
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.yolact.masks import box_masks
from vis_ros.nn.yolact.selection import DetectionSet

T = TypeVar('T')


class Remembered(NamedTuple):
    """Frames of one video as the frozen part saw them, with their objects.

    Args:
        parts: What it gave, by name, (T, ...) each.
        labels: uint8 tensor (T, H, W) at the size of the network's input.
        class_ids: int64 tensor (J,), 0 is the first class of the data set.
    """

    parts: dict[str, Tensor]
    labels: Tensor
    class_ids: Tensor


@dataclass(frozen=True)
class FeatureCache:
    """One file for each video or clip.

    A frame of small RGNNVIS takes 0.3 MB, one of small IFR 0.7 MB, one of RGNNVIS with ResNet-50
    at 480x864 5.5 MB.

    Args:
        folder: Where the files lie, see `folder_of`. It belongs to one frozen part and one way to
            make its input; another one needs another folder.
        halves: Names of the parts that are kept in 16 bits.
        whole: Names of those that are kept as they are.
    """

    folder: Path
    halves: tuple[str, ...]
    whole: tuple[str, ...] = ()

    def missing(self, wanted: Mapping[str, T], console: Console) -> Iterator[T]:
        """Yield what is to be written; what is there is trusted. The processes of a distributed
        training share the work, and none goes on before all are done.

        Args:
            wanted: What stands for each key.
            console: For the progress bar.
        """
        missing = [value for key, value in wanted.items() if not self._path(key).exists()]
        is_shared = torch.distributed.is_available() and torch.distributed.is_initialized()
        if is_shared:
            torch.distributed.barrier()  # nobody writes before all have looked
            missing = missing[torch.distributed.get_rank() :: torch.distributed.get_world_size()]
        yield from track(missing, 'Features', console=console, disable=not missing, transient=True)
        if is_shared:
            torch.distributed.barrier()

    def write(self, key: str, parts: Mapping[str, Tensor], clip: Clip) -> None:
        """Keep a whole video or clip.

        Args:
            key: Its name.
            parts: Of all its T frames; those without a name in the cache are left out.
            clip: The same frames as the network saw them.
        """
        tensors = {name: parts[name].cpu().to(torch.float16) for name in self.halves}
        tensors |= {name: parts[name].cpu() for name in self.whole}
        tensors['labels'] = torch.from_numpy(np.ascontiguousarray(clip.labels))
        tensors['class_ids'] = torch.from_numpy(clip.class_ids)
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self._path(key).with_suffix(f'.part-{os.getpid()}')
        save_file({name: value.contiguous() for name, value in tensors.items()}, part)
        part.replace(self._path(key))

    def read(self, key: str, frames: slice = slice(None)) -> Remembered:
        """Return consecutive frames.

        Raises:
            ValueError: The file is missing or damaged.
        """
        path = self._path(key)
        try:
            with safe_open(path, framework='pt') as file:
                parts = {name: file.get_slice(name)[frames].float() for name in self.halves}
                parts |= {name: file.get_slice(name)[frames] for name in self.whole}
                labels = file.get_slice('labels')[frames]
                return Remembered(parts, labels, file.get_tensor('class_ids'))
        except (OSError, SafetensorError) as error:
            raise ValueError(
                f'{path}: not a whole file of the feature cache ({error}); remove it'
            ) from error

    def _path(self, key: str) -> Path:
        return self.folder / f'{key}.safetensors'


def folder_of(cache: str, values: Mapping[str, Any]) -> Path:
    """Return the folder in a cache for features that depend on `values`."""
    text = json.dumps(dict(values), sort_keys=True, default=list)
    return Path(cache).expanduser() / hashlib.sha256(text.encode()).hexdigest()[:16]


def parts_of(seen: Detected) -> dict[str, Tensor]:
    """Return what the detector gave, by name; see `to_detected`."""
    return {**seen.found._asdict(), 'stride16': seen.stride16, 'stride32': seen.stride32}


def to_detected(parts: dict[str, Tensor], height: int, width: int) -> Detected:
    """Return what the detector gave, of one frame or of any batch of them.

    Args:
        parts: Fields and taps by name, with any leading dimensions; no `box_masks`, which follow
            from the boxes.
        height: Rows of the network's input [px].
        width: Columns of it [px].
    """
    masks = parts['mask_logits']
    size = (masks.shape[-2], masks.shape[-1])
    inside = box_masks(parts['boxes'], size, height, width) & parts['is_real'][..., None, None]
    fields = {name: parts[name] for name in DetectionSet._fields if name != 'box_masks'}
    return Detected(DetectionSet(**fields, box_masks=inside), parts['stride16'], parts['stride32'])


def collate_kept(items: Sequence[Remembered]) -> tuple[dict[str, Tensor], Truth]:
    """Return the parts of clips of the same length, (B, T, ...) each, and their objects."""
    parts = {name: torch.stack([item.parts[name] for item in items]) for name in items[0].parts}
    labels = np.stack([item.labels.numpy() for item in items])
    return parts, truth_of_labels(labels, [item.class_ids.numpy() for item in items])
