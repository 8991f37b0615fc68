# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services as rmw_cyclonedds speaks them: a request topic, a reply topic, and a header in front.

The header is the caller's id (uint64) and a sequence number (int64); a reply repeats the header of
its request, and callers pick their own replies out of all that they see.
"""

import secrets
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from cyclonedds.core import DDSStatus, WaitSet
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader

from vis_ros.ros.dds.endpoints import Link, Throttle
from vis_ros.ros.dds.participant import Participant, matched_handles, take_all
from vis_ros.ros.dds.qos import SERVICE_QOS
from vis_ros.ros.host import Closeable
from vis_ros.wire.bare_messages import BareMessages

_HEADER = struct.Struct('<Qq')
_BIG_HEADER = struct.Struct('>Qq')
_ENCAPSULATION_BYTES = 4
_BODY_START = _ENCAPSULATION_BYTES + _HEADER.size
_MOST_REQUESTS = 100
_CALLER_PATIENCE_S = 0.2  # a caller whose reply reader is not known yet is given this long
_POLL_S = 0.005


def encode(messages: BareMessages, header: tuple[int, int], message: Any) -> bytes:
    """Return the CDR bytes of a request or reply with its header."""
    cdr = messages.serialize(message)
    front, body = cdr[:_ENCAPSULATION_BYTES], cdr[_ENCAPSULATION_BYTES:]
    return b''.join((front, _HEADER.pack(*header), body))


def decode(messages: BareMessages, cdr: bytes, type_name: str) -> tuple[tuple[int, int], Any]:
    """Return the header and the message in the CDR bytes of a request or reply.

    Raises:
        ValueError: The bytes are not a whole message of that type.
    """
    if len(cdr) < _BODY_START:
        raise ValueError(f'{type_name}: {len(cdr)} bytes are too few for a service header')
    layout = _HEADER if cdr[1] & 1 else _BIG_HEADER
    client, sequence = layout.unpack_from(cdr, _ENCAPSULATION_BYTES)
    body = cdr[:_ENCAPSULATION_BYTES] + cdr[_BODY_START:]
    return (client, sequence), messages.deserialize(body, type_name)


class DdsService(Closeable):
    """The server side of one service."""

    def __init__(
        self, link: Link, type_name: str, name: str, callback: Callable[[Any], Any]
    ) -> None:
        self._link = link
        self._name = name
        self._request_type = f'{type_name}_Request'
        self._messages = link.participant.messages
        self._callback = callback
        self._broken = Throttle()
        self._lock = threading.Lock()
        reader, writer = _pair(link.participant, type_name, name, is_server=True)
        reader.set_status_mask(DDSStatus.DataAvailable)
        self._pair: tuple[DataReader[Any], Any] | None = (reader, writer)
        self._undo: tuple[Callable[[], None], ...] = (
            link.executor.add(reader, self._serve),
            link.graph.add_reader(reader),
            link.graph.add_writer(writer),
        )
        link.opened(self)

    def close(self) -> None:
        """See `Closeable.close`."""
        with self._lock:
            pair, self._pair = self._pair, None
        if pair is not None:
            self._link.closed(self)
            for undo in self._undo:
                undo()
            self._undo = ()

    def _serve(self) -> None:
        if self._pair is None:
            return
        reader, writer = self._pair
        for cdr, client_handle in take_all(reader, _MOST_REQUESTS):
            if self._pair is None:  # closed by the callback
                return
            try:
                header, request = decode(self._messages, cdr, self._request_type)
            except ValueError as error:
                if self._broken.tick():
                    self._link.log('warn', f'{self._name}: request dropped: {error}')
                continue
            response = self._link.executor.call(self._callback, request)
            if response is not None:
                _await_caller(reader, writer, client_handle)
                writer.write_cdr(encode(self._messages, header, response))


def call_service(
    participant: Participant, type_name: str, name: str, request: Any, timeout_s: float
) -> Any:
    """Return the response of a service.

    Args:
        name: Absolute name of the service.
        request: Request message.
        timeout_s: How long to wait for the server to appear and to answer, together.

    Raises:
        TimeoutError: No server appeared, or none answered, in time.
        ValueError: The answer could not be decoded.
    """
    deadline = time.monotonic() + timeout_s
    reader, writer = _pair(participant, type_name, name, is_server=False)
    while not (
        matched_handles(writer.get_matched_subscriptions)
        and matched_handles(reader.get_matched_publications)
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f'{name}: no such service within {timeout_s} s')
        time.sleep(_POLL_S)
    mine = (secrets.randbits(64), 1)
    reader.set_status_mask(DDSStatus.DataAvailable)
    wait_set = WaitSet(participant.entity)
    wait_set.attach(reader)  # before the question, else a quick answer would not wake it
    try:
        writer.write_cdr(encode(participant.messages, mine, request))
        while (left_s := deadline - time.monotonic()) > 0:
            wait_set.wait(int(min(left_s, 0.1) * 1e9))
            for cdr, _ in take_all(reader, _MOST_REQUESTS):
                header, response = decode(participant.messages, cdr, f'{type_name}_Response')
                if header == mine:
                    return response
    finally:
        wait_set.detach(reader)
    raise TimeoutError(f'{name}: no answer within {timeout_s} s')


def _pair(
    participant: Participant, type_name: str, name: str, *, is_server: bool
) -> tuple[DataReader[Any], Any]:
    """Return the reader and the writer of one side, tied together by a common id."""
    digits = '.'.join(f'{byte:x}' for byte in secrets.token_bytes(16))
    user_data = f'{"serviceid" if is_server else "clientid"}={digits};'
    sides = {'Request': f'rq{name}Request', 'Response': f'rr{name}Reply'}
    mine, theirs = ('Response', 'Request') if is_server else ('Request', 'Response')
    reader = participant.create_reader(
        f'{type_name}_{theirs}', sides[theirs], SERVICE_QOS, user_data=user_data
    )
    writer = participant.create_writer(
        f'{type_name}_{mine}', sides[mine], SERVICE_QOS, user_data=user_data
    )
    return reader, writer


def _await_caller(reader: DataReader[Any], writer: DataWriter[Any], client_handle: int) -> None:
    """Wait a little until the caller's reply reader is matched, else it would miss the reply."""
    client = reader.get_matched_publication_data(client_handle)
    deadline = time.monotonic() + _CALLER_PATIENCE_S
    while client is not None and time.monotonic() < deadline:
        for handle in matched_handles(writer.get_matched_subscriptions):
            endpoint = writer.get_matched_subscription_data(handle)
            if endpoint is not None and endpoint.participant_key == client.participant_key:
                return
        time.sleep(_POLL_S)
