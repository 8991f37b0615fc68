# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter services of a node and the events that tell others of changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vis_ros.ros.dds.endpoints import DdsPublisher, Link
from vis_ros.ros.dds.parameter_messages import (
    NOT_SET,
    from_value,
    to_descriptor,
    to_parameter,
    to_value,
    type_code,
)
from vis_ros.ros.dds.parameter_store import ParameterStore
from vis_ros.ros.dds.services import DdsService
from vis_ros.ros.host import Qos
from vis_ros.structures.options import Option

_EVENT_TYPE = 'rcl_interfaces/msg/ParameterEvent'
_EVENT_TOPIC = '/parameter_events'
_EVENT_QOS = Qos(reliable=True, transient_local=False, depth=1000)
_SEPARATOR = '.'


class ParameterServer:
    """Makes the parameters of a node visible to `ros2 param` and to other nodes.

    Args:
        link: Where the services live.
        full_name: Absolute name of the node.
        store: The parameters.
        now_ns: Clock of the node.
        on_change: Called with checked changes; returns an empty text, or why it refuses them all.
    """

    def __init__(
        self,
        link: Link,
        full_name: str,
        store: ParameterStore,
        now_ns: Callable[[], int],
        on_change: Callable[[Mapping[str, Any]], str],
    ) -> None:
        self._messages = link.participant.messages
        self._full_name = full_name
        self._store = store
        self._now_ns = now_ns
        self._on_change = on_change
        self._events = DdsPublisher(
            link, _EVENT_TYPE, _EVENT_TOPIC, _EVENT_QOS, on_incompatible=lambda policy: None
        )
        services: dict[str, Callable[[Any], Any]] = {
            'DescribeParameters': self._describe,
            'GetParameters': self._get,
            'GetParameterTypes': self._get_types,
            'ListParameters': self._list,
            'SetParameters': self._set,
            'SetParametersAtomically': self._set_atomically,
        }
        for name, callback in services.items():
            snake = ''.join(f'_{c.lower()}' if c.isupper() else c for c in name)[1:]
            DdsService(link, f'rcl_interfaces/srv/{name}', f'{full_name}/{snake}', callback)

    def declare(self, options: Sequence[Option], prefix: str) -> dict[str, Any]:
        """Declare options and tell others; see `ParameterStore.declare`."""
        values = self._store.declare(options, prefix)
        self._tell(new_parameters=[self._parameter(name) for name in values])
        return values

    def undeclare(self, prefix: str, keep: frozenset[str]) -> None:
        """Forget parameters, but not those in `keep`, and tell others."""
        gone = self._store.undeclare(prefix, keep)
        self._tell(
            deleted_parameters=[to_parameter(self._messages, name, None, None) for name in gone]
        )

    def _parameter(self, name: str) -> Any:
        option, value = self._store.find(name) or (None, None)
        return to_parameter(self._messages, name, option, value)

    def _tell(self, **lists: list[Any]) -> None:
        if not any(lists.values()):
            return
        seconds, nanoseconds = divmod(self._now_ns(), 1_000_000_000)
        kinds = ('new_parameters', 'changed_parameters', 'deleted_parameters')
        time = self._messages.make('builtin_interfaces/msg/Time', sec=seconds, nanosec=nanoseconds)
        fields = {kind: lists.get(kind, []) for kind in kinds}
        self._events.publish(
            self._messages.make(_EVENT_TYPE, stamp=time, node=self._full_name, **fields)
        )

    def _apply(self, parameters: Sequence[Any]) -> Any:
        """Set all the parameters or none; return a SetParametersResult."""
        try:
            changes = self._store.check({item.name: from_value(item.value) for item in parameters})
            reason = self._on_change(changes) if changes else ''
        except ValueError as error:
            reason = str(error)
        if not reason:
            self._store.store(changes)
            self._tell(changed_parameters=[self._parameter(name) for name in changes])
        return self._messages.make(
            'rcl_interfaces/msg/SetParametersResult', successful=not reason, reason=reason
        )

    def _response(self, name: str, **fields: Any) -> Any:
        return self._messages.make(f'rcl_interfaces/srv/{name}_Response', **fields)

    def _set(self, request: Any) -> Any:
        results = [self._apply([item]) for item in request.parameters]
        return self._response('SetParameters', results=results)

    def _set_atomically(self, request: Any) -> Any:
        result = self._apply(request.parameters)
        return self._response('SetParametersAtomically', result=result)

    def _get(self, request: Any) -> Any:
        found = [self._store.find(name) or (None, None) for name in request.names]
        values = [to_value(self._messages, option, value) for option, value in found]
        return self._response('GetParameters', values=values)

    def _get_types(self, request: Any) -> Any:
        found = [self._store.find(name) for name in request.names]
        codes = [NOT_SET if item is None else type_code(item[0]) for item in found]
        return self._response('GetParameterTypes', types=np.array(codes, np.uint8))

    def _describe(self, request: Any) -> Any:
        found = [(name, self._store.find(name)) for name in request.names]
        descriptors = [
            to_descriptor(self._messages, name, item and item[0]) for name, item in found
        ]
        return self._response('DescribeParameters', descriptors=descriptors)

    def _list(self, request: Any) -> Any:
        names = select_names(self._store.names(), list(request.prefixes), int(request.depth))
        parents = sorted({name.rpartition(_SEPARATOR)[0] for name in names} - {''})
        result = self._messages.make(
            'rcl_interfaces/msg/ListParametersResult', names=names, prefixes=parents
        )
        return self._response('ListParameters', result=result)


def select_names(names: Sequence[str], prefixes: Sequence[str], depth: int) -> list[str]:
    """Return the names at most `depth` parts below one of the prefixes; 0 is no limit."""

    def fits(rest: str) -> bool:
        return depth == 0 or rest.count(_SEPARATOR) < depth

    if not prefixes:
        return [name for name in names if fits(name)]
    return [
        name
        for name in names
        if any(
            name == prefix
            or (name.startswith(prefix + _SEPARATOR) and fits(name[len(prefix) + 1 :]))
            for prefix in prefixes
        )
    ]
