# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Soak: does the node stay as it is, for half an hour? A synthetic camera, a tracker, a planner.

The tracker is `vis_ros node` without ROS, a process of its own with a method that needs no
weights; it writes its memory file every 10 s. This process is the camera, whose objects leave and
come back so that ids are always being given, and the planner, which takes the time from each
image's stamp to the arrival of its tracks. For each bin (a minute) there are the least resident
memory of the tracker (single frames take some megabytes for a moment, and give them back), its
processor time per frame, percentiles of the latency, ids and counts.

The verdict: memory and latency of the last third of the bins are those of the first one, after a
warm-up of a tenth; no frame failed; one session; ids only rise; the tracker ends with code 0.
Other programs on the machine make every program slower: what drawing the next picture takes, which
is always the same work, is the yardstick that latencies are compared by.

    python benchmarks/soak.py [--minutes 30] [--hz 8] [--json FILE]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from over_dds import counts_of, hear_diagnostics, open_images, spinning, wait_for_tracker

from vis_ros.ros.host import Qos
from vis_ros.synth.source import SynthSource
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, encode_image, make_header, stamp_to_ns

IMAGES, START_S, DRAIN_S = '/soak/image_raw', 600.0, 2.5
LISTENED = {  # so that these outputs are made, too
    'vision_msgs/msg/Detection2DArray': '/vis_tracker/detections_2d',
    'visualization_msgs/msg/MarkerArray': '/vis_tracker/markers',
}
MAX_GROWTH_BYTES, MAX_GROWTH = 4_000_000, 0.01  # of resident memory: the larger of the two
MAX_SLOWER, SLACK_MS = 1.25, 5.0  # of the median latency


class Planner:
    """Hears the tracker; the latencies since the last `take`, and what it said of itself."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._latencies_ms: list[float] = []
        self.results = 0
        self.sessions: set[int] = set()
        self.highest_id = 0
        self.new_ids_that_fell = 0
        self._known: set[int] = set()  # all ids so far
        self.counts: dict[str, int] = {}
        self.last_error = ''
        host.create_subscription(TRACKS_TYPE, '/vis_tracker/tracks', Qos(depth=50), self._hear)
        hear_diagnostics(host, self._look)
        for type_name, topic in LISTENED.items():
            host.create_subscription(type_name, topic, Qos(depth=5), lambda message: None)

    def take(self) -> list[float]:
        """Return the latencies since the last call [ms]."""
        with self._lock:
            taken, self._latencies_ms = self._latencies_ms, []
        return taken

    def _hear(self, message: Any) -> None:
        age_ms = (self._host.now_ns() - stamp_to_ns(message.header.stamp)) / 1e6
        ids = {int(track.id) for track in message.tracks}
        with self._lock:
            self._latencies_ms.append(age_ms)
        self.results += 1
        self.sessions.add(int(message.session_id))
        new = ids - self._known
        self.new_ids_that_fell += sum(number < self.highest_id for number in new)
        self.highest_id = max(self.highest_id, *new) if new else self.highest_id
        self._known |= new

    def _look(self, cameras: list[dict[str, str]]) -> None:
        self.counts = counts_of(cameras[0])
        self.last_error = cameras[0]['last_error']


class Camera:
    """A synthetic camera; objects leave the picture and come back."""

    def __init__(self, host: Any, args: argparse.Namespace) -> None:
        text = f'synth:long,width={args.width},height={args.height},camera=0'
        self._frames = iter(SynthSource(text, fps=args.hz))
        self._host = host
        self.publisher = host.create_publisher(IMAGE_TYPE, IMAGES, Qos(depth=5))
        self.sent = 0
        self.draw_ms: list[float] = []

    def show(self) -> None:
        """Draw the next picture and publish it, stamped now."""
        start_s = time.perf_counter()
        frame = next(self._frames)
        self.draw_ms.append((time.perf_counter() - start_s) * 1e3)
        header = make_header(self._host.messages, self._host.now_ns(), 'camera')
        self.publisher.publish(encode_image(self._host.messages, frame.image, header))
        self.sent += 1


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has now."""
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used, of all its threads."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def measure(args: argparse.Namespace, tracker: Any, memory: Path) -> dict[str, Any]:
    """Be camera and planner of a tracker that was started; end it, and return the figures."""
    with spinning('soak') as host:
        planner, camera = Planner(host), Camera(host, args)
        wait_for_tracker(tracker, [camera.publisher], START_S)
        count = max(3, round(args.minutes * 60 / args.bin_s))
        bins: list[dict[str, Any]] = []
        for index in range(count):
            bins.append(one_bin(args, tracker, camera, planner))
            print(f'{index + 1}/{count}', json.dumps(bins[-1]), flush=True)
        time.sleep(DRAIN_S)
        has_file = memory.exists()
        tracker.send_signal(signal.SIGTERM)
        code = tracker.wait(START_S)
    return {
        'frames_sent': camera.sent,
        'results': planner.results,
        'counts': planner.counts,
        'last_error': planner.last_error,
        'sessions': len(planner.sessions),
        'ids_given': planner.highest_id,
        'new_ids_that_fell': planner.new_ids_that_fell,
        'memory_file_was_written': has_file,
        'exit_code': code,
        'bins': bins,
    }


