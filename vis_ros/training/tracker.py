# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stage 2: the tracker, on clips, behind a frozen detector.

Source: Johnander et al., "Recurrent Graph Neural Networks for Video Instance Segmentation",
appendix A: Adam, 2e-4, weight decay 1e-4, clips of 10 frames, batch 4, 150 epochs of 633 steps;
section 4.1: for RGNNVIS++ clips of 20 frames and 300 epochs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from vis_ros.data.augment import AugmentConfig
from vis_ros.data.batch import collate
from vis_ros.data.clip import Clip, Truth
from vis_ros.data.joined_data import JoinedData
from vis_ros.data.sampling import ClipDataset, SamplingConfig, clip_frames
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.methods import METHODS
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import Detected, RgnnVis
from vis_ros.nn.weights import LoadedWeights, load_strictly, part_of
from vis_ros.nn.yolact import SelectionConfig, prepare
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.pipeline.weights import load_weights, sha256_of, write_weights
from vis_ros.structures.options import fixed_values, option, values_of
from vis_ros.training.feature_cache import Remembered, collate_kept, to_detected
from vis_ros.training.followed import follow_videos
from vis_ros.training.kept_videos import KeptVideos, cache_of
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.sources import DataConfig, open_folders
from vis_ros.training.task import Task
from vis_ros.training.tracker_loss import TrackerLossConfig, unroll

_CLIP = 3  # first word of the seed of a clip


@dataclass(frozen=True)
class TrackerRecipe:
    """How a tracker is trained; the defaults are the paper's for RGNNVIS."""

    method: str = option(
        'rgnnvis', 'Method that the weights are for.', choices=('rgnnvis', 'rgnnvis_pp')
    )
    detector: str = option('', 'Weights of the frozen detector: a file, or the name of one.')
    frames: int = option(10, 'Frames of a clip; 20 for RGNNVIS++.', minimum=1, maximum=1000)
    cache: str = option(
        '',
        'Folder in which features of the frozen detector are kept. Empty: the detector runs in '
        'each step, on views that are never the same, as in the paper.',
    )
    views: int = option(
        1,
        'Views of each video in the cache: itself, and augmented ones.',
        minimum=1,
        maximum=1000,
    )
    fps: float = option(10.0, 'Frames per second of the videos.', minimum=0.01, maximum=1000.0)
    validation_videos: int = option(
        24, 'Held-out videos that decide which step is best.', minimum=1, maximum=10**6
    )
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    tracker: RgnnOptions = field(default_factory=RgnnOptions)
    loss: TrackerLossConfig = field(default_factory=TrackerLossConfig)
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(steps=150 * 633))


class KeptBatch(NamedTuple):
    """Clips whose features were kept: `Remembered.parts` as (B, T, ...), and the objects."""

    parts: dict[str, Tensor]
    truth: Truth


