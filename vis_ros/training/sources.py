# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The data of a training, opened by the names that its recipe gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vis_ros.data.openimages_data import OpenImagesData, read_mapping
from vis_ros.data.ytvis_data import YtvisData
from vis_ros.evaluation.ytvis import Annotations, read_annotations
from vis_ros.structures.options import option

ANNOTATIONS = 'instances.json'
IMAGES = 'JPEGImages'


@dataclass(frozen=True)
class DataConfig:
    """Videos with annotations."""

    folders: tuple[str, ...] = option(
        (),
        f'Folders with {ANNOTATIONS} (YouTube-VIS or OVIS form) and {IMAGES}/, such as '
        '`vis_ros synth` writes. The classes of the first are those of the model.',
    )
    hold_out: float = option(
        0.1,
        'Share of the videos of each folder, the last ones, that are kept out of the training: '
        'they decide which step is best.',
        minimum=0.0,
        maximum=0.9,
    )
    min_length: int = option(1, 'Shorter videos are left out.', minimum=1, maximum=10**6)


@dataclass(frozen=True)
class ImagesConfig:
    """Single images of OpenImages beside the videos, for stage 1; see docs/data.md."""

    masks_file: str = option('', 'CSV of the masks. Empty: videos only.')
    classes_file: str = option('', 'CSV of label and name.')
    images: str = option('', 'Folder of the images.')
    masks: str = option('', 'Folder of the masks.')
    mapping: str = option('', 'YAML file: class of the videos for each wanted name.')
    share: float = option(
        0.75, "Chance that an epoch's first item is one of them.", minimum=0.0, maximum=1.0
    )
    epoch: int = option(
        0,
        'Items of an epoch, 7468 in the paper; 0: as many as there are videos and images.',
        minimum=0,
        maximum=10**9,
    )


def open_images(config: ImagesConfig) -> OpenImagesData:
    """Return the images.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file does not hold what it should; the text names it.
    """
    return OpenImagesData(
        config.masks_file,
        config.classes_file,
        images=config.images,
        masks=config.masks,
        mapping=read_mapping(config.mapping),
    )


def open_folders(config: DataConfig) -> tuple[list[YtvisData], list[YtvisData]]:
    """Return the videos to train on and those held out, a data set for each folder.

    Raises:
        OSError: A file cannot be read.
        ValueError: There is no folder, or what is in one is not right; the text names it.
    """
    if not config.folders:
        raise ValueError('data.folders: expected at least one folder, got none')
    train: list[YtvisData] = []
    held_out: list[YtvisData] = []
    for name in config.folders:
        folder = Path(name).expanduser()
        annotations = read_annotations(folder / ANNOTATIONS)
        first, last = _parts(annotations, config)
        for ids, found in ((first, train), (last, held_out)):
            if ids:
                found.append(
                    YtvisData(
                        annotations,
                        folder / IMAGES,
                        min_length=config.min_length,
                        video_ids=ids,
                    )
                )
    if not held_out:
        raise ValueError(
            f'data.hold_out: {config.hold_out} leaves no video for validation; '
            'which step is best could not be told'
        )
    return train, held_out


def _parts(annotations: Annotations, config: DataConfig) -> tuple[set[int], set[int]]:
    """Return the ids of the videos to train on, and of those held out."""
    ids = [
        video.video_id
        for video in annotations.videos.values()
        if video.length >= config.min_length
    ]
    count = round(len(ids) * config.hold_out)
    return set(ids[: len(ids) - count]), set(ids[len(ids) - count :])
