# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole suite: every method, way to run it, size and number; writes docs/performance.md.

    python benchmarks/suite/measure.py [--device cpu] [--only methods objects] [--frames 40]

Each case runs in a process of its own (`one_case.py`). Results are kept in
docs/performance/DEVICE.json as they come: a suite that was stopped goes on, --anew begins afresh.
--page only writes the page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from speed_cases import Case, sections

sys.path.insert(0, str(Path(__file__).parents[1]))

from bars import check_least
from performance_page import write_page
from stages import machine

ROOT = Path(__file__).parents[2]
STORED = ROOT / 'docs' / 'performance'
_CASE_S = 3600.0


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is missing; 1 where a case failed."""
    args = arguments(given)
    torch.set_num_threads(1)
    failed = 0 if args.page else measure_all(args)
    write_page(STORED, ROOT / 'docs' / 'performance.md')
    return 1 if failed else 0


def measure_all(args: argparse.Namespace) -> int:
    """Measure the cases that have no figures; return how many failed."""
    device = torch.device(args.device).type
    path = args.into / f'{device}.json'
    known = json.loads(path.read_text()) if path.exists() and not args.anew else {}
    mine = {'machine': machine(), 'device': args.device, 'frames': args.frames}
    for name, value in mine.items():
        if known and known[name] != value:
            parts = f'{path}: {name} was {known[name]}, is {value}'
            raise SystemExit(f'{parts}; --anew forgets what is stored')
    document: dict[str, Any] = {**mine, 'cases': {}, **known}
    wanted = sections(args.device, args.frames)
    failed = 0
    for name in args.only or wanted:
        for case in wanted[name]:
            if 'p50_ms' in document['cases'].get(case.key, {}):
                continue
            found = measure(case)
            failed += 'error' in found
            print(f'{name}: {title(case)}: {found.get("error") or found["p50_ms"]}', flush=True)
            document['cases'][case.key] = found
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=1) + '\n')
    return failed


def measure(case: Case) -> dict[str, Any]:
    """Return the figures of a case, or its error."""
    command = [sys.executable, str(Path(__file__).with_name('one_case.py')), case.key]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_CASE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {'error': f'longer than {_CASE_S:.0f} s'}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f'exit code {done.returncode}']
        return {'error': lines[-1][:300]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def title(case: Case) -> str:
    """Return a case in a line."""
    rows, columns = case.picture
    return (
        f'{case.method} {case.network} {case.precision} {case.accelerate} {columns}x{rows} '
        f'{case.objects} objects {case.cameras} cameras'
    )


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    names = list(sections('cpu', 1))
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--only', nargs='*', default=[], choices=names, metavar='SECTION')
    parser.add_argument('--frames', type=int, default=40, help='of a case (%(default)s)')
    parser.add_argument('--into', type=Path, default=STORED, help='folder (docs/performance)')
    parser.add_argument('--anew', action='store_true', help='forget what is stored')
    parser.add_argument('--page', action='store_true', help='measure nothing')
    args = parser.parse_args(given)
    check_least(parser, args, {'frames': 1})
    return args


if __name__ == '__main__':
    sys.exit(main())
