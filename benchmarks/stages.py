# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a step of RGNNVIS or RGNNVIS++ goes, stage by stage, on the CPU and on a GPU.

    python benchmarks/stages.py [--repetitions 20] [--networks small resnet50] [--json FILE]

A frame begins with the bytes of an image message and ends with those of the tracks' message, as
in a node without ROS; what DDS takes is left out. Between them is the method's own `step`, whose
stages note when they end; on a GPU as events in its stream, which are read after the step. Each
repetition does one frame of every network and precision in turn, so that a drift of the machine
hits all alike, and one more step without notes for the frame rate.

The parameters are random, the tracks are not: `full_tracker.py` says how. On a CPU with one thread
the stages are timed by the clock of that thread, so that other programs do not count.

Times are of this machine; what counts is the ratio between the tracker (appearance to packing) and
the detector, and what association, memory and packing are of a frame. The bars: at most 15 % and
10 % on a CPU; on a GPU 150 frames a second with ResNet-50.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bars import check_least, conclude
from full_tracker import CLASSES, FullTracker
from stopwatch import Stopwatch, noted

from vis_ros.methods import rgnnvis
from vis_ros.structures import FrameResult
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import tracks_message
from vis_ros.wire.encodings import IMAGE_TYPE, encode_image, frame_of, make_header

DECODING, ENCODING = 'image message', 'tracks message'
STEP = (
    'input',
    'backbone',
    'pyramid, prototypes, head',
    'selection, NMS',
    'appearance',
    'graph',
    'choice, slots, update',
    'masks',
    'label image',
    'packing',
)
STAGES = (DECODING, *STEP, ENCODING)
DETECTOR = STEP[:4]
BOOKS = ('graph', 'choice, slots, update', 'packing')  # association, memory and packing
PRECISIONS = {'cpu': ('float32',), 'cuda': ('float32', 'bfloat16', 'float16')}
MAX_SHARE = 0.15
MAX_BOOKS = 0.10
MIN_FPS = 150.0


def places_of(case: FullTracker) -> Sequence[tuple[Any, str, str]]:
    """Return where the stages of the case's steps end, but for the last one; see `noted`."""
    model, tracker = case.model, case.model.tracker
    return (
        (rgnnvis, 'prepare_frame', 'input'),
        (model.detector.backbone, 'forward', 'backbone'),
        (model.detector.head, 'forward', 'pyramid, prototypes, head'),
        (model, 'detect', 'selection, NMS'),
        (tracker, 'look', 'appearance'),
        (tracker, 'associate', 'graph'),
        (tracker, 'update', 'choice, slots, update'),
        (tracker, 'segment', 'masks'),
        (rgnnvis, 'label_image', 'label image'),
    )


class Wire:
    """What comes in and goes out, as bytes.

    Args:
        image: uint8 array (H, W, 3), the picture of all images.
    """

    def __init__(self, image: np.ndarray) -> None:
        self._messages = bare_messages()
        header = make_header(self._messages, 1_700_000_000_000_000_000, 'camera')
        message = encode_image(self._messages, image, header)  # rgb8: nothing to convert
        self._bytes = bytes(self._messages.serialize(message))

    def image(self) -> np.ndarray:
        """Return the picture of an image message."""
        return frame_of(self._messages.deserialize(self._bytes, IMAGE_TYPE)).image

    def encoded(self, case: FullTracker, result: FrameResult) -> bytes:
        """Return the tracks' message."""
        names = case.method.classes
        message = tracks_message(
            self._messages, result, method=case.method.name, class_names=names
        )
        return bytes(self._messages.serialize(message))


def spans_of_frame(case: FullTracker, wire: Wire) -> tuple[dict[str, float], dict[str, float]]:
    """Do a frame; return the time of each stage on the device, and on the host [ms].

    Raises:
        RuntimeError: The frame did not go through all stages once, in their order.
    """
    watch = Stopwatch(case.device)
    with noted(places_of(case), watch):
        watch.note('')
        image = wire.image()
        watch.note(DECODING)
        result = case.step(image)
        watch.note(STEP[-1])
        wire.encoded(case, result)
        watch.note(ENCODING)
    spans = watch.spans_ms()
    if tuple(spans) != STAGES:
        raise RuntimeError(f'stages: expected {STAGES}, got {tuple(spans)}')
    return spans, watch.host_spans_ms()


