# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method over one recorded bag with ground truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vis_ros.evaluation.bag_truth import TRUTH_TOPIC, read_bag_truth
from vis_ros.evaluation.data_sets import one_video
from vis_ros.evaluation.video_runs import Footage, RunOptions, VideoRuns, run_video
from vis_ros.evaluation.ytvis import Annotations, read_annotations
from vis_ros.media.bag_source import BAG_SUFFIXES
from vis_ros.media.natural import natural_key
from vis_ros.media.source import Source, SourceError
from vis_ros.media.sources import open_source
from vis_ros.methods.base import Method
from vis_ros.pipeline.build import build_method, find_method
from vis_ros.pipeline.weights import manifest, sha256_of
from vis_ros.structures.options import build_config, values_of


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method to be built.

    Args:
        name: Registered name.
        weights: Path or name of its weights, or empty.
        device: Torch device.
        config: Its options as a JSON object.
    """

    name: str
    weights: str = ''
    device: str = 'cpu'
    config: str = '{}'

    def build(self) -> Method:
        """Return the method; see `build_method` for the errors."""
        config = json.loads(self.config)
        return build_method(self.name, weights=self.weights, device=self.device, **config)

    def describe(self) -> dict[str, Any]:
        """Return all that its results depend on, as plain values.

        Raises:
            ValueError: The name or an option is not right.
            OSError: The file of the weights cannot be read.
        """
        config = values_of(build_config(find_method(self.name).Config, json.loads(self.config)))
        return {
            'method': self.name,
            'weights': _weights_identity(self.weights),
            'device': self.device,
            'config': json.loads(json.dumps(config)),
        }


def _weights_identity(text: str) -> str:
    """Return the SHA-256 of weights that are a file, else their name."""
    if text in ('', 'random') or text.startswith('torchvision:'):
        return text
    if entry := manifest().get(text):
        return str(entry['sha256'])
    path = Path(text).expanduser()
    if not path.is_file():
        return text  # building the method says what is wrong with it
    return _sha256(path, *_file_state(path))


@lru_cache(maxsize=8)
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Return the hash of a file; many bags ask for it, and big files take a while."""
    return sha256_of(path)


@lru_cache(maxsize=1)
def _annotations(path: Path, size: int, changed_ns: int) -> Annotations:
    """Return the content of a file of annotations, which many bags may share."""
    return read_annotations(path)


@dataclass(frozen=True, slots=True)
class TruthChoice:
    """Where ground truth comes from.

    Args:
        topic: Topic in the bag; not looked at where there is a file.
        file: Annotations in YouTube-VIS form, whose frames are the images of the bag in order.
        video: Id or name of the video in the file; None for the only one, or for the one that is
            called as the bag.
    """

    topic: str = TRUTH_TOPIC
    file: Path | None = None
    video: str | None = None


@dataclass(frozen=True, slots=True)
class BagTask:
    """One bag to be run.

    Args:
        name: Name of the bag, unique in a run over several.
        path: Folder of the bag, or one storage file.
        method: The method.
        truth: Where ground truth comes from.
        options: How the method is run.
        topic: Image topic; None for the only one.
    """

    name: str
    path: Path
    method: MethodChoice
    truth: TruthChoice
    options: RunOptions
    topic: str | None = None

    def key(self) -> dict[str, Any]:
        """Return all that the results depend on, as plain values; see `MethodChoice.describe`."""
        file = self.truth.file
        return {
            **self.method.describe(),
            'bag': list(_file_state(self.path)),
            'topic': self.topic,
            'truth_topic': None if file else self.truth.topic,
            'truth_file': list(_file_state(file)) if file else None,
            'video': self.truth.video,
            'modes': list(self.options.modes),
            'class_agnostic': self.options.is_class_agnostic,
            **asdict(self.options.pace),
        }


def _file_state(path: Path) -> tuple[int, int]:
    """Return the size of a file, or of all files of a folder, and the newest change [ns]."""
    files = [item for item in path.iterdir() if item.is_file()] if path.is_dir() else [path]
    states = [file.stat() for file in files]
    return sum(s.st_size for s in states), max((s.st_mtime_ns for s in states), default=0)


