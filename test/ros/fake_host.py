# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A host without a middleware: everything happens at once, and the test turns the clock."""

from __future__ import annotations

import dataclasses
import threading
from collections import defaultdict
from typing import Any

from vis_ros.ros.host import Closeable, Host, Publisher, Qos
from vis_ros.ros.lifecycle import LifecycleMachine
from vis_ros.ros.names import expand
from vis_ros.structures.options import Option
from vis_ros.wire.bare_messages import bare_messages

NODE = 'tracker'


class FakeEntity(Publisher):
    """Any entity of `FakeHost`; a publisher keeps what is published, by any thread."""

    def __init__(self, kind: str, type_name: str, name: str, qos: Qos, callback: Any) -> None:
        self.kind = kind
        self.type_name = type_name
        self.name = name
        self.qos = qos
        self.callback = callback
        self.is_closed = False
        self.sent: list[Any] = []
        self.subscribers = 1

    def publish(self, message: Any) -> None:
        assert not self.is_closed, f'{self.name}: published after close'
        self.sent.append(message)

    def subscriber_count(self) -> int:
        return self.subscribers

    def close(self) -> None:
        self.is_closed = True


class FakeHost(Host):
    """Node `/tracker` in memory.

    Attributes:
        clock_ns: What `now_ns` returns; set it.
        overrides: Parameter values "of the command line" by full name.
        values: Declared parameters by full name.
        logs: Pairs of severity and text.
        entities: Everything that was created, closed ones too, in order.
        offered: What `publishers_on` returns, by absolute topic.
        is_stopped: Whether `stop` was called; `spin` waits for that.
    """

    def __init__(self, **overrides: Any) -> None:
        self.messages = bare_messages()
        self.on_parameters = lambda changes: ''
        self.clock_ns = 0
        self.overrides: dict[str, Any] = overrides
        self.options: dict[str, Option] = {}
        self.values: dict[str, Any] = {}
        self.logs: list[tuple[str, str]] = []
        self.entities: list[FakeEntity] = []
        self.offered: dict[str, list[Qos]] = defaultdict(list)
        self.machine: LifecycleMachine | None = None
        self.is_stopped = threading.Event()

    # What a test does to the node

    def call(self, name: str, **fields: Any) -> Any:
        """Return the response of service `name`; `fields` are those of the request."""
        service = self.find('service', name)
        fields = fields or {'structure_needs_at_least_one_member': 0}
        return service.callback(self.messages.make(f'{service.type_name}_Request', **fields))

    def send(self, topic: str, message: Any) -> None:
        """Give a message to the subscription on `topic`."""
        self.find('subscription', topic).callback(message)

    def sent(self, topic: str) -> list[Any]:
        """Return what was published on `topic`."""
        return self.find('publisher', topic).sent

    def tick(self) -> None:
        """Run every timer once."""
        for entity in list(self.entities):
            if entity.kind == 'timer' and not entity.is_closed:
                entity.callback()

    def set_parameters(self, **changes: Any) -> str:
        """Set parameters by name (`__` for a dot) as a service would; return the refusal."""
        named = {name.replace('__', '.'): value for name, value in changes.items()}
        try:
            checked = {name: self.options[name].check(value) for name, value in named.items()}
        except ValueError as error:
            return str(error)
        if not (reason := self.on_parameters(checked)):
            self.values.update(checked)
        return reason

    def find(self, kind: str, name: str) -> FakeEntity:
        """Return the open publisher, subscription or service of that name."""
        absolute = expand(name, NODE, '/')
        for entity in self.entities:
            if (entity.kind, entity.name, entity.is_closed) == (kind, absolute, False):
                return entity
        raise LookupError(f'no {kind} {absolute}')

    def has(self, kind: str, name: str) -> bool:
        """Return whether that publisher, subscription or service is open."""
        try:
            return bool(self.find(kind, name))
        except LookupError:
            return False

    # What the node does to its host

    @property
    def name(self) -> str:
        return f'/{NODE}'

    def now_ns(self) -> int:
        return self.clock_ns

    def log(self, severity, text) -> None:
        self.logs.append((severity, text))

    def declare(self, options, prefix='') -> dict[str, Any]:
        found = {}
        for item in options:
            full = dataclasses.replace(item, name=prefix + item.name)
            assert full.name not in self.options, f'{full.name}: declared twice'
            found[item.name] = full.check(self.overrides.get(full.name, item.default))
            self.options[full.name] = full
            self.values[full.name] = found[item.name]
        return found

    def undeclare(self, prefix) -> None:
        for name in [name for name in self.options if name.startswith(prefix)]:
            del self.options[name], self.values[name]

    def given(self) -> frozenset[str]:
        return frozenset(self.overrides)

    def create_publisher(self, type_name, topic, qos, on_incompatible=None) -> FakeEntity:
        return self._add('publisher', type_name, topic, qos, on_incompatible)

    def create_subscription(
        self, type_name, topic, qos, callback, on_incompatible=None
    ) -> Closeable:
        return self._add('subscription', type_name, topic, qos, callback)

    def create_service(self, type_name, name, callback) -> Closeable:
        return self._add('service', type_name, name, Qos(), callback)

    def create_timer(self, period_s, callback) -> Closeable:
        return self._add('timer', '', 'timer', Qos(), callback)

    def publishers_on(self, topic) -> list[Qos]:
        return self.offered[expand(topic, NODE, '/')]

    def attach(self, core) -> None:
        self.machine = LifecycleMachine(core, self)

    def autostart(self) -> bool:
        return self.machine.autostart()

    def stop(self) -> None:
        self.is_stopped.set()

    def spin(self) -> None:
        self.is_stopped.wait()

    def destroy(self) -> None:
        for entity in self.entities:
            entity.close()

    def _add(self, kind, type_name, name, qos, callback) -> FakeEntity:
        entity = FakeEntity(kind, type_name, expand(name, NODE, '/'), qos, callback)
        self.entities.append(entity)
        return entity
