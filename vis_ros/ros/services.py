# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's services: reset, enable, class filter, save and load the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vis_ros.ros.cameras import CAMERA
from vis_ros.ros.host import Closeable

if TYPE_CHECKING:
    from vis_ros.ros.camera_stream import CameraStream
    from vis_ros.ros.core import TrackerCore


class Services(Closeable):
    """Offers the services of one camera, or of all together; each answers `success` and `message`.

    Where something is done for several cameras and fails for one, it is done for the others
    nevertheless, and the answer names each camera.

    Args:
        core: The node core.
        streams: The cameras that are acted on.
        prefix: What the names of the services begin with, such as `~/`.
    """

    def __init__(self, core: TrackerCore, streams: Sequence[CameraStream], prefix: str) -> None:
        self._core = core
        self._streams = streams
        self._messages = core.host.messages
        offers: dict[str, tuple[str, Callable[[Any], str]]] = {
            'reset': ('std_srvs/srv/Trigger', self._reset),
            'set_enabled': ('std_srvs/srv/SetBool', self._set_enabled),
            'set_class_filter': ('vis_msgs/srv/SetClassFilter', self._set_class_filter),
            'save_memory': ('vis_msgs/srv/SaveMemory', self._save),
            'load_memory': ('vis_msgs/srv/LoadMemory', self._load),
        }
        self._parts: list[Closeable] = []
        for name, (type_name, action) in offers.items():
            answer = self._answering(type_name, action)
            self._parts.append(core.host.create_service(type_name, prefix + name, answer))

    def close(self) -> None:
        """Withdraw the services."""
        for part in self._parts:
            part.close()

    def _answering(self, type_name: str, action: Callable[[Any], str]) -> Callable[[Any], Any]:
        def answer(request: Any) -> Any:
            success, text = _outcome(lambda: action(request))
            return self._messages.make(f'{type_name}_Response', success=success, message=text)

        return answer

    def _reset(self, request: Any) -> str:
        for stream in self._streams:
            stream.request_reset()
        return 'the memory is emptied before the next frame; a new session begins'

    def _set_enabled(self, request: Any) -> str:
        for stream in self._streams:
            stream.is_enabled = bool(request.data)
        return 'images are processed' if request.data else 'images are ignored, the memory is kept'

    def _set_class_filter(self, request: Any) -> str:
        names = tuple(request.class_names)
        if len(self._streams) == len(self._core.streams):
            self._core.set_class_filter(names)  # and of what is configured later
        else:
            for stream in self._streams:
                stream.set_parameters({'class_filter': names})
        return f'published: {", ".join(names)}' if names else 'published: all classes'

    def _save(self, request: Any) -> str:
        def save(stream: CameraStream) -> str:
            path = self._path(request.path, stream)
            stream.save_memory(path)
            return f'written to {path}'

        return self._on_each(save)

    def _load(self, request: Any) -> str:
        def load(stream: CameraStream) -> str:
            path = self._path(request.path, stream)
            stream.load_memory(path)
            return f'restored from {path}'

        return self._on_each(load)

    def _on_each(self, action: Callable[[CameraStream], str]) -> str:
        if len(self._streams) == 1:
            return action(self._streams[0])
        outcomes = [_outcome(partial(action, stream)) for stream in self._streams]
        pairs = zip(self._streams, outcomes, strict=True)
        text = '; '.join(f'{stream.label}{text}' for stream, (_, text) in pairs)
        if not all(success for success, _ in outcomes):
            raise ValueError(text)
        return text

    def _path(self, given: str, stream: CameraStream) -> Path:
        if given and len(self._streams) > 1 and CAMERA not in given:
            raise ValueError(
                f'path: several cameras need {CAMERA} in it, or call '
                f'{stream.prefix}save_memory or load_memory; got {given!r}'
            )
        given = given.replace(CAMERA, stream.name) if stream.name else given
        text = given or stream.parameters.memory_file
        path = Path(text)
        if not path.is_absolute():
            raise ValueError(
                f'path: expected an absolute path (or the parameter memory_file), got {text!r}'
            )
        return path


def _outcome(action: Callable[[], str]) -> tuple[bool, str]:
    """Return whether an action came to its end, and what it says of it."""
    try:
        return True, action()
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        return False, str(error)
    except Exception as error:  # a method at fault: the caller must get an answer
        return False, repr(error)
