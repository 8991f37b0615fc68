# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Backbone and pixel decoder of IFR: the same numbers as `transformers` gives."""

from __future__ import annotations

import math

import pytest
import torch
from ifr_world import CLASSES, SWIN, TINY, reference

from vis_ros.nn.ifr import Ifr, IfrOptions, mask_logits, sizes_of
from vis_ros.nn.ifr import model as model_module
from vis_ros.nn.ifr.backbone import ResNetMaps
from vis_ros.nn.ifr.config import NETWORKS, SwinSizes
from vis_ros.nn.ifr.official import is_mask2former, network_of, shared_parts
from vis_ros.nn.ifr.pixel_decoder import DeformableAttention, PixelDecoder, positions
from vis_ros.nn.ifr.swin import Swin
from vis_ros.nn.weights import part_of


@pytest.fixture(scope='module')
def theirs():
    """Return a tiny Mask2Former of `transformers`."""
    return reference()


@pytest.mark.parametrize('size', [(64, 96), (32, 32), (96, 160)])
def test_swin_is_that_of_transformers(theirs, size: tuple[int, int]) -> None:
    """With maps smaller than a window, and with ones that windows do not divide."""
    swin = Swin(SWIN).eval()
    swin.load_state_dict(part_of(shared_parts(theirs.state_dict()), 'backbone.'))
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = theirs.model.pixel_level_module.encoder(image).feature_maps
        found = swin(image)
    assert [x.shape for x in found] == [x.shape for x in expected]
    for ours, other in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('size', [(64, 96), (32, 32)])