def plain_step_ms(case: FullTracker) -> float:
    """Do a step without notes; its result is on the host when it returns."""
    start_s = time.perf_counter()
    case.step()
    return (time.perf_counter() - start_s) * 1e3


def measure(cases: Sequence[FullTracker], repetitions: int, warm_up: int) -> list[dict[str, Any]]:
    """Return the figures of each case."""
    spans: list[list[Any]] = [[] for _ in cases]
    steps: list[list[float]] = [[] for _ in cases]
    wires = [Wire(case.image) for case in cases]
    for repetition in range(warm_up + repetitions):
        for index, case in enumerate(cases):
            found, plain = spans_of_frame(case, wires[index]), plain_step_ms(case)
            if repetition >= warm_up:
                spans[index].append(found)
                steps[index].append(plain)
    return [
        figures(case, [pair[0] for pair in own], [pair[1] for pair in own], step)
        for case, own, step in zip(cases, spans, steps, strict=True)
    ]


def figures(
    case: FullTracker,
    spans: Sequence[Mapping[str, float]],
    host: Sequence[Mapping[str, float]],
    steps: Sequence[float],
) -> dict[str, Any]:
    """Return medians over steps, and what they say about the bars."""
    detector = np.array([sum(one[stage] for stage in DETECTOR) for one in spans])
    within = np.array([sum(one[stage] for stage in STEP) for one in spans])
    whole = np.array([sum(one.values()) for one in spans])
    books = np.array([sum(one[stage] for stage in BOOKS) for one in spans])
    share, step = float(np.median((within - detector) / detector)), float(np.median(steps))
    result = {
        'network': case.network,
        'device': case.device.type,
        'precision': case.precision,
        'stages_ms': {s: round(float(np.median([one[s] for one in spans])), 3) for s in STAGES},
        'detector_ms': round(float(np.median(detector)), 3),
        'tracker_ms': round(float(np.median(within - detector)), 3),
        'tracker_share': round(share, 4),
        'books_share': round(float(np.median(books / whole)), 4),
        'books_share_of_step': round(float(np.median(books / within)), 4),
        'frame_ms': round(float(np.median(whole)), 3),
        'step_ms': round(step, 3),
        'step_p95_ms': round(float(np.percentile(steps, 95)), 3),
        'fps': round(1e3 / step, 1),
    }
    if case.device.type == 'cuda':
        queued = [sum(one[stage] for stage in STEP[:-1]) for one in host]
        result['host_before_packing_ms'] = round(float(np.median(queued)), 3)
    return result


