# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The track memory that all methods share: identities, ageing, capacity, snapshots."""

from vis_ros.memory.staged_memory import StagedMemory
from vis_ros.memory.track_memory import MemoryConfig, Observations, TrackMemory

__all__ = ['MemoryConfig', 'Observations', 'StagedMemory', 'TrackMemory']
