# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A ROS 2 node without ROS 2, on Cyclone DDS."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vis_ros.ros.arguments import RosArguments
from vis_ros.ros.dds.endpoints import DdsPublisher, DdsSubscription, Link
from vis_ros.ros.dds.executor import Executor, Timer
from vis_ros.ros.dds.graph import Graph
from vis_ros.ros.dds.log import ROSOUT_LIFESPAN_NS, ROSOUT_QOS, ROSOUT_TYPE, NodeLog
from vis_ros.ros.dds.parameter_server import ParameterServer
from vis_ros.ros.dds.parameter_store import ParameterStore
from vis_ros.ros.dds.participant import Participant
from vis_ros.ros.dds.services import DdsService, call_service
from vis_ros.ros.host import Closeable, Host, Lifecycle, Qos, Severity
from vis_ros.ros.lifecycle import LifecycleMachine, State
from vis_ros.ros.names import join
from vis_ros.structures.options import Option
from vis_ros.wire.bare_messages import bare_messages

_SIM_TIME = Option('use_sim_time', bool, False, 'Take the time from /clock.', mutable=True)
_CLOCK_QOS = Qos(reliable=False, transient_local=False, depth=1)


def _accept(changes: Mapping[str, Any]) -> str:
    """Accept every change of parameters."""
    return ''


