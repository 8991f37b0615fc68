# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md names every diagnostic and every log line of the node, and no other."""

import ast
import functools
import re
from pathlib import Path

import pytest
from core_rig import NOW_NS, PERIOD_NS, image

from vis_ros.methods import METHODS
from vis_ros.ros import diagnostics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs/operations.md').read_text()
LOGGERS = {'log', 'error', 'warn', '_fail', '_complain', 'complain'}
PERCENTILES = re.compile(r'_ms_p(50|95|99)$')
SHORTEST = 6  # letters of a text that tells one line from others


def section(title):
    """Return the part of the page below a heading, up to the next one."""
    match = re.search(rf'^#+ {title}$(.*?)(?=^#|\Z)', PAGE, re.M | re.S)
    assert match, f'no heading {title}'
    return match[1]


def column(title, number):
    """Return a column of a section's table, row by row, what is between backticks there."""
    rows = [line.split('|')[1:-1] for line in section(title).splitlines() if line[:1] == '|']
    return [re.findall('`([^`]+)`', row[number]) for row in rows[2:]]


@functools.cache
def trees(*folders):
    paths = [p for folder in folders for p in sorted((ROOT / 'vis_ros' / folder).rglob('*.py'))]
    return [(path, ast.parse(path.read_text())) for path in paths]


def texts(node):
    """Return all literal texts inside a node, those of f-strings in pieces."""
    return [
        item.value
        for item in ast.walk(node)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]


def name_of(call):
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, 'id', '')


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def keys_in(node):
    """Return the keys of all dictionaries inside a node, and those that are assigned to."""
    found = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Dict):
            found |= {key.value for key in item.keys if isinstance(key, ast.Constant)}
        elif isinstance(item, ast.Assign):
            found |= {
                target.slice.value
                for target in item.targets
                if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant)
            }
    return {key for key in found if isinstance(key, str)}


def functions(names, *folders):
    for _, tree in trees(*folders):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in names:
                yield node


def keys_of_code():
    """Return every key of the diagnostics except for the times."""
    found = {*diagnostics._COUNTS, *diagnostics._OF_DEPTH}
    for function in functions({'memory_use', 'sizes'}, 'methods', 'memory', 'pipeline'):
        found |= keys_in(function)
    for function in functions({'status', '_values', 'process_memory'}, 'ros'):
        found |= keys_in(function)
    return found


def stages_of_code():
    """Return the names of all stages that are timed."""
    found = set()
    for _, tree in trees('ros', 'pipeline', 'methods'):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node) == 'times':
                found |= {key for argument in node.args for key in keys_in(argument)}
            elif isinstance(node, ast.Assign):
                names = {getattr(target, 'id', '') for target in node.targets}
                inner = {getattr(getattr(t, 'value', None), 'id', '') for t in node.targets}
                if (names | inner) & {'stages', 'times'}:
                    found |= keys_in(node)
    return found


def log_calls():
    """Yield kind and literal texts of each place that writes to the log."""
    for path, tree in trees('ros'):
        for call in calls(tree):
            name = name_of(call)
            if name not in LOGGERS or path.name == 'error_log.py':
                continue
            first = call.args[0] if call.args else None
            is_kind = name in ('error', 'warn', '_fail') and isinstance(first, ast.Constant)
            pieces = [
                text
                for argument in call.args[name == 'log' or is_kind :]
                for text in texts(argument)
            ]
            yield first.value if is_kind else None, pieces


def flat(text):
    return ' '.join(text.split())


# The page against the code


def test_every_key_is_described_and_no_other():
    described = [key for keys in column('Keys', 0) for key in keys]
    assert len(described) == len(set(described))
    assert set(described) == keys_of_code()


def test_every_stage_is_described_and_no_other():
    described = [stage for stages in column('Times', 0) for stage in stages]
    assert len(described) == len(set(described))
    assert set(described) == stages_of_code()


def test_every_kind_of_limited_line_is_described_and_no_other():
    described = {kind for kinds in column('Lines of the log', 1) for kind in kinds}
    kinds = {kind for kind, _ in log_calls() if kind is not None}
    counters = set(diagnostics._NOT_3D)  # a kind of its own for each
    assert described == kinds | counters


def test_every_line_is_described():
    page = flat(section('Lines of the log'))
    missing = [
        piece
        for _, pieces in log_calls()
        for piece in map(flat, pieces)
        if len(piece) >= SHORTEST and piece not in page
    ]
    assert missing == []


def test_no_line_is_described_that_nobody_writes():
    written = ' '.join(flat(text) for _, tree in trees('ros') for text in texts(tree))
    lines = [line for lines in column('Lines of the log', 2) for line in lines]
    pieces = [piece.strip(' :') for line in lines for piece in re.split('…|[,;:] ', line)]
    assert len(lines) > 30
    assert [p for p in pieces if len(p) >= SHORTEST and p not in written] == []


def test_every_verdict_is_described():
    (verdict,) = functions({'_verdict'}, 'ros')
    page = flat(section('Levels'))
    pieces = [flat(text) for text in texts(verdict) if len(flat(text)) >= SHORTEST]
    names = {'errors', 'unstamped'}  # of counters
    assert len(pieces) > 8
    assert [piece for piece in pieces if piece not in page and piece not in names] == []


def test_the_alarms_name_keys_that_exist():
    known = keys_of_code() | {f'{s}_ms_p{n}' for s in stages_of_code() for n in (50, 95, 99)}
    named = [key for keys in column('What to watch', 0) for key in keys]
    assert len(named) > 5
    assert set(named) <= known


# The code at work


@pytest.mark.parametrize('cameras', [(), ('left', 'right')])
def test_what_a_node_publishes_is_described(make_rig, cameras):
    depth = '/{camera}/depth' if cameras else '/depth'
    rig = make_rig(depth_topic=depth, depth_wait_s=0.0, cameras=cameras).start()
    topic = f'/{cameras[0]}/image_raw' if cameras else '/image'
    for number in range(2):
        rig.host.send(topic, image(stamp_ns=NOW_NS - number * PERIOD_NS))
        rig.settle()
    rig.host.tick()
    statuses = rig.host.sent('/diagnostics')[-1].status
    assert len(statuses) == max(1, len(cameras))
    keys = {item.key for item in statuses[0].values}
    stages = {PERCENTILES.sub('', key) for key in keys if PERCENTILES.search(key)}
    plain = {key for key in keys if not PERCENTILES.search(key)}
    assert {'decode', 'method', 'publish', 'debug', 'depth', 'locate'} <= stages
    assert stages <= {stage for stages in column('Times', 0) for stage in stages}
    assert plain <= {key for keys in column('Keys', 0) for key in keys}
    assert ('split_batches' in plain) == bool(cameras)


def test_methods_report_only_what_is_described(blank):
    method = METHODS['iou'](METHODS['iou'].Config(), weights=None, device='cpu')
    described = {key for keys in column('Keys', 0) for key in keys}
    assert set(method.memory_use(method.init_state())) <= described
