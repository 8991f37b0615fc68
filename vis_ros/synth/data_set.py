# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a benchmark as a data set in the form of YouTube-VIS 2019 and OVIS."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from vis_ros.structures.options import values_of
from vis_ros.synth.bags import TruthBag
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.truth import TruthRecord
from vis_ros.synth.video import SynthVideo, video_seed

_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 95)
_OURS = {'instances.json', 'JPEGImages', 'bags'}


@dataclass(frozen=True)
class Job:
    """A part of a benchmark to be written.

    Args:
        benchmark: Name of the benchmark; videos of another one differ.
        config: What the videos are like.
        part: One of `PARTS`.
        count: Number of videos.
        seed: Seed of the benchmark.
        with_bags: Whether bags are written too.
    """

    benchmark: str
    config: SynthConfig
    part: str
    count: int
    seed: int
    with_bags: bool = False

    def video(self, index: int) -> SynthVideo:
        """Return one of the videos."""
        return SynthVideo(self.config, video_seed(self.benchmark, self.part, self.seed, index))

    def name(self, index: int) -> str:
        """Return the name of the folder of a video."""
        return f'{self.benchmark}_{self.part}_{index:05d}'


class DataSetFolder:
    """A folder of parts that appear whole when the `with` block ends well, or not at all.

    Args:
        path: The folder; it and those above it are made.
        parts: Parts that will be written.
        overwrite: Whether parts that are there are replaced.

    Raises:
        FileExistsError: A part is there and must not be replaced.
    """

    def __init__(self, path: Path, parts: Sequence[str], *, overwrite: bool) -> None:
        self.path = path
        self._parts = tuple(parts)
        self._overwrite = overwrite
        self._check()

    def _check(self) -> None:
        for part in self._parts:
            target = self.path / part
            if not target.exists():
                continue
            if not self._overwrite:
                raise FileExistsError(f'{target}: exists already; nothing is overwritten unasked')
            others = {item.name for item in target.iterdir()} - _OURS if target.is_dir() else {''}
            if others:
                raise FileExistsError(f'{target}: holds more than a data set; not overwritten')

    def __enter__(self) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        self._work = Path(tempfile.mkdtemp(prefix='.part-', dir=self.path))
        return self._work

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._check()
                for part in self._parts:
                    target = self.path / part
                    if target.exists():
                        os.replace(target, self._work / f'{part}.old')
                    os.replace(self._work / part, target)
        finally:
            shutil.rmtree(self._work, ignore_errors=True)


def write_part(job: Job, folder: Path, jobs: int = 1) -> Iterator[int]:
    """Write a part of a benchmark into a new folder.

    Args:
        job: What to write.
        folder: Where; `instances.json` and `JPEGImages` come to lie in it.
        jobs: Processes that work on it; the result does not depend on it.

    Yields:
        Number of frames of each video once it is written.
    """
    (folder / 'JPEGImages').mkdir(parents=True)
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, found in enumerate(_write_all(job, folder, jobs)):
        names = [f'{job.name(index)}/{frame:05d}.jpg' for frame in range(job.config.length)]
        videos.append(
            {
                'id': index + 1,
                'height': job.config.height,
                'width': job.config.width,
                'length': job.config.length,
                'file_names': names,
            }
        )
        for annotation in found:
            ids = {'id': len(annotations) + 1, 'video_id': index + 1}
            annotations.append({**ids, **annotation})
        yield job.config.length
    root = {
        'info': _info(job),
        'licenses': [],
        'videos': videos,
        'categories': [{'id': k + 1, 'name': name} for k, name in enumerate(CLASSES)],
        'annotations': annotations,
    }
    (folder / 'instances.json').write_text(json.dumps(root, separators=(',', ':')))


def _info(job: Job) -> dict[str, Any]:
    return {
        'description': f'vis_ros synth {job.benchmark}, {job.part}',
        'fps': job.config.fps,
        'seed': job.seed,
        'config': values_of(job.config),
    }


def _write_all(job: Job, folder: Path, jobs: int) -> Iterator[list[dict[str, Any]]]:
    tasks = [(job, folder, index) for index in range(job.count)]
    if jobs <= 1:
        yield from map(_write_video, tasks)
        return
    context = multiprocessing.get_context('spawn')  # OpenCV's threads do not survive a fork
    with ProcessPoolExecutor(jobs, context, initializer=_start_worker) as pool:
        try:
            yield from pool.map(_write_video, tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start_worker() -> None:
    cv2.setNumThreads(1)


def _write_video(task: tuple[Job, Path, int]) -> list[dict[str, Any]]:
    """Write the images of one video, and its bag; return its annotations."""
    job, folder, index = task
    video = job.video(index)
    images = folder / 'JPEGImages' / job.name(index)
    images.mkdir()
    record = TruthRecord(video.class_ids)
    bag = TruthBag(folder / 'bags' / job.name(index), job.config.fps) if job.with_bags else None
    try:
        for number, frame in enumerate(video.details()):
            bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
            is_coded, data = cv2.imencode('.jpg', bgr, _QUALITY)
            if not is_coded:
                raise OSError(f'{images}: frame {number} cannot be coded as JPEG')
            (images / f'{number:05d}.jpg').write_bytes(data.tobytes())
            record.add(frame)
            if bag is not None:
                bag.add(frame)
    finally:
        if bag is not None:
            bag.close()
    return record.annotations()
