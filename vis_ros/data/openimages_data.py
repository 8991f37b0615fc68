# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""OpenImages' instance masks as clips of one frame.

RGNNVIS's detector is trained with them beside YouTube-VIS, whose few thousand videos it would
learn by heart. Source: Johnander et al., "Recurrent Graph Neural Networks for Video Instance
Segmentation", appendix B.
"""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from vis_ros.data.clip import Clip
from vis_ros.data.image_files import read_frame, read_mask_file
from vis_ros.data.label_boxes import MAX_OBJECTS, paint_labels

COLUMNS = ('MaskPath', 'ImageID', 'LabelName')
"""Columns of the file of masks that are read; it may have more, in any order."""


class OpenImagesData:
    """Images with at least one mask of a class that is asked for, a `DataSet` of one-frame videos.

    Only some objects of an image are annotated; the others count as background, as in the paper.
    Where masks overlap, the smaller object owns the pixels.

    Args:
        masks_file: CSV of the masks, `train-annotations-object-segmentation.csv`.
        classes_file: CSV of label and name, such as `/m/01g317,Person`; a first line `LabelName,
            DisplayName` is passed over.
        images: Folder with `<ImageID>.jpg`.
        masks: Folder with the mask files.
        mapping: Class of this data set for each name of OpenImages that is wanted, such as
            `{'Person': 'person', 'Man': 'person'}`; the classes are in its order.

    Attributes:
        classes: Names of the classes.
        lengths: 1 for each image.
        image_ids: Id of each image, in the order of the file of masks.

    Raises:
        OSError: A CSV file cannot be read.
        ValueError: A CSV file does not hold what it should, a name of `mapping` is unknown, a
            folder or files in it are missing (the first ones are named), or no image is left.
    """

    def __init__(
        self,
        masks_file: str | Path,
        classes_file: str | Path,
        *,
        images: str | Path,
        masks: str | Path,
        mapping: Mapping[str, str],
    ) -> None:
        self._images, self._masks = Path(images), Path(masks)
        self.classes = tuple(dict.fromkeys(mapping.values()))
        names = read_class_names(classes_file)
        wanted = _wanted_labels(names, mapping, self.classes, classes_file)
        objects = _read_objects(Path(masks_file), names, wanted)
        if not objects:
            raise ValueError(f'{masks_file}: no mask of {", ".join(mapping) or "no class"}')
        self.image_ids = tuple(objects)
        self.lengths = (1,) * len(objects)
        self._objects = tuple(tuple(found) for found in objects.values())
        _check_files(self._images, [f'{image_id}.jpg' for image_id in self.image_ids])
        _check_files(self._masks, [name for found in self._objects for name, _ in found])

    def clip(self, video: int, frames: Sequence[int]) -> Clip:
        """Return an image; see `DataSet`.

        Args:
            video: Number of the image.
            frames: Zeros; more than one repeat the image.

        Raises:
            ValueError: A file is missing or damaged, or `frames` names another frame than 0.
        """
        if not frames or any(frames):
            raise ValueError(f'frames: expected zeros, as an image has one frame, got {frames}')
        image = read_frame(self._images / f'{self.image_ids[video]}.jpg')
        height, width = image.shape[:2]
        objects = self._objects[video]
        masks = [
            (j, read_mask_file(self._masks / name, (height, width)))
            for j, (name, _) in enumerate(objects)
        ]
        labels = paint_labels(masks, height, width)
        return Clip(
            images=np.repeat(image[None], len(frames), axis=0),
            labels=np.repeat(labels[None], len(frames), axis=0),
            class_ids=np.array([class_id for _, class_id in objects], dtype=np.int64),
        )


def read_mapping(path: str | Path) -> dict[str, str]:
    """Return which class each name of OpenImages stands for, from a YAML file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It does not hold pairs of names; the text names the file and the value.
    """
    try:
        found = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: {error}') from error
    if not isinstance(found, dict) or not found:
        raise ValueError(f'{path}: expected pairs of names, such as "Person: person"')
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(f'{path}: expected two names, got {name!r}: {value!r}')
    return found


def read_class_names(path: str | Path) -> dict[str, str]:
    """Return the names of OpenImages' labels, such as `{'/m/01g317': 'Person'}`.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line does not hold label and name; the text gives file and line.
    """
    names: dict[str, str] = {}
    with open(path, newline='', encoding='utf-8-sig') as file:
        for number, row in enumerate(csv.reader(file), 1):
            if len(row) != 2:
                raise ValueError(f'{path}:{number}: expected label and name, got {row}')
            if number > 1 or row[0] != 'LabelName':
                names[row[0]] = row[1]
    return names


def _wanted_labels(
    names: Mapping[str, str],
    mapping: Mapping[str, str],
    classes: Sequence[str],
    classes_file: str | Path,
) -> dict[str, int]:
    """Return the class of each label that is wanted."""
    known = set(names.values())
    for name in mapping:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise ValueError(f'mapping: {name!r} is no name of {classes_file}{hint}')
    return {label: classes.index(mapping[n]) for label, n in names.items() if n in mapping}


def _read_objects(
    path: Path, names: Mapping[str, str], wanted: Mapping[str, int]
) -> dict[str, list[tuple[str, int]]]:
    """Return mask file and class of the wanted objects of each image."""
    objects: dict[str, list[tuple[str, int]]] = {}
    with open(path, newline='', encoding='utf-8-sig') as file:
        rows = csv.reader(file)
        header = next(rows, [])
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ValueError(f'{path}: expected the columns {COLUMNS}, got {header}')
        mask_at, image_at, label_at = (header.index(name) for name in COLUMNS)
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                raise ValueError(f'{path}:{number}: expected {len(header)} values, got {len(row)}')
            if row[label_at] not in names:
                raise ValueError(f'{path}:{number}: {row[label_at]!r} is not among the classes')
            if row[label_at] in wanted:
                found = objects.setdefault(row[image_at], [])
                found.append((row[mask_at], wanted[row[label_at]]))
    for image_id, found in objects.items():
        if len(found) > MAX_OBJECTS:
            raise ValueError(
                f'{path}: image {image_id}: expected at most {MAX_OBJECTS} objects, got '
                f'{len(found)}'
            )
    return objects


def _check_files(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder that lacks files; one listing is much faster than asking for each."""
    if not folder.is_dir():
        raise ValueError(f'{folder}: expected a folder')
    known = set(os.listdir(folder))
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f'{folder}: {len(missing)} of {len(names)} files are missing: {", ".join(missing[:3])}'
        )
