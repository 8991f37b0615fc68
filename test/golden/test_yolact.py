# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The detector against the official codes: RGNNVIS's variant and stock YOLACT."""

from __future__ import annotations

import zlib
from functools import cache
from typing import Any

import numpy as np
import official_fill as fill
import official_shapes as shapes
import pytest
import torch

from vis_ros.nn.renaming import renamed
from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.nn.yolact import Yolact, prepare, rgnnvis_config, select, stock_config
from vis_ros.nn.yolact.anchors import decode_boxes, to_pixels
from vis_ros.nn.yolact.masks import stock_boxes, stock_masks
from vis_ros.nn.yolact.nms import select_stock
from vis_ros.nn.yolact.official import RGNNVIS_RULES, from_stock
from vis_ros.nn.yolact.selection import SelectionConfig, best_log_probability

fill.folder()
LEVELS = ('p3', 'p4', 'p5', 'p6', 'p7')


@cache
def run_rgnnvis() -> tuple[Yolact, Any, Any, Any]:
    """Return the network, its input, its maps and its detections of the golden frames."""
    golden = fill.load('rgnnvis_detector')
    seed = int(golden['seed'])
    official = shapes.resnet50('layer{0}') | shapes.detector('detector.', 41)
    network = Yolact(rgnnvis_config('resnet50', 41)).eval()
    tensors = renamed(fill.filled(official, seed), RGNNVIS_RULES)
    load_strictly(network, LoadedWeights(tensors, 'golden'))
    images = fill.frames(seed, 8, 360, 640)[golden['frame_index']]
    with torch.inference_mode():
        x = prepare(torch.from_numpy(images), network.config)
        output = network(x)
        return network, x, output, select(network, output, SelectionConfig())


@cache
def run_stock() -> tuple[Yolact, Any, Any]:
    golden = fill.load('yolact_stock')
    seed = int(golden['seed'])
    network = Yolact(stock_config()).eval()
    tensors = from_stock(fill.filled(shapes.stock_yolact(), seed))
    load_strictly(network, LoadedWeights(tensors, 'golden'))
    index = int(golden['frame_index'])
    image = fill.frames(seed, 8, 360, 640)[index : index + 1]
    with torch.inference_mode():
        x = prepare(torch.from_numpy(image), network.config)
        return network, x, network(x)


@pytest.mark.parametrize('name', ['rgnnvis_detector', 'rgnnvis_tracker', 'yolact_stock'])
def test_frames_are_the_golden_ones(name: str) -> None:
    golden = fill.load(name)
    video = fill.frames(int(golden['seed']), 8, 360, 640)
    assert [zlib.crc32(frame.tobytes()) for frame in video] == golden['frame_crc32'].tolist()


@pytest.mark.parametrize('kind', ['rgnnvis_detector', 'yolact_stock'])
def test_maps(kind: str, record_property: Any) -> None:
    _, x, output = run_stock() if kind == 'yolact_stock' else run_rgnnvis()[:3]
    golden = fill.load(kind)
    maps = {f'layer{k}': tap for k, tap in enumerate(output.taps, start=2)}
    maps |= dict(zip(LEVELS, output.levels, strict=True))
    worst = {name: fill.sampled(golden, name, value) for name, value in maps.items()}
    assert max(worst.values()) < 3e-3, worst
    assert fill.sampled(golden, 'input', x) < 1e-5
    prototypes = output.prototypes.permute(0, 2, 3, 1)  # channels last
    assert fill.sampled(golden, 'proto', prototypes) < 1e-2


@pytest.mark.parametrize('kind', ['rgnnvis_detector', 'yolact_stock'])
def test_head(kind: str) -> None:
    network, _, output = run_stock() if kind == 'yolact_stock' else run_rgnnvis()[:3]
    golden = fill.load(kind)
    assert len(network.anchors) == golden['num_anchors']
    index = golden['head_anchor']
    assert fill.gap(network.anchors[index], golden['head_prior']) < 1e-6
    names = {'loc': (output.raw.offsets, 3e-3), 'coeff': (output.raw.coefficients, 3e-3)}
    names['logits'] = (output.raw.logits, 1e-2)
    for name, (value, limit) in names.items():
        want = golden[f'head_{name}'].reshape(-1, len(index), value.shape[-1])
        assert fill.gap(value[:, index], want) < limit, name
        whole = value.double().flatten(1)
        assert fill.gap(whole.mean(1), golden[f'head_{name}_mean'].reshape(-1)) < limit
        assert fill.gap(whole.std(1, correction=0), golden[f'head_{name}_std'].reshape(-1)) < limit


