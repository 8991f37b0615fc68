# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the published weights of CondInst, as ours.

Source: aim-uofa/AdelaiDet at 3672122, configurations MS_R_50 and MS_R_101.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from vis_ros.nn.renaming import Rule, renamed
from vis_ros.nn.yolact.official import with_counters

_BODY = r'backbone\.bottom_up\.'
_STAGE = _BODY + r'res(\d)\.(\d+)\.'
_HEAD = r'proposal_generator\.fcos_head\.'


def _stages() -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for theirs, ours in zip('2345', '1234', strict=True):
        stage = _STAGE.replace(r'res(\d)', f'res{theirs}')
        to = rf'backbone.layer{ours}.\1'
        rules += [
            (stage + r'conv(\d)\.norm\.(.*)', to + r'.bn\2.\3'),
            (stage + r'(conv\d\..*)', to + r'.\2'),
            (stage + r'shortcut\.norm\.(.*)', to + r'.downsample.1.\2'),
            (stage + r'shortcut\.(.*)', to + r'.downsample.0.\2'),
        ]
    return tuple(rules)


def _towers() -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for theirs, ours in (('cls', 'class'), ('bbox', 'box')):
        for unit in range(4):
            for place, part in enumerate(('conv', 'norm')):
                rules.append(
                    (
                        rf'{_HEAD}{theirs}_tower\.{3 * unit + place}\.(.*)',
                        rf'head.{ours}_tower.{unit}.{part}.\1',
                    )
                )
    return tuple(rules)


STOCK_RULES: tuple[Rule, ...] = (
    (_BODY + r'stem\.conv1\.norm\.(.*)', r'backbone.bn1.\1'),
    (_BODY + r'stem\.conv1\.(.*)', r'backbone.conv1.\1'),
    *_stages(),
    *((rf'backbone\.fpn_lateral{k + 3}\.(.*)', rf'pyramid.lateral.{k}.\1') for k in range(3)),
    *((rf'backbone\.fpn_output{k + 3}\.(.*)', rf'pyramid.smooth.{k}.\1') for k in range(3)),
    *((rf'backbone\.top_block\.p{k + 6}\.(.*)', rf'pyramid.down.{k}.\1') for k in range(2)),
    *_towers(),
    (_HEAD + r'cls_logits\.(.*)', r'head.classes.\1'),
    (_HEAD + r'bbox_pred\.(.*)', r'head.boxes.\1'),
    (_HEAD + r'ctrness\.(.*)', r'head.centerness.\1'),
    (_HEAD + r'scales\.(\d)\.scale', r'head.scales.\1'),
    (r'controller\.(.*)', r'head.controller.\1'),
    (r'mask_branch\.refine\.(\d)\.0\.(.*)', r'masks.refine.\1.conv.\2'),
    (r'mask_branch\.refine\.(\d)\.1\.(.*)', r'masks.refine.\1.norm.\2'),
    (r'mask_branch\.tower\.4\.(.*)', r'masks.out.\1'),
    (r'mask_branch\.tower\.(\d)\.0\.(.*)', r'masks.tower.\1.conv.\2'),
    (r'mask_branch\.tower\.(\d)\.1\.(.*)', r'masks.tower.\1.norm.\2'),
)
_UNUSED = ('pixel_mean', 'pixel_std', 'mask_head.sizes_of_interest', 'mask_head._iter')
_TRAINING = ('mask_branch.seg_head.', 'mask_branch.logits.')  # an auxiliary loss


def from_stock(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of a `CondInst` of the stock configuration.

    Constants and what only their training needs are dropped. Their pictures are BGR: the first
    convolution is turned round. Their frozen batch norms have no counters: they get some. Their
    scales are vectors of one element.
    """
    kept = {
        name: value
        for name, value in tensors.items()
        if name not in _UNUSED and not name.startswith(_TRAINING)
    }
    found = renamed(kept, STOCK_RULES)
    if (first := found.get('backbone.conv1.weight')) is not None and first.ndim == 4:
        found['backbone.conv1.weight'] = first.flip(1)
    for name in [name for name in found if name.startswith('head.scales.')]:
        if found[name].shape == (1,):
            found[name] = found[name][0]
    return with_counters(found)
