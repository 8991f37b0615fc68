# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names and shapes of the official files of CondInst and IAI, written out as their codes do."""

from __future__ import annotations

from official_shapes import Shapes, norm, resnet50, with_bias

_SQUARE = (256, 256, 3, 3)


def _body(prefix: str) -> Shapes:
    """Return AdelaiDet's ResNet-50: frozen batch norms without counters."""
    shapes: Shapes = {}
    for name, shape in resnet50('{0}').items():
        if name.endswith('num_batches_tracked'):
            continue
        stem, _, leaf = name.removeprefix('backbone.').rpartition('.')
        parts = stem.split('.')
        if len(parts) == 1:
            new = 'stem.conv1.norm' if parts[0] == 'bn1' else 'stem.conv1'
        else:
            layer = '.'.join(parts[2:])
            layer = {'downsample.0': 'shortcut', 'downsample.1': 'shortcut.norm'}.get(layer, layer)
            layer = f'conv{layer[2]}.norm' if layer.startswith('bn') else layer
            new = f'res{int(parts[0]) + 1}.{parts[1]}.{layer}'
        shapes[f'{prefix}{new}.{leaf}'] = shape
    return shapes


def condinst(classes: int = 80) -> Shapes:
    """Return MS_R_50 of AdelaiDet."""
    head = 'proposal_generator.fcos_head.'
    weights: Shapes = {f'backbone.fpn_lateral{k}': (256, 64 * 2**k, 1, 1) for k in (3, 4, 5)}
    weights |= {f'backbone.fpn_output{k}': _SQUARE for k in (3, 4, 5)}
    weights |= {f'backbone.top_block.p{k}': _SQUARE for k in (6, 7)}
    for tower in ('cls', 'bbox'):
        for unit in range(4):
            weights[f'{head}{tower}_tower.{3 * unit}'] = _SQUARE
            weights[f'{head}{tower}_tower.{3 * unit + 1}'] = (256,)
    weights |= {
        head + 'cls_logits': (classes, 256, 3, 3),
        head + 'bbox_pred': (4, 256, 3, 3),
        head + 'ctrness': (1, 256, 3, 3),
        'controller': (169, 256, 3, 3),
        'mask_branch.tower.4': (8, 128, 1, 1),
    }
    shapes = _body('backbone.bottom_up.') | with_bias(weights)
    shapes |= {f'{head}scales.{k}.scale': (1,) for k in range(5)}
    for part, count, inside in (('refine', 3, 256), ('tower', 4, 128)):
        for k in range(count):
            shapes[f'mask_branch.{part}.{k}.0.weight'] = (128, inside, 3, 3)
            shapes |= norm(f'mask_branch.{part}.{k}.1', 128)
    return shapes | {'mask_head.sizes_of_interest': (5,), 'mask_head._iter': (1,)}


def _condinst_of_iai(classes: int) -> Shapes:
    weights: Shapes = {f'neck.lateral_convs.{k}.conv': (256, 512 * 2**k, 1, 1) for k in range(3)}
    weights |= {f'neck.fpn_convs.{k}.conv': _SQUARE for k in range(5)}
    weights |= {
        'bbox_head.conv_cls': (classes, 256, 3, 3),
        'bbox_head.conv_reg': (4, 256, 3, 3),
        'bbox_head.conv_centerness': (1, 256, 3, 3),
        'bbox_head.controller': (169, 256, 3, 3),
        'bbox_head.mask_head.4': (8, 128, 1, 1),
    }
    shapes = (
        resnet50('layer{0}') | with_bias(weights) | _gn_towers('cls', 4) | _gn_towers('reg', 4)
    )
    shapes |= {f'bbox_head.scales.{k}.scale': () for k in range(5)}
    for part, count, inside in (('mask_refine', 3, 256), ('mask_head', 4, 128)):
        for k in range(count):
            shapes[f'bbox_head.{part}.{k}.0.weight'] = (128, inside, 3, 3)
            shapes |= norm(f'bbox_head.{part}.{k}.1', 128)
    return shapes


def _gn_towers(name: str, units: int) -> Shapes:
    shapes: Shapes = {}
    for k in range(units):
        shapes[f'bbox_head.{name}_convs.{k}.conv.weight'] = _SQUARE
        shapes |= with_bias({f'bbox_head.{name}_convs.{k}.gn': (256,)})
    return shapes


def iai_image(classes: int = 80) -> Shapes:
    """Return the image model that the training of IAI starts from."""
    return _condinst_of_iai(classes)


def iai(classes: int = 40, ids: int = 20) -> Shapes:
    """Return a checkpoint of IAI with ResNet-50."""
    layer, attention = 'lstt.LSTT.layers.0.', ('linear_Q', 'linear_K', 'linear_V', 'projection')
    weights: Shapes = {f'{layer}self_attn.{name}': (256, 256) for name in attention}
    weights |= {f'{layer}{name}': (256, 256) for name in ('linear_Q', 'linear_V')}
    weights |= {f'{layer}norm{k}': (256,) for k in (1, 2, 3)}
    weights |= {
        'bbox_head.conv_id': (ids, 256, 3, 3),
        'encoder_projector': (256, 2048, 1, 1),
        'backbone_projector': (1536, 2048, 1, 1),
        'lstt.patch_wise_id_bank': (256, ids + 1, 33, 33),
        'lstt.LSTT.decoder_norms.0': (256,),
        layer + 'long_term_attn.projection': (256, 256),
        layer + 'short_term_attn.relative_emb': (450, 128, 1, 1),
        layer + 'short_term_attn.fc': (256, 256),
        layer + 'linear1': (1024, 256),
        layer + 'linear2': (256, 1024),
        layer + 'activation.gn': (1024,),
    }
    bare: Shapes = {
        f'{layer}activation.GCT.{n}': (1, 1024, 1, 1) for n in ('alpha', 'gamma', 'beta')
    }
    bare |= {layer + 'activation.conv.weight': (1024, 1, 5, 5)}
    bare |= {layer + 'short_term_attn.V_bias': (1, 2, 128, 225, 1)}
    return _condinst_of_iai(classes) | _gn_towers('id', 1) | with_bias(weights) | bare
