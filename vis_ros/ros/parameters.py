# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: one frozen dataclass, the source of descriptors, checks and docs."""

from __future__ import annotations

from dataclasses import dataclass, field

from vis_ros.spatial.config import SpatialConfig
from vis_ros.structures.options import option

METHOD_PREFIX = 'config.'
"""Prefix of the options of the chosen method, as in `config.memory.capacity`."""


@dataclass(frozen=True)
class NodeParameters:
    """Parameters of the tracker node."""

    method: str = option('deepsort', 'Registered name of the method; see `vis_ros methods`.')
    weights: str = option(
        '', 'Weights of the method: path, name of models/weights.yaml, or torchvision:ENUM.NAME.'
    )
    device: str = option('cpu', 'Torch device: cpu, cuda or cuda:N.')
    cameras: tuple[str, ...] = option(
        (),
        'Names of several cameras that share the method; each has its own session, memory and '
        'topics `~/NAME/tracks` and so on. Then `{camera}` stands for the name in every text '
        'below. Empty: one camera, whose topics are `~/tracks` and so on.',
    )
    image_topic: str = option(
        'image',
        'Topic of the images; with image_transport compressed, the topic without /compressed. '
        'With several cameras `image` stands for `{camera}/image_raw`.',
    )
    image_transport: str = option(
        'raw', 'Whether images come raw or compressed.', choices=('raw', 'compressed')
    )
    queue: str = option(
        'latest',
        'latest: a frame that waits is replaced by a newer one and counted as dropped; '
        'every: frames wait in order, for replays.',
        choices=('latest', 'every'),
    )
    queue_depth: int = option(
        64,
        'Frames that may wait with queue every; when full, the oldest is dropped and counted.',
        minimum=1,
        maximum=100000,
    )
    prepare_ahead: str = option(
        'auto',
        'Whether the next image is decoded, scaled and brought to the device while a frame is at '
        'work, on a thread of its own; auto: with a GPU, since on a CPU that takes time from the '
        'frame at work.',
        choices=('auto', 'on', 'off'),
    )
    qos_reliability: str = option(
        'match',
        'Reliability of the image subscription; match follows the publishers (and before there '
        'is one, it is best effort, or reliable with queue every).',
        choices=('match', 'reliable', 'best_effort'),
    )
    qos_depth: int = option(
        5,
        'History depth of the image subscription; with queue every, queue_depth if that is more.',
        minimum=1,
        maximum=10000,
    )
    max_reorder_s: float = option(
        0.0,
        'A frame that is older than the previous one by at most this much is dropped as out of '
        'order; an older one starts a new session (a bag that loops).',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        mutable=True,
    )
    depth_topic: str = option(
        '',
        'Topic of depth images that are registered to the images: 16UC1 in mm or 32FC1 in m. '
        'Empty: tracks have no 3D.',
    )
    camera_info_topic: str = option(
        '', 'Topic of the calibration; empty for camera_info beside the image topic.'
    )
    depth_sync: str = option(
        'approximate',
        'Which depth belongs to an image, by the rules of message_filters: the one of the same '
        'stamp, or one that is less than depth_slop_s away.',
        choices=('approximate', 'exact'),
    )
    depth_slop_s: float = option(
        0.02,
        'The stamps of an image and its depth differ by less than this (depth_sync approximate).',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    depth_queue: int = option(
        10, 'Depth images that may wait for their image.', minimum=1, maximum=1000
    )
    depth_wait_s: float = option(
        0.05,
        "Longest time, from an image's arrival, that its tracks wait for depth and transform; "
        'then they are published without.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    depth_is_registered: bool = option(
        False,
        'Take depth images of another frame_id than the image as registered to it.',
        mutable=True,
    )
    image_is_rectified: bool = option(
        False,
        'Whether the images are rectified: then P of the calibration counts, else K and D.',
        mutable=True,
    )
    output_frame: str = option(
        '',
        "Coordinate frame of the 3D positions, through /tf; empty for the image's frame_id.",
    )
    spatial: SpatialConfig = field(default_factory=SpatialConfig)
    class_filter: tuple[str, ...] = option(
        (), 'Names of the classes that are published; empty for all.', mutable=True
    )
    overlay_alpha: float = option(
        0.45,
        'Opacity of the masks in ~/debug/overlay.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    autostart: bool = option(True, 'Configure and activate at start, without waiting to be told.')
    warm_up_width: int = option(
        1280,
        'Columns of the blank image that warms the method up; 0 for no warm-up.',
        unit='px',
        minimum=0,
        maximum=16384,
    )
    warm_up_height: int = option(
        720,
        'Rows of the blank image that warms the method up; 0 for no warm-up.',
        unit='px',
        minimum=0,
        maximum=16384,
    )
    memory_file: str = option(
        '',
        'File (absolute path) in which the track memory is kept over restarts: read when the '
        'node is configured, written when it is activated and deactivated. A file that does not '
        'fit is renamed to *.refused. Several cameras need `{camera}` in it. Empty: nowhere.',
    )
    memory_period_s: float = option(
        0.0,
        'The track memory is also written this often while active; 0 for never.',
        unit='s',
        minimum=0.0,
        maximum=86400.0,
    )
    diagnostics_period_s: float = option(
        1.0, 'How often /diagnostics is published.', unit='s', minimum=0.1, maximum=3600.0
    )
