# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of the recurrent graph network.

Where the paper (Johnander et al., "Video Instance Segmentation with Recurrent Graph Neural
Networks", and its ++ version in IJCV) and the official code differ, the default is what the code
does, since imported weights need that. The ablations of tables 3 and 5 are options too.
"""

from __future__ import annotations

from dataclasses import dataclass

from vis_ros.structures.options import option


@dataclass(frozen=True)
class RgnnSizes:
    """Sizes that come from the detector and from the data.

    Args:
        num_classes: Number of classes K, with the background as class 0.
        taps: Channels of the feature maps of strides 16 and 32.
        height: Rows of the network's input [px].
        width: Columns of it [px].
        embedding: Channels E of all embeddings.
        appearance: Channels that each of the two maps gives to the appearance; D is twice that.
        look: Channels of the memory of the appearance LSTM.
        mask: Channels inside the mask re-weighting.
    """

    num_classes: int
    taps: tuple[int, int]
    height: int = 480
    width: int = 864
    embedding: int = 128
    appearance: int = 256
    look: int = 128
    mask: int = 16


@dataclass(frozen=True)
class RgnnOptions:
    """How the network is built; part of what its weights were trained with."""

    layer_norm: bool = option(
        False,
        'Layer norm over the channels after each update of a message block (equation 9). The '
        'residual blocks have none: the equation is about message blocks.',
    )
    positions: bool = option(
        False, 'Sine encodings of the position are added before mask pooling (equation 10).'
    )
    blocks: int = option(2, 'Message blocks of the graph network.', minimum=1, maximum=3)
    residual_blocks: bool = option(True, 'A residual block follows each message block.')
    node_update: str = option(
        'gated',
        'gated: sigmoid gates select what reaches a node; mlp: no gates, one more layer in every '
        'update (table 3).',
        choices=('gated', 'mlp'),
    )
    graph: str = option(
        'joint',
        'joint: the graph network; none: pairs are judged alone, each track is updated with its '
        'best detection (table 3).',
        choices=('joint', 'none'),
    )
    recurrence: str = option(
        'lstm',
        'lstm; gate: one gate and a tanh; none: the graph output is the memory (table 3).',
        choices=('lstm', 'gate', 'none'),
    )
    gates_see_previous: bool = option(
        True,
        'The gates also see the previous output. The code does, equation 6 does not.',
    )
    appearance: str = option(
        'gaussian',
        'gaussian; constant_variance; lstm: predicts mean and variance; embedded: part of the '
        'detection node; none (table 3).',
        choices=('gaussian', 'constant_variance', 'lstm', 'embedded', 'none'),
    )
    association: str = option(
        'learned',
        'masktrack: that of MaskTrack R-CNN instead of the learned one (table 3).',
        choices=('learned', 'masktrack'),
    )
    scoring: str = option(
        'learned',
        'average: mean of the class logits of the detections; masktrack: mean confidence and most '
        'frequent class (table 3).',
        choices=('learned', 'average', 'masktrack'),
    )
    first_mean: str = option(
        'blended',
        'Mean of the appearance of a new track. blended: from 0 by the learned rate, as the code; '
        'own: the appearance itself, as the paper.',
        choices=('blended', 'own'),
    )
    variance_gain: str = option(
        'code',
        'Factor of (x - mean)^2. code: kappa nu / (kappa + nu), symmetric in the rates; paper '
        '(equation 4b): kappa (1 - nu) / (kappa + nu).',
        choices=('code', 'paper'),
    )
    initial_variance: str = option(
        'fixed',
        'fixed, as the code (requires_grad is off there), or learned, as the paper.',
        choices=('fixed', 'learned'),
    )
    empty_appearance: str = option(
        'plain',
        'Appearance of the empty track. plain: mean of the maps, as the code; pooled: through the '
        'residual network too, as the paper.',
        choices=('plain', 'pooled'),
    )
    lost_box: str = option(
        'zeros',
        'Box of a track that has no detection. zeros: forgotten, as the code; last: kept, as the '
        'paper.',
        choices=('zeros', 'last'),
    )
    edges: str = option(
        'scaled',
        'Similarities on the edges. scaled: -4 + 0.01 log-likelihood and -1 + 2 IoU, as the code; '
        'raw, as the paper.',
        choices=('scaled', 'raw'),
    )
    bottleneck_layers: int = option(
        2,
        'Linear layers of the residual bottlenecks of the graph: 2 in the code, 3 in the paper.',
        minimum=2,
        maximum=3,
    )
    background_score: float = option(
        10.0,
        'A pixel belongs to a track when its score is above this: 10 in the code, 0 in the paper.',
        minimum=-19.0,
        maximum=1e3,
    )
    crop: str = option(
        'none',
        'Pixels that may belong to a track. none: all, as the code and the paper; box: those '
        "inside its detection's box or one mask pixel beside it, nearly as YOLACT crops, so that "
        'stray pixels do not stretch its box.',
        choices=('none', 'box'),
    )
    match_threshold: float = option(
        -2.0,
        'Logit from which a track takes its best detection. -2 (0.12) in the code; the paper says '
        'probability 0.31 at test, which is softplus(-1): its logit would be -0.8.',
        minimum=-100.0,
        maximum=100.0,
    )
    birth_threshold: float = option(
        -2.0,
        'Logit above which a detection starts a track. -2 in the code, in training and at test; '
        '-1 imitates the test setting of the paper.',
        minimum=-100.0,
        maximum=100.0,
    )
