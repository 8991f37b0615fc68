# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node in the ROS graph: what `ros2 node list` and `ros2 node info` read."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from cyclonedds.core import Entity

from vis_ros.ros.dds.participant import Participant
from vis_ros.ros.host import Qos

_TOPIC = 'ros_discovery_info'
_TYPE = 'rmw_dds_common/msg/ParticipantEntitiesInfo'
_QOS = Qos(reliable=True, transient_local=True, depth=1)


class Graph:
    """Announces one node and the endpoints that belong to it, anew whenever they change."""

    def __init__(self, participant: Participant, name: str, namespace: str) -> None:
        self._participant = participant
        self._messages = participant.messages
        self._name = name
        self._namespace = namespace
        self._lock = threading.Lock()
        self._readers: dict[bytes, Any] = {}
        self._writers: dict[bytes, Any] = {}
        definition: Any = self._messages.store.fielddefs['rmw_dds_common/msg/Gid']
        self._gid_length: int = definition[1][0][1][1][1]  # 24 in Humble, 16 since Iron
        self._writer = participant.create_writer(_TYPE, _TOPIC, _QOS)
        self._announce()

    def add_reader(self, entity: Entity) -> Callable[[], None]:
        """Announce a reader; the returned function takes it back."""
        return self._add(self._readers, entity)

    def add_writer(self, entity: Entity) -> Callable[[], None]:
        """Announce a writer; the returned function takes it back."""
        return self._add(self._writers, entity)

    def close(self) -> None:
        """Announce a participant without nodes and say no more."""
        with self._lock:
            self._publish([])
            del self._writer

    def _add(self, entities: dict[bytes, Any], entity: Entity) -> Callable[[], None]:
        key = entity.guid.bytes
        entities[key] = self._gid(key)
        self._announce()

        def remove() -> None:
            if entities.pop(key, None) is not None:
                self._announce()

        return remove

    def _announce(self) -> None:
        with self._lock:
            if not hasattr(self, '_writer'):
                return
            node = self._messages.make(
                'rmw_dds_common/msg/NodeEntitiesInfo',
                node_namespace=self._namespace,
                node_name=self._name,
                reader_gid_seq=list(self._readers.values()),
                writer_gid_seq=list(self._writers.values()),
            )
            self._publish([node])

    def _publish(self, nodes: list[Any]) -> None:
        gid = self._gid(self._participant.entity.guid.bytes)
        info = self._messages.make(_TYPE, gid=gid, node_entities_info_seq=nodes)
        self._writer.write_cdr(self._messages.serialize(info))

    def _gid(self, guid: bytes) -> Any:
        """Return the 16 bytes of a DDS GUID as a Gid message, filled up with zeros."""
        data = np.frombuffer(guid.ljust(self._gid_length, b'\0'), np.uint8)
        return self._messages.make('rmw_dds_common/msg/Gid', data=data)
