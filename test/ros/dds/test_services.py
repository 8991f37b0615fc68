# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services answer, and callers are told when nobody does."""

from collections.abc import Callable
from typing import Any

import pytest

from vis_ros.ros.dds import DdsHost
from vis_ros.ros.dds.services import decode, encode
from vis_ros.wire.bare_messages import bare_messages

Make = Callable[..., DdsHost]

_MESSAGES = bare_messages()
_TYPE = 'std_srvs/srv/SetBool'


def _request(data: bool) -> Any:
    return _MESSAGES.make(f'{_TYPE}_Request', data=data)


def _answer(request: Any) -> Any:
    return _MESSAGES.make(f'{_TYPE}_Response', success=request.data, message=f'got {request.data}')


def test_call(make_host: Make) -> None:
    server, caller = make_host('server'), make_host('caller')
    server.create_service(_TYPE, '~/enable', _answer)
    for data in (True, False):
        response = caller.call(_TYPE, '/server/enable', _request(data), 30.0)
        assert (response.success, response.message) == (data, f'got {data}')


def test_call_of_an_empty_request(make_host: Make) -> None:
    host = make_host('both')
    host.create_service(
        'std_srvs/srv/Trigger',
        'poke',
        lambda request: _MESSAGES.make('std_srvs/srv/Trigger_Response', success=True, message=''),
    )
    request = _MESSAGES.make('std_srvs/srv/Trigger_Request', structure_needs_at_least_one_member=0)
    assert host.call('std_srvs/srv/Trigger', 'poke', request, 30.0).success


def test_call_without_a_server(make_host: Make) -> None:
    with pytest.raises(TimeoutError, match='/nobody: no such service'):
        make_host('alone').call(_TYPE, 'nobody', _request(True), 0.05)


def test_server_that_fails_leaves_no_answer_but_lives(make_host: Make) -> None:
    host = make_host('fragile')

    def answer(request: Any) -> Any:
        if not request.data:
            raise RuntimeError('no')
        return _answer(request)

    service = host.create_service(_TYPE, 'fragile', answer)
    assert host.call(_TYPE, 'fragile', _request(True), 30.0).success
    with pytest.raises(TimeoutError, match='no answer'):
        host.call(_TYPE, 'fragile', _request(False), 0.5)
    assert host.call(_TYPE, 'fragile', _request(True), 30.0).success
    service.close()
    service.close()
    with pytest.raises(TimeoutError):
        host.call(_TYPE, 'fragile', _request(True), 0.05)


def test_remapped_service(make_host: Make) -> None:
    host = make_host('renamed', '-r', 'enable:=/switch')
    host.create_service(_TYPE, 'enable', _answer)
    assert make_host('user').call(_TYPE, '/switch', _request(True), 30.0).success


def test_header_goes_around() -> None:
    header = (2**64 - 1, -5)
    cdr = encode(_MESSAGES, header, _request(True))
    assert decode(_MESSAGES, cdr, f'{_TYPE}_Request') == (header, _request(True))


@pytest.mark.parametrize('length', [0, 4, 19, 20])
def test_short_bytes_are_refused(length: int) -> None:
    cdr = encode(_MESSAGES, (1, 2), _request(True))[:length]
    with pytest.raises(ValueError, match='SetBool_Request'):
        decode(_MESSAGES, cdr, f'{_TYPE}_Request')
