# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options as parameters of a real node, set and asked for by another one."""

import pytest
import rclpy_peer  # noqa: F401 (skips this module where ROS 2 is not sourced)

# isort: split
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from vis_ros.ros.rclpy_host import RclpyHost
from vis_ros.structures.options import Option

pytestmark = pytest.mark.usefixtures('loopback_domain')

GAIN = Option('gain', float, 0.5, 'How much.', unit='1/s', minimum=0.0, maximum=1.0, mutable=True)
COUNT = Option('count', int, 3, 'How many.', minimum=1)
MODE = Option('mode', str, 'a', 'Which.', choices=('a', 'b'))
NAMES = Option('names', tuple[str, ...], (), 'Some names.', mutable=True)
SCALES = Option('scales', tuple[float, ...], (1.0,), 'Some scales.', minimum=0.0)
FLAG = Option('flag', bool, False, 'Whether.')
ALL = (GAIN, COUNT, MODE, NAMES, SCALES, FLAG)


def value_of(value):
    """Return a ParameterValue of the type that `ros2 param set` would choose."""
    if isinstance(value, bool):
        return ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
    if isinstance(value, int):
        return ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)
    if isinstance(value, float):
        return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    if isinstance(value, str):
        return ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    if value is None:
        return ParameterValue()
    return ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=value)


def set_parameters(peer, **changes):
    """Return the result of each change."""
    request = SetParameters.Request(
        parameters=[Parameter(name=name, value=value_of(v)) for name, v in changes.items()]
    )
    return peer.call(SetParameters, '/tracker/set_parameters', request).results


def get_parameters(peer, *names):
    return peer.call(
        GetParameters, '/tracker/get_parameters', GetParameters.Request(names=list(names))
    ).values


def test_defaults_and_values_of_the_command_line(make_host):
    given = ('gain:=1', 'count:=7', 'mode:=b', 'names:=[x, z]', 'scales:=[2, 3]', 'flag:=true')
    host = make_host(*[word for item in given for word in ('-p', item)])
    assert host.declare(ALL) == {
        'gain': 1.0,
        'count': 7,
        'mode': 'b',
        'names': ('x', 'z'),
        'scales': (2.0, 3.0),
        'flag': True,
    }
    assert host.declare(ALL, 'other.') == {item.name: item.default for item in ALL}


def test_values_of_a_file(make_host, tmp_path):
    path = tmp_path / 'p.yaml'
    path.write_text('/**:\n  ros__parameters:\n    config:\n      gain: 0.25\n      names: []\n')
    host = make_host('--params-file', str(path))
    found = host.declare((GAIN, NAMES), 'config.')
    assert found == {'gain': 0.25, 'names': ()}
    assert type(found['gain']) is float


@pytest.mark.parametrize(
    ('given', 'text'),
    [
        ('gain:=1.5', r'gain: expected a value in \[0.0, 1.0\], got 1.5'),
        ('gain:=fast', "gain: expected float, got 'fast'"),
        ('count:=2.5', 'count: expected int, got 2.5'),
        ('count:=0', r'count: expected a value in \[1, inf\], got 0'),
        ('mode:=c', "mode: expected one of 'a', 'b', got 'c'"),
        ('names:=x', "names: expected a list, got 'x'"),
        ('names:=[1, 2]', 'names: expected str, got 1'),
        ('flag:=1', 'flag: expected bool, got 1'),
    ],
)
def test_a_bad_value_is_named_with_its_limits_and_nothing_is_declared(make_host, given, text):
    host = make_host('-p', given)
    with pytest.raises(ValueError, match=text):
        host.declare(ALL)
    good = [item for item in ALL if item.name != given.split(':=')[0]]
    assert len(host.declare(good)) == 5, 'none of them was left declared'


def test_declared_twice_is_an_error(make_host):
    host = make_host()
    host.declare((GAIN,))
    with pytest.raises(ValueError, match='gain: this parameter is declared already'):
        host.declare((GAIN,))


