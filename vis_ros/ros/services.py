# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's services: reset, enable, class filter, save and load the memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vis_ros.ros.host import Closeable

if TYPE_CHECKING:
    from vis_ros.ros.core import TrackerCore


class Services(Closeable):
    """Offers the services; each answers with `success` and a `message`.

    Args:
        core: The node core that they act on.
    """

    def __init__(self, core: TrackerCore) -> None:
        self._core = core
        self._messages = core.host.messages
        offers: dict[str, tuple[str, Callable[[Any], str]]] = {
            '~/reset': ('std_srvs/srv/Trigger', self._reset),
            '~/set_enabled': ('std_srvs/srv/SetBool', self._set_enabled),
            '~/set_class_filter': ('vis_msgs/srv/SetClassFilter', self._set_class_filter),
            '~/save_memory': ('vis_msgs/srv/SaveMemory', self._save),
            '~/load_memory': ('vis_msgs/srv/LoadMemory', self._load),
        }
        self._parts: list[Closeable] = []
        for name, (type_name, action) in offers.items():
            answer = self._answering(type_name, action)
            self._parts.append(core.host.create_service(type_name, name, answer))

    def close(self) -> None:
        """Withdraw the services."""
        for part in self._parts:
            part.close()

    def _answering(self, type_name: str, action: Callable[[Any], str]) -> Callable[[Any], Any]:
        def answer(request: Any) -> Any:
            try:
                success, text = True, action(request)
            except (OSError, ValueError) as error:  # TimeoutError is an OSError
                success, text = False, str(error)
            except Exception as error:  # a method at fault: the caller must get an answer
                success, text = False, repr(error)
            return self._messages.make(f'{type_name}_Response', success=success, message=text)

        return answer

    def _reset(self, request: Any) -> str:
        self._core.streams[0].request_reset()
        return 'the memory is emptied before the next frame; a new session begins'

    def _set_enabled(self, request: Any) -> str:
        self._core.streams[0].is_enabled = bool(request.data)
        return 'images are processed' if request.data else 'images are ignored, the memory is kept'

    def _set_class_filter(self, request: Any) -> str:
        names = tuple(request.class_names)
        if reason := self._core.set_class_filter(names):
            raise ValueError(reason)
        return f'published: {", ".join(names)}' if names else 'published: all classes'

    def _save(self, request: Any) -> str:
        path = self._path(request.path)
        self._core.streams[0].save_memory(path)
        return f'written to {path}'

    def _load(self, request: Any) -> str:
        path = self._path(request.path)
        self._core.streams[0].load_memory(path)
        return f'restored from {path}'

    def _path(self, text: str) -> Path:
        text = text or self._core.parameters.memory_file
        path = Path(text)
        if not path.is_absolute():
            raise ValueError(
                f'path: expected an absolute path (or the parameter memory_file), got {text!r}'
            )
        return path
