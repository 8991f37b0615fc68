# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node that rclpy sees behind `RclpyHost`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from vis_ros.ros.host import Severity
from vis_ros.ros.rclpy_parameters import ParameterTable


class Judge(Protocol):
    """What the node asks of its host."""

    def log(self, severity: Severity, text: str) -> None:
        """See `Host.log`."""

    def transit(self, label: str) -> TransitionCallbackReturn:
        """Let the core do a transition."""

    def judge(self, changes: Mapping[str, Any]) -> str:
        """Return why the changes of parameters are refused, or an empty text."""


class HostNode(LifecycleNode):
    """A managed node that asks its host about transitions and parameters."""

    def __init__(self, host: Judge, name: str, **options: Any) -> None:
        self._host = host
        self.table = ParameterTable(self)
        super().__init__(name, **options)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        for service in self.services:
            if service.srv_name.endswith('/change_state'):
                service.callback = _answering(service.callback, host.log)

    def given(self) -> frozenset[str]:
        """Return the names of all parameters that arguments and files give this node."""
        return frozenset(self._parameter_overrides)

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set them when their options allow it; this is what the parameter services call."""
        try:
            converted = self.table.convert(parameter_list)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return super().set_parameters_atomically(converted)

    def destroy_node(self) -> None:
        """Leave the graph, with the state machine that rclpy forgets and that keeps the node."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = self.table.changes(parameters)
        reason = self._host.judge(changes) if changes else ''
        return SetParametersResult(successful=not reason, reason=reason)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `Lifecycle.configure`."""
        return self._host.transit('configure')

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `Lifecycle.activate`."""
        return self._host.transit('activate')

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `Lifecycle.deactivate`."""
        return self._host.transit('deactivate')

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `Lifecycle.cleanup`."""
        return self._host.transit('cleanup')

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `Lifecycle.shutdown`."""
        return self._host.transit('shutdown')

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up; only rclpy itself can bring a node here, as `transit` never raises."""
        return self._host.transit('cleanup')


def _answering(
    change_state: Callable[[Any, Any], Any], log: Callable[[Severity, str], None]
) -> Callable[[Any, Any], Any]:
    """Answer a transition that is not possible; rclpy raises and leaves the caller waiting."""

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except RuntimeError as error:  # RCLError
            log('warn', f'transition {request.transition.id} refused: {error}')
            response.success = False
            return response

    return answer