class TrackerStep(nn.Module):
    """From clips to the losses of the tracker; the detector neither learns nor counts batches."""

    def __init__(self, model: RgnnVis, recipe: TrackerRecipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        model.detector.requires_grad_(False)

    def train(self, mode: bool = True) -> TrackerStep:
        """See `nn.Module.train`."""
        super().train(mode)
        self.model.detector.eval()
        return self

    def forward(self, batch: KeptBatch | tuple[Tensor, Truth]) -> dict[str, Tensor]:
        """Return losses and counts of clips, kept ones or images as `collate` gives them."""
        first, truth = batch
        if isinstance(first, dict):
            config = self.model.detector.config
            seen = to_detected(first, config.height, config.width)
        else:
            images = prepare(first.flatten(0, 1), self.model.detector.config)
            seen = _unflattened(self.model.detect(images, self.recipe.selection), first.shape[:2])
        frames = [_frame(seen, t) for t in range(seen.stride16.shape[1])]
        found = unroll(self.model.tracker, frames, truth, self.recipe.loss)
        return {**{name: value.float() for name, value in found.counts.items()}, **found.losses}


def _unflattened(seen: Detected, shape: torch.Size) -> Detected:
    found = DetectionSet(*(x.unflatten(0, shape) for x in seen.found))
    return Detected(found, *(x.unflatten(0, shape) for x in seen[1:]))


def _frame(seen: Detected, t: int) -> Detected:
    """Return frame t of (B, T, ...)."""
    return Detected(DetectionSet(*(x[:, t] for x in seen.found)), *(x[:, t] for x in seen[1:]))


class TrackerTask(Task):
    """Stage 2.

    Args:
        recipe: How.

    Raises:
        OSError: A file cannot be read.
        ValueError: The recipe, its data or its weights are not right.
    """

    Recipe = TrackerRecipe
    name = 'tracker'

    def __init__(self, recipe: TrackerRecipe) -> None:
        self._recipe = recipe
        self._weights = _detector_weights(recipe.detector)
        self.classes = tuple(self._weights.meta['classes'])
        self.network = str(self._weights.meta['config']['network'])
        torch.manual_seed(recipe.schedule.seed)
        model = RgnnVis(self.network, len(self.classes) + 1, recipe.tracker)
        given = part_of(self._weights.tensors, 'detector.')
        load_strictly(model.detector, LoadedWeights(given, self._weights.source))
        self.module: TrackerStep = TrackerStep(model, recipe)
        train, held_out = open_folders(recipe.data)
        self._train = JoinedData(train, self.classes)
        self._held_out = JoinedData(held_out, self.classes)
        names = [
            [f'{i}_{video.video_id}' for i, part in enumerate(parts) for video in part.videos]
            for parts in (train, held_out)
        ]
        self._kept = self._keep(self._train, names[0], recipe.cache) if recipe.cache else None
        self._folder = None if recipe.cache else tempfile.TemporaryDirectory(prefix='vis_ros-')
        cache = recipe.cache if self._folder is None else self._folder.name
        self._kept_held_out = self._keep(self._held_out, names[1], cache)
        step = max(1, len(held_out_names := names[1]) // recipe.validation_videos)
        self._validation = range(0, len(held_out_names), step)[: recipe.validation_videos]
        self._clips = ClipDataset(
            self._train,
            (model.detector.config.height, model.detector.config.width),
            SamplingConfig(frames=recipe.frames),
            augmentation=recipe.augment,
            seed=recipe.schedule.seed,
        )
        self.items = len(self._clips)

    def _keep(self, data: JoinedData, names: list[str], folder: str) -> KeptVideos:
        recipe = self._recipe
        cache = cache_of(
            folder,
            {
                'detector': sha256_of(Path(self._weights.source)),
                'selection': values_of(recipe.selection),
                'augment': values_of(recipe.augment),
                'folders': [str(Path(name).resolve()) for name in recipe.data.folders],
            },
        )
        return KeptVideos(cache, data, names, recipe.augment, seed=0)

    def prepare(self, device: torch.device, console: Console) -> None:
        """See `Task.prepare`: fills the feature cache."""
        recipe, model = self._recipe, self.module.model.eval().to(device)
        for kept, views in ((self._kept, recipe.views), (self._kept_held_out, 1)):
            if kept is not None:
                kept.fill(model, recipe.selection, views=views, device=device, console=console)
        self.module.train()

    def item(self, epoch: int, place: int) -> Remembered | Clip:
        """See `Task.item`."""
        recipe = self._recipe
        if self._kept is None:
            return self._clips.item(epoch, place)
        video = self._clips.video(epoch, place)
        rng = np.random.default_rng((_CLIP, recipe.schedule.seed, epoch, place))
        first = clip_frames(self._train.lengths[video], recipe.frames, rng.random())[0]
        view = int(rng.integers(recipe.views))
        return self._kept.read(video, slice(first, first + recipe.frames), view)

    def collate(self, items: list[Any]) -> Any:
        """See `Task.collate`."""
        if self._kept is None:
            return collate(items)
        return KeptBatch(*collate_kept(items))

    def validate(self, device: torch.device) -> dict[str, float]:
        """Return video AP on the held-out videos, by the method itself."""
        model = self.module.model
        state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        weights = LoadedWeights(state, 'this training', self._meta())
        method: Any = METHODS[self._recipe.method](
            METHODS[self._recipe.method].Config(), weights=weights, device=str(device)
        )
        truths: list[tuple[np.ndarray, np.ndarray]] = []
        results = follow_videos(method, self._videos(truths), fps=self._recipe.fps)
        truth = annotations_of(truths, self.classes)
        figures = evaluate(truth, results, with_tracking=False).figures()
        return {name: figures[name] for name in ('AP', 'AP50', 'AP75', 'AR1', 'AR10')}

    def _videos(self, truths: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[Remembered]:
        """Yield the videos of the validation one by one, and append what is true of each."""
        for number in self._validation:
            video = self._kept_held_out.read(number, slice(None))
            truths.append((video.labels.numpy(), video.class_ids.numpy()))
            yield video

    def _meta(self) -> dict[str, Any]:
        recipe = self._recipe
        config = {'network': self.network}
        for part in ('tracker', 'detections'):
            values = recipe.tracker if part == 'tracker' else recipe.selection
            config |= {f'{part}.{name}': value for name, value in values_of(values).items()}
        return {
            'method': recipe.method,
            'part': 'whole',
            'num_classes': len(self.classes) + 1,
            'classes': list(self.classes),
            'config': config,
        }

    def export(self, path: Path, figures: Mapping[str, Any]) -> None:
        """See `Task.export`: detector and tracker in one file."""
        training = {'recipe': fixed_values(self._recipe), **figures}
        meta = {**self._meta(), 'training': training}
        write_weights(path, self.module.model.state_dict(), meta)


def _detector_weights(name: str) -> LoadedWeights:
    weights = load_weights(name)
    if weights is None or 'classes' not in weights.meta or not weights.tensors:
        raise ValueError(
            f'detector: expected weights that `vis_ros train detector` or `vis_ros weights import '
            f'--classes` wrote, got {name!r}'
        )
    return weights
