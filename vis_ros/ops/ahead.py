# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors that one thread makes while another still uses the device for what came before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

T = TypeVar('T')


class _Streams(threading.local):
    """The stream of a thread on each GPU."""

    def __init__(self) -> None:
        self.known: dict[torch.device, torch.cuda.Stream] = {}


_own = _Streams()


class Ahead(Generic[T]):
    """What a function made ahead of time; on a GPU beside other work, in a stream of the thread.

    Args:
        make: Returns tensors on the device, in any nesting; it is called at once.
        device: That of the tensors.
    """

    def __init__(self, make: Callable[[], T], device: torch.device) -> None:
        self._device = device
        self._made: torch.cuda.Event | None = None
        if device.type != 'cuda':
            self._value = make()
            return
        stream = _stream_of(device)
        with torch.cuda.stream(stream):
            self._value = make()
            self._made = stream.record_event()

    def take(self) -> T:
        """Return what was made; all that this thread's stream does from now on comes after it."""
        if self._made is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(self._made)
            for leaf in tree_leaves(self._value):
                if isinstance(leaf, Tensor) and leaf.is_cuda:
                    leaf.record_stream(stream)  # its memory is given to nobody before
        return self._value


def _stream_of(device: torch.device) -> torch.cuda.Stream:
    if device not in _own.known:
        _own.known[device] = torch.cuda.Stream(device)
    return _own.known[device]
