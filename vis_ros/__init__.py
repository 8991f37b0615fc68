# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Online video instance segmentation for robots.

`build_method` is the Python door: it makes a method by its registered name. Importing this package
imports neither torch nor rclpy; both are loaded when first needed.
"""

from typing import Any

__version__ = '0.1.0'
__all__ = ['__version__', 'build_method']


def __getattr__(name: str) -> Any:
    if name == 'build_method':
        from vis_ros.pipeline.build import build_method

        return build_method
    raise AttributeError(f"module 'vis_ros' has no attribute {name!r}")
