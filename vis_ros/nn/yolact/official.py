# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the published weights of YOLACT and RGNNVIS's detector, as ours.

Source: dbolya/yolact and joakimjohnander/RGNNVIS, whose layouts differ only in prefixes.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from vis_ros.nn.renaming import Rule, renamed

_PLACES = {'0': '2', '1': '1', '2': '0'}  # they count the pyramid from coarse to fine

_TRUNK: tuple[Rule, ...] = (
    *(
        (rf'fpn\.lat_layers\.{old}\.(.*)', rf'pyramid.lateral.{new}.\1')
        for old, new in _PLACES.items()
    ),
    *(
        (rf'fpn\.pred_layers\.{old}\.(.*)', rf'pyramid.smooth.{new}.\1')
        for old, new in _PLACES.items()
    ),
    (r'fpn\.downsample_layers\.(.*)', r'pyramid.down.\1'),
    (r'proto_net\.0\.(.*)', r'prototypes.before.0.\1'),
    (r'proto_net\.2\.(.*)', r'prototypes.before.1.\1'),
    (r'proto_net\.4\.(.*)', r'prototypes.before.2.\1'),
    (r'proto_net\.8\.(.*)', r'prototypes.after.\1'),
    (r'proto_net\.10\.(.*)', r'prototypes.out.\1'),
    (r'prediction_layers\.0\.upfeature\.0\.(.*)', r'head.trunk.\1'),
    (r'prediction_layers\.0\.bbox_layer\.(.*)', r'head.boxes.\1'),
    (r'prediction_layers\.0\.conf_layer\.(.*)', r'head.classes.\1'),
    (r'prediction_layers\.0\.mask_layer\.(.*)', r'head.coefficients.\1'),
    (r'semantic_seg_conv\.(.*)', r'semantic.\1'),
)

STOCK_RULES: tuple[Rule, ...] = (
    (r'backbone\.layers\.0\.(.*)', r'backbone.layer1.\1'),
    (r'backbone\.layers\.1\.(.*)', r'backbone.layer2.\1'),
    (r'backbone\.layers\.2\.(.*)', r'backbone.layer3.\1'),
    (r'backbone\.layers\.3\.(.*)', r'backbone.layer4.\1'),
    *_TRUNK,
)
RGNNVIS_RULES: tuple[Rule, ...] = tuple((rf'detector\.{old}', new) for old, new in _TRUNK)


def from_stock(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of a `Yolact` of a published YOLACT file.

    Older files carry unused pyramid levels, and the batch counters are missing from some; the
    former are dropped, the latter filled in.
    """
    kept = {n: v for n, v in tensors.items() if not _is_unused(n)}
    return with_counters(renamed(kept, STOCK_RULES))


def _is_unused(name: str) -> bool:
    """Levels that the published code itself drops when it loads a file, and a second backbone."""
    index = name.removeprefix('fpn.downsample_layers.').split('.')[0]
    return name.startswith('fpn.downsample_layers.') and int(index) >= 2


def with_counters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with a counter for each batch norm; files before torch 0.4.1 lack it."""
    result = dict(tensors)
    for name, value in tensors.items():
        if name.endswith('.running_mean'):
            counter = name.removesuffix('running_mean') + 'num_batches_tracked'
            result.setdefault(counter, value.new_zeros(()).long())
    return result
