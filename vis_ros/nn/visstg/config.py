# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of VisSTG.

Source: Wang et al., "End-to-end Video Instance Segmentation via Spatial-temporal Graph Neural
Networks", ICCV 2021. There is no official code. What the paper leaves open is an option too, with
the reason for its default; so are the ablations of tables 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from vis_ros.structures.options import option


@dataclass(frozen=True)
class VisstgOptions:
    """How the network is built; part of what its weights were trained with."""

    fusion: str = option(
        'relation',
        'What mixes the features of a frame with those of the past (table 2). relation: the '
        'graph; concatenation: a convolution over both feature maps; none.',
        choices=('relation', 'concatenation', 'none'),
    )
    association: str = option(
        'edge',
        'Who is who (table 2). edge: a classifier of the edges of the graph, needs relation; '
        'embedding: as MaskTrack R-CNN; offset: as CenterTrack, plus overlap.',
        choices=('edge', 'embedding', 'offset'),
    )
    propagation: bool = option(
        True, 'Mask networks of the previous frame are warped to this one (table 2).'
    )
    rounds: int = option(
        3, 'Rounds of message passing L of the graph (table 1).', minimum=1, maximum=4
    )
    window_p3: int = option(
        9,
        'Cells along a side of the window around the centre of an instance in which it has edges, '
        'on the level of stride 8; odd. The paper names no size: 9 lets the small objects of this '
        'level move 36 pixels of the input, half of the largest of them.',
        minimum=1,
        maximum=63,
    )
    window_p4: int = option(
        7, 'Window on the level of stride 16: 56 pixels.', minimum=1, maximum=63
    )
    window_p5: int = option(
        7, 'Window on the level of stride 32: 112 pixels.', minimum=1, maximum=63
    )
    window_p6: int = option(
        5, 'Window on the level of stride 64: 160 pixels.', minimum=1, maximum=63
    )
    window_p7: int = option(
        3, 'Window on the level of stride 128: 192 pixels.', minimum=1, maximum=63
    )
    mlp_width: int = option(
        0,
        'Channels between the two layers of the MLPs of edges and nodes; 0: as many as the '
        'pyramid has. Two layers are the least that the paper\'s "multilayer" allows.',
        minimum=0,
        maximum=1024,
    )
    round_weights: str = option(
        'shared',
        'shared: all rounds and levels have the same two MLPs, as equations 1 and 2 have no index '
        'on them; own: each round has its own.',
        choices=('shared', 'own'),
    )
    aggregation: str = option(
        'sum',
        'What a node takes from its edges. sum: equation 2; mean: does not grow with the windows.',
        choices=('sum', 'mean'),
    )
    node_pooling: str = option(
        'mean',
        'How the crop of an instance becomes one vector. mean: the average over its cells, which '
        'stays comparable to the features of places, as |h_i - h_j| needs, and has no parameters; '
        'convolution: two 3x3 convolutions without padding, then the average.',
        choices=('mean', 'convolution'),
    )
    crop_cells: int = option(
        7, 'Cells along a side of a crop, the size usual for ROIAlign.', minimum=5, maximum=28
    )
    branches: str = option(
        'shared',
        'Heads for frames with and without a past. shared: the same parameters see either '
        'features; the paper trains detection on target frames only, so its plain heads would '
        'learn nothing otherwise. separate: two sets.',
        choices=('shared', 'separate'),
    )
    head_layers: int = option(
        3, 'Convolutions of each head, the last one included.', minimum=1, maximum=6
    )
    mask_features: str = option(
        'branch',
        'What the mask networks see. branch: the mask branch of CondInst on the fused features, '
        'whose masks are finer; projection: 1x1 convolutions of them, the words of the paper.',
        choices=('branch', 'projection'),
    )
    reach: float = option(
        8.0,
        'An object belongs to the first level whose stride times this is not below its longer '
        'side; also the unit of sizes and offsets. 8 gives the ranges of FCOS, 64 to 512 pixels.',
        minimum=1.0,
        maximum=64.0,
    )
    embedding: int = option(
        64,
        'Length of the embedding of association=embedding. MaskTrack R-CNN has 1024 from fully '
        'connected layers; a convolution at each place needs to be cheaper.',
        minimum=1,
        maximum=1024,
    )
    warp_channels: int = option(
        32,
        'Channels between the two convolutions that estimate the offsets of the warp.',
        minimum=1,
        maximum=1024,
    )
    warp_mixing: str = option(
        'full',
        'Weights of the deformable convolution. full: an ordinary one; channelwise: each of the '
        '169 parameters is warped for itself. Both start as the identity. With Adam a full one '
        'needs a learning rate of 1e-3 at most: a sum of 1521 terms soon loses the identity.',
        choices=('full', 'channelwise'),
    )

    @property
    def windows(self) -> tuple[int, ...]:
        """Sides of the windows of all levels, finest first [cells]."""
        return tuple(getattr(self, f'window_p{level}') for level in range(3, 8))


@dataclass(frozen=True)
class VisstgSelection:
    """Which places become detections."""

    min_score: float = option(
        0.1,
        'Places whose best class is not above this probability are background, and their edges '
        'are pruned. The paper names none; 0.1 keeps most true objects in small networks.',
        minimum=0.0,
        maximum=1.0,
    )
    top: int = option(100, 'Peaks of a frame that compete, as CenterNet.', minimum=1, maximum=1000)
    max_overlap: float = option(
        0.6,
        'Of two boxes that overlap more than this, of whatever classes, the weaker is dropped. '
        'CenterNet needs none; several levels may see the same object.',
        minimum=0.0,
        maximum=1.0,
    )
    limit: int = option(16, 'Detections of a frame at most.', minimum=1, maximum=200)


@dataclass(frozen=True)
class VisstgTracking:
    """What becomes of detections."""

    match_score: float = option(
        0.5,
        'Probability from which on an edge says that two nodes are the same instance.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    min_overlap: float = option(
        0.3,
        'With association=offset: least overlap of a box, moved by its offset, with the last box '
        'of the track. The paper names none.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    birth_score: float = option(
        0.2,
        'Detections without a match start a track from this score on. The paper starts one for '
        'each; on endless streams weak ones would fill the memory.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    mask_merge: str = option(
        'average',
        'Mask of a detection that continues a track: average of what the network for this frame '
        'and the warped one say ("merging the warped filter information"); own; warped. The paper '
        'does not say how it merges.',
        choices=('average', 'own', 'warped'),
    )


def check_options(options: VisstgOptions) -> None:
    """Check what a single option cannot tell.

    Raises:
        ValueError: Options do not go together, or a window has no middle.
    """
    if options.association == 'edge' and options.fusion != 'relation':
        raise ValueError(
            "association: 'edge' needs the graph, expected fusion 'relation', "
            f'got {options.fusion!r}'
        )
    for level, window in enumerate(options.windows, start=3):
        if window % 2 == 0:
            raise ValueError(f'window_p{level}: expected an odd number of cells, got {window}')
