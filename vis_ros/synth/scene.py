# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scene of a synthetic video: steps through time, paints pictures and labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.synth.actors import Actor
from vis_ros.synth.backdrop import Layer, make_background, make_occluders
from vis_ros.synth.camera import Camera, View
from vis_ros.synth.cast import Cast
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.sensor import Sensor, blur_along
from vis_ros.synth.shapes import REACH

MIN_VISIBLE_PX = 12  # with fewer pixels an object counts as not visible
_FINE = 2  # outlines are filled at this resolution and then reduced, for soft edges
_SHIFT = 4  # fractional bits of the points of an outline


@dataclass(frozen=True, eq=False)
class SynthFrame:
    """One frame with its ground truth. Entry j of the arrays is about label j + 1.

    Args:
        image: uint8 array (H, W, 3), RGB.
        labels: uint8 array (H, W), owner of each pixel: 0 for none, j + 1 for object j.
        object_ids: int64 array (J,), identities, above 0, never used for another object.
        class_ids: int64 array (J,), indices into `CLASSES`.
        full_px: int64 array (J,), pixels of the objects in the picture if nothing hid them.
        visible_px: int64 array (J,), pixels of the objects in `labels`.
    """

    image: np.ndarray
    labels: np.ndarray
    object_ids: np.ndarray
    class_ids: np.ndarray
    full_px: np.ndarray
    visible_px: np.ndarray


@dataclass(frozen=True, eq=False)
class _Stamp:
    """One object, painted into its part of the picture."""

    x: int
    y: int
    alpha: np.ndarray  # uint8 (h, w)
    affine: np.ndarray  # (2, 3), from object coordinates to the picture

    def part(self, image: np.ndarray) -> np.ndarray:
        height, width = self.alpha.shape
        return image[self.y : self.y + height, self.x : self.x + width]