def one_bin(
    args: argparse.Namespace, tracker: Any, camera: Camera, planner: Planner
) -> dict[str, Any]:
    """Show pictures for the time of a bin; return its figures."""
    frames = max(1, round(args.bin_s * args.hz))
    start_s, used_s = time.monotonic(), processor_s(tracker.pid)
    resident = []
    for index in range(frames):
        time.sleep(max(0.0, start_s + index / args.hz - time.monotonic()))
        camera.show()
        resident.append(resident_bytes(tracker.pid))
    time.sleep(max(0.0, start_s + args.bin_s - time.monotonic()))
    latencies = planner.take() or [float('nan')]
    points = np.percentile(latencies, (50, 95, 99, 100))
    draw_ms, camera.draw_ms = camera.draw_ms, []
    return {
        'frames': frames,
        'results': len(latencies),
        'resident_bytes': min(resident),
        'resident_bytes_max': max(resident),
        'processor_ms_per_frame': round((processor_s(tracker.pid) - used_s) * 1e3 / frames, 2),
        'latency_ms': {
            name: round(float(value), 2)
            for name, value in zip(('p50', 'p95', 'p99', 'max'), points, strict=True)
        },
        'yardstick_ms': round(float(np.median(draw_ms)), 2),
        'ids_given': planner.highest_id,
    }


def judge(figures: dict[str, Any]) -> dict[str, Any]:
    """Return what is wrong with a run, and how memory and latency changed.

    Args:
        figures: What `measure` returns.
    """
    bins = figures['bins']
    settled = bins[max(1, len(bins) // 10) :]
    third = max(1, len(settled) // 3)
    first, last = settled[:third], settled[-third:]
    bytes_before, bytes_after = (median(part, 'resident_bytes') for part in (first, last))
    ms_before, ms_after = (
        float(np.median([item['latency_ms']['p50'] for item in part])) for part in (first, last)
    )
    yard_before, yard_after = (median(part, 'yardstick_ms') for part in (first, last))
    allowed_ms = MAX_SLOWER * ms_before * max(1.0, yard_after / yard_before) + SLACK_MS
    counts = figures['counts']
    checks = {
        'memory grew': bytes_after - bytes_before
        > max(MAX_GROWTH_BYTES, MAX_GROWTH * bytes_before),
        'latency grew': not ms_after <= allowed_ms,
        'frames failed': counts['failed'] > 0,
        'counters do not add up': open_images(counts) != 0,
        'results are missing': figures['results'] != counts['published'],
        'a new session began': figures['sessions'] != 1,
        'an id was lower than an earlier one': figures['new_ids_that_fell'] > 0,
        'no memory file': not figures['memory_file_was_written'],
        'the exit code is not 0': figures['exit_code'] != 0,
    }
    return {
        'faults': [text for text, is_so in checks.items() if is_so],
        'resident_bytes_first_and_last_third': [round(bytes_before), round(bytes_after)],
        'latency_p50_ms_first_and_last_third': [round(ms_before, 2), round(ms_after, 2)],
        'yardstick_ms_first_and_last_third': [round(yard_before, 2), round(yard_after, 2)],
        'processor_ms_per_frame_first_and_last_third': [
            round(median(part, 'processor_ms_per_frame'), 2) for part in (first, last)
        ],
    }


def median(bins: Sequence[dict[str, Any]], name: str) -> float:
    """Return the median of one figure of some bins."""
    return float(np.median([item[name] for item in bins]))


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Start the tracker, measure and judge."""
    with tempfile.TemporaryDirectory() as folder:
        memory = Path(folder) / 'memory.safetensors'
        values = {
            'method': args.method,
            'image_topic': IMAGES,
            'memory_file': memory,
            'memory_period_s': 10.0,
        }
        parameters = [word for pair in values.items() for word in ('-p', '{}:={}'.format(*pair))]
        words = ['-m', 'vis_ros.cli', 'node', '--host', 'dds', '--ros-args', *parameters]
        tracker = subprocess.Popen([sys.executable, *words])
        try:
            figures = measure(args, tracker, memory)
        finally:
            tracker.kill()
            tracker.wait()
    setting = {
        'method': args.method,
        'image': f'{args.width}x{args.height} rgb8 at {args.hz:g} Hz',
        'minutes': args.minutes,
        'bin_s': args.bin_s,
        'cpus': os.cpu_count(),
    }
    return {**setting, 'verdict': judge(figures), **figures}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--minutes', type=float, default=30.0)
    parser.add_argument('--bin-s', type=float, default=60.0, help='length of a bin (%(default)s)')
    parser.add_argument('--hz', type=float, default=8.0)
    parser.add_argument('--width', type=int, default=320)
    parser.add_argument('--height', type=int, default=240)
    parser.add_argument('--method', default='deepsort', help='one without weights (%(default)s)')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(arguments)
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    result = run(args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    verdict = result['verdict']
    print(json.dumps(verdict, indent=2))
    print('soak:', 'FAILED: ' + ', '.join(verdict['faults']) if verdict['faults'] else 'good')
    return 1 if verdict['faults'] else 0


if __name__ == '__main__':
    sys.exit(main())
