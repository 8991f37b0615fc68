# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Detector and tracker as one module: what each of them gives."""

from __future__ import annotations

import torch

from vis_ros.nn.rgnn import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.yolact import SelectionConfig


def model() -> tuple[RgnnVis, torch.Tensor]:
    torch.manual_seed(0)
    return RgnnVis('small', 4, RgnnOptions()).eval(), torch.randn(2, 3, 192, 320)


def test_nothing_trains_the_detector_from_what_it_gives() -> None:
    network, image = model()
    seen = network.detect(image, SelectionConfig())
    assert seen.stride16.shape[2:] == (12, 20) and seen.stride32.shape[2:] == (6, 10)
    assert seen.stride16.shape[1] == network.tracker.sizes.taps[0]
    assert not any(x.requires_grad for x in (*seen.found, seen.stride16, seen.stride32))
    assert not seen.stride16.is_inference()  # a training step may save it for its backward pass


def test_seeing_is_detecting_and_looking() -> None:
    network, image = model()
    seen, detected = (
        network.see(image, SelectionConfig()),
        network.detect(image, SelectionConfig()),
    )
    assert all(torch.equal(x, y) for x, y in zip(seen.found, detected.found, strict=True))
    look = network.tracker.look(detected.stride16, detected.stride32, detected.found)
    assert torch.equal(seen.look.detections, look.detections)
    assert torch.equal(seen.look.scene, look.scene)
    assert seen.look.scene.requires_grad  # the tracker does train


def test_taps_are_float32_whatever_the_detector_computes_in() -> None:
    network, image = model()
    seen = network.detect(image, SelectionConfig(), 'bfloat16')
    assert seen.stride16.dtype == seen.stride32.dtype == torch.float32
    assert all(x.dtype == torch.float32 for x in (seen.found.logits, seen.found.mask_logits))
