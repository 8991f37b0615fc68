# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The options of `vis_ros evaluate` that run a method, and which of its forms takes which."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shtab

from vis_ros.cli.common import DEFAULT_METHOD, add_method

# Values of arguments that were not given. Those that are not listed are None.
_UNGIVEN: Mapping[str, Any] = {
    'method': DEFAULT_METHOD,
    'weights': '',
    'device': 'cpu',
    'config': [],
    'class_agnostic': False,
}
_METHOD = ('method', 'weights', 'device', 'config', 'config_file', 'class_agnostic')
_MODE = ('mode', 'rate', 'step_ms', 'known_at')
_BAG = ('replay', 'truth_file', 'video', 'truth_topic', 'topic', 'out', 'jobs', 'cluster')
_DATA_SET = ('fps', 'results_file')
_FORMS: Mapping[str, tuple[str, ...]] = {  # what each form does not take
    'results': (*_METHOD, *_MODE, *_BAG, *_DATA_SET),
    'images': _BAG,
    'replay': (*_DATA_SET, 'truth', 'results'),
}
_FLAGS = {
    'truth_file': '--truth',
    'results_file': '--results',
    'truth': 'GT',
    'results': 'RESULTS',
}
_MEANING = {
    'results': 'GT RESULTS, which runs no method',
    'images': 'GT --images FOLDER',
    'replay': '--replay',
}


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose a method, what it runs over, and how."""
    _add_bag_options(parser.add_argument_group('a method on a bag'))
    _add_data_set_options(parser.add_argument_group('a method on a data set'))
    group: Any = parser.add_argument_group('the method')
    add_method(group)
    group.add_argument(
        '--class-agnostic', action='store_true', help='take all classes as one, such as for motion'
    )
    _add_mode_options(parser.add_argument_group('how it is run'))


def _add_bag_options(group: Any) -> None:
    group.add_argument(
        '--replay', type=Path, metavar='BAG', help='bag, or folder of bags, to run the method over'
    ).complete = shtab.FILE
    group.add_argument(
        '--truth',
        dest='truth_file',
        type=Path,
        metavar='FILE',
        help='ground truth in YouTube-VIS form, a frame for each image, instead of a topic',
    ).complete = shtab.FILE
    group.add_argument(
        '--video', help='id or name (folder) of its video; else the only one, or named as the bag'
    )
    group.add_argument(
        '--truth-topic', metavar='TOPIC', help='ground truth in the bag (/ground_truth/tracks)'
    )
    group.add_argument('--topic', help='image topic of a bag with several')
    group.add_argument(
        '--out',
        '-o',
        type=Path,
        metavar='FOLDER',
        help='keep the results of each bag there; a bag that has them is not run again',
    ).complete = shtab.DIRECTORY
    group.add_argument(
        '--jobs', type=int, metavar='N', help='bags at once: processes here (1), or of the cluster'
    )
    group.add_argument(
        '--cluster',
        nargs='?',
        const='auto',
        metavar='ADDRESS',
        help='run the bags on an existing Ray cluster and not here: auto (of which this machine '
        'is a part), HOST:PORT or ray://HOST:PORT; its machines need the same vis_ros and see the '
        'same paths',
    )


def _add_data_set_options(group: Any) -> None:
    group.add_argument('--fps', type=float, help='images per second, for the stamps (10)')
    group.add_argument(
        '--results',
        dest='results_file',
        type=Path,
        metavar='FILE',
        help='write the results in server form, into an archive where it ends in .zip',
    ).complete = shtab.FILE


def _add_mode_options(group: Any) -> None:
    group.add_argument(
        '--mode',
        choices=('frames', 'realtime', 'both'),
        help='every image in order; or as on a robot, where a busy method misses images; bags '
        'default to both, data sets to frames',
    )
    group.add_argument(
        '--rate', type=float, metavar='X', help='realtime: images arrive X times as fast (1)'
    )
    group.add_argument(
        '--step-ms',
        type=float,
        metavar='MS',
        help='realtime: let each step take so long instead of measuring it',
    )
    group.add_argument(
        '--known-at',
        choices=('next', 'stamp'),
        help='realtime: score a frame by what is known when the next image arrives, or at its own '
        'stamp (next)',
    )


def check_form(args: argparse.Namespace) -> str:
    """Return which form of the command was given: results, images or replay.

    Raises:
        ValueError: It is none, or an argument belongs to another one.
    """
    if args.replay is not None:
        form = 'replay'
    elif args.truth is None:
        raise ValueError('expected GT RESULTS, GT --images FOLDER, or --replay BAG')
    elif args.results is not None:
        form = 'results'
    elif args.images is not None:
        form = 'images'
    else:
        raise ValueError(
            'RESULTS is missing; to run a method over the images of GT, give --images FOLDER'
        )
    for name in _FORMS[form]:
        if getattr(args, name) != _UNGIVEN.get(name):
            flag = _FLAGS.get(name, f'--{name.replace("_", "-")}')
            raise ValueError(f'{flag}: does not go with {_MEANING[form]}')
    return form
