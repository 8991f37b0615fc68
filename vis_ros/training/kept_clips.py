# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clips as the frozen part of a network sees them, on disk: the rest learns from these."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vis_ros.data.batch import truth_of_labels
from vis_ros.data.clip import Clip, Truth

_LABELS, _CLASSES = 'labels', 'class_ids'  # of the objects, beside the features


class KeptClip(NamedTuple):
    """A clip.

    Args:
        features: float16 tensors by name, of its T frames, (T, ...) each.
        labels: uint8 tensor (T, H, W), see `Clip`.
        class_ids: int64 tensor (J,), 0 is the first class of the data set.
    """

    features: dict[str, Tensor]
    labels: Tensor
    class_ids: Tensor


@dataclass(frozen=True)
class KeptClips:
    """One file for each clip.

    Args:
        folder: Where they lie. It belongs to one frozen part and one way to draw clips; others
            need another folder.
    """

    folder: Path

    def fill(
        self,
        keys: Sequence[str],
        make: Callable[[str], tuple[Mapping[str, Tensor], Clip]],
        console: Console,
    ) -> None:
        """Compute the clips that are missing; what is there is trusted. The processes of a
        distributed training share the work.

        Args:
            keys: Names of all clips.
            make: Returns the features of a clip, and the clip.
            console: For the progress bar.
        """
        missing = [key for key in keys if not self._path(key).exists()]
        is_shared = torch.distributed.is_available() and torch.distributed.is_initialized()
        if is_shared:
            torch.distributed.barrier()  # nobody writes before all have looked
            missing = missing[torch.distributed.get_rank() :: torch.distributed.get_world_size()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for key in track(
            missing, 'Features', console=console, disable=not missing, transient=True
        ):
            self._write(key, *make(key))
        if is_shared:
            torch.distributed.barrier()

    def _write(self, key: str, features: Mapping[str, Tensor], clip: Clip) -> None:
        tensors = {name: value.half().cpu().contiguous() for name, value in features.items()}
        tensors[_LABELS] = torch.from_numpy(np.ascontiguousarray(clip.labels))
        tensors[_CLASSES] = torch.from_numpy(clip.class_ids)
        part = self._path(key).with_suffix(f'.part-{os.getpid()}')
        save_file(tensors, part)
        part.replace(self._path(key))

    def read(self, key: str) -> KeptClip:
        """Return a clip.

        Raises:
            ValueError: The file is missing or damaged.
        """
        path = self._path(key)
        try:
            tensors = load_file(path)
            return KeptClip(
                labels=tensors.pop(_LABELS), class_ids=tensors.pop(_CLASSES), features=tensors
            )
        except (OSError, SafetensorError, KeyError) as error:
            raise ValueError(f'{path}: not a whole kept clip ({error}); remove it') from error

    def _path(self, key: str) -> Path:
        return self.folder / f'{key}.safetensors'


def collate_kept(clips: Sequence[KeptClip]) -> tuple[dict[str, Tensor], Truth]:
    """Return features (B, T, ...) and the objects of clips of one size."""
    features = {
        name: torch.stack([clip.features[name] for clip in clips]) for name in clips[0].features
    }
    labels = np.stack([clip.labels.numpy() for clip in clips])
    return features, truth_of_labels(labels, [clip.class_ids.numpy() for clip in clips])
