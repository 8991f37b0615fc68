# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The state machine behind the lifecycle services, on a host in memory."""

import pytest
from fake_host import FakeHost

from vis_ros.ros.lifecycle import LifecycleMachine, State


class Core:
    """Remembers what it was asked for; raises what a test puts into `faults`."""

    def __init__(self):
        self.calls = []
        self.faults = {}

    def _do(self, name):
        self.calls.append(name)
        if name in self.faults:
            raise self.faults[name]

    def configure(self):
        self._do('configure')

    def activate(self):
        self._do('activate')

    def deactivate(self):
        self._do('deactivate')

    def cleanup(self):
        self._do('cleanup')

    def shutdown(self):
        self._do('shutdown')


@pytest.fixture
def core():
    return Core()


@pytest.fixture
def host():
    return FakeHost()


@pytest.fixture
def machine(core, host):
    return LifecycleMachine(core, host)


def change(host, number=0, label=''):
    transition = host.messages.make('lifecycle_msgs/msg/Transition', id=number, label=label)
    return host.call('~/change_state', transition=transition).success


def label_now(host):
    return host.call('~/get_state').current_state.label


def test_starts_unconfigured_and_calls_nothing(core, host, machine):
    assert machine.state is State.UNCONFIGURED
    assert host.call('~/get_state').current_state.id == 1
    assert core.calls == []


def test_the_whole_circle_by_number(core, host, machine):
    assert [change(host, number) for number in (1, 3, 4, 2)] == [True] * 4
    assert core.calls == ['configure', 'activate', 'deactivate', 'cleanup']
    assert label_now(host) == 'unconfigured'


def test_a_label_goes_before_the_number(core, host, machine):
    assert change(host, 3, 'configure')
    assert label_now(host) == 'inactive'


@pytest.mark.parametrize(('way', 'number'), [((), 5), ((1,), 6), ((1, 3), 7)])
def test_shutdown_from_every_state(core, host, machine, way, number):
    for step in way:
        assert change(host, step)
    assert change(host, number)
    assert machine.state is State.FINALIZED
    assert core.calls[-1] == 'shutdown'
    assert not change(host, 1), 'nothing leads out of finalized'


def test_shutdown_by_label_needs_no_number(host, machine):
    change(host, 1)
    assert change(host, label='shutdown')


def test_a_number_that_does_not_start_here_is_refused(core, host, machine):
    assert not change(host, 3)
    assert not change(host, 6)
    assert not change(host, 99)
    assert not change(host, label='fly')
    assert core.calls == []
    assert label_now(host) == 'unconfigured'
    assert ('warn', 'fly: not possible in state unconfigured') in host.logs


@pytest.mark.parametrize(
    ('fault', 'text'),
    [
        (ValueError('fps: expected 30'), 'configure failed: fps: expected 30'),
        (OSError('no such file'), 'configure failed: no such file'),
        (ZeroDivisionError('a fault'), 'Traceback'),
    ],
)
def test_a_fault_is_logged_and_leaves_the_state(core, host, machine, fault, text):
    core.faults['configure'] = fault
    assert not change(host, 1)
    assert label_now(host) == 'unconfigured'
    severity, logged = host.logs[-1]
    assert severity == 'error'
    assert text in logged
    del core.faults['configure']
    assert change(host, 1), 'it can be tried again'


@pytest.mark.parametrize(
    ('name', 'way', 'stays'),
    [('activate', (1, 3), 2), ('deactivate', (1, 3, 4), 3), ('cleanup', (1, 2), 2)],
)
def test_each_refusal_stays_where_it_was(core, host, machine, name, way, stays):
    core.faults[name] = ValueError('no')
    assert [change(host, number) for number in way] == [True] * (len(way) - 1) + [False]
    assert machine.state == stays


def test_a_shutdown_that_fails_is_final_all_the_same(core, host, machine):
    core.faults['shutdown'] = ValueError('no')
    assert not change(host, 5)
    assert machine.state is State.FINALIZED


def test_autostart_activates(core, host, machine):
    assert machine.autostart()
    assert machine.state is State.ACTIVE


def test_autostart_stops_at_the_first_failure(core, host, machine):
    core.faults['configure'] = ValueError('no')
    assert not machine.autostart()
    assert core.calls == ['configure']


def test_available_transitions_follow_the_state(host, machine):
    def available():
        found = host.call('~/get_available_transitions').available_transitions
        return [(item.transition.id, item.transition.label) for item in found]

    assert available() == [(1, 'configure'), (5, 'shutdown')]
    change(host, 1)
    assert available() == [(2, 'cleanup'), (3, 'activate'), (6, 'shutdown')]
    change(host, 3)
    assert available() == [(4, 'deactivate'), (7, 'shutdown')]
    change(host, 7)
    assert available() == []


def test_available_states_are_those_of_ros(host, machine):
    states = host.call('~/get_available_states').available_states
    assert [state.id for state in states] == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15]
    assert states[-1].label == 'errorprocessing'


def test_graph_has_each_transition_once(host, machine):
    graph = host.call('~/get_transition_graph').available_transitions
    keys = [(t.transition.id, t.start_state.id, t.goal_state.id) for t in graph]
    assert len(keys) == len(set(keys)) == 7 + 2 * 5


def test_events_tell_both_halves_of_a_transition(core, host, machine):
    host.clock_ns = 12
    change(host, 1)
    core.faults['activate'] = ValueError('no')
    change(host, 3)
    told = [
        (event.timestamp, event.transition.id, event.start_state.label, event.goal_state.label)
        for event in host.sent('~/transition_event')
    ]
    assert told == [
        (12, 1, 'unconfigured', 'configuring'),
        (12, 10, 'configuring', 'inactive'),
        (12, 3, 'inactive', 'activating'),
        (12, 31, 'activating', 'inactive'),
    ]


def test_a_change_during_a_change_is_refused(core, host, machine):
    answers = []
    core.configure = lambda: answers.append((change(host, 5), label_now(host)))
    assert change(host, 1)
    assert answers == [(False, 'configuring')]


def test_close_takes_everything_away(host, machine):
    machine.close()
    machine.close()
    assert all(entity.is_closed for entity in host.entities)
