# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sizes and options of IFR.

No official code was published. What the paper (You et al., "Consistent Video Instance Segmentation
with Inter-Frame Recurrent Attention", 2022) leaves open is an option here, with the reason for its
default; where it is silent, its base Mask2Former (Cheng et al., CVPR 2022) speaks.
"""

from __future__ import annotations

from dataclasses import dataclass

from vis_ros.structures.options import option

RESNETS = ('resnet50', 'resnet101')
SWINS = ('swin_t', 'swin_s', 'swin_b', 'swin_l')
NETWORKS = (*RESNETS, *SWINS, 'small')
LEVELS = 3  # of the pyramid that queries attend to: strides 32, 16, 8
STRIDE = 4  # of the features that masks come from


@dataclass(frozen=True)
class SwinSizes:
    """A Swin Transformer (Liu et al., ICCV 2021).

    Args:
        channels: Channels of the first stage; they double from stage to stage.
        depths: Blocks of each stage.
        heads: Heads of each stage.
        window: Side of the windows [cells].
        drop_path: Rate at which the last block is left out in training; it grows block by block.
    """

    channels: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    drop_path: float = 0.3


_SWIN = {
    'swin_t': SwinSizes(),
    'swin_s': SwinSizes(depths=(2, 2, 18, 2)),
    'swin_b': SwinSizes(128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
    'swin_l': SwinSizes(192, (2, 2, 18, 2), (6, 12, 24, 48), 12),
}


@dataclass(frozen=True)
class IfrSizes:
    """Everything that decides about the parameters, but queries, classes and options.

    Args:
        backbone: A ResNet of torchvision, or `slim18`; not used with `swin`.
        swin: Sizes of a Swin Transformer, or None for a ResNet.
        short_side: The shorter side of the picture is at most this [px].
        long_side: The longer side is at most this [px].
        channels: Channels C of pyramid, masks and queries.
        encoder_layers: Layers of the pixel decoder.
        encoder_width: Width of their feed-forward networks.
        decoder_layers: Layers of the recurrent decoder.
        decoder_width: Width of its feed-forward networks.
        heads: Heads of all attentions outside of the backbone.
        queries: Default number of queries N.
    """

    backbone: str = 'resnet50'
    swin: SwinSizes | None = None
    short_side: int = 360
    long_side: int = 1333
    channels: int = 256
    encoder_layers: int = 6
    encoder_width: int = 1024
    decoder_layers: int = 9
    decoder_width: int = 2048
    heads: int = 8
    queries: int = 100


def sizes_of(network: str) -> IfrSizes:
    """Return the sizes of a network.

    The short side is 360 as Mask2Former tests videos, 480 for Swin-L (note under table 1). `small`
    is a ResNet-18 of half its width at 192x320, with 20 queries, for CPUs.

    Raises:
        ValueError: The network is unknown.
    """
    if network not in NETWORKS:
        raise ValueError(f'network: expected one of {", ".join(NETWORKS)}, got {network!r}')
    if network == 'small':
        return IfrSizes('slim18', None, 192, 320, 64, 2, 128, 3, 128, 4, 20)
    if network in SWINS:
        return IfrSizes('', _SWIN[network], short_side=480 if network == 'swin_l' else 360)
    return IfrSizes(network)


@dataclass(frozen=True)
class IfrOptions:
    """How the network is built; part of what its weights were trained with."""

    queries: int = option(
        0,
        'Number of queries. 0: that of the network, 100 as in the paper (20 for small); '
        "Mask2Former's published Swin-L has 200.",
        minimum=0,
        maximum=1000,
    )
    context: str = option(
        'clip',
        'Which frames the clip-level queries of a frame are gathered from. clip: all of the clip, '
        'as in the paper; causal: those before it and itself, at most `window`. A stream is '
        'always causal; weights trained so meet there what they know.',
        choices=('clip', 'causal'),
    )
    window: int = option(
        5,
        'Frames that the clip-level queries of a stream are gathered from, the current one '
        'included: the longer of the two clip lengths of table 4. It bounds the memory.',
        unit='frames',
        minimum=1,
        maximum=100,
    )
    recurrence: str = option(
        'previous',
        'What frame-level queries start from. previous: those of the frame before, as in the '
        'paper; none: the clip-level queries in each frame, so that frames know of each other '
        'only by these: the network without its recurrence, for comparison.',
        choices=('previous', 'none'),
    )
    masking: str = option(
        'exclude',
        'What the mask of equation 1 does. exclude: masked cells get no weight, as in '
        'Mask2Former, whose mask it is; product: their scores become 0, as the equation reads '
        'word for word, and they keep the weight that a score of 0 has.',
        choices=('exclude', 'product'),
    )
    clip_mask: str = option(
        'same',
        'Which cells clip-level queries attend to in equation 2. same: those of the frame-level '
        'query of the same instance, so that both start from the same place; none: all. The paper '
        'says only that the mask is optional.',
        choices=('same', 'none'),
    )
    temporal: str = option(
        'all',
        'Which frame-level queries the temporal cross-attention sees. all: those of all '
        'instances, as the text has it; own: those of the same instance.',
        choices=('all', 'own'),
    )
    feed_forward: bool = option(
        True,
        'A feed-forward network follows each of the two self-attentions. The paper names none; '
        'every transformer layer of its base has one.',
    )
    scale: str = option(
        'head',
        'The d of equation 1. head: dimensions of one head, as multi-head attention has it; '
        'hidden: all of them, as the paper words it.',
        choices=('head', 'hidden'),
    )


@dataclass(frozen=True)
class IfrSelection:
    """Which queries become instances, and their masks."""

    score_threshold: float = option(
        0.3,
        'Queries whose best class is less probable show nothing. The paper gives no value: its '
        'metric wants all; a robot wants real objects.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    birth_score: float = option(
        0.5,
        'Queries without a track start one only from this probability on, so that tracks begin '
        'more rarely than they go on.',
        minimum=0.0,
        maximum=1.0,
        mutable=True,
    )
    mask_threshold: float = option(
        0.5,
        "Pixels from this probability on belong to an instance's mask, as in Mask2Former.",
        minimum=0.0,
        maximum=1.0,
    )
    min_area: int = option(
        1,
        'Instances with fewer pixels are not seen in a frame.',
        unit='px',
        minimum=1,
        maximum=1_000_000,
    )
    duplicate_overlap: float = option(
        0.7,
        'Of two queries whose masks overlap more than this (IoU), one shows nothing: the one '
        'with the younger track or with none, or the weaker one. The paper trusts its Hungarian '
        'training; in an endless stream twins would stay. 1 for none.',
        minimum=0.0,
        maximum=1.0,
    )
