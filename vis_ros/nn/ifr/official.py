# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Published weights of Mask2Former under our names: what IFR's training starts from.

Files come from `transformers` (both its old and its new names) or from the official code
(facebookresearch/Mask2Former, images and video, which have the same parameters). Backbone, pixel
decoder, queries and mask head go over; the layers of the decoder are new, as the paper starts
them ("we randomly initialize these modules"), and so is the class head, whose losses are focal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from vis_ros.nn.ifr.config import sizes_of
from vis_ros.nn.renaming import Rule, renamed
from vis_ros.nn.yolact.official import with_counters

NEW = (r'decoder\.layers\..*', r'decoder\.classes\..*')  # ours that no file of Mask2Former has
_DROPPED = (
    r'model\.transformer_module\.decoder\.layers\..*',
    r'sem_seg_head\.predictor\.transformer_\w+_layers\..*',
    r'(model\.transformer_module|sem_seg_head\.predictor)\.input_proj\w*\..*',
    r'class_predictor\..*',
    r'sem_seg_head\.predictor\.class_embed\..*',
    r'criterion\..*',
    r'model\.pixel_level_module\.encoder\.(swin\.)?layernorm\..*',  # of the classifier
    r'.*\.relative_position_index',
    r'.*\.num_batches_tracked',
)
_SWIN = r'model\.pixel_level_module\.encoder\.(?:swin\.|model\.)?'
_BLOCK = _SWIN + r'encoder\.layers\.(\d+)\.blocks\.(\d+)\.'
_SWIN_RULES: tuple[Rule, ...] = (
    (_SWIN + r'embeddings\.patch_embeddings\.projection\.(.*)', r'backbone.embed.\1'),
    (_SWIN + r'embeddings\.norm\.(.*)', r'backbone.embed_norm.\1'),
    (_BLOCK + r'layernorm_before\.(.*)', r'backbone.stages.\1.\2.attention_norm.\3'),
    (_BLOCK + r'layernorm_after\.(.*)', r'backbone.stages.\1.\2.forward_norm.\3'),
    (
        _BLOCK + r'attention\.(?:self\.|relative_position_bias\.)relative_position_bias_table',
        r'backbone.stages.\1.\2.attention.bias_table',
    ),
    (
        _BLOCK + r'attention\.(?:self\.)?([qkv])(?:uery|ey|alue|_proj)\.(.*)',
        r'backbone.stages.\1.\2.attention.\3.\4',
    ),
    (
        _BLOCK + r'attention\.(?:output\.dense|o_proj)\.(.*)',
        r'backbone.stages.\1.\2.attention.out.\3',
    ),
    (_BLOCK + r'(?:intermediate\.dense|mlp\.fc1)\.(.*)', r'backbone.stages.\1.\2.widen.\3'),
    (_BLOCK + r'(?:output\.dense|mlp\.fc2)\.(.*)', r'backbone.stages.\1.\2.narrow.\3'),
    (_SWIN + r'encoder\.layers\.(\d+)\.downsample\.norm\.(.*)', r'backbone.merges.\1.norm.\2'),
    (
        _SWIN + r'encoder\.layers\.(\d+)\.downsample\.reduction\.(.*)',
        r'backbone.merges.\1.reduce.\2',
    ),
    (r'backbone\.patch_embed\.proj\.(.*)', r'backbone.embed.\1'),
    (r'backbone\.patch_embed\.norm\.(.*)', r'backbone.embed_norm.\1'),
    (r'backbone\.norm(\d)\.(.*)', r'backbone.norms.\1.\2'),
    (r'backbone\.layers\.(\d+)\.downsample\.norm\.(.*)', r'backbone.merges.\1.norm.\2'),
    (r'backbone\.layers\.(\d+)\.downsample\.reduction\.(.*)', r'backbone.merges.\1.reduce.\2'),
)
_SWIN_PARTS = {
    'norm1': 'attention_norm',
    'norm2': 'forward_norm',
    r'attn\.qkv': 'attention.qkv',
    r'attn\.proj': 'attention.out',
    r'mlp\.fc1': 'widen',
    r'mlp\.fc2': 'narrow',
}
_HF_PIXEL = r'model\.pixel_level_module\.decoder\.'
_D2_PIXEL = r'sem_seg_head\.pixel_decoder\.'
_PIXEL = f'(?:{_HF_PIXEL}|{_D2_PIXEL})'
_LAYER = f'(?:{_HF_PIXEL}|{_D2_PIXEL}transformer\\.)encoder\\.layers\\.(\\d+)\\.'
_LOOKS = {
    'sampling_offsets': 'offsets',
    'attention_weights': 'weights',
    'value_proj': 'value',
    'output_proj': 'out',
}
_PIXEL_RULES: tuple[Rule, ...] = (
    (_PIXEL + r'input_proj(?:ections)?\.(\d)\.([01])\.(.*)', r'pixel_decoder.inputs.\1.\2.\3'),
    (f'(?:{_HF_PIXEL}|{_D2_PIXEL}transformer\\.)level_embed', 'pixel_decoder.level_embed'),
    *(
        (_LAYER + rf'self_attn\.{theirs}\.(.*)', rf'pixel_decoder.layers.\1.attention.{ours}.\2')
        for theirs, ours in _LOOKS.items()
    ),
    (
        _LAYER + r'(?:self_attn_layer_norm|norm1)\.(.*)',
        r'pixel_decoder.layers.\1.attention_norm.\2',
    ),
    (_LAYER + r'(?:final_layer_norm|norm2)\.(.*)', r'pixel_decoder.layers.\1.forward_norm.\2'),
    (_LAYER + r'(?:fc|linear)1\.(.*)', r'pixel_decoder.layers.\1.widen.\2'),
    (_LAYER + r'(?:fc|linear)2\.(.*)', r'pixel_decoder.layers.\1.narrow.\2'),
    (_PIXEL + r'mask_(?:projection|features)\.(.*)', r'pixel_decoder.masks.\1'),
    (_PIXEL + r'adapter_1\.(?:0\.)?weight', 'pixel_decoder.lateral.weight'),
    (_PIXEL + r'adapter_1\.(?:1|norm)\.(.*)', r'pixel_decoder.lateral_norm.\1'),
    (_PIXEL + r'layer_1\.(?:0\.)?weight', 'pixel_decoder.output.weight'),
    (_PIXEL + r'layer_1\.(?:1|norm)\.(.*)', r'pixel_decoder.output_norm.\1'),
)
_HF, _D2 = r'model\.transformer_module\.', r'sem_seg_head\.predictor\.'
_QUERY_RULES: tuple[Rule, ...] = (
    (f'(?:{_HF}queries_features|{_D2}query_feat|{_D2}static_query)\\.weight', 'decoder.queries'),
    (f'(?:{_HF}queries_embedder|{_D2}query_embed)\\.weight', 'decoder.place'),
    (f'(?:{_HF}|{_D2})level_embed\\.weight', 'decoder.level_embed'),
    (f'(?:{_HF}decoder\\.layernorm|{_D2}decoder_norm)\\.(.*)', r'decoder.norm.\1'),
    (_HF + r'decoder\.mask_predictor\.mask_embedder\.(\d)\.0\.(.*)', r'decoder.kernels.\1.\2'),
    (_D2 + r'mask_embed\.layers\.(\d)\.(.*)', r'decoder.kernels.\1.\2'),
)
_HF_RESNET = r'model\.pixel_level_module\.encoder\.(?:resnet\.)?'


