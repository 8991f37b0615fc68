# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters are declared, read, set and refused as `ros2 param` does it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from vis_ros.ros.dds import DdsHost
from vis_ros.ros.dds.parameter_messages import from_value, to_value
from vis_ros.ros.dds.parameter_server import select_names
from vis_ros.ros.dds.parameter_store import ParameterStore
from vis_ros.ros.host import Qos
from vis_ros.structures.options import Option
from vis_ros.wire.bare_messages import bare_messages

Make = Callable[..., DdsHost]
Wait = Callable[[Callable[[], Any]], None]

_MESSAGES = bare_messages()
_OPTIONS = (
    Option('on', bool, True, 'Switch.', mutable=True),
    Option('count', int, 3, 'How many.', minimum=1, maximum=9, mutable=True),
    Option('gain', float, 1.0, 'Gain.', unit='dB', minimum=0.0, mutable=True),
    Option('mode', str, 'fast', 'Mode.', choices=('fast', 'slow')),
    Option('names', tuple[str, ...], ('a', 'b'), 'Names.'),
    Option('weights', tuple[float, ...], (0.5,), 'Weights.', mutable=True),
)
_DEFAULTS = {item.name: item.default for item in _OPTIONS}


def _call(host: DdsHost, service: str, **fields: Any) -> Any:
    snake = ''.join(f'_{c.lower()}' if c.isupper() else c for c in service)[1:]
    type_name = f'rcl_interfaces/srv/{service}'
    request = _MESSAGES.make(f'{type_name}_Request', **fields)
    return host.call(type_name, f'~/{snake}', request, 30.0)


def _get(host: DdsHost, *names: str) -> list[Any]:
    return [from_value(item) for item in _call(host, 'GetParameters', names=list(names)).values]


def _parameter(name: str, kind: Any, value: Any) -> Any:
    item = to_value(_MESSAGES, Option(name, kind, value, ''), value)
    return _MESSAGES.make('rcl_interfaces/msg/Parameter', name=name, value=item)


def test_declare_takes_overrides_into_account(make_host: Make) -> None:
    host = make_host('over', '-p', 'm.count:=5', '-p', 'm.gain:=2', '-p', 'never:=1')
    expected = {**_DEFAULTS, 'count': 5, 'gain': 2.0}
    assert host.declare(_OPTIONS, 'm.') == expected
    with pytest.raises(ValueError, match=r'm\.on: .* declared already'):
        host.declare(_OPTIONS, 'm.')
    host.undeclare('m.')
    assert host.declare(_OPTIONS, 'n.') == _DEFAULTS
    assert host.declare(_OPTIONS, 'm.') == expected
    host.undeclare('')
    assert _get(host, 'use_sim_time', 'n.count') == [False, None]


@pytest.mark.parametrize(
    ('text', 'fault'), [('m.count:=10', r'm\.count.*\[1, 9\]'), ('m.mode:=new', "'fast', 'slow'")]
)
def test_bad_overrides_are_named(make_host: Make, text: str, fault: str) -> None:
    host = make_host('bad', '-p', text)
    with pytest.raises(ValueError, match=fault):
        host.declare(_OPTIONS, 'm.')
    assert _get(host, 'm.on') == [None]


def test_get_list_and_types(make_host: Make) -> None:
    host = make_host('reader')
    host.declare(_OPTIONS, 'm.')
    names = [f'm.{name}' for name in _DEFAULTS]
    assert _get(host, *names, 'missing') == [*_DEFAULTS.values(), None]
    listed = _call(host, 'ListParameters', prefixes=[], depth=0).result
    assert listed.names == sorted([*names, 'use_sim_time'])
    assert listed.prefixes == ['m']
    types = _call(host, 'GetParameterTypes', names=[*names, 'missing']).types
    assert types.tolist() == [1, 2, 3, 4, 9, 8, 0]


def test_describe(make_host: Make) -> None:
    host = make_host('describer')
    host.declare(_OPTIONS)
    names = ['count', 'gain', 'mode', 'missing']
    count, gain, mode, missing = _call(host, 'DescribeParameters', names=names).descriptors
    assert (count.integer_range[0].from_value, count.integer_range[0].to_value) == (1, 9)
    assert (gain.description, gain.floating_point_range[0].from_value) == ('Gain. [dB]', 0.0)
    assert math.isinf(gain.floating_point_range[0].to_value)
    assert 'One of fast, slow.' in mode.additional_constraints
    assert (mode.type, mode.read_only, mode.dynamic_typing) == (4, False, False)
    assert (missing.name, missing.type) == ('missing', 0)


