# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""For planners: the tracks of a tracker as a table that can be asked. No torch, no OpenCV.

`TrackSubscriber` keeps a `TrackTable` up to date from a topic; `table.snapshot()` is a consistent
picture for any thread; `Query`, `estimate_at` and `time_to_contact` are the questions. See
docs/planners.md.
"""

from vis_ros.client.contact import Contact, Observer, time_to_contact
from vis_ros.client.masks import decode_mask, mask_area_px, mask_contains, read_mask
from vis_ros.client.motion import Estimate, estimate_at
from vis_ros.client.record import Sample, TrackRecord
from vis_ros.client.regions import BoxRegion, MaskRegion, PolygonRegion, Region
from vis_ros.client.snapshot import Query, Snapshot
from vis_ros.client.subscriber import TrackSubscriber
from vis_ros.client.table import TableConfig, TrackTable, Update
from vis_ros.structures import TrackState

__all__ = [
    'BoxRegion',
    'Contact',
    'Estimate',
    'MaskRegion',
    'Observer',
    'PolygonRegion',
    'Query',
    'Region',
    'Sample',
    'Snapshot',
    'TableConfig',
    'TrackRecord',
    'TrackState',
    'TrackSubscriber',
    'TrackTable',
    'Update',
    'decode_mask',
    'estimate_at',
    'mask_area_px',
    'mask_contains',
    'read_mask',
    'time_to_contact',
]
