# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of IAI.

Where the paper (Zhu et al., "Instance As Identity: A Generic Online Paradigm for Video Instance
Segmentation", ECCV 2022) and the official code differ, the default is what the code does, since
imported weights need that. The rows of tables 4 to 8 are options too. There is no code for table 6
(Mask R-CNN): what is left open is an option, or said where the choice is made.
"""

from __future__ import annotations

from dataclasses import dataclass

from vis_ros.structures.options import option

MAX_IDS = 200  # labels are bytes, and two more of them are needed


@dataclass(frozen=True)
class IaiOptions:
    """How the network is built; part of what its weights were trained with."""

    detector: str = option(
        'condinst',
        'Image model (table 6). condinst: one stage; maskrcnn: two stages, that of torchvision.',
        choices=('condinst', 'maskrcnn'),
    )
    proposals: int = option(
        300,
        'Only maskrcnn: proposals of a frame that the heads look at. 1000 in torchvision: on a '
        'CPU a frame then takes a fifth longer with resnet50, half as long again with small.',
        minimum=1,
        maximum=10000,
    )
    ids: int = option(
        20,
        'Identity channels N of the network: N - 1 tracks at once, the last one means new. 20 for '
        'YouTube-VIS 2019, 25 for YouTube-VIS 2021 and OVIS.',
        minimum=2,
        maximum=MAX_IDS,
    )
    identification: bool = option(
        True,
        'ID head and ID embedding (table 4). Without, the best detection of a frame is identity '
        '0, the next one identity 1: our guess, the paper does not say.',
    )
    association: bool = option(
        True, 'Association block and memory (table 4). Without, the image model sees one frame.'
    )
    short_term: bool = option(True, 'Attention to the previous frame ("local" in table 5).')
    long_term: bool = option(True, 'Attention to the stored frames ("global" in table 5).')
    long_term_offsets: bool = option(
        False,
        'The long-term attention learns how much a cell counts by its distance, up to 7 cells '
        'away, as the short-term attention does; in the code it has no idea of places. What was '
        'hidden mostly comes back near where it vanished.',
    )
    class_projector: bool = option(
        True,
        'Features of the backbone go round the association block ("class" in table 5). Without, '
        'the pyramid sees input and output of the block only: our guess, the paper does not say.',
    )
    id_loss: str = option(
        'focal',
        'What the ID head was trained with (table 7). focal: a sigmoid for each identity; '
        'cross_entropy: a softmax over identities and background. The paper takes that of the '
        'classes: focal for condinst, cross_entropy for maskrcnn.',
        choices=('focal', 'cross_entropy'),
    )
    id_layers: int = option(
        2, 'Layers of the ID head, the last one included (table 8).', minimum=2, maximum=4
    )
    id_features: str = option(
        'box',
        'Only maskrcnn: what the ID head sees of a proposal. box: what the box head makes of it, '
        'as classes and boxes do; cells: the 7x7 cells of the pyramid that the box head sees, '
        'through convolutions as for condinst, the mean over cells. The paper says "parallel '
        'with other heads", "shares the same features".',
        choices=('box', 'cells'),
    )
    id_embedding: str = option(
        'convolution',
        'How masks are embedded. convolution: 33x33 with stride 32, as the code; matrix: shares '
        'of each cell times a matrix, equation 2.',
        choices=('convolution', 'matrix'),
    )
    ranking: str = option(
        'weighted',
        'Score that detections compete with. weighted: class + ID / 2 in the first frame, class / '
        '2 + ID later, times centerness if there is one, as the code; average: of class and ID, '
        'as the paper.',
        choices=('weighted', 'average'),
    )
    interval: int = option(
        3,
        'Frames from one frame in the long-term memory to the next; frames with a new track '
        'are added at once.',
        minimum=1,
        maximum=1000,
    )
    stored_frames: int = option(
        16,
        'Frames in the long-term memory at most; the code keeps all. When it is full, the oldest '
        'frame goes all of whose tracks are shown by other frames too; without one, the oldest.',
        minimum=1,
        maximum=256,
    )


@dataclass(frozen=True)
class IaiSelection:
    """Which places, or proposals, become detections."""

    min_class_score: float = option(
        0.1,
        'Probability above which the best class must lie; 0.05 in the configuration for '
        'ResNet-101.',
        minimum=0.0,
        maximum=1.0,
    )
    min_id_score: float = option(
        0.1,
        'Probability above which the best identity, or that of a new one, must lie.',
        minimum=0.0,
        maximum=1.0,
    )
    min_birth_score: float = option(
        0.0,
        'Probability from which on the best class of a detection begins a new track; a weaker one '
        'can only go on with one. 0: all do, as in the code. Who comes out of hiding is hardly '
        'visible at first, and then hard to know again.',
        minimum=0.0,
        maximum=1.0,
    )
    unused_ids: str = option(
        'new',
        'What identities say that no track has. new: a detection that looks most like one of them '
        'is new, as in the code; nothing: it is who it looks most like among those that there '
        'are, or new where the network says so.',
        choices=('new', 'nothing'),
    )
    max_overlap: float = option(
        0.5,
        'Of two boxes that overlap more than this, of whatever classes, the weaker is dropped.',
        minimum=0.0,
        maximum=1.0,
    )
    top: int = option(
        200,
        'Only condinst: places of a level that compete; 1000 in the configuration for ResNet-101.',
        minimum=1,
        maximum=10000,
    )
    limit: int = option(
        10, 'Detections of a frame at most; 50 for OVIS.', minimum=1, maximum=MAX_IDS
    )
    min_own_share: float = option(
        0.1,
        'A detection is dropped when less than this share of its mask is not covered by better '
        'detections.',
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class IaiSizes:
    """Sizes that come from the image model.

    Args:
        coarse: Channels of the backbone's last stage.
        levels: Channels of the pyramid.
        channels: Channels of the association block.
    """

    coarse: int
    levels: int
    channels: int

    @property
    def projected(self) -> int:
        """Channels of the backbone that go round the block; the sum is that of the backbone."""
        return self.coarse - 2 * self.channels
