# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stage 1: the detector, on single frames.

Source: Johnander et al., "Recurrent Graph Neural Networks for Video Instance Segmentation",
appendix A: 120 epochs of 933 steps, batch 8, Adam, 5e-5, a fifth of it from epochs 60 and 90 on,
from the weights of YOLACT for COCO.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.data.augment import AugmentConfig
from vis_ros.data.batch import collate
from vis_ros.data.clip import Clip, DataSet, Truth
from vis_ros.data.joined_data import JoinedData
from vis_ros.data.sampling import ClipDataset, SamplingConfig
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.label_truth import annotations_of, coco_masks
from vis_ros.evaluation.results import ResultTrack
from vis_ros.nn.weights import LoadedWeights, load_strictly, part_of
from vis_ros.nn.yolact import SelectionConfig, Yolact, prepare, rgnnvis_config, select
from vis_ros.nn.yolact.config import NETWORKS
from vis_ros.pipeline.weights import load_weights, write_weights
from vis_ros.structures.options import fixed_values, option
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.sources import DataConfig, ImagesConfig, open_folders, open_images
from vis_ros.training.task import Task
from vis_ros.training.yolact_loss import YolactLossConfig, init_for_training, yolact_loss

_CHUNK = 8  # frames that are validated together


def _schedule() -> ScheduleConfig:
    return ScheduleConfig(
        steps=120 * 933, batch=8, learning_rate=5e-5, decay_at=(0.5, 0.75), decay_factor=0.2
    )


