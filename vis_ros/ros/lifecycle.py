# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle of a managed ROS 2 node, for hosts that have no rcl to keep it.

Numbers and labels are those of rcl_lifecycle, so that `ros2 lifecycle`, launch files and lifecycle
managers cannot tell the difference. One thing of rcl is left out: there is no error processing,
since a transition that fails leaves the node in the state before.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from vis_ros.ros.host import Closeable, Host, Lifecycle, Qos, Severity

_SUCCESS_LABEL = 'transition_success'
_FAILURE_LABEL = 'transition_failure'
_EVENT_QOS = Qos()


class State(IntEnum):
    """States of a managed node, with the numbers of lifecycle_msgs/msg/State."""

    UNKNOWN = 0
    UNCONFIGURED = 1
    INACTIVE = 2
    ACTIVE = 3
    FINALIZED = 4
    CONFIGURING = 10
    CLEANINGUP = 11
    SHUTTINGDOWN = 12
    ACTIVATING = 13
    DEACTIVATING = 14
    ERRORPROCESSING = 15

    @property
    def label(self) -> str:
        """Name of the state as ROS 2 writes it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Transition:
    """One way from state to state.

    Args:
        number: Number of lifecycle_msgs/msg/Transition.
        label: Name of the transition, not unique.
        start: Where it begins.
        goal: Where it ends.
    """

    number: int
    label: str
    start: State
    goal: State


@dataclass(frozen=True, slots=True)
class _Step:
    """A transition that can be asked for, with the two that may follow it."""

    request: Transition
    success: Transition
    failure: Transition


def _step(
    number: int, label: str, start: State, through: State, goal: State, outcome: int
) -> _Step:
    """Return a step; `outcome` is the number of its success, the failure's is one more."""
    back = State.FINALIZED if label == 'shutdown' else start  # a shutdown cannot be refused
    return _Step(
        Transition(number, label, start, through),
        Transition(outcome, _SUCCESS_LABEL, through, goal),
        Transition(outcome + 1, _FAILURE_LABEL, through, back),
    )


_STEPS = (
    _step(1, 'configure', State.UNCONFIGURED, State.CONFIGURING, State.INACTIVE, 10),
    _step(2, 'cleanup', State.INACTIVE, State.CLEANINGUP, State.UNCONFIGURED, 20),
    _step(3, 'activate', State.INACTIVE, State.ACTIVATING, State.ACTIVE, 30),
    _step(4, 'deactivate', State.ACTIVE, State.DEACTIVATING, State.INACTIVE, 40),
    _step(5, 'shutdown', State.UNCONFIGURED, State.SHUTTINGDOWN, State.FINALIZED, 50),
    _step(6, 'shutdown', State.INACTIVE, State.SHUTTINGDOWN, State.FINALIZED, 50),
    _step(7, 'shutdown', State.ACTIVE, State.SHUTTINGDOWN, State.FINALIZED, 50),
)
_GRAPH = tuple(
    dict.fromkeys(
        transition for step in _STEPS for transition in (step.request, step.success, step.failure)
    )
)


def attempt(change: Callable[[], None], label: str, log: Callable[[Severity, str], None]) -> bool:
    """Run one method of a core; return whether it succeeded, after logging why not.

    Args:
        change: Method of a `Lifecycle`.
        label: Name of the transition, for the log.
        log: `Host.log`.
    """
    try:
        change()
    except (ValueError, OSError) as error:
        log('error', f'{label} failed: {error}')
    except Exception:  # the process lives on in the state before
        log('error', f'{label} failed:\n{traceback.format_exc().rstrip()}')
    else:
        return True
    return False


