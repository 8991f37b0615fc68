# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the official IAI checkpoints, as ours.

Source: zfonemore/IAI at 2691be9.
"""

from __future__ import annotations

from vis_ros.nn.renaming import Rule

_HEAD = r'bbox_head\.'
_LAYER = r'lstt\.LSTT\.layers\.0\.'
_BLOCK = 'association.block.'


def _towers() -> tuple[Rule, ...]:
    rules: list[Rule] = []
    names = {'cls': 'image.head.class_tower', 'reg': 'image.head.box_tower'}
    for theirs, ours in (names | {'id': 'identities.tower'}).items():
        rules += [
            (rf'{_HEAD}{theirs}_convs\.(\d)\.conv\.(.*)', rf'{ours}.\1.conv.\2'),
            (rf'{_HEAD}{theirs}_convs\.(\d)\.gn\.(.*)', rf'{ours}.\1.norm.\2'),
        ]
    return tuple(rules)


IMAGE_RULES: tuple[Rule, ...] = (
    (r'(backbone\..*)', r'image.\1'),
    (r'neck\.lateral_convs\.(\d)\.conv\.(.*)', r'image.pyramid.lateral.\1.\2'),
    (r'neck\.fpn_convs\.([012])\.conv\.(.*)', r'image.pyramid.smooth.\1.\2'),
    (r'neck\.fpn_convs\.3\.conv\.(.*)', r'image.pyramid.down.0.\1'),
    (r'neck\.fpn_convs\.4\.conv\.(.*)', r'image.pyramid.down.1.\1'),
    *_towers(),
    (_HEAD + r'conv_cls\.(.*)', r'image.head.classes.\1'),
    (_HEAD + r'conv_reg\.(.*)', r'image.head.boxes.\1'),
    (_HEAD + r'conv_centerness\.(.*)', r'image.head.centerness.\1'),
    (_HEAD + r'controller\.(.*)', r'image.head.controller.\1'),
    (_HEAD + r'scales\.(\d)\.scale', r'image.head.scales.\1'),
    (_HEAD + r'mask_refine\.(\d)\.0\.(.*)', r'image.masks.refine.\1.conv.\2'),
    (_HEAD + r'mask_refine\.(\d)\.1\.(.*)', r'image.masks.refine.\1.norm.\2'),
    (_HEAD + r'mask_head\.4\.(.*)', r'image.masks.out.\1'),
    (_HEAD + r'mask_head\.(\d)\.0\.(.*)', r'image.masks.tower.\1.conv.\2'),
    (_HEAD + r'mask_head\.(\d)\.1\.(.*)', r'image.masks.tower.\1.norm.\2'),
)

MODEL_RULES: tuple[Rule, ...] = (
    *IMAGE_RULES,
    (_HEAD + r'conv_id\.(.*)', r'identities.out.\1'),
    (r'encoder_projector\.(.*)', r'association.encoder.\1'),
    (r'backbone_projector\.(.*)', r'association.projector.\1'),
    (r'lstt\.patch_wise_id_bank\.(.*)', r'bank.embed.\1'),
    (_LAYER + r'self_attn\.linear_Q\.(.*)', _BLOCK + r'self_attention.query.\1'),
    (_LAYER + r'self_attn\.linear_K\.(.*)', _BLOCK + r'self_attention.key.\1'),
    (_LAYER + r'self_attn\.linear_V\.(.*)', _BLOCK + r'self_attention.value.\1'),
    (_LAYER + r'self_attn\.projection\.(.*)', _BLOCK + r'self_attention.out.\1'),
    (_LAYER + r'linear_Q\.(.*)', _BLOCK + r'key.\1'),
    (_LAYER + r'linear_V\.(.*)', _BLOCK + r'to_value.\1'),
    (_LAYER + r'long_term_attn\.projection\.(.*)', _BLOCK + r'long_term.out.\1'),
    (_LAYER + r'short_term_attn\.V_bias', _BLOCK + r'short_term.offset_values'),
    (_LAYER + r'short_term_attn\.relative_emb\.(.*)', _BLOCK + r'short_term.offset_scores.\1'),
    (_LAYER + r'short_term_attn\.fc\.(.*)', _BLOCK + r'short_term.out.\1'),
    (_LAYER + r'linear1\.(.*)', _BLOCK + r'feed_forward.widen.\1'),
    (_LAYER + r'linear2\.(.*)', _BLOCK + r'feed_forward.narrow.\1'),
    (_LAYER + r'activation\.gn\.(.*)', _BLOCK + r'feed_forward.norm.\1'),
    (_LAYER + r'activation\.GCT\.(.*)', _BLOCK + r'feed_forward.gate.\1'),
    (_LAYER + r'activation\.conv\.(.*)', _BLOCK + r'feed_forward.spread.\1'),
    (_LAYER + r'norm1\.(.*)', _BLOCK + r'memory_norm.\1'),
    (_LAYER + r'norm2\.(.*)', _BLOCK + r'self_norm.\1'),
    (_LAYER + r'norm3\.(.*)', _BLOCK + r'forward_norm.\1'),
    (r'lstt\.LSTT\.decoder_norms\.0\.(.*)', _BLOCK + r'out_norm.\1'),
)
"""For an `Iai` of the default options."""
