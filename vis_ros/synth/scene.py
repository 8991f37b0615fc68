# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scene of a synthetic video: steps through time, paints pictures and labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.synth.actors import Actor
from vis_ros.synth.backdrop import make_background, make_occluders
from vis_ros.synth.camera import Camera, View
from vis_ros.synth.cast import Cast
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.paint import Stamp, blur_along, pixel_affine, put_layer, put_object, stamp_of
from vis_ros.synth.sensor import Sensor

MIN_VISIBLE_PX = 12  # with fewer pixels an object counts as not visible


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
    def depth_order(self) -> tuple[int, ...]:
        """Indices of the objects, the nearest last."""
        return tuple(self._cast.depth_order.tolist())

    @property
    def class_ids(self) -> np.ndarray:
        """Classes of the objects, int64 array (J,)."""
        return self._cast.class_ids()

    def step(self) -> SynthFrame:
        """Go on by one frame and paint it."""
        self.view = self._camera.step(self._dt_s)
        self._cast.step(self._dt_s, self.view)
        image = self._background_in_view(self.view)
        labels = np.zeros(image.shape[:2], np.uint8)
        full_px = self._put_objects(image, labels)
        for layer in self._occluders:
            way = self._config.motion_blur * self.view.shift_px
            put_layer(image, labels, layer, self.view.affine, way)
        visible_px = _drop_crumbs(labels, len(full_px))
        return SynthFrame(
            image=self._sensor.expose(cv2.cvtColor(image, cv2.COLOR_RGBA2RGB), self._dt_s),
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
            stamp.part(mask)[:] = stamp.is_inside
        return mask

    def _stamp(self, actor: Actor) -> Stamp | None:
        assert self.view is not None
        return stamp_of(actor, self.view.affine, self._config.height, self._config.width)

    def _put_objects(self, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Put all objects into the picture, the furthest first; return their pixels, (J,)."""
        before, self._pictured = self._pictured, {}
        full_px = np.zeros(len(self._cast.actors), np.int64)
        for index in self.depth_order:
            actor = self._cast.actors[index]
            stamp = self._stamp(actor)
            if stamp is None:
                continue
            is_inside = stamp.is_inside
            full_px[index] = np.count_nonzero(is_inside)
            stamp.part(labels)[is_inside] = index + 1
            middle = stamp.affine[:, 2]
            way = self._config.motion_blur * (middle - before.get(actor.object_id, middle))
            self._pictured[actor.object_id] = middle
            put_object(image, actor, stamp, way)
        return full_px

    def _background_in_view(self, view: View) -> np.ndarray:
        size = (self._config.width, self._config.height)
        affine = pixel_affine(view.affine, self._background.origin)
        image = cv2.warpAffine(
            self._background.pixels, affine, size, borderMode=cv2.BORDER_REFLECT
        )
        return blur_along(image, self._config.motion_blur * view.shift_px)


def _drop_crumbs(labels: np.ndarray, count: int) -> np.ndarray:
    """Give pixels of objects that hardly show to nobody; return visible pixels, int64 (J,)."""
    histogram = cv2.calcHist([labels], [0], None, [256], [0, 256])  # exact below 2^24 pixels
    visible = histogram.ravel()[1 : count + 1].astype(np.int64)
    crumbs = np.flatnonzero((visible > 0) & (visible < MIN_VISIBLE_PX))
    for index in crumbs:
        labels[labels == index + 1] = 0
    visible[crumbs] = 0
    return visible
