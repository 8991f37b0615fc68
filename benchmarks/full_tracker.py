# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method of the RGNNVIS family whose memory is full, for measurements.

The parameters are random, so two things are put in their place after they were computed: what the
detector found (ellipses, one for each detection) and which track takes which detection. So a step
always has the same number of tracks, as many of them seen as there are detections.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vis_ros.methods import METHODS
from vis_ros.nn.rgnn.association import Choice
from vis_ros.nn.rgnn.model import Detected, RgnnVis
from vis_ros.nn.weights import LoadedWeights, repeatable
from vis_ros.nn.yolact import YolactConfig, prepare
from vis_ros.nn.yolact.masks import box_masks
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.options import build_config

CLASSES = {'small': 8, 'resnet50': 40, 'resnet101': 40}  # synthetic videos; YouTube-VIS
_PERIOD_NS = 33_333_333


class FullTracker:
    """A method with a full memory for each camera, at one size and precision.

    Args:
        name: Method.
        network: Size of the detector.
        device: Where it runs.
        precision: Of the detector.
        tracks: Tracks in the memory.
        detections: Detections of a frame.
        picture: Rows and columns of frames; by default those of the network's input.
        crop: Option of the tracker; `box` is what ships.
        accelerate: Option of the method.
        cameras: Streams that are taken together.
    """

    def __init__(
        self,
        name: str,
        network: str,
        device: str,
        precision: str = 'float32',
        *,
        tracks: int = 24,
        detections: int = 16,
        picture: tuple[int, int] | None = None,
        crop: str = 'box',
        accelerate: str = 'none',
        cameras: int = 1,
    ) -> None:
        self.network, self.device, self.precision = network, torch.device(device), precision
        self.tracks, self.seen = tracks, min(tracks, detections)
        values = {
            'network': network,
            'classes': [f'class {k}' for k in range(CLASSES[network])],
            'precision': precision,
            'accelerate': accelerate,
            'detections.limit': detections,
            'tracker.crop': crop,
            'memory.capacity': max(24, tracks),
            'memory.lost_timeout_s': 86400.0,
            'memory.tentative_timeout_s': 3600.0,
        }
        method: Any = METHODS[name]
        options = build_config(method.Config, values)
        with repeatable():
            model = RgnnVis(network, CLASSES[network] + 1, options.tracker)
        config = model.detector.config
        rng = np.random.default_rng(0)
        rows, columns = picture or (config.height, config.width)
        self.image = rng.integers(0, 256, (rows, columns, 3), np.uint8)
        _settle(model.detector.backbone, prepare(torch.from_numpy(self.image)[None], config))
        weights = LoadedWeights(model.state_dict(), 'random')
        self.method = method(options, weights=weights, device=device)
        self.model = self.method._model
        self._stamp_ns = 1_000_000_000
        self._found = ellipses(config, detections, self.device)
        self._choice = self._births(0)  # always these tensors: what is recorded reads them
        _pass_masks(self.model.tracker.masks)
        self.model.detect = self._detect
        self.model.tracker.choose = self._choose
        self.states = [self.method.init_state() for _ in range(cameras)]
        self._fill(detections)

    def _detect(self, *args: Any) -> Detected:
        detected = type(self.model).detect(self.model, *args)
        count = len(detected.stride16)
        found = (part.expand(count, *part.shape[1:]) for part in self._found)
        return detected._replace(found=DetectionSet(*found))

    def _choose(self, *args: Any) -> Choice:
        type(self.model.tracker).choose(self.model.tracker, *args)
        return self._choice

    def _births(self, count: int) -> Choice:
        """Return the choice that the first detections are new, and that no track goes on."""
        is_birth = torch.arange(self._found.is_real.shape[1], device=self.device) < count
        match = torch.full((self.method.config.memory.capacity,), -1, device=self.device)
        return Choice(match[None], is_birth[None])

    def _decide(self, choice: Choice) -> None:
        for mine, value in zip(self._choice, choice, strict=True):
            mine.copy_(value)

    def _fill(self, detections: int) -> None:
        held = 0
        while held < self.tracks:
            count = min(detections, self.tracks - held)
            self._decide(self._births(count))
            self.step()
            held += count
        nobody = self._births(0)
        place = torch.arange(nobody.match.shape[1], device=self.device)
        self._decide(nobody._replace(match=torch.where(place < self.seen, place, -1)[None]))
        result = self.step()
        seen = sum(track.is_observed for track in result.tracks)
        if (len(result.tracks), seen) != (self.tracks, self.seen):
            raise RuntimeError(
                f'expected {self.tracks} tracks, {self.seen} of them seen, got '
                f'{len(result.tracks)} and {seen}'
            )

    def step(self, image: np.ndarray | None = None) -> FrameResult:
        """Do the next frame of each camera; return the result of the last one.

        Args:
            image: uint8 array like `image`, which it is when none is given.
        """
        self._stamp_ns += _PERIOD_NS
        frame = Frame(self.image if image is None else image, self._stamp_ns)
        if len(self.states) == 1:
            self.states[0], (result,) = self.method.step(self.states[0], frame)
            return result
        for index, done in enumerate(self._together(frame)):
            self.states[index], (result,) = done
        return result

    def _together(self, frame: Frame) -> list[Any]:
        done = self.method.step_many(self.states, [frame] * len(self.states))
        for each in done:
            if isinstance(each, Exception):
                raise each
        return done


def ellipses(config: YolactConfig, count: int, device: torch.device) -> DetectionSet:
    """Return detections in rows, the better ones first; neighbours overlap a little.

    Args:
        config: Sizes of the detector.
        count: Number of detections.
        device: Where they shall lie.
    """
    rows, columns = config.height // 4, config.width // 4
    side = int(np.ceil(np.sqrt(count)))
    y, x = (torch.arange(side) + 0.5) / side, (torch.arange(side) + 0.5) / side
    centre = torch.cartesian_prod(y, x).flip(1)[:count] * torch.tensor(
        [config.width, config.height]
    )
    half = torch.tensor([config.width, config.height]) * 0.55 / side
    boxes = torch.cat((centre - half, centre + half), dim=1)[None]  # (1, N, 4)
    py = (torch.arange(rows) + 0.5)[:, None] * (config.height / rows)
    px = (torch.arange(columns) + 0.5) * (config.width / columns)
    away = (px - centre[:, :1, None]) ** 2 / half[0] ** 2
    away = away + (py - centre[:, 1:, None]) ** 2 / half[1] ** 2  # (N, h, w)
    found = DetectionSet(
        is_real=torch.ones(1, count, dtype=torch.bool),
        anchor=torch.arange(count)[None],
        logits=torch.randn(1, count, config.num_classes, generator=torch.manual_seed(0)),
        boxes=boxes,
        scores=-0.1 - 0.01 * torch.arange(count)[None],
        mask_logits=torch.where(away < 1, 20.0, -20.0)[None],
        box_masks=box_masks(boxes, (rows, columns), config.height, config.width),
    )
    return DetectionSet(*(x.to(device) for x in found))


@torch.no_grad()
def _settle(backbone: nn.Module, image: Tensor) -> None:
    """Let batch norm measure the image: what random convolutions give overflows in 16 bits."""
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    backbone(image)
    for norm in norms:
        norm.eval()


@torch.no_grad()
def _pass_masks(masks: Any) -> None:
    """Let the masks of tracks be those of their detections, by the same arithmetic as ever."""
    for layer in (masks.hidden, masks.out):
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[0, 0, 1, 1] = 1.0
