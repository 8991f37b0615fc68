# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Methods by name. Every module of this folder registers its own; nothing is listed here."""

import importlib
import pkgutil

from vis_ros.methods.base import METHODS, Method

__all__ = ['METHODS', 'Method']

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{_module.name}')
