# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a step brings to a device and back, counted without one.

The device is `meta`: its tensors have a shape and no values, so a step that needs a value before
it has brought it down fails here. What comes down is zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device('meta')


@dataclass
class Traffic:
    """Copies between host and device, the shape of each.

    Args:
        up: To the device, while the host goes on.
        waited: To the device, while the host waits.
        down: From the device; the host waits.
    """

    up: list[tuple[int, ...]] = field(default_factory=list)
    waited: list[tuple[int, ...]] = field(default_factory=list)
    down: list[tuple[int, ...]] = field(default_factory=list)


class _Counting(TorchDispatchMode):
    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self._traffic = traffic

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name == 'to':  # in inference mode it comes undivided
            with self:
                return func.decompose(*args, **kwargs)
        if name == '_to_copy' and kwargs.get('device') is not None:
            source, device = args[0], torch.device(kwargs['device'])
            if source.device == META and device.type == 'cpu':
                self._traffic.down.append(tuple(source.shape))
                return torch.zeros(source.shape, dtype=kwargs.get('dtype') or source.dtype)
            if source.device.type == 'cpu' and device == META:
                way = self._traffic.up if kwargs.get('non_blocking') else self._traffic.waited
                way.append(tuple(source.shape))
        if name == 'lift_fresh' and args[0].device == META:  # torch.tensor(..., device=...)
            self._traffic.waited.append(tuple(args[0].shape))
        return func(*args, **kwargs)


@contextmanager
def traffic() -> Iterator[Traffic]:
    """Count what goes between the host and `meta`."""
    counted = Traffic()
    with pytest.MonkeyPatch.context() as patch, _Counting(counted):
        patch.setattr(torch, 'autocast', lambda *_, **__: nullcontext())  # does not know `meta`
        yield counted
