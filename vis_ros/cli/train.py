# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros train`: trains the parts of a method on a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import shtab
from rich.console import Console

from vis_ros.structures.options import build_config, fixed_values, flatten
from vis_ros.structures.settings import parse_settings, parse_yaml

_INTERRUPTED = 130


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'train',
        help='train a detector or a tracker',
        description='Train one stage by a recipe, such as those in config/training. The same '
        'command goes on where an interrupted training stood, to the very same result. Writes '
        'OUT/model.safetensors, the step with the best figures on videos held out; '
        'OUT/train.csv, OUT/validation.csv and OUT/tensorboard. On several GPUs or machines: '
        'torchrun --nproc-per-node N -m vis_ros.cli train ...',
    )
    parser.add_argument(
        'stage',
        choices=('detector', 'tracker', 'visstg', 'maskprop', 'iai', 'ifr'),
        help='what to train',
    )
    parser.add_argument(
        '--config', type=Path, required=True, metavar='FILE', help='recipe, YAML'
    ).complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument(
        '--out', '-o', type=Path, required=True, metavar='DIR', help='folder of the run'
    ).complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    parser.add_argument(
        '--set',
        '-s',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='value of the recipe, such as schedule.seed=1; may be repeated',
    )
    parser.add_argument('--device', default='auto', help='cpu, cuda or auto (%(default)s)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand.

    Returns:
        0, or 130 where a signal ended the training before its last step.

    Raises:
        ValueError: The recipe, its data or its weights are not right, or the training diverged.
        OSError: A file cannot be read.
    """
    try:
        import torch

        from vis_ros.training.loop import MODEL, fit, make_fabric
        from vis_ros.training.stages import STAGES
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: pip install 'vis_ros[training]'") from error
    stage = STAGES[args.stage]
    recipe: Any = build_config(stage.Recipe, read_recipe(args.config, args.set))
    fabric = make_fabric(args.device, recipe.schedule.precision)
    if fabric.device.type == 'cuda':
        torch.set_float32_matmul_precision('high')
    task = stage(recipe)
    console = Console(stderr=True)
    task.prepare(fabric.device, console)
    values = fixed_values(recipe)
    if not fit(task, recipe.schedule, args.out, fabric=fabric, recipe=values):
        return _INTERRUPTED
    if fabric.global_rank == 0:
        console.print(f'{args.out / MODEL}')
    return 0


def read_recipe(path: Path, given: list[str]) -> dict[str, Any]:
    """Return the values of a recipe file, and over them those of the command line, flat.

    Raises:
        ValueError: The file is no YAML mapping, or an argument is no NAME=VALUE.
        OSError: The file cannot be read.
    """
    loaded = parse_yaml(path.read_text(), f'--config {path}')
    if not isinstance(loaded, dict | None):
        raise ValueError(f'--config {path}: expected names with values')
    return {**flatten(loaded or {}), **parse_settings(given, '--set')}