def find_bags(path: Path) -> list[tuple[str, Path]]:
    """Return the bags in a folder and below, in natural order, with their names.

    The name is the path below the folder. A path that is itself a bag is the only one, by its own
    name. A folder with a metadata.yaml is one bag, and so is one without folders in it and with a
    single storage file, or with files FOLDER_0, FOLDER_1 ... of a recording that was cut short.
    Else each file is one.

    Raises:
        SourceError: There is no such path, or no bag in it.
    """
    if not path.exists():
        raise SourceError(f'{path}: no such file or folder')
    if not path.is_dir() or _is_one_bag(path):
        return [(path.resolve().name, path)]
    found = [(bag.relative_to(path).as_posix(), bag) for bag in _below(path)]
    if not found:
        raise SourceError(f'{path}: no bag in this folder or below it')
    return found


def _is_one_bag(folder: Path) -> bool:
    if (folder / 'metadata.yaml').is_file():
        return True
    items = list(folder.iterdir())
    stored = [item.name for item in items if item.name.endswith(BAG_SUFFIXES)]
    if not stored or any(item.is_dir() for item in items):
        return False
    start = f'{folder.resolve().name}_'
    return len(stored) == 1 or all(name.startswith(start) for name in stored)


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for item in sorted(folder.iterdir(), key=lambda item: natural_key(item.name)):
        if item.is_dir():
            found += [item] if _is_one_bag(item) else _below(item)
        elif item.name.endswith(BAG_SUFFIXES):
            found.append(item)
    return found


def run_bag(task: BagTask, method: Method) -> VideoRuns:
    """Run a method over a bag and keep what it gave with the ground truth.

    Images without ground truth are run, and not scored.

    Args:
        task: What is to be done.
        method: The method, built as the task says.

    Raises:
        SourceError: The bag cannot be read, or has no images.
        ValueError: There is no ground truth, or it does not fit the images or the classes.
        OSError: A file cannot be read.
        Exception: Whatever the method raises.
    """
    with open_source(task.path, topic=task.topic) as source:
        truth_stamps_ns: Sequence[int] | None = None
        truth_problems: tuple[str, ...] = ()
        if task.truth.file is None:
            truth = read_bag_truth(task.path, topic=task.truth.topic, name=task.name)
            annotations, truth_stamps_ns = truth.annotations, truth.stamps_ns
            truth_problems = truth.problems
        else:
            file = task.truth.file
            everything = _annotations(file, *_file_state(file))
            annotations = one_video(everything, task.truth.video, near=task.name)
        stamps_ns = _read_stamps(task, source, annotations)
        _check_stamps(task, stamps_ns, annotations, truth_stamps_ns)
        footage = Footage(source, stamps_ns, truth_stamps_ns or stamps_ns)
        runs = run_video(method, annotations, footage, task.options)
        problems = tuple(dict.fromkeys([*source.problems, *truth_problems]))
    return VideoRuns(runs.annotations, runs.modes, runs.missing_classes, problems)


def _read_stamps(task: BagTask, source: Source, annotations: Annotations) -> tuple[int, ...]:
    """Return the stamps of all images, after a check that they rise and of the images' size."""
    (video,) = annotations.videos.values()
    stamps_ns: list[int] = []
    for number, frame in enumerate(source):
        what = f'{task.path}: {source.topic}, image {number}'
        if (frame.height, frame.width) != (video.height, video.width):
            raise ValueError(
                f'{what}: expected {video.height} x {video.width}, the size of the ground truth, '
                f'got {frame.height} x {frame.width}'
            )
        if stamps_ns and frame.stamp_ns <= stamps_ns[-1]:
            raise ValueError(
                f'{what}: expected a stamp after {stamps_ns[-1]} ns, that of the image before, '
                f'got {frame.stamp_ns} ns'
            )
        stamps_ns.append(frame.stamp_ns)
    return tuple(stamps_ns)


def _check_stamps(
    task: BagTask,
    stamps_ns: Sequence[int],
    annotations: Annotations,
    truth_stamps_ns: Sequence[int] | None,
) -> None:
    if truth_stamps_ns is None:
        (video,) = annotations.videos.values()
        if video.length != len(stamps_ns):
            raise ValueError(
                f'{task.path}: expected {video.length} images, one for each frame of video '
                f'{video.video_id} of {task.truth.file}, got {len(stamps_ns)}'
            )
    elif alone := sorted(set(truth_stamps_ns) - set(stamps_ns)):
        raise ValueError(
            f'{task.path}: {task.truth.topic}: {len(alone)} of {len(truth_stamps_ns)} messages '
            f'have the stamp of no image, the first one {alone[0]} ns'
        )
