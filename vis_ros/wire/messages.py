# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message classes by name, the same way for every host."""

from typing import Any, Protocol

import numpy as np


class Messages(Protocol):
    """Makes messages. Field names and values are the same for every host."""

    def make(self, type_name: str, **fields: Any) -> Any:
        """Return a message of `pkg/msg/Type`, `pkg/srv/Type_Request` or `pkg/srv/Type_Response`.

        All fields must be given. Nested messages are messages, sequences of them lists, and
        sequences of numbers come from `array`.
        """

    def array(self, values: np.ndarray) -> Any:
        """Return what a numeric sequence field takes, without touching single elements.

        Args:
            values: One-dimensional array whose dtype is exactly the field's.
        """

    def byte(self, value: bytes) -> Any:
        """Return what a field of type `byte` takes.

        Args:
            value: One byte.
        """

    def fields(self, type_name: str) -> frozenset[str]:
        """Return the names of a message's fields, which may differ between distributions.

        Raises:
            ValueError: There is no such type here.
        """
