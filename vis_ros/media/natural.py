# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Natural order of file names: img2 comes before img10."""

import re

_DIGITS = re.compile(r'([0-9]+)')


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key that compares runs of digits as numbers and ignores case."""
    parts = _DIGITS.split(name.lower())  # text, digits, text, ...
    return tuple((int(part), '') if i % 2 else (0, part) for i, part in enumerate(parts))