def test_set_accepts_refuses_and_tells(make_host: Make, wait_until: Wait) -> None:
    host = make_host('setter')
    host.declare(_OPTIONS)
    calls: list[Mapping[str, Any]] = []

    def on_parameters(changes: Mapping[str, Any]) -> str:
        calls.append(dict(changes))
        return 'too many' if changes.get('count') == 9 else ''

    host.on_parameters = on_parameters
    events: list[Any] = []
    host.create_subscription(
        'rcl_interfaces/msg/ParameterEvent', '/parameter_events', Qos(), events.append
    )
    changes = [
        _parameter('count', int, 4),
        _parameter('count', int, 9),
        _parameter('count', int, 100),
        _parameter('gain', int, 2),
        _parameter('missing', int, 1),
        _parameter('on', str, 'yes'),
    ]
    results = _call(host, 'SetParameters', parameters=changes).results
    assert [item.successful for item in results] == [True, False, False, True, False, False]
    assert results[1].reason == 'too many'
    assert 'expected a value in [1, 9], got 100' in results[2].reason
    assert 'not declared' in results[4].reason
    assert 'expected bool' in results[5].reason
    assert calls == [{'count': 4}, {'count': 9}, {'gain': 2.0}]
    assert _get(host, 'count', 'gain') == [4, 2.0]
    wait_until(lambda: any(item.changed_parameters for item in events))
    assert {item.node for item in events} == {'/setter'}


def test_set_atomically(make_host: Make) -> None:
    host = make_host('atomic')
    host.declare(_OPTIONS)
    good, bad = _parameter('count', int, 5), _parameter('gain', float, -1.0)
    result = _call(host, 'SetParametersAtomically', parameters=[good, bad]).result
    assert not result.successful
    assert _get(host, 'count') == [3]
    weights = _parameter('weights', tuple[float, ...], (1.0, 2.0))
    assert _call(host, 'SetParametersAtomically', parameters=[good, weights]).result.successful
    assert _get(host, 'count', 'weights') == [5, (1.0, 2.0)]


def test_callback_that_raises_refuses(make_host: Make) -> None:
    host = make_host('raiser')
    host.declare(_OPTIONS)

    def on_parameters(changes: Mapping[str, Any]) -> str:
        raise RuntimeError('not now')

    host.on_parameters = on_parameters
    (result,) = _call(host, 'SetParameters', parameters=[_parameter('count', int, 4)]).results
    assert (result.successful, result.reason) == (False, 'RuntimeError: not now')


@pytest.mark.parametrize(
    ('kind', 'value'),
    [
        (bool, True),
        (int, -(2**63)),
        (float, 0.1),
        (str, 'ä'),
        (tuple[str, ...], ()),
        (tuple[str, ...], ('a', '')),
        (tuple[float, ...], (1.5, math.inf)),
        (tuple[int, ...], (1, -2)),
        (tuple[bool, ...], (True, False)),
    ],
)
def test_values_go_around(kind: Any, value: Any) -> None:
    message = to_value(_MESSAGES, Option('x', kind, value, ''), value)
    cdr = _MESSAGES.serialize(message)
    read = from_value(_MESSAGES.deserialize(cdr, 'rcl_interfaces/msg/ParameterValue'))
    assert read == value
    assert type(read) is type(value)


def test_unknown_types_are_refused() -> None:
    message = to_value(_MESSAGES, None)
    assert from_value(message) is None
    message.type = 99
    with pytest.raises(ValueError, match='99'):
        from_value(message)


def test_select_names() -> None:
    names = ['a', 'b.c', 'b.d.e', 'bb']
    assert select_names(names, [], 0) == names
    assert select_names(names, [], 1) == ['a', 'bb']
    assert select_names(names, ['b'], 0) == ['b.c', 'b.d.e']
    assert select_names(names, ['b'], 1) == ['b.c']
    assert select_names(names, ['a', 'b.d'], 0) == ['a', 'b.d.e']


def test_store_is_all_or_nothing() -> None:
    store = ParameterStore({'count': np.inf})
    with pytest.raises(ValueError, match='count'):
        store.declare(_OPTIONS, '')
    assert store.names() == []
