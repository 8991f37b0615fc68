# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp: the stages of a step with 1, 5 and 20 instances, and a stream that goes on for long.

    python benchmarks/maskprop_stages.py [--network small] [--form plain] [--json FILE]

The parameters are random and all thresholds are open, so that each frame has as many instances as
are allowed; all frames are one picture of noise, so that what is packed has one size. Each step
looks at a new frame and links the clip around the one that is due; steps before the first whole
clip do not count. On a CPU with one thread times are those of the thread, so that other programs
count little. What counts are ratios: of each stage to the step, of 20 instances to one, and of the
last tenth of a long stream to its first (bar: at most 1.3, and no tensor of its state grows).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import steps
import torch
from bars import conclude
from stages import machine

from vis_ros.methods import maskprop
from vis_ros.methods.maskprop import MaskPropMethod
from vis_ros.nn import maskrcnn_fixed
from vis_ros.nn.maskprop import perception
from vis_ros.nn.maskprop.config import NETWORKS
from vis_ros.structures import Frame

COUNTS = (1, 5, 20)
_CASCADE = {'model.cascade': 'htc', 'model.semantic': True}
_SAMPLING = {'model.sampling.enabled': True}
_REFINED = {'model.refinement.enabled': True}
FORMS: Mapping[str, Mapping[str, Any]] = {
    'plain': {},
    'refined': _REFINED,
    'cascade': _CASCADE,
    'sampling': _SAMPLING,
    'strong': {**_CASCADE, **_SAMPLING, **_REFINED},
}
_LAST = 'memory, packing'
_PERIOD_NS = 33_333_333


def build(network: str, device: str, form: str, count: int) -> MaskPropMethod:
    """Return a method that finds so many instances in every frame."""
    options = {**steps.OPEN['maskprop'], **FORMS[form], 'detections.limit': count}
    return steps.random_method('maskprop', network, device, options)


def frames(method: MaskPropMethod, count: int) -> Iterator[Frame]:
    """Yield one picture of noise again and again, as large as the network wants it."""
    sizes = method._model.sizes
    width = min(sizes.long_side, sizes.short_side * 16 // 9)
    (first,) = steps.frames(sizes.short_side, width, 1)
    for index in range(count):
        yield Frame(first.image, index * _PERIOD_NS)


def filling(method: MaskPropMethod) -> int:
    """Return how many frames pass before a stream holds all that it will ever hold."""
    config = method.config
    return config.support.past + 2 * (config.past + config.lookahead + 1)


def places_of(method: MaskPropMethod) -> Sequence[tuple[Any, str, str]]:
    """Return where the stages of the method's steps end, but for the last one; see `noted`."""
    model, detector = method._model, method._model.detector
    sampling, cascade = detector.sampling, detector.cascade
    if cascade is None and method.device.type != 'cpu':
        boxes: tuple[Any, str] = (maskrcnn_fixed, 'detections')
    else:
        boxes = (detector.stages[-1], 'postprocess_detections')
    places = [
        (perception, 'scaled', 'scaling'),
        (detector.backbone.body, 'forward', 'normalising, backbone'),
        (sampling, 'forward', 'supporting frames'),
        (detector.backbone.fpn, 'forward', 'FPN'),
        (*boxes, 'RPN, boxes'),
        (detector, 'detect', 'masks'),
        (model, 'refine', 'refinement'),
        (perception, 'pasted_masks', 'masks in the image'),
        (model, 'propagate', 'propagation'),
        (maskprop, 'identity_scores', 'clip matching'),
    ]
    left_out = {
        'supporting frames': sampling is None,
        'refinement': not model.options.refinement.enabled,
    }
    return [place for place in places if not left_out.get(place[2])]


def stages_of(method: MaskPropMethod, repetitions: int) -> dict[str, float]:
    """Return the median time of each stage of a step of a stream [ms]; see `steps.stages_of`."""
    places, first = places_of(method), filling(method)
    stages = (*(stage for _, _, stage in places), _LAST)
    return steps.stages_of(method, stages, places, frames(method, first + repetitions), first)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    methods = {count: build(args.network, args.device, args.form, count) for count in COUNTS}
    stages = {n: stages_of(method, args.repetitions) for n, method in methods.items()}
    times = {count: round(sum(own.values()), 3) for count, own in stages.items()}
    stream = methods[COUNTS[1]]
    return {
        'machine': machine(),
        'network': args.network,
        'form': args.form,
        'device': args.device,
        'stages_ms': stages,
        'step_ms': times,
        'against_one': {count: round(own / times[COUNTS[0]], 3) for count, own in times.items()},
        'long_stream': steps.long_stream(stream, frames(stream, args.frames), filling(stream)),
    }


def show(found: Mapping[str, Any]) -> None:
    """Print the figures."""
    stages, times = found['stages_ms'], found['step_ms']
    print(f'{"stage of a step [ms]":28}' + ''.join(f'{f"{n} instances":>16}' for n in stages))
    for name in stages[COUNTS[0]]:
        print(f'{name:28}' + ''.join(f'{own[name]:16.3f}' for own in stages.values()))
    print(f'{"all":28}' + ''.join(f'{value:16.3f}' for value in times.values()))
    print(f'{"/ one instance":28}' + ''.join(f'{v:16.2f}' for v in found['against_one'].values()))
    print(f'\n{found["long_stream"]}')


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = steps.command_line(__doc__, NETWORKS)
    parser.add_argument('--form', default='plain', choices=FORMS, help='(%(default)s)')
    return steps.parsed(parser, given)


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args = arguments(given)
    torch.set_num_threads(args.threads)
    found = measure(args)
    print(', '.join(f'{name} {value}' for name, value in found['machine'].items()))
    show(found)
    return conclude(steps.growth_bars(found['long_stream']), found, args.json)


if __name__ == '__main__':
    sys.exit(main())