def test_boxes_and_scores_of_anchors() -> None:
    network, _, output, _ = run_rgnnvis()
    golden = fill.load('rgnnvis_detector')
    boxes = to_pixels(decode_boxes(output.raw.offsets, network.anchors), 480, 864)
    assert fill.gap(boxes[:, golden['head_anchor']], golden['head_box']) < 5e-2
    assert fill.gap(boxes.double().flatten(1).mean(1), golden['head_box_mean']) < 5e-2
    assert fill.gap(boxes.double().flatten(1).std(1, correction=0), golden['head_box_std']) < 5e-2
    score = best_log_probability(output.raw.logits)
    assert fill.gap(score[:, golden['head_anchor']], golden['head_score']) < 1e-2
    assert (score > -3.5).sum(1).tolist() == golden['num_candidates'].tolist()


def test_selection() -> None:
    network, _, output, found = run_rgnnvis()
    golden = fill.load('rgnnvis_detector')
    real = golden['det_active'].astype(bool)
    assert np.array_equal(found.is_real.numpy(), real)
    assert np.array_equal(found.anchor.numpy(), golden['det_anchor'])
    everything = select(network, output, SelectionConfig(limit=200))
    assert everything.is_real.sum(1).tolist() == golden['num_after_nms'].tolist()
    assert fill.gap(found.logits, golden['det_logits']) < 1e-2
    assert fill.gap(found.boxes, golden['det_box']) < 5e-2
    assert fill.gap(found.scores, golden['det_score']) < 1e-2
    masks = found.mask_logits.numpy()
    sampled = masks[:, :, 1::4, 2::4][real]
    assert fill.gap(sampled, golden['mask_logits'][real]) < 1e-1
    whole = masks[real].astype(np.float64).reshape(real.sum(), -1)
    statistics = np.stack((whole.mean(1), whole.std(1)), 1)
    assert fill.gap(statistics, golden['mask_logits_meanstd'][real]) < 1e-1
    inside = np.packbits(found.box_masks.numpy().reshape(*real.shape, -1), axis=-1)
    assert np.array_equal(inside[real], golden['box_mask_bits'][real])


@pytest.mark.parametrize('is_cross_class', [False, True])
def test_stock_detections(is_cross_class: bool) -> None:
    network, _, output = run_stock()
    golden = fill.load('yolact_stock')
    boxes = decode_boxes(output.raw.offsets, network.anchors)[0]
    candidates = torch.softmax(output.raw.logits[0], 1)[:, 1:].amax(1) > 0.05
    assert np.array_equal(torch.nonzero(candidates)[:, 0].numpy(), golden['candidates'])
    best = select_stock(boxes, output.raw.logits[0], is_cross_class=is_cross_class)
    name = 'cc' if is_cross_class else 'det'
    sure = slice(None) if is_cross_class else golden['det_sure'].astype(bool)
    assert len(best.anchor) == len(golden[f'{name}_class'])
    assert np.array_equal(best.class_id.numpy()[sure], golden[f'{name}_class'][sure])
    assert fill.gap(best.score[sure], golden[f'{name}_score'][sure]) < 2e-3
    assert fill.gap(boxes[best.anchor][sure], golden[f'{name}_box'][sure]) < 1e-3


def test_stock_masks() -> None:
    network, _, output = run_stock()
    golden = fill.load('yolact_stock')
    boxes = decode_boxes(output.raw.offsets, network.anchors)[0]
    best = select_stock(boxes, output.raw.logits[0])
    rows = best.anchor[torch.from_numpy(golden['det_sure'].astype(bool))]
    coefficients = output.raw.coefficients[0, rows]
    assert fill.gap(coefficients, golden['det_coeff']) < 3e-3
    assert fill.gap(stock_boxes(boxes[rows], (360, 640)), golden['post_box']) <= 1
    masks = stock_masks(output.prototypes[0], coefficients, boxes[rows], (360, 640)) > 0.5
    sure = np.unpackbits(golden['post_mask_sure_bits'], axis=1).astype(bool)
    want = np.unpackbits(golden['post_mask_bits'], axis=1).astype(bool)
    got = masks.flatten(1).numpy()
    assert sure.mean() > 0.9
    assert np.array_equal(got[sure], want[sure])
