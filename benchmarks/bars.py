# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How benchmarks that have bars begin and end; no benchmark by itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def check_least(
    parser: argparse.ArgumentParser, args: argparse.Namespace, least: Mapping[str, int]
) -> None:
    """End the program, with a message, where an argument is below its least value."""
    for name, minimum in least.items():
        if getattr(args, name) < minimum:
            parser.error(f'--{name}: expected {minimum} or more, got {getattr(args, name)}')


def conclude(bars: Sequence[tuple[str, bool]], document: Any, path: Path | None) -> int:
    """Print each bar, in words and whether it is kept; write the file that was asked for.

    Its folder is made where there is none.

    Returns:
        Exit code: 0 when all bars are kept.
    """
    for text, is_kept in bars:
        print(f'{"pass" if is_kept else "FAIL"}  {text}')
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + '\n')
    return 0 if all(is_kept for _, is_kept in bars) else 1