def test_pixel_decoder_is_that_of_transformers(theirs, size: tuple[int, int]) -> None:
    decoder = PixelDecoder(Swin(SWIN).channels, TINY).eval()
    decoder.load_state_dict(part_of(shared_parts(theirs.state_dict()), 'pixel_decoder.'))
    maps = [torch.randn(2, 16 * 2**k, size[0] >> k + 2, size[1] >> k + 2) for k in range(4)]
    with torch.no_grad():
        expected = theirs.model.pixel_level_module.decoder(maps)
        levels, masks = decoder(maps)
    for ours, other in zip(levels, expected.multi_scale_features, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(masks, expected.mask_features, rtol=1e-4, atol=1e-5)


def test_first_masks_are_those_of_transformers(theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any layer of the decoder, IFR is Mask2Former: queries, norm and mask head."""
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)
    model = Ifr('tiny', CLASSES, IfrOptions()).eval()
    missing = model.load_state_dict(shared_parts(theirs.state_dict()), strict=False)
    assert not missing.unexpected_keys
    assert {name.split('.')[1] for name in missing.missing_keys} == {'layers', 'classes'}
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        features = model.see(image)
        said = model.decode(features, frames=1).layers[0]
        whole = theirs(image, output_auxiliary_logits=True)
    expected = whole.auxiliary_logits[0]['masks_queries_logits']
    found = mask_logits(said.kernels, features.masks[None])[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_resnet_maps() -> None:
    resnet = ResNetMaps('slim18').eval()
    maps = resnet(torch.zeros(1, 3, 64, 96))
    assert [tuple(x.shape) for x in maps] == [
        (1, channels, 64 >> k + 2, 96 >> k + 2) for k, channels in enumerate(resnet.maps)
    ]


def test_resnet_of_transformers() -> None:
    transformers = pytest.importorskip('transformers')
    stages = ['stage1', 'stage2', 'stage3', 'stage4']
    config = transformers.ResNetConfig(out_features=stages)  # ResNet-50
    model = reference(backbone_config=config)
    found = shared_parts(model.state_dict())
    assert network_of(found) == 'resnet50'
    resnet = ResNetMaps('resnet50').eval()
    resnet.load_state_dict(part_of(found, 'backbone.'))
    image = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        expected = model.model.pixel_level_module.encoder(image).feature_maps
        for ours, other in zip(resnet(image), expected, strict=True):
            torch.testing.assert_close(ours, other, rtol=1e-3, atol=1e-4)


def test_drop_path_leaves_out_whole_images() -> None:
    torch.manual_seed(0)
    swin = Swin(SwinSizes(16, (2, 2), (2, 2), 4, 1.0)).train()
    block = swin.stages[-1][-1]
    x = torch.randn(3, 4, 4, 32)
    with torch.no_grad():
        block.drop_path = 0.999999
        assert torch.equal(block(x), x)
        block.eval()
        assert not torch.equal(block(x), x)


def test_deformable_attention_against_a_loop() -> None:
    torch.manual_seed(0)
    layer, sizes = DeformableAttention(8, 2), [(1, 2), (2, 3), (3, 4)]
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    count = sum(rows * columns for rows, columns in sizes)
    x, place = torch.randn(1, count, 8), torch.randn(count, 8)
    centre = torch.rand(count, 2)
    with torch.no_grad():
        found = layer(x, place, centre, sizes)[0]
        offsets = layer.offsets(x + place)[0].view(count, 2, 3, 4, 2)
        shares = layer.weights(x + place)[0].view(count, 2, 12).softmax(-1).view(count, 2, 3, 4)
        value = layer.value(x)[0].view(count, 2, 4)
        mixed = torch.zeros(count, 2, 4)
        for cell in range(count):
            for head in range(2):
                start = 0
                for level, (rows, columns) in enumerate(sizes):
                    field = value[start : start + rows * columns, head].view(rows, columns, 4)
                    start += rows * columns
                    for point in range(4):
                        u, v = (offsets[cell, head, level, point]).tolist()
                        at = centre[cell, 0] * columns + u - 0.5, centre[cell, 1] * rows + v - 0.5
                        look = bilinear(field, float(at[0]), float(at[1]))
                        mixed[cell, head] += shares[cell, head, level, point] * look
        expected = layer.out(mixed.view(count, 8))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def bilinear(field: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """Return the field (h, w, C) between its cells; nothing lies around it."""
    total = torch.zeros(field.shape[2])
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < field.shape[0] and 0 <= column < field.shape[1]:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * field[row, column]
    return total


def test_positions_tell_cells_apart() -> None:
    codes = positions((3, 5), 16, torch.device('cpu')).flatten(1).T
    assert codes.shape == (15, 16)
    assert torch.cdist(codes, codes).add(torch.eye(15)).min() > 1e-3


def test_sizes() -> None:
    assert {sizes_of(name).channels for name in NETWORKS if name != 'small'} == {256}
    assert sizes_of('swin_l').short_side == 480
    with pytest.raises(ValueError, match="got 'resnet18'"):
        sizes_of('resnet18')


def test_official_names_of_the_first_code() -> None:
    """The names of facebookresearch/Mask2Former lead to the same places."""
    start = 'sem_seg_head.'
    theirs = {
        'backbone.patch_embed.proj.weight': 'backbone.embed.weight',
        'backbone.layers.2.blocks.5.attn.qkv.bias': 'backbone.stages.2.5.attention.qkv.bias',
        'backbone.layers.2.blocks.5.attn.relative_position_bias_table': (
            'backbone.stages.2.5.attention.bias_table'
        ),
        'backbone.layers.0.downsample.reduction.weight': 'backbone.merges.0.reduce.weight',
        'backbone.norm3.bias': 'backbone.norms.3.bias',
        'backbone.stem.conv1.norm.running_var': 'backbone.bn1.running_var',
        'backbone.res4.5.conv2.norm.weight': 'backbone.layer3.5.bn2.weight',
        'backbone.res2.0.shortcut.norm.bias': 'backbone.layer1.0.downsample.1.bias',
        start + 'pixel_decoder.input_proj.1.0.bias': 'pixel_decoder.inputs.1.0.bias',
        start + 'pixel_decoder.transformer.level_embed': 'pixel_decoder.level_embed',
        start + 'pixel_decoder.transformer.encoder.layers.3.self_attn.value_proj.bias': (
            'pixel_decoder.layers.3.attention.value.bias'
        ),
        start + 'pixel_decoder.transformer.encoder.layers.3.norm2.bias': (
            'pixel_decoder.layers.3.forward_norm.bias'
        ),
        start + 'pixel_decoder.adapter_1.norm.bias': 'pixel_decoder.lateral_norm.bias',
        start + 'pixel_decoder.layer_1.weight': 'pixel_decoder.output.weight',
        start + 'pixel_decoder.mask_features.bias': 'pixel_decoder.masks.bias',
        start + 'predictor.query_feat.weight': 'decoder.queries',
        start + 'predictor.query_embed.weight': 'decoder.place',
        start + 'predictor.level_embed.weight': 'decoder.level_embed',
        start + 'predictor.decoder_norm.bias': 'decoder.norm.bias',
        start + 'predictor.mask_embed.layers.2.bias': 'decoder.kernels.2.bias',
        start + 'predictor.class_embed.bias': None,
        start + 'predictor.transformer_ffn_layers.0.norm.bias': None,
        'criterion.empty_weight': None,
    }
    tensors = {name: torch.full((1,), float(k)) for k, name in enumerate(theirs)}
    assert is_mask2former(tensors)
    found = shared_parts(tensors)
    expected = {ours: tensors[name] for name, ours in theirs.items() if ours is not None}
    assert {n: v for n, v in found.items() if not n.endswith('num_batches_tracked')} == expected


def test_strange_files_are_told() -> None:
    assert not is_mask2former({})
    assert shared_parts({'what.ever': torch.zeros(1)}).keys() == {'what.ever'}
    with pytest.raises(ValueError, match='third stage'):
        network_of({})
    with pytest.raises(ValueError, match='16 channels and 1 blocks'):
        network_of(
            {
                'backbone.embed.weight': torch.zeros(16, 3, 4, 4),
                'backbone.stages.2.0.widen.bias': torch.zeros(1),
            }
        )
    start = 'model.pixel_level_module.encoder.encoder.layers.0.blocks.0.attention.self.'
    with pytest.raises(ValueError, match=r"missing: \['backbone.stages.0.0.attention.k.bias'"):
        shared_parts({start + 'query.bias': torch.zeros(1)})


def test_names_of_older_transformers() -> None:
    start = 'model.pixel_level_module.encoder.model.encoder.layers.0.blocks.1.'
    old = {
        'attention.self.query.weight': 'attention.q.weight',
        'attention.self.relative_position_bias_table': 'attention.bias_table',
        'attention.output.dense.bias': 'attention.out.bias',
        'intermediate.dense.bias': 'widen.bias',
        'output.dense.bias': 'narrow.bias',
        'layernorm_after.bias': 'forward_norm.bias',
    }
    tensors = {start + name: torch.zeros(1) for name in old}
    tensors |= {
        start + f'attention.self.{name}.weight': torch.zeros(1) for name in ('key', 'value')
    }
    found = shared_parts(tensors)
    expected = {name for name in old.values() if '.q.' not in name} | {'attention.qkv.weight'}
    assert found.keys() == {f'backbone.stages.0.1.{name}' for name in expected}
