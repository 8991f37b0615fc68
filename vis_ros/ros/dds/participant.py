# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The DDS side of a node: its participant, and readers and writers of CDR bytes in it."""

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import (
    DDSException,
    DDSStatus,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
)
from cyclonedds.domain import DomainParticipant
from cyclonedds.internal import InvalidSample, c_call, dds_c_t
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy
from cyclonedds.qos import Qos as DdsQos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Sample, Topic

from vis_ros.ros.dds.domain import domain_id, open_domain
from vis_ros.ros.dds.qos import from_dds, to_dds
from vis_ros.ros.dds.samples import sample_class, type_hash
from vis_ros.ros.host import Qos
from vis_ros.wire.bare_messages import BareMessages

FOREVER_NS = (1 << 63) - 1
_MOST_ENDPOINTS = 10_000


class CdrWriter(DataWriter[Any]):
    """A writer of ready CDR bytes.

    `DataWriter.write` holds the interpreter's lock until the network has the message, which may
    wait for a slow reader; this one calls the same function through ctypes, which lets it go.
    """

    @c_call('dds_write')  # type: ignore[untyped-decorator, no-untyped-call]
    def _write_raw(
        self,
        writer: dds_c_t.entity,  # type: ignore[valid-type]
        sample: ctypes.c_void_p,
    ) -> dds_c_t.returnv:  # type: ignore[valid-type]
        pass

    def write_cdr(self, cdr: bytes | memoryview) -> None:
        """Send a message; its bytes are copied by Cyclone DDS before this returns.

        Args:
            cdr: CDR bytes with the encapsulation header.

        Raises:
            DDSException: Cyclone DDS refuses the bytes, or slow readers did not make room in time.
        """
        if len(cdr) % 4:  # Cyclone DDS sends whole words
            cdr = bytes(cdr).ljust((len(cdr) + 3) // 4 * 4, b'\0')
        data = np.frombuffer(cdr, np.uint8)  # (bytes,), only to learn the address
        sample = Sample(data.ctypes.data, data.size)
        code = self._write_raw(self._ref, ctypes.byref(sample))
        if code < 0:
            raise DDSException(code, f'while writing to {self.topic.name}')


class Participant:
    """One DDS participant, made as rmw_cyclonedds makes it.

    Raises:
        ValueError: `ROS_DOMAIN_ID` is not a domain.
        DDSException: The network or the configuration is not usable.
    """

    def __init__(self, messages: BareMessages) -> None:
        number = domain_id()
        self.messages = messages
        self._domain = open_domain(number)
        self.entity = DomainParticipant(number, qos=DdsQos(Policy.Userdata(b'enclave=/;')))
        self._publications = BuiltinDataReader(self.entity, BuiltinTopicDcpsPublication)
        self._alive = ReadCondition(
            self._publications, SampleState.Any | ViewState.Any | InstanceState.Alive
        )
        self._look = threading.Lock()
        self._known: list[tuple[str, Qos]] | None = None  # topics and offers of all writers

    def create_writer(
        self,
        type_name: str,
        dds_topic: str,
        qos: Qos,
        *,
        user_data: str = '',
        lifespan_ns: int = FOREVER_NS,
    ) -> CdrWriter:
        """Return a writer on a DDS topic (with its `rt/` or other prefix).

        Raises:
            ValueError: The type is not known.
        """
        topic = self._topic(type_name, dds_topic)
        text = self._user_data(type_name, user_data)
        policies = to_dds(qos, text, is_writer=True, lifespan_ns=lifespan_ns)
        return CdrWriter(self.entity, topic, policies)

    def create_reader(
        self, type_name: str, dds_topic: str, qos: Qos, *, user_data: str = ''
    ) -> DataReader[Any]:
        """Return a reader on a DDS topic (with its `rt/` or other prefix).

        Raises:
            ValueError: The type is not known.
        """
        topic = self._topic(type_name, dds_topic)
        policies = to_dds(qos, self._user_data(type_name, user_data), is_writer=False)
        return DataReader(self.entity, topic, policies)

    def publishers_on(self, dds_topic: str) -> list[Qos]:
        """Return what each writer on the topic offers that discovery knows of now.

        The list is read anew only after discovery has heard something: each reading leaves 2 kB
        behind for good in cyclonedds 11.0, and nodes look twice a second.
        """
        with self._look:
            if self._publications.take_status(DDSStatus.DataAvailable) or self._known is None:
                found = self._publications.read(N=_MOST_ENDPOINTS, condition=self._alive)
                self._known = [(end.topic_name, from_dds(end.qos)) for end in found]
            return [offered for name, offered in self._known if name == dds_topic]

    def close(self) -> None:
        """Leave the domain. Readers and writers must be gone already."""
        del self._alive, self._publications, self.entity, self._domain

    def _topic(self, type_name: str, dds_topic: str) -> Topic[Any]:
        return Topic(self.entity, dds_topic, sample_class(self.messages.store, type_name))

    def _user_data(self, type_name: str, extra: str) -> str:
        return f'{extra}typehash={type_hash(self.messages.store, type_name)};'


def take_all(reader: DataReader[Any], limit: int) -> list[tuple[bytes, int]]:
    """Take up to `limit` samples.

    Returns:
        The CDR bytes and the writer's instance handle of each; notices of writers that left carry
        no data and are left out.
    """
    return [
        (sample.cdr, sample.sample_info.publication_handle)
        for sample in reader.take(N=limit)
        if not isinstance(sample, InvalidSample)
    ]


def matched_handles(ask: Callable[[], list[int]]) -> list[int]:
    """Return the handles of what an endpoint is matched with now.

    Args:
        ask: `get_matched_subscriptions` or `get_matched_publications` of an endpoint. Each asks
            for their number first, and reads past its list where one more came in between.
    """
    while True:
        try:
            return ask()
        except IndexError:
            continue