class Scene:
    """Background, objects, occluders, camera and sensor; goes on for ever in bounded memory.

    Args:
        config: Options.
        seed: What decides everything.
        renew: Whether strangers may come instead of objects that have left.
    """

    def __init__(
        self, config: SynthConfig, seed: np.random.SeedSequence, *, renew: bool = False
    ) -> None:
        # One source of chance for each part, so that an option changes no more than its own part.
        sources = [np.random.default_rng(child) for child in seed.spawn(5)]
        self._config = config
        self._dt_s = 1.0 / config.fps
        self._background, colours = make_background(config, sources[0])
        self._occluders = make_occluders(config, sources[1])
        self._camera = Camera(config, sources[2])
        self._sensor = Sensor(config, sources[3])
        self._cast = Cast(config, sources[4], colours, renew=renew)
        self._pictured: dict[int, np.ndarray] = {}  # where objects were in the last picture
        self.view: View | None = None

    @property
    def actors(self) -> tuple[Actor, ...]:
        """All objects, in the order of their labels."""
        return tuple(self._cast.actors)

    @property
    def class_ids(self) -> np.ndarray:
        """Classes of the objects, int64 array (J,)."""
        return self._cast.class_ids()

    def step(self) -> SynthFrame:
        """Go on by one frame and paint it."""
        self.view = self._camera.step(self._dt_s)
        self._cast.step(self._dt_s, self.view)
        image = self._paint_background(self.view)
        before, self._pictured = self._pictured, {}
        labels = np.zeros(image.shape[:2], np.uint8)
        full_px = np.zeros(len(self._cast.actors), np.int64)
        for index in self._cast.depth_order:
            stamp = self._stamp(self._cast.actors[index])
            if stamp is not None:
                is_inside = stamp.alpha >= 128
                full_px[index] = np.count_nonzero(is_inside)
                stamp.part(labels)[is_inside] = index + 1
                self._paint(image, self._cast.actors[index], stamp, before)
        for layer in self._occluders:
            self._paint_layer(image, labels, layer, self.view)
        visible_px = _drop_crumbs(labels, len(full_px))
        return SynthFrame(
            image=self._sensor.expose(image, self._dt_s),
            labels=labels,
            object_ids=np.array([a.object_id for a in self._cast.actors], np.int64),
            class_ids=self._cast.class_ids(),
            full_px=full_px,
            visible_px=visible_px,
        )

    def full_mask(self, index: int) -> np.ndarray:
        """Return the pixels of an object in the last frame if nothing hid it, bool (H, W)."""
        mask = np.zeros((self._config.height, self._config.width), np.bool_)
        stamp = self._stamp(self._cast.actors[index])
        if stamp is not None:
            stamp.part(mask)[:] = stamp.alpha >= 128
        return mask

    def _paint_background(self, view: View) -> np.ndarray:
        size = (self._config.width, self._config.height)
        affine = _pixel_affine(view.affine, self._background.origin)
        image = cv2.warpAffine(
            self._background.pixels, affine, size, borderMode=cv2.BORDER_REFLECT
        )
        return blur_along(image, self._config.motion_blur * view.shift_px)

    def _stamp(self, actor: Actor) -> _Stamp | None:
        """Return where an object is in the picture, None if it is out of it."""
        assert self.view is not None
        camera, pose = self.view.affine, actor.pose()
        turn = camera[:, :2] @ pose[:, :2]
        affine = np.concatenate((turn, (camera[:, :2] @ pose[:, 2] + camera[:, 2])[:, None]), 1)
        curves = [curve @ turn.T + affine[:, 2] for curve in actor.outline()]
        low = np.floor(curves[0].min(axis=0)).astype(int) - 2
        high = np.ceil(curves[0].max(axis=0)).astype(int) + 2
        x, y = int(max(low[0], 0)), int(max(low[1], 0))
        width = int(min(high[0], self._config.width)) - x
        height = int(min(high[1], self._config.height)) - y
        if width <= 0 or height <= 0:
            return None
        scale = _FINE * (1 << _SHIFT)
        points = [
            np.rint((curve - (x, y)) * scale - 0.5 * (1 << _SHIFT)).astype(np.int32)
            for curve in curves
        ]
        fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
        cv2.fillPoly(fine, points, 255, shift=_SHIFT)
        alpha = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
        return _Stamp(x, y, alpha, affine)

    def _paint(
        self, image: np.ndarray, actor: Actor, stamp: _Stamp, before: dict[int, np.ndarray]
    ) -> None:
        """Paint an object, blurred by its motion; edges are darker, as of something round."""
        height, width = stamp.alpha.shape
        texture = actor.look.texture
        unit = 2 * REACH / texture.shape[0]  # object coordinates per texel
        turn = stamp.affine[:, :2] * unit
        corner = stamp.affine @ (-REACH, -REACH, 1.0) - (stamp.x, stamp.y)
        offset = corner + turn @ (0.5, 0.5) - 0.5
        affine = np.concatenate((turn, offset[:, None]), axis=1)
        pixels = cv2.warpAffine(texture, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
        radius = max(1, round(0.09 * actor.look.size_px))
        round_off = cv2.blur(stamp.alpha, (2 * radius + 1, 2 * radius + 1))
        shade = cv2.addWeighted(round_off, 0.6, round_off, 0.0, 102.0)
        pixels = cv2.multiply(pixels, cv2.merge((shade, shade, shade)), scale=1 / 255)
        middle = stamp.affine[:, 2]
        way = self._config.motion_blur * (middle - before.get(actor.object_id, middle))
        self._pictured[actor.object_id] = middle
        pixels, alpha = blur_along(pixels, way), blur_along(stamp.alpha, way)
        _blend(stamp.part(image), pixels, alpha)

    def _paint_layer(
        self, image: np.ndarray, labels: np.ndarray, layer: Layer, view: View
    ) -> None:
        size = (self._config.width, self._config.height)
        assert layer.alpha is not None
        affine = _pixel_affine(view.affine, layer.origin)
        rows, columns = layer.alpha.shape
        corners = np.array([(0, 0, 1), (columns, 0, 1), (0, rows, 1), (columns, rows, 1)])
        places = corners @ affine.T
        low = np.maximum(np.floor(places.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(places.max(axis=0)).astype(int) + 2, size)
        width, height = (int(v) for v in high - low)
        if width <= 0 or height <= 0:
            return
        affine[:, 2] -= low
        alpha = cv2.warpAffine(layer.alpha, affine, (width, height))
        pixels = cv2.warpAffine(
            layer.pixels, affine, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
        part = np.s_[low[1] : low[1] + height, low[0] : low[0] + width]
        labels[part][alpha >= 128] = 0
        way = self._config.motion_blur * view.shift_px
        _blend(image[part], blur_along(pixels, way), blur_along(alpha, way))


def _pixel_affine(affine: np.ndarray, origin: tuple[float, float]) -> np.ndarray:
    """Return the map between pixel indices of a layer and of the picture, as OpenCV counts."""
    turn = affine[:, :2]
    offset = turn @ (np.array(origin) + 0.5) + affine[:, 2] - 0.5
    return np.concatenate((turn, offset[:, None]), axis=1)


def _blend(image: np.ndarray, pixels: np.ndarray, alpha: np.ndarray) -> None:
    """Put pixels over a part of an image."""
    share = alpha.astype(np.float32) * np.float32(1 / 255)
    image[:] = cv2.blendLinear(pixels, np.ascontiguousarray(image), share, 1 - share)


def _drop_crumbs(labels: np.ndarray, count: int) -> np.ndarray:
    """Give pixels of objects that hardly show to nobody; return visible pixels, int64 (J,)."""
    visible = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    crumbs = np.flatnonzero((visible > 0) & (visible < MIN_VISIBLE_PX))
    for index in crumbs:
        labels[labels == index + 1] = 0
    visible[crumbs] = 0
    return visible.astype(np.int64)
