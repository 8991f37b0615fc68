# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names and shapes of the official files, written out: independent of our own networks."""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]


def resnet50(layer: str) -> Shapes:
    """Return the backbone; `layer` is a format for the name of stage 1..4."""
    shapes: Shapes = {'backbone.conv1.weight': (64, 3, 7, 7), **norm('backbone.bn1', 64)}
    inside = 64
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        width = 32 * 2**stage
        for block in range(blocks):
            name = f'backbone.{layer.format(stage, stage - 1)}.{block}'
            sizes = ((width, inside, 1), (width, width, 3), (4 * width, width, 1))
            for k, (out, into, side) in enumerate(sizes, start=1):
                shapes[f'{name}.conv{k}.weight'] = (out, into, side, side)
                shapes |= norm(f'{name}.bn{k}', out)
            if block == 0:
                shapes[f'{name}.downsample.0.weight'] = (4 * width, inside, 1, 1)
                shapes |= norm(f'{name}.downsample.1', 4 * width)
            inside = 4 * width
    return shapes


def norm(name: str, channels: int) -> Shapes:
    vectors = ('weight', 'bias', 'running_mean', 'running_var')
    return {f'{name}.{v}': (channels,) for v in vectors} | {f'{name}.num_batches_tracked': ()}


def with_bias(weights: Shapes) -> Shapes:
    shapes: Shapes = {}
    for name, shape in weights.items():
        shapes[f'{name}.weight'] = shape
        shapes[f'{name}.bias'] = shape[:1]
    return shapes


def detector(prefix: str, classes: int) -> Shapes:
    square = (256, 256, 3, 3)
    weights: Shapes = {
        f'fpn.lat_layers.{k}': (256, channels, 1, 1)
        for k, channels in enumerate((2048, 1024, 512))
    }
    weights |= {f'fpn.pred_layers.{k}': square for k in range(3)}
    weights |= {f'fpn.downsample_layers.{k}': square for k in range(2)}
    weights |= {f'proto_net.{k}': square for k in (0, 2, 4, 8)}
    head = 'prediction_layers.0.'
    weights |= {
        'proto_net.10': (32, 256, 1, 1),
        head + 'upfeature.0': square,
        head + 'bbox_layer': (12, 256, 3, 3),
        head + 'conf_layer': (3 * classes, 256, 3, 3),
        head + 'mask_layer': (96, 256, 3, 3),
        'semantic_seg_conv': (classes - 1, 256, 1, 1),
    }
    return with_bias({prefix + name: shape for name, shape in weights.items()})


def tracker() -> Shapes:
    down, up = (32, 128), (128, 32)
    weights: Shapes = {
        'appnet.feat_nets.bb_feats_s8.0': (256, 1024, 1, 1),
        'appnet.feat_nets.bb_feats_s16.0': (256, 2048, 1, 1),
        'track_module.embedding_to_seg_layers.0': (16, 128),
        'track_module.seg_layers.0': (16, 18, 3, 3),
        'track_module.seg_layers.2': (1, 16, 3, 3),
    }
    for k, shape in ((0, (128, 512)), (2, (128, 128)), (4, (512, 128))):
        weights[f'detection_descriptor_extractor.appearance_layers.layers.{k}'] = shape
    for name in ('lbscores', 'mean_eta', 'var_eta', 'var_new'):
        rows = 41 if name == 'lbscores' else 1
        weights[f'track_descriptor.out_layers.{name}'] = (rows, 128)
    for name in ('tracks.x', 'tracks.prev_out', 'background.x', 'background.prev_out'):
        weights[f'track_descriptor.memory_layers.{name}'] = (512, 128)
    matcher = 'track_detection_matcher.'
    for name in ('trkdet', 'bkgdet'):
        weights[f'{matcher}score_layers.{name}'] = (1, 128)
    for b, columns in ((0, (174, 175, 173)), (2, (384, 384, 256))):
        layer = f'{matcher}layers.{b}.'
        weights[layer + 'bkgdet.out.0'] = (128, columns[0])
        weights[layer + 'trkdet.out.0'] = (128, columns[1])
        weights[layer + 'det.out.0'] = (128, columns[2])
        for name in ('bkg', 'trk'):
            weights[layer + name + '.out.0'] = (128, 256)
        for name in ('bkg.bkgdet', 'trk.trkdet', 'det.bkgdet', 'det.trkdet'):
            weights[f'{layer}{name}_sigmoid.0'] = down
            weights[f'{layer}{name}_sigmoid.2'] = up
    for name in ('bkgdet', 'trkdet'):
        weights[f'{matcher}layers.0.{name}.out.2.layers.0'] = down
        weights[f'{matcher}layers.0.{name}.out.2.layers.2'] = up
    for b in (1, 3):
        for name in ('bkgdet', 'trkdet', 'bkg', 'trk', 'det'):
            weights[f'{matcher}layers.{b}.{name}.out.layers.0'] = down
            weights[f'{matcher}layers.{b}.{name}.out.layers.2'] = up
    variances = ('init_var', 'init_var_background')
    return with_bias(weights) | {f'track_descriptor.{name}': (512,) for name in variances}


def rgnnvis() -> Shapes:
    return resnet50('layer{0}') | detector('detector.', 41) | tracker()


def stock_yolact() -> Shapes:
    return resnet50('layers.{1}') | detector('', 81)