class DdsHost(Host):
    """One node in its own DDS participant; see `Host` for the rules.

    Args:
        name: Name of the node unless the arguments give it another one.
        arguments: What the command line said.
        namespace: Namespace unless the arguments give another one.

    Attributes:
        on_parameters: See `Host`; accepts everything until it is replaced.

    Raises:
        ValueError: A name, a parameter value or ROS_DOMAIN_ID is not allowed.
        DDSException: The network or the configuration of Cyclone DDS is not usable.
    """

    def __init__(
        self, name: str, arguments: RosArguments | None = None, *, namespace: str = '/'
    ) -> None:
        self._arguments = arguments or RosArguments()
        self._node = self._arguments.node_name(name)
        self._namespace = self._arguments.namespace(name, namespace)
        self._full_name = join(self._namespace, self._node)
        self.on_parameters: Callable[[Mapping[str, Any]], str] = _accept
        self.messages = bare_messages()
        self._sim_time_ns: int | None = None  # None: the system's clock
        self._clock: DdsSubscription | None = None
        level = self._arguments.log_level(self._full_name)
        self._log = NodeLog(self.messages, self._full_name, level, self.now_ns)
        store = ParameterStore(self._arguments.overrides(self._full_name))
        self._participant = Participant(self.messages)
        self._executor = Executor(self._participant.entity, self._log_exception)
        self._graph = Graph(self._participant, self._node, self._namespace)
        self._link = Link(self._participant, self._graph, self._executor, self._log)
        self._lifecycle: LifecycleMachine | None = None
        self._is_destroyed = False
        try:
            self._log.publisher = DdsPublisher(
                self._link,
                ROSOUT_TYPE,
                '/rosout',
                ROSOUT_QOS,
                on_incompatible=lambda policy: None,
                lifespan_ns=ROSOUT_LIFESPAN_NS,
            )
            self._parameters = ParameterServer(
                self._link, self._full_name, store, self.now_ns, self._change_parameters
            )
            self._use_sim_time(self._parameters.declare([_SIM_TIME], '')[_SIM_TIME.name])
        except BaseException:
            self.destroy()
            raise

    @property
    def name(self) -> str:
        """See `Host.name`."""
        return self._full_name

    def now_ns(self) -> int:
        """See `Host.now_ns`; 0 while simulated time has not been heard of."""
        simulated_ns = self._sim_time_ns
        return time.time_ns() if simulated_ns is None else simulated_ns

    def log(self, severity: Severity, text: str) -> None:
        """See `Host.log`."""
        self._log(severity, text)

    def declare(self, options: Sequence[Option], prefix: str = '') -> dict[str, Any]:
        """See `Host.declare`."""
        values = self._parameters.declare(options, prefix)
        return {name.removeprefix(prefix): value for name, value in values.items()}

    def undeclare(self, prefix: str) -> None:
        """See `Host.undeclare`; `use_sim_time`, which the host declares itself, stays."""
        self._parameters.undeclare(prefix, frozenset({_SIM_TIME.name}))

    def given(self) -> frozenset[str]:
        """See `Host.given`."""
        return frozenset(self._arguments.overrides(self._full_name))

    def create_publisher(
        self,
        type_name: str,
        topic: str,
        qos: Qos,
        on_incompatible: Callable[[str], None] | None = None,
    ) -> DdsPublisher:
        """See `Host.create_publisher`.

        Raises:
            ValueError: The topic's name or the type is not allowed.
        """
        name = self._arguments.resolve(topic, self._node, self._namespace, 'topic')
        what = f'{name}: a subscription asks for what this publisher does not offer'
        report = on_incompatible or self._warner(what)
        return DdsPublisher(self._link, type_name, name, qos, report)

    def create_subscription(
        self,
        type_name: str,
        topic: str,
        qos: Qos,
        callback: Callable[[Any], None],
        on_incompatible: Callable[[str], None] | None = None,
    ) -> DdsSubscription:
        """See `Host.create_subscription`.

        Raises:
            ValueError: The topic's name or the type is not allowed.
        """
        name = self._arguments.resolve(topic, self._node, self._namespace, 'topic')
        what = f'{name}: a publisher does not offer what this subscription asks for'
        report = on_incompatible or self._warner(what)
        return DdsSubscription(self._link, type_name, name, qos, callback, report)

    def create_service(
        self, type_name: str, name: str, callback: Callable[[Any], Any]
    ) -> Closeable:
        """See `Host.create_service`; a callback that raises leaves its caller without an answer.

        Raises:
            ValueError: The service's name or the type is not allowed.
        """
        resolved = self._arguments.resolve(name, self._node, self._namespace, 'service')
        return DdsService(self._link, type_name, resolved, callback)

    def call(self, type_name: str, name: str, request: Any, timeout_s: float) -> Any:
        """Return the response of a service; waits here, so never call it from a callback.

        Raises:
            TimeoutError: No server appeared, or none answered, within `timeout_s` seconds.
            ValueError: The name or the type is not allowed, or the answer cannot be decoded.
        """
        resolved = self._arguments.resolve(name, self._node, self._namespace, 'service')
        return call_service(self._participant, type_name, resolved, request, timeout_s)

    def create_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """See `Host.create_timer`.

        Raises:
            ValueError: The period is not above 0.
        """
        return self._executor.create_timer(period_s, callback)

    def publishers_on(self, topic: str) -> list[Qos]:
        """See `Host.publishers_on`."""
        name = self._arguments.resolve(topic, self._node, self._namespace, 'topic')
        return self._participant.publishers_on(f'rt{name}')

    def attach(self, core: Lifecycle) -> None:
        """See `Host.attach`.

        Raises:
            RuntimeError: A core is attached already.
        """
        if self._lifecycle is not None:
            raise RuntimeError(f'{self._full_name}: a core is attached already')
        self._lifecycle = LifecycleMachine(core, self)

    def autostart(self) -> bool:
        """See `Host.autostart`.

        Raises:
            RuntimeError: No core is attached.
        """
        if self._lifecycle is None:
            raise RuntimeError(f'{self._full_name}: no core is attached')
        return self._lifecycle.autostart()

    def stop(self) -> None:
        """See `Host.stop`; before `spin`, it makes the next `spin` return at once."""
        self._executor.stop()

    def spin(self) -> None:
        """See `Host.spin`; signals are handled only where `spin` runs on the main thread."""
        self._executor.spin()

    def destroy(self) -> None:
        """See `Host.destroy`; shuts an attached core down first. `spin` must have returned.

        A second call does nothing.
        """
        if self._is_destroyed:
            return
        self._is_destroyed = True
        if self._lifecycle is not None and self._lifecycle.state is not State.FINALIZED:
            self._lifecycle.change('shutdown')
        self._log.publisher = None
        self._graph.close()
        self._link.close_all()
        self._executor.close()
        self._participant.close()

    def _warner(self, what: str) -> Callable[[str], None]:
        return lambda policy: self._log('warn', f'{what}; incompatible policy: {policy}')

    def _log_exception(self, what: str) -> None:
        self._log('error', f'{what}\n{traceback.format_exc().rstrip()}')

    def _change_parameters(self, changes: Mapping[str, Any]) -> str:
        """Return why the changes are refused, or empty after taking over the host's own."""
        others = {name: value for name, value in changes.items() if name != _SIM_TIME.name}
        if others:
            try:
                reason = self.on_parameters(others)
            except Exception as error:  # the caller must get an answer
                self._log_exception('exception in on_parameters')
                return f'{type(error).__name__}: {error}'
            if reason:
                return reason
        if _SIM_TIME.name in changes:
            self._use_sim_time(changes[_SIM_TIME.name])
        return ''

    def _use_sim_time(self, is_wanted: bool) -> None:
        if is_wanted == (self._clock is not None):
            return
        if self._clock is not None:
            self._clock.close()
            self._clock = None
            self._sim_time_ns = None
            return
        self._sim_time_ns = 0
        self._clock = self.create_subscription(
            'rosgraph_msgs/msg/Clock', '/clock', _CLOCK_QOS, self._on_clock
        )

    def _on_clock(self, message: Any) -> None:
        if self._clock is not None:
            self._sim_time_ns = message.clock.sec * 1_000_000_000 + message.clock.nanosec
