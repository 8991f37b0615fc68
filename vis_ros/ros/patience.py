# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether it is worth waiting for what often comes late."""

_MISSES = 5  # in a row, after which it is taken for gone
_TRY_EACH = 10  # then one in so many is waited for, to see whether it is back


class Patience:
    """Counts what came in vain, so that a source that has stopped is not waited for each time."""

    def __init__(self) -> None:
        self._misses = 0

    @property
    def lasts(self) -> bool:
        """Whether to wait for the next one."""
        return self._misses < _MISSES or self._misses % _TRY_EACH == 0

    def found(self) -> None:
        """It came."""
        self._misses = 0

    def missed(self) -> None:
        """It did not come."""
        self._misses += 1
