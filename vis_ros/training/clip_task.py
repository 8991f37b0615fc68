# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What trainings of whole methods on a few frames of a video share: data, validation, export."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vis_ros.data.augment import AugmentConfig, augment, drop_unseen
from vis_ros.data.batch import collate
from vis_ros.data.clip import Clip, DataSet, Truth
from vis_ros.data.joined_data import JoinedData
from vis_ros.data.sampling import ClipDataset, SamplingConfig
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.evaluation.method_runs import run_every_frame
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Video
from vis_ros.methods import METHODS, Method
from vis_ros.nn.weights import LoadedWeights
from vis_ros.pipeline.session import TrackingSession
from vis_ros.pipeline.weights import write_weights
from vis_ros.structures import Frame
from vis_ros.structures.options import fixed_values, option, values_of
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.sources import DataConfig, open_folders
from vis_ros.training.starting import FREEZES, Renames, freeze, keep_statistics, start_from
from vis_ros.training.task import Task

_CLIP, _SIZE = 4, 5  # first word of a seed: what the numbers are for
_FIGURES = ('AP', 'AP50', 'AP75', 'AR1', 'AR10')

Losses = Callable[[Any, Tensor, Truth], dict[str, Tensor]]
"""From a network, images uint8 (B, T, H, W, 3) and their objects to scalars, with `total`."""


def _views() -> AugmentConfig:
    return AugmentConfig(fit_height=360, fit_width=640, low=1.0, high=1.0, center_rule=False)


@dataclass(frozen=True)
class ClipRecipe:
    """How a method is trained on clips: what is the same for all methods."""

    start: str = option(
        '',
        'Weights to start from: a file, or the name of one. What fits by name and shape is taken '
        'over, the backbone must be whole; a ResNet of torchvision is enough. Empty: random.',
    )
    frozen: str = option(
        'norms',
        'What of the backbone does not learn. norms: statistics and parameters of its batch '
        'norms; stem: those, and the first stage; all: the backbone; none: all learns, for '
        'random starts.',
        choices=FREEZES,
    )
    smallest: float = option(
        1.0,
        'Each step has pictures of its own size: that of the network times a factor from here...',
        minimum=0.1,
        maximum=4.0,
    )
    largest: float = option(1.0, '...to here.', minimum=0.1, maximum=4.0)
    fps: float = option(
        10.0,
        'Frames per second of the videos; only the validation looks at it.',
        minimum=0.01,
        maximum=1000.0,
    )
    validation_videos: int = option(
        24, 'Held-out videos that decide which step is best.', minimum=1, maximum=10**6
    )
    validation_frames: int = option(
        0, 'First frames of each of them that are looked at; 0: all.', minimum=0, maximum=10**6
    )
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=_views)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        if self.smallest > self.largest:
            raise ValueError(
                f'smallest: expected at most largest = {self.largest}, got {self.smallest}'
            )


class ClipStep(nn.Module):
    """From clips to losses; all that learns is in `network`.

    Args:
        network: The network.
        backbone: Its backbone.
        losses: What to make of a batch.
        frozen: See `ClipRecipe.frozen`.
    """

    def __init__(
        self, network: nn.Module, backbone: nn.Module, losses: Losses, frozen: str
    ) -> None:
        super().__init__()
        self.network = network
        self._kept = (backbone,)  # in a tuple, so that it has one name only
        self._losses, self._frozen = losses, frozen
        freeze(backbone, frozen)

    def train(self, mode: bool = True) -> ClipStep:
        """See `nn.Module.train`; frozen norms keep their statistics."""
        super().train(mode)
        keep_statistics(self._kept[0], self._frozen)
        return self

    def forward(self, batch: tuple[Tensor, Truth]) -> dict[str, Tensor]:
        """Return the losses of a batch of clips, see `collate`."""
        return self._losses(self.network, *batch)