def _rules() -> tuple[Rule, ...]:
    rules = [*_SWIN_RULES, *_PIXEL_RULES, *_QUERY_RULES]
    block = r'backbone\.layers\.(\d+)\.blocks\.(\d+)\.'
    rules += [
        (block + rf'{theirs}\.(.*)', rf'backbone.stages.\1.\2.{ours}.\3')
        for theirs, ours in _SWIN_PARTS.items()
    ]
    rules.append(
        (
            block + r'attn\.relative_position_bias_table',
            r'backbone.stages.\1.\2.attention.bias_table',
        )
    )
    for k in range(4):
        rules.append(
            (_SWIN + rf'hidden_states_norms\.stage{k + 1}\.(.*)', rf'backbone.norms.{k}.\1')
        )
    return tuple(rules) + _resnet_rules()


def _resnet_rules() -> tuple[Rule, ...]:
    rules: list[Rule] = [
        (_HF_RESNET + r'embedder\.embedder\.convolution\.(.*)', r'backbone.conv1.\1'),
        (_HF_RESNET + r'embedder\.embedder\.normalization\.(.*)', r'backbone.bn1.\1'),
        (r'backbone\.stem\.conv1\.weight', 'backbone.conv1.weight'),
        (r'backbone\.stem\.conv1\.norm\.(.*)', r'backbone.bn1.\1'),
    ]
    for k in range(4):
        ours = rf'backbone.layer{k + 1}.\1.'
        hf = _HF_RESNET + rf'encoder\.stages\.{k}\.layers\.(\d+)\.'
        d2 = rf'backbone\.res{k + 2}\.(\d+)\.'
        for j in range(3):
            rules += [
                (hf + rf'layer\.{j}\.convolution\.(.*)', ours + rf'conv{j + 1}.\2'),
                (hf + rf'layer\.{j}\.normalization\.(.*)', ours + rf'bn{j + 1}.\2'),
                (d2 + rf'conv{j + 1}\.weight', ours + f'conv{j + 1}.weight'),
                (d2 + rf'conv{j + 1}\.norm\.(.*)', ours + rf'bn{j + 1}.\2'),
            ]
        rules += [
            (hf + r'shortcut\.convolution\.(.*)', ours + r'downsample.0.\2'),
            (hf + r'shortcut\.normalization\.(.*)', ours + r'downsample.1.\2'),
            (d2 + r'shortcut\.weight', ours + 'downsample.0.weight'),
            (d2 + r'shortcut\.norm\.(.*)', ours + r'downsample.1.\2'),
        ]
    return tuple(rules)


