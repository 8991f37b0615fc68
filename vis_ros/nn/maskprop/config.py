# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sizes and options of MaskProp.

No official code was published. What the paper (Bertasius and Torresani, "Classifying, Segmenting,
and Tracking Object Instances in Video with Mask Propagation", CVPR 2020) leaves open is an option
here, with the reason for its default; so are the rows of its tables 2 to 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vis_ros.structures.options import option

NETWORKS = ('resnet50', 'resnet101', 'resnext101_64x4d', 'small')
TRACKINGS = ('propagation', 'flow', 'masktrack')
FLOWS = ('raft', 'dis')
CASCADES = ('none', 'htc')
THRESHOLDS = (0.5, 0.6, 0.7)  # of each stage of a cascade: IoU from which on a box is an object's
DILATIONS = (3, 6, 12)
STRIDE = 8  # of the second largest level of the pyramid, on which masks are propagated
LEVEL = '1'  # its name


@dataclass(frozen=True)
class MaskPropSizes:
    """Everything that decides about the parameters, but the number of classes.

    Args:
        backbone: A ResNet of torchvision, or `slim18`.
        short_side: The shorter side of the picture is at most this [px].
        long_side: The longer side is at most this [px].
        channels: Channels of the pyramid.
        motion: Channels of the residual block that predicts motion offsets.
        box: Width of the box head.
        anchor: Side of the smallest anchor [px]; it doubles from level to level.
        identity: Length of the embedding of MaskTrack R-CNN's tracking branch.
        crop: Side of the crop in which a mask is refined [px].
        refinement: Channels of the refinement.
        sampling: Channels of the stages that spatiotemporal sampling aggregates, at most.
    """

    backbone: str = 'resnet50'
    short_side: int = 600
    long_side: int = 1088
    channels: int = 256
    motion: int = 128
    box: int = 1024
    anchor: int = 32
    identity: int = 1024
    crop: int = 384
    refinement: int = 128
    sampling: int = 1024


def sizes_of(network: str) -> MaskPropSizes:
    """Return the sizes of a network.

    The paper trains with shorter sides from 400 to 800 and does not say what it tests with: 600 is
    the middle, 1088 fits 16:9. `small` is a ResNet-18 of half its width at 192x320, for CPUs.

    Raises:
        ValueError: The network is unknown.
    """
    if network not in NETWORKS:
        raise ValueError(f'network: expected one of {", ".join(NETWORKS)}, got {network!r}')
    if network == 'small':
        return MaskPropSizes('slim18', 192, 320, 64, 64, 256, 16, 128, 96, 32, 256)
    return MaskPropSizes(network)


@dataclass(frozen=True)
class DetectionOptions:
    """Which boxes become instances."""

    score_threshold: float = option(
        0.1, 'Boxes below this score get no mask.', minimum=0.0, maximum=1.0
    )
    nms_threshold: float = option(
        0.5,
        'Of two boxes of one class that overlap more than this, the weaker is dropped. The paper '
        'gives no value; 0.5 is that of Mask R-CNN.',
        minimum=0.0,
        maximum=1.0,
    )
    any_class_overlap: float = option(
        0.8,
        'Of two boxes of whatever classes that overlap more than this, the weaker is dropped. The '
        'paper does not say so, but twins share the softmax over instances, and no mask of '
        'theirs would reach 0.5. 1 for none.',
        minimum=0.0,
        maximum=1.0,
    )
    proposals: int = option(
        300,
        'Proposals that the box head looks at; 1000 in the paper, at twice the cost on a CPU.',
        minimum=1,
        maximum=10000,
    )
    limit: int = option(
        20,
        'Instances of a frame at most, the best first. The paper names no limit; it bounds memory '
        'and time.',
        minimum=1,
        maximum=256,
    )
    mask_threshold: float = option(
        0.5,
        "Pixels from this probability on belong to an instance's mask; not in the paper.",
        minimum=0.0,
        maximum=1.0,
    )


def match_threshold_option() -> float:
    """Return the option that says when clip-level tracks are the same object."""
    return option(
        0.3,
        'A clip-level track that fits no known one better than this is new. The paper says only '
        '"a certain threshold"; soft masks stay below 1 even with themselves.',
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class PropagationOptions:
    """How masks are carried from a frame to another one; part of what weights were trained for."""

    fuse: str = option(
        'relu',
        "What follows the sum of propagated and frame's features. relu: a rectifier; linear: "
        'nothing, as the text has it, but then the features of the frame are the same for all '
        'instances and cancel in the softmax.',
        choices=('relu', 'linear'),
    )
    background: bool = option(
        False,
        'A logit of 0 takes part in the softmax over instances. The paper has none: what belongs '
        'to nobody is left to the attention map.',
    )
    merge: str = option(
        'sum',
        'How the three dilations come together; the paper refers to PoseWarper, which sums.',
        choices=('sum', 'mean'),
    )
    frame_masks: bool = option(
        True,
        "Instance features come from the frame's instance masks. Without (what table 4 is about), "
        "from the boxes, and the frame's own masks come from the propagation too.",
    )
    region: str = option(
        'soft',
        "The frame's mask by which features are multiplied. soft: probabilities; binary: above "
        'one half. The paper says both "predicted mask" and "zeroing out".',
        choices=('soft', 'binary'),
    )


@dataclass(frozen=True)
class RefinementOptions:
    """High-resolution masks (section 4.4)."""

    enabled: bool = option(
        False,
        'Masks are refined in a crop of the image: 384x384 as in the paper, 96x96 for `small`. '
        'The weights must have been trained with it.',
    )
    window: str = option(
        'object',
        'What is cropped. object: a square around the box, scaled to the crop; fixed: as many '
        'pixels of the picture as the crop has. The paper says only that the aspect ratio stays.',
        choices=('object', 'fixed'),
    )
    margin: float = option(
        1.25,
        "Side of the square, in longer sides of the box: masks reach out of the detector's boxes.",
        minimum=1.0,
        maximum=4.0,
    )


@dataclass(frozen=True)
class SamplingOptions:
    """A backbone with spatiotemporal sampling (section 4.4, and the STSN that it refers to)."""

    enabled: bool = option(
        False,
        'Features of a frame are those of it and of supporting frames, sampled where they fit; '
        'true in the paper. See also `support`.',
    )
    levels: int = option(
        1,
        'Stages of the backbone, from the last one down, whose features are aggregated. STSN has '
        'one; the pyramid on top of it, that MaskProp adds, carries it down to the others.',
        minimum=1,
        maximum=4,
    )
    layers: int = option(
        4,
        'Deformable convolutions. All but the last one look at both frames, the last one samples '
        'the supporting frame; 4 in STSN.',
        minimum=1,
        maximum=16,
    )
    embedding: int = option(
        0,
        'Channels of the layers that say how alike features are, a fourth of those that are '
        'compared. 0: half of the channels of the features, as in STSN (512 of 1024).',
        minimum=0,
        maximum=4096,
    )


@dataclass(frozen=True)
class SupportOptions:
    """Supporting frames in a stream; only with `model.sampling.enabled`."""

    past: int = option(
        2,
        'Supporting frames before each frame. STSN trains with 2 and tests with 26, from before '
        'and after; each costs about as much as the layers of the sampling.',
        unit='frames',
        minimum=0,
        maximum=25,
    )
    ahead: int = option(
        0,
        'Supporting frames after each frame, within the lookahead: features must be known before '
        'they enter a clip, so that clips end that much earlier and the lag stays.',
        unit='frames',
        minimum=0,
        maximum=25,
    )


@dataclass(frozen=True)
class ModelOptions:
    """How the network is built; part of what its weights were trained with."""

    tracking: str = option(
        'propagation',
        'Rows of table 3. propagation: the paper; flow: masks are propagated by optical flow; '
        'masktrack: the tracking branch of MaskTrack R-CNN on the same detector, without clips.',
        choices=TRACKINGS,
    )
    flow: str = option(
        'raft',
        "Only for flow, in the place of FlowNet2. raft: torchvision's small RAFT, which needs "
        "weights that learned optical flow; dis: OpenCV's dense inverse search on the host, which "
        'needs none.',
        choices=FLOWS,
    )
    flow_updates: int = option(12, 'Only for raft: updates of the flow.', minimum=1, maximum=64)
    cascade: str = option(
        'none',
        "How boxes and masks are found. none: the heads of Mask R-CNN; htc: the paper's hybrid "
        'task cascade of three stages, at about three times the cost of the heads.',
        choices=CASCADES,
    )
    semantic: bool = option(
        False,
        'The cascade has a branch for semantic segmentation, whose features go to all heads; '
        'true in the paper. Only with a cascade.',
    )
    propagation: PropagationOptions = field(default_factory=PropagationOptions)
    refinement: RefinementOptions = field(default_factory=RefinementOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