class ClipTask(Task):
    """A training on clips whose frames come from one video and are varied alike.

    Args:
        recipe: How.

    Class attributes:
        method: Name of the method that the weights are for.
        renames: See `start_from`.
        backbone: Name of the backbone in the network.

    Raises:
        OSError: A file cannot be read.
        ValueError: The recipe, its data or its weights are not right.
    """

    method: ClassVar[str]
    renames: ClassVar[Renames]
    backbone: ClassVar[str]

    def __init__(self, recipe: Any) -> None:
        self._recipe = recipe
        train, held_out = open_folders(recipe.data)
        self.classes = train[0].classes
        self._train = JoinedData(train, self.classes)
        self._held_out = JoinedData(held_out, self.classes)
        torch.manual_seed(recipe.schedule.seed)
        network = self.build(len(self.classes))
        if recipe.start:
            start_from(network, recipe.start, self.renames, self.backbone + '.')
        self._size = self.picture_size(network)
        backbone = network.get_submodule(self.backbone)
        self.module: ClipStep = ClipStep(network, backbone, self.losses(), recipe.frozen)
        self.module.train()
        seed = recipe.schedule.seed
        self._order = ClipDataset(self._train, (1, 1), SamplingConfig(frames=1), seed=seed)
        self.items = len(self._order)
        count = len(self._held_out.lengths)
        step = max(1, count // recipe.validation_videos)
        self._validation = range(0, count, step)[: recipe.validation_videos]

    @abstractmethod
    def build(self, num_classes: int) -> nn.Module:
        """Return the network for so many classes, with random parameters."""

    @abstractmethod
    def losses(self) -> Losses:
        """Return what makes losses of a batch."""

    @abstractmethod
    def picture_size(self, network: Any) -> tuple[int, int]:
        """Return height and width that the network was made for [px]."""

    @abstractmethod
    def frames(self, length: int, rng: np.random.Generator) -> list[int]:
        """Return which frames of a video of some length make a clip."""

    def options(self) -> dict[str, Any]:
        """Return the options of the method that the file holds, by parts such as `model`."""
        recipe = self._recipe
        return {'network': recipe.network, 'model': recipe.model, 'detections': recipe.detections}

    def item(self, epoch: int, place: int) -> Clip:
        """See `Task.item`: a clip of another video at each place of an epoch."""
        video = self._order.video(epoch, place)
        rng = np.random.default_rng((_CLIP, self._recipe.schedule.seed, epoch, place))
        return self.view(video, rng, self._factor(epoch, place))

    def view(self, video: int, rng: np.random.Generator, factor: float) -> Clip:
        """Return a clip of a video of the training, varied.

        Args:
            video: Its place among them.
            rng: Draws frames and variation.
            factor: By how much larger than usual its pictures are.
        """
        recipe = self._recipe
        clip = self._train.clip(video, self.frames(self._train.lengths[video], rng))
        height, width = (max(1, round(side * factor)) for side in self._size)
        views = replace(
            recipe.augment,
            fit_height=max(1, round(recipe.augment.fit_height * factor)),
            fit_width=max(1, round(recipe.augment.fit_width * factor)),
        )
        return drop_unseen(augment(clip, views, (height, width), rng))

    def _factor(self, epoch: int, place: int) -> float:
        """Return by how much larger than usual the pictures of a step are."""
        recipe = self._recipe
        step = place // recipe.schedule.batch  # its clips must have one size
        rng = np.random.default_rng((_SIZE, recipe.schedule.seed, epoch, step))
        return float(recipe.smallest + (recipe.largest - recipe.smallest) * rng.random())

    def collate(self, items: list[Any]) -> tuple[Tensor, Truth]:
        """See `Task.collate`."""
        return collate(items)

    def validate(self, device: torch.device) -> dict[str, float]:
        """Return video AP on the held-out videos, by the method itself, frame by frame."""
        network = self.module.network
        state = {name: value.detach().clone() for name, value in network.state_dict().items()}
        weights = LoadedWeights(state, 'this training', self._meta())
        kind = METHODS[self.method]
        method = kind(kind.Config(), weights=weights, device=str(device))
        recipe = self._recipe
        limit = recipe.validation_frames or max(self._held_out.lengths)
        results, truths = run_videos(
            method, self._held_out, self._validation, limit=limit, fps=recipe.fps
        )
        truth = annotations_of(truths, self.classes)
        figures = evaluate(truth, results, with_tracking=False).figures()
        return {name: figures[name] for name in _FIGURES}

    def _meta(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for name, value in self.options().items():
            is_part = hasattr(value, '__dataclass_fields__')
            values = values_of(value) if is_part else {'': value}
            config |= {f'{name}.{key}' if key else name: v for key, v in values.items()}
        return {
            'method': self.method,
            'part': 'whole',
            'num_classes': len(self.classes) + 1,
            'classes': list(self.classes),
            'config': config,
        }

    def export(self, path: Path, figures: Mapping[str, Any]) -> None:
        """See `Task.export`: the whole network, its options and the recipe in one file."""
        training = {'recipe': fixed_values(self._recipe), **figures}
        meta = {**self._meta(), 'training': training}
        write_weights(path, self.module.network.state_dict(), meta)


def run_videos(
    method: Method, data: DataSet, videos: Sequence[int], *, limit: int, fps: float
) -> tuple[list[ResultTrack], list[tuple[np.ndarray, np.ndarray]]]:
    """Run a method over videos of a data set, each a stream of its own.

    Args:
        method: Of the same classes.
        data: The videos.
        videos: Which of them; in the results they have the ids 1, 2, ...
        limit: Frames of each at most.
        fps: Frames per second.

    Returns:
        Results; and for each video its labels and classes, see `annotations_of`.

    Raises:
        ValueError: An image is missing or damaged.
    """
    results: list[ResultTrack] = []
    truths: list[tuple[np.ndarray, np.ndarray]] = []
    for video_id, number in enumerate(videos, start=1):
        clip = data.clip(number, range(min(limit, data.lengths[number])))
        length, height, width = clip.labels.shape
        about = Video(video_id, height, width, ('',) * length)
        gathered = VideoResults(about, range(1, len(method.classes) + 1))
        stamps_ns = [round(t * 1e9 / fps) for t in range(length)]
        frames = [Frame(image, stamp) for image, stamp in zip(clip.images, stamps_ns, strict=True)]
        positions = {stamp_ns: t for t, stamp_ns in enumerate(stamps_ns)}
        run_every_frame(TrackingSession(method), frames, gathered, positions=positions)
        results += gathered.finish()
        truths.append((clip.labels, clip.class_ids))
    return results, truths