RULES = _rules()


def is_mask2former(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether a file holds a Mask2Former."""
    starts = ('model.pixel_level_module.decoder.', 'sem_seg_head.pixel_decoder.')
    return any(name.startswith(starts) for name in tensors)


def shared_parts(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a file of Mask2Former has for IFR; names that are neither stay as they are.

    Raises:
        ValueError: Two tensors would get the same name, or parts of an attention are missing.
    """
    kept = {
        name: value
        for name, value in tensors.items()
        if not any(re.fullmatch(pattern, name) for pattern in _DROPPED)
    }
    return with_counters(_fused(renamed(kept, RULES)))


def _fused(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join the three projections of each window attention."""
    found = dict(tensors)
    for name in tensors:
        if match := re.fullmatch(r'(backbone\..*\.attention)\.q\.(\w+)', name):
            parts = [f'{match[1]}.{part}.{match[2]}' for part in 'qkv']
            if missing := [part for part in parts if part not in tensors]:
                raise ValueError(f'parts of an attention are missing: {missing}')
            found[f'{match[1]}.qkv.{match[2]}'] = torch.cat([found.pop(part) for part in parts])
    return found


def network_of(tensors: Mapping[str, Tensor]) -> str:
    """Return the network by the shapes of its backbone, tensors under our names.

    Raises:
        ValueError: It has no backbone that we know.
    """
    third = {n.split('.')[3 if 'stages' in n else 2] for n in tensors if _in_third_stage(n)}
    embed = tensors.get('backbone.embed.weight')
    if embed is None:
        named = {6: 'resnet50', 23: 'resnet101'}
        if len(third) in named:
            return named[len(third)]
        raise ValueError(
            f'backbone: expected a ResNet-50, ResNet-101 or Swin, got {len(third)} '
            'blocks in the third stage'
        )
    for name in ('swin_t', 'swin_s', 'swin_b', 'swin_l'):
        swin = sizes_of(name).swin
        assert swin is not None
        if (swin.channels, swin.depths[2]) == (len(embed), len(third)):
            return name
    raise ValueError(
        f'backbone: a Swin of {len(embed)} channels and {len(third)} blocks in the '
        'third stage is none of T, S, B, L'
    )


def _in_third_stage(name: str) -> bool:
    return name.startswith(('backbone.stages.2.', 'backbone.layer3.'))