def test_undeclare_takes_only_the_prefix(make_host, peer):
    host = make_host()
    host.declare((GAIN,))
    host.declare((GAIN, NAMES), 'config.')
    host.undeclare('config.')
    names = peer.call(
        ListParameters, '/tracker/list_parameters', ListParameters.Request()
    ).result.names
    assert 'gain' in names
    assert 'use_sim_time' in names
    assert not [name for name in names if name.startswith('config.')]
    assert host.declare((GAIN,), 'config.') == {'gain': 0.5}, 'it can be declared again'


def test_descriptors_tell_everything(make_host, peer):
    make_host(before=lambda host: host.declare(ALL))
    request = DescribeParameters.Request(names=[item.name for item in ALL])
    gain, count, mode, names, scales, flag = peer.call(
        DescribeParameters, '/tracker/describe_parameters', request
    ).descriptors
    assert gain.description == 'How much. [1/s]'
    assert gain.additional_constraints == ''
    assert (gain.floating_point_range[0].from_value, gain.floating_point_range[0].to_value) == (
        0.0,
        1.0,
    )
    assert (count.integer_range[0].from_value, count.integer_range[0].to_value) == (1, 2**63 - 1)
    assert count.additional_constraints == 'Not to be changed while the node is active.'
    assert mode.additional_constraints.startswith('One of a, b.')
    types = [item.type for item in (gain, count, mode, names, scales, flag)]
    assert types == [3, 2, 4, 9, 8, 1]


def test_changes_are_converted_and_handed_on(make_host, peer):
    changes = []
    host = make_host(before=lambda host: host.declare(ALL))
    host.on_parameters = lambda change: changes.append(dict(change)) or ''
    assert [r.successful for r in set_parameters(peer, gain=1, names=['p'])] == [True, True]
    assert set_parameters(peer, names=[])[0].successful
    assert changes == [{'gain': 1.0}, {'names': ('p',)}, {'names': ()}]
    gain, names = get_parameters(peer, 'gain', 'names')
    assert (gain.type, gain.double_value) == (ParameterType.PARAMETER_DOUBLE, 1.0)
    assert (names.type, names.string_array_value) == (ParameterType.PARAMETER_STRING_ARRAY, [])


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'gain': 2.0}, 'gain: expected a value in [0.0, 1.0], got 2.0'),
        ({'gain': 'x'}, "gain: expected float, got 'x'"),
        ({'gain': None}, 'gain: expected float, got None'),
        ({'mode': 'c'}, "mode: expected one of 'a', 'b', got 'c'"),
        ({'mode': 'b'}, 'not now'),
    ],
)
def test_a_refusal_gives_the_reason_and_changes_nothing(make_host, peer, change, reason):
    host = make_host(before=lambda host: host.declare(ALL))
    host.on_parameters = lambda changes: 'not now'
    (result,) = set_parameters(peer, **change)
    assert (result.successful, result.reason) == (False, reason)
    gain, mode = get_parameters(peer, 'gain', 'mode')
    assert (gain.double_value, mode.string_value) == (0.5, 'a')


def test_several_are_changed_together_or_not_at_all(make_host, peer):
    changes = []
    host = make_host(before=lambda host: host.declare(ALL))
    host.on_parameters = lambda change: changes.append(dict(change)) or ''
    parameters = [
        Parameter(name='gain', value=value_of(0.75)),
        Parameter(name='mode', value=value_of('c')),
    ]

    def together():
        request = SetParametersAtomically.Request(parameters=parameters)
        name = '/tracker/set_parameters_atomically'
        return peer.call(SetParametersAtomically, name, request).result.successful

    assert not together()
    assert changes == []
    parameters[1].value = value_of('b')
    assert together()
    assert changes == [{'gain': 0.75, 'mode': 'b'}]


def test_a_fault_in_on_parameters_is_a_refusal(make_host, peer):
    host = make_host(before=lambda host: host.declare(ALL))
    host.on_parameters = lambda changes: 1 / 0
    (result,) = set_parameters(peer, gain=0.1)
    assert (result.successful, result.reason) == (
        False,
        'ZeroDivisionError: division by zero',
    )


@pytest.mark.parametrize(
    'argv', [('-p', 'use_sim_time:=7'), ('-r', '__node:=9'), ('--no-such',), ('-p', 'x')]
)
def test_bad_arguments_are_a_value_error(argv):
    with pytest.raises(ValueError, match='node tracker: .'):
        RclpyHost('tracker', ['--ros-args', *argv])