@dataclass(frozen=True)
class DetectorRecipe:
    """How a detector is trained; the defaults are the paper's."""

    network: str = option('resnet50', 'Size of the detector.', choices=NETWORKS)
    start: str = option(
        '',
        'Weights to start from: a file, or the name of one. Parts whose shape depends on the '
        'number of classes stay as they were made where it differs. Empty: random.',
    )
    validation_frames: int = option(
        200,
        'Frames of the held-out videos that decide which step is best.',
        minimum=1,
        maximum=10**6,
    )
    data: DataConfig = field(default_factory=DataConfig)
    images: ImagesConfig = field(default_factory=ImagesConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: YolactLossConfig = field(default_factory=YolactLossConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    schedule: ScheduleConfig = field(default_factory=_schedule)


class DetectorStep(nn.Module):
    """From images and their objects to losses."""

    def __init__(self, network: Yolact, config: YolactLossConfig) -> None:
        super().__init__()
        self.network, self.config = network, config

    def forward(self, batch: tuple[Tensor, Truth]) -> dict[str, Tensor]:
        """Return the losses of a batch, see `collate`, of single frames."""
        images, truth = batch
        output = self.network(prepare(images[:, 0], self.network.config))
        return yolact_loss(self.network, output, truth, self.config)


class DetectorTask(Task):
    """Stage 1.

    Args:
        recipe: How.

    Raises:
        OSError: A file cannot be read.
        ValueError: The recipe, its data or its weights are not right.
    """

    Recipe = DetectorRecipe
    name = 'detector'

    def __init__(self, recipe: DetectorRecipe) -> None:
        self._recipe = recipe
        train, held_out = open_folders(recipe.data)
        self.classes = train[0].classes
        sampling = SamplingConfig(frames=1, items=recipe.images.epoch)
        sources: list[DataSet] = [*train]
        if recipe.images.masks_file:
            sources.append(open_images(recipe.images))
            videos = (1 - recipe.images.share) / len(train)
            shares = (*[videos] * len(train), recipe.images.share)
            sampling = replace(sampling, shares=shares)
        torch.manual_seed(recipe.schedule.seed)
        network = Yolact(rgnnvis_config(recipe.network, len(self.classes) + 1))
        init_for_training(network)
        if recipe.start:
            _start_from(network, recipe.start)
        self.module: DetectorStep = DetectorStep(network, recipe.loss)
        self.module.to(memory_format=torch.channels_last)  # a tenth faster on a CPU
        self._size = (network.config.height, network.config.width)
        self._data = ClipDataset(
            JoinedData(sources, self.classes),
            self._size,
            sampling,
            augmentation=recipe.augment,
            seed=recipe.schedule.seed,
        )
        self.items = len(self._data)
        self._validation = _spread(JoinedData(held_out, self.classes), recipe.validation_frames)

    def item(self, epoch: int, place: int) -> Clip:
        """See `Task.item`."""
        return self._data.item(epoch, place)

    def collate(self, items: list[Clip]) -> tuple[Tensor, Truth]:
        """See `Task.collate`."""
        return collate(items)

    @torch.no_grad()
    def validate(self, device: torch.device) -> dict[str, float]:
        """Return the mask AP of single frames, all classes, as for videos of one frame."""
        network = self.module.network
        truths, results = [], []
        for clip in self._validation:
            truths.append((clip.labels, clip.class_ids))
        for start in range(0, len(self._validation), _CHUNK):
            clips = self._validation[start : start + _CHUNK]
            images = torch.from_numpy(_stacked(clips)).to(device)
            results += self._results(network, prepare(images, network.config), start + 1)
        found = evaluate(annotations_of(truths, self.classes), results, with_tracking=False)
        figures = found.figures()
        return {name: figures[name] for name in ('AP', 'AP50', 'AP75', 'AR1', 'AR10')}

    def _results(self, network: Yolact, images: Tensor, first: int) -> list[ResultTrack]:
        """Return the detections of frames, which are videos `first`, `first` + 1, ..."""
        output = network(images)
        found = select(network, output, self._recipe.selection)
        results = []
        for i in range(len(images)):
            real = found.is_real[i]
            logits = functional.interpolate(
                found.mask_logits[i : i + 1], self._size, mode='bilinear', align_corners=False
            )[0, real]
            inside = functional.interpolate(found.box_masks[i : i + 1].float(), self._size)
            masks = coco_masks(((logits > 0) & (inside[0, real] > 0)).cpu().numpy())
            scores = found.scores[i, real].exp().tolist()
            classes = found.logits[i, real, 1:].argmax(dim=-1).tolist()
            results += [
                ResultTrack(first + i, class_id + 1, score, (mask,))
                for class_id, score, mask in zip(classes, scores, masks, strict=True)
                if mask.area_px
            ]
        return results

    def export(self, path: Path, figures: Mapping[str, Any]) -> None:
        """See `Task.export`: the part `detector` of `rgnnvis`, which `yolact` runs too."""
        state = self.module.network.state_dict()
        meta = {
            'method': 'rgnnvis',
            'part': 'detector',
            'num_classes': len(self.classes) + 1,
            'classes': list(self.classes),
            'config': {'network': self._recipe.network},
            'training': {'recipe': fixed_values(self._recipe), **figures},
        }
        write_weights(path, {f'detector.{name}': value for name, value in state.items()}, meta)


def _spread(data: JoinedData, count: int) -> list[Clip]:
    """Return so many frames, evenly spread over all videos and times."""
    places = [(video, t) for video, length in enumerate(data.lengths) for t in range(length)]
    step = max(1, len(places) // count)
    return [data.clip(video, (t,)) for video, t in places[step // 2 :: step][:count]]


def _start_from(network: Yolact, name: str) -> None:
    """Take over what fits of a detector's weights.

    Raises:
        ValueError: There is no such file, or it is no detector of this size.
    """
    weights = load_weights(name)
    tensors = {} if weights is None else weights.tensors
    prefix = 'detector.' if any(key.startswith('detector.') for key in tensors) else ''
    given = part_of(tensors, prefix)
    own = network.state_dict()
    heads = ('head.classes.', 'semantic.')  # as many rows as there are classes
    taken = {
        key: value
        for key, value in given.items()
        if not (key.startswith(heads) and key in own and own[key].shape != value.shape)
    }
    load_strictly(network, LoadedWeights({**_only(own, heads), **taken}, name))


def _only(state: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key.startswith(prefixes)}


def _stacked(clips: Sequence[Clip]) -> np.ndarray:
    return np.concatenate([clip.images for clip in clips])