def verdicts(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """Return each bar in words, and whether it is kept."""
    bars = []
    for one in found:
        name = f'{one["network"]} {one["precision"]} on {one["device"]}'
        if one['device'] == 'cpu':
            share = one['tracker_share']
            text = f'{name}: tracker / detector {share:.1%}, at most {MAX_SHARE:.0%}'
            bars.append((text, share <= MAX_SHARE))
            share = one['books_share']
            text = f'{name}: association, memory, packing / frame {share:.1%}'
            bars.append((f'{text}, at most {MAX_BOOKS:.0%}', share <= MAX_BOOKS))
        elif one['network'] == 'resnet50':
            text = f'{name}: {one["fps"]:.0f} frames a second, at least {MIN_FPS:.0f}'
            bars.append((text, one['fps'] >= MIN_FPS))
    return bars


def show(found: Sequence[Mapping[str, Any]]) -> None:
    """Print a table with a column for each case."""
    heads = [f'{one["network"]} {one["device"]} {one["precision"]}' for one in found]
    width = max(map(len, heads)) + 2
    print(f'{"":28}' + ''.join(f'{head:>{width}}' for head in heads))
    for stage in STAGES:
        print(f'{stage:28}' + ''.join(f'{one["stages_ms"][stage]:{width}.3f}' for one in found))
    rows = {
        'detector': 'detector_ms',
        'tracker': 'tracker_ms',
        'frame': 'frame_ms',
        'step, without notes': 'step_ms',
    }
    for title, key in rows.items():
        print(f'{title:28}' + ''.join(f'{one[key]:{width}.3f}' for one in found))
    shares = ''.join(f'{one["tracker_share"]:{width}.1%}' for one in found)
    print(f'{"tracker / detector":28}{shares}')
    for title, key in {'frame': 'books_share', 'step': 'books_share_of_step'}.items():
        shares = ''.join(f'{one[key]:{width}.1%}' for one in found)
        print(f'{"books / " + title:28}{shares}')
    print(f'{"frames a second":28}' + ''.join(f'{one["fps"]:{width}.1f}' for one in found))
    for one in found:
        if 'host_before_packing_ms' in one:
            print(
                f'{one["network"]} {one["precision"]}: the host needs '
                f'{one["host_before_packing_ms"]:.3f} ms to queue all but the packing'
            )


def machine() -> dict[str, Any]:
    """Return what the times depend on."""
    info = Path('/proc/cpuinfo')
    names = [
        line.partition(':')[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith('model name')
    ]
    found: dict[str, Any] = {
        'cpu': names[0] if names else platform.processor() or platform.machine(),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'python': platform.python_version(),
    }
    if torch.cuda.is_available():
        found |= {
            'gpu': torch.cuda.get_device_name(),
            'cuda': torch.version.cuda,
            'cudnn': torch.backends.cudnn.version(),
            'tf32_convolutions': torch.backends.cudnn.allow_tf32,
        }
    return found


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument(
        '--networks', nargs='+', default=['small', 'resnet50'], choices=tuple(CLASSES)
    )
    parser.add_argument('--method', default='rgnnvis_pp', choices=('rgnnvis', 'rgnnvis_pp'))
    parser.add_argument('--devices', nargs='+', choices=tuple(PRECISIONS))
    parser.add_argument('--tracks', type=int, default=24)
    parser.add_argument('--detections', type=int, default=16)
    parser.add_argument(
        '--picture',
        type=int,
        nargs=2,
        metavar=('ROWS', 'COLUMNS'),
        help="of frames (those of the network's input)",
    )
    parser.add_argument('--crop', default='box', choices=('box', 'none'), help='(%(default)s)')
    parser.add_argument('--repetitions', type=int, default=20)
    parser.add_argument('--warm-up', type=int, default=3)
    parser.add_argument('--threads', type=int, default=1, help='of the CPU (%(default)s)')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(given)
    names = ('tracks', 'detections', 'repetitions', 'threads')
    check_least(parser, args, dict.fromkeys(names, 1))
    return args


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args = arguments(given)
    torch.set_num_threads(args.threads)
    devices = args.devices or ['cpu', *(['cuda'] if torch.cuda.is_available() else [])]
    counts = {'tracks': args.tracks, 'detections': args.detections}
    picture = tuple(args.picture) if args.picture else None
    shape = {'picture': picture, 'crop': args.crop}
    cases = [
        FullTracker(args.method, network, device, precision, **counts, **shape)
        for device in devices
        for network in args.networks
        for precision in PRECISIONS[device]
    ]
    found = measure(cases, args.repetitions, args.warm_up)
    about = machine()
    print(
        f'{args.method}, {args.tracks} tracks, {args.detections} detections; medians of '
        f'{args.repetitions} steps [ms]'
    )
    print(', '.join(f'{name} {value}' for name, value in about.items()))
    show(found)
    chosen = {'method': args.method, **counts, **shape, 'repetitions': args.repetitions}
    document = {'machine': about, **chosen, 'cases': found}
    return conclude(verdicts(found), document, args.json)


if __name__ == '__main__':
    sys.exit(main())
