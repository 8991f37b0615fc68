# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros weights`: official weights as files of ours, and trained ones made small to ship."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import shtab


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'weights',
        help='import weights of other code, pack own ones',
        description='Weights files. What they are and how they are named: docs/weights.md.',
    )
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    importer = actions.add_parser(
        'import',
        help='official weights of YOLACT, RGNNVIS, IAI, CondInst or Mask2Former',
        description="Write official weights as a safetensors file: YOLACT's .pth files (ResNet-50 "
        "and ResNet-101), RGNNVIS's detector, whole checkpoints of RGNNVIS's trainer, those of "
        'IAI and CondInst, and Mask2Former, of its own code or of transformers. No code in the '
        'file is run. Prints the entry for models/weights.yaml.',
    )
    source = importer.add_argument(
        'file',
        metavar='FILE',
        help='official file, or a Mask2Former on the Hugging Face hub: hub:OWNER/MODEL',
    )
    source.complete = shtab.FILE
    importer.add_argument('--as', dest='name', required=True, help='name of the new weights')
    folder = importer.add_argument(
        '--out', type=Path, default=Path(), metavar='DIR', help='folder of the new file (here)'
    )
    folder.complete = shtab.DIRECTORY
    importer.add_argument(
        '--classes',
        nargs='+',
        default=(),
        metavar='CLASS',
        help='names of the classes without background, in the order of the training',
    )
    importer.set_defaults(run=run)
    packer = actions.add_parser(
        'pack',
        help='half-precision copy of trained weights, to ship',
        description='Write a copy of trained weights with 16 bits a number, half as large. Prints '
        'the entry for models/weights.yaml.',
    )
    packer.add_argument('file', metavar='FILE', type=Path, help='model.safetensors of a training')
    packer.add_argument('--as', dest='name', required=True, help='name of the new weights')
    packer.add_argument('--out', type=Path, default=Path(), metavar='DIR', help='folder (here)')
    packer.set_defaults(run=pack)


def pack(args: argparse.Namespace) -> int:
    """Run the subcommand `pack`.

    Raises:
        ValueError: The name is no file name, the new file exists, or the old one is no weights
            file of a training.
    """
    from vis_ros.pipeline.packed_weights import packed_entry, write_packed

    target = _target(args)
    write_packed(args.file, target)
    sys.stdout.write(packed_entry(args.name, target))
    return 0


def _target(args: argparse.Namespace) -> Path:
    """Return the path of the new file, whose folder is made."""
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_.-]*', args.name):
        raise ValueError(f'--as: expected letters, digits, _, - and ., got {args.name!r}')
    target: Path = args.out / f'{args.name}.safetensors'
    if target.exists():
        raise ValueError(f'--as: {target} exists already')
    args.out.mkdir(parents=True, exist_ok=True)
    return target


def run(args: argparse.Namespace) -> int:
    """Run the subcommand.

    Raises:
        ValueError: The name is no file name, the new file exists, or the official file is not
            one; the text lists missing and unexpected names.
    """
    from vis_ros.pipeline.official_mask2former import HUB, fetch
    from vis_ros.pipeline.official_weights import manifest_entry, read_official
    from vis_ros.pipeline.weights import write_weights

    target = _target(args)
    source = fetch(args.file) if args.file.startswith(HUB) else Path(args.file)
    official = read_official(source, args.classes)
    write_weights(target, official.tensors, official.meta)
    meta = official.meta
    sys.stderr.write(
        f'{target}: {meta["method"]}, {meta["part"]}, {meta["num_classes"]} classes with '
        f'background, {len(official.tensors)} tensors\n'
    )
    origin = args.file if args.file.startswith(HUB) else source.name
    sys.stdout.write(manifest_entry(args.name, official, source, target, origin))
    return 0
