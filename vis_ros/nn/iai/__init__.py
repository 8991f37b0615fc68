# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI: identities that a network predicts, and a memory that it sees them through."""

from vis_ros.nn.iai.config import IaiOptions, IaiSelection
from vis_ros.nn.iai.memory import IaiMemory
from vis_ros.nn.iai.model import Iai, Perception, memory_of

__all__ = ['Iai', 'IaiMemory', 'IaiOptions', 'IaiSelection', 'Perception', 'memory_of']