class LifecycleMachine:
    """Keeps the state of a core and serves the lifecycle services of its node.

    Args:
        core: What is driven.
        host: Gives services, the publisher of events and the log.
    """

    def __init__(self, core: Lifecycle, host: Host) -> None:
        self._core = core
        self._host = host
        self._make = host.messages.make
        self._state = State.UNCONFIGURED
        self._events = host.create_publisher(
            'lifecycle_msgs/msg/TransitionEvent', '~/transition_event', _EVENT_QOS
        )
        descriptions = 'GetAvailableTransitions'
        self._open: list[Closeable] = [
            self._events,
            self._serve('ChangeState', '~/change_state', self._on_change_state),
            self._serve('GetState', '~/get_state', self._on_get_state),
            self._serve('GetAvailableStates', '~/get_available_states', self._on_get_states),
            self._serve(descriptions, '~/get_available_transitions', self._on_get_transitions),
            self._serve(descriptions, '~/get_transition_graph', self._on_get_graph),
        ]

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    def change(self, label: str) -> bool:
        """Do a transition, such as `configure` or `shutdown`.

        Returns:
            Whether it was done; the log has the reason why not.
        """
        for step in _STEPS:
            if step.request.label == label and step.request.start is self._state:
                return self._run(step)
        self._host.log('warn', f'{label}: not possible in state {self._state.label}')
        return False

    def autostart(self) -> bool:
        """See `Host.autostart`."""
        return self.change('configure') and self.change('activate')

    def close(self) -> None:
        """Take the services and the publisher away; the core is left as it is."""
        while self._open:
            self._open.pop().close()

    def _run(self, step: _Step) -> bool:
        label = step.request.label
        self._enter(step.request)
        is_done = attempt(getattr(self._core, label), label, self._host.log)
        self._enter(step.success if is_done else step.failure)
        return is_done

    def _enter(self, transition: Transition) -> None:
        self._state = transition.goal
        event = self._make(
            'lifecycle_msgs/msg/TransitionEvent',
            timestamp=max(0, self._host.now_ns()),
            transition=self._transition_message(transition),
            start_state=self._state_message(transition.start),
            goal_state=self._state_message(transition.goal),
        )
        self._events.publish(event)

    def _serve(self, type_name: str, name: str, callback: Callable[[Any], Any]) -> Closeable:
        return self._host.create_service(f'lifecycle_msgs/srv/{type_name}', name, callback)

    def _on_change_state(self, request: Any) -> Any:
        """Serve a change asked for by label or, where that is empty, by number."""
        wanted = request.transition
        label = wanted.label or next(
            (step.request.label for step in _STEPS if self._is_startable(step, wanted.id)), ''
        )
        is_done = self.change(label or f'transition {wanted.id}')
        return self._make('lifecycle_msgs/srv/ChangeState_Response', success=is_done)

    def _is_startable(self, step: _Step, number: int) -> bool:
        return step.request.number == number and step.request.start is self._state

    def _on_get_state(self, request: Any) -> Any:
        state = self._state_message(self._state)
        return self._make('lifecycle_msgs/srv/GetState_Response', current_state=state)

    def _on_get_states(self, request: Any) -> Any:
        states = [self._state_message(state) for state in State]
        return self._make(
            'lifecycle_msgs/srv/GetAvailableStates_Response', available_states=states
        )

    def _on_get_transitions(self, request: Any) -> Any:
        return self._transitions([item for item in _GRAPH if item.start is self._state])

    def _on_get_graph(self, request: Any) -> Any:
        return self._transitions(list(_GRAPH))

    def _transitions(self, transitions: list[Transition]) -> Any:
        descriptions = [
            self._make(
                'lifecycle_msgs/msg/TransitionDescription',
                transition=self._transition_message(item),
                start_state=self._state_message(item.start),
                goal_state=self._state_message(item.goal),
            )
            for item in transitions
        ]
        return self._make(
            'lifecycle_msgs/srv/GetAvailableTransitions_Response',
            available_transitions=descriptions,
        )

    def _state_message(self, state: State) -> Any:
        return self._make('lifecycle_msgs/msg/State', id=int(state), label=state.label)

    def _transition_message(self, transition: Transition) -> Any:
        return self._make(
            'lifecycle_msgs/msg/Transition', id=transition.number, label=transition.label
        )
