# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames per second that synthetic videos are made at, on one CPU core, their setup included.

    python benchmarks/synth.py [--videos 6] [--json FILE]

Wall time and the time of this process are both printed: they differ where the core is shared.
"""

import argparse
import json
import time
from pathlib import Path

import cv2

from vis_ros.synth.config import BENCHMARKS
from vis_ros.synth.truth import TruthRecord
from vis_ros.synth.video import SynthVideo, video_seed


def measure(name: str, videos: int, *, with_truth: bool) -> dict[str, float]:
    """Return frames per second of wall time and of CPU time."""
    count, wall_s, cpu_s = 0, time.perf_counter(), time.process_time()
    for index in range(videos):
        video = SynthVideo(BENCHMARKS[name].config, video_seed(name, 'train', 0, index))
        record = TruthRecord(video.class_ids)
        for frame in video.details():
            count += 1
            if with_truth:
                record.add(frame)
    return {
        'wall_fps': round(count / (time.perf_counter() - wall_s), 1),
        'cpu_fps': round(count / (time.process_time() - cpu_s), 1),
    }


def main() -> None:
    """Measure all benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--videos', type=int, default=6)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    found = {}
    for name in BENCHMARKS:
        measure(name, 1, with_truth=True)  # warm up
        found[name] = {
            'frames': measure(name, args.videos, with_truth=False),
            'frames and run lengths': measure(name, args.videos, with_truth=True),
        }
        for what, figures in found[name].items():
            print(f'{name:8} {what:24} {figures["wall_fps"]:7} / s   (CPU {figures["cpu_fps"]})')
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=2) + '\n')


if __name__ == '__main__':
    main()
