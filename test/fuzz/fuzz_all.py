# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fuzzing of everything that comes from outside; `make fuzz`.

    python test/fuzz/fuzz_all.py [--cases 100000] [--jobs N] [--only NAME] [--seed 0] [--json FILE]

A case passes when it is taken, with the properties of its target, or refused with the error that
is meant for that. Anything else ends the run with code 1: another exception, a crash of a library,
more than 30 s for a case, more than 4 GB of memory.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TextIO

TEST = Path(__file__).parents[1]
for _folder in ('', 'fuzz', 'ros', 'wire'):  # whose makers of messages the targets use
    sys.path.append(str(TEST / _folder))
sys.path.append(str(TEST.parent))

HANG_S = 30.0
SPARE_BYTES = 4_000_000_000
TASK = 2000  # most cases of one process in a row
LATEST = Path(tempfile.gettempdir()) / f'vis_ros_fuzz_latest_{os.getuid()}'
ERRORS: TextIO = sys.stderr  # where the stack of a case that hangs is written


def all_targets() -> list[Any]:
    """Return the targets of all modules."""
    import fuzz_files
    import fuzz_images
    import fuzz_node
    import fuzz_options
    import fuzz_tracks

    modules = (fuzz_images, fuzz_tracks, fuzz_options, fuzz_files, fuzz_node)
    return [target for module in modules for target in module.TARGETS]


def shares(targets: list[Any], cases: int) -> list[int]:
    """Return how many cases each target gets; together they are `cases` or a few more."""
    total = sum(target.weight for target in targets)
    return [-(-cases * target.weight // total) for target in targets]


def prepare() -> None:
    """Make this process quiet and small; what libraries write to stderr goes nowhere."""
    global ERRORS
    ERRORS = os.fdopen(os.dup(2), 'w')
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    faulthandler.enable(file=ERRORS)
    limit_memory()


def limit_memory() -> None:
    """Let an allocation fail where this process would grow by 4 GB."""
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    limit = pages * os.sysconf('SC_PAGE_SIZE') + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _watch(case: Any) -> None:
    """End the process if the case hangs, and keep it for the case that the process dies."""
    faulthandler.dump_traceback_later(HANG_S, exit=True, file=ERRORS)
    Path(f'{LATEST}.{os.getpid()}').write_text(repr(case))


def one_task(task: tuple[str, int, int]) -> tuple[str, dict[str, Any], str]:
    """Try some cases of a target, in a process of its own.

    Returns:
        Its name, its counts and times, and the fault, which is empty when there is none.
    """
    import fuzz_kit

    name, cases, seed = task
    (target,) = (target for target in all_targets() if target.name == name)
    used_s, fault, counts = time.process_time(), '', Counter[str]()
    try:
        counts = fuzz_kit.run(
            target,
            cases,
            start=seed,
            watch=_watch,
        )
    except BaseException:
        fault = traceback.format_exc(limit=-12)
    faulthandler.cancel_dump_traceback_later()
    figures = dict(counts) | {
        'cases': counts.total(),
        'processor_s': round(time.process_time() - used_s, 1),
    }
    return name, figures, fault


def run_all(args: argparse.Namespace) -> tuple[dict[str, Counter[str]], int]:
    """Return the figures of each target, and the number of faults."""
    targets = [target for target in all_targets() if args.only in target.name]
    tasks = [
        (target.name, min(TASK, count - at), args.seed + at)
        for target, count in zip(targets, shares(targets, args.cases), strict=True)
        for at in range(0, count, TASK)
    ]
    done: dict[str, Counter[str]] = {target.name: Counter() for target in targets}
    faults = 0
    context = multiprocessing.get_context('fork')
    with ProcessPoolExecutor(args.jobs, mp_context=context, initializer=prepare) as pool:
        running = {pool.submit(one_task, task): task for task in tasks}
        for future in as_completed(running):
            try:
                name, figures, fault = future.result()
            except BrokenProcessPool:
                name, figures, fault = (
                    running[future][0],
                    {},
                    f'a process died, see above; a late case of one is in {LATEST}*',
                )
            faults += bool(fault)
            done[name].update(figures)
            print(f'FAULT in {name}:\n{fault}' if fault else f'{name}: {figures}', flush=True)
    return done, faults


def main() -> int:
    """Run the fuzzing; 0 when every case passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--cases', type=int, default=100_000)
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--only', default='', help='names of targets that contain this text')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    start_s = time.monotonic()
    done, faults = run_all(args)
    total = sum(item['cases'] for item in done.values())
    for name, figures in done.items():
        print(f'{name:24}', *(f'{key} {figures[key]:7}' for key in ('cases', 'taken', 'refused')))
    minutes = (time.monotonic() - start_s) / 60
    print(f'fuzz: {total} cases in {len(done)} targets, {faults} faults, {minutes:.1f} minutes')
    if args.json:
        args.json.write_text(
            json.dumps({'cases': total, 'faults': faults, 'targets': done}) + '\n'
        )
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
