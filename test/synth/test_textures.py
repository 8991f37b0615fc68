# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Looks: alike within a species as far as asked for, unlike between classes."""

import numpy as np
import pytest

from vis_ros.synth.config import SynthConfig
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.textures import make_look, make_species, noise_field, to_rgb


def species_of(name, seed=3, avoid=None):
    avoid = np.zeros((0, 3)) if avoid is None else avoid
    return make_species(np.random.default_rng(seed), name, 40.0, avoid)


def looks(name, likeness, count=4):
    config = SynthConfig(likeness=likeness)
    return [make_look(species_of(name), np.random.default_rng(i), config) for i in range(count)]


def gap(a, b):
    side = min(len(a.texture), len(b.texture))
    return np.abs(a.texture[:side, :side].astype(int) - b.texture[:side, :side]).mean()


@pytest.mark.parametrize('name', CLASSES)
def test_likeness_goes_from_strangers_to_twins(name):
    gaps = []
    for likeness in (0.0, 0.8, 1.0):
        found = looks(name, likeness)
        gaps.append(np.mean([gap(found[0], other) for other in found[1:]]))
    assert gaps[0] > gaps[1] > gaps[2] == 0.0
    assert gaps[1] > 3.0  # of 255: they can be told apart
    assert {look.size_px for look in looks(name, 1.0)} == {40.0}


def test_sizes_stay_within_the_limits():
    config = SynthConfig(likeness=0.0, size_min=35.0, size_max=45.0)
    species = species_of('disc')
    sizes = [make_look(species, np.random.default_rng(i), config).size_px for i in range(60)]
    assert min(sizes) == 35.0 and max(sizes) == 45.0


def test_textures_have_two_colours_at_least():
    for name in CLASSES:
        texture = looks(name, 1.0)[0].texture
        assert texture.dtype == np.uint8 and texture.shape[2] == 4
        assert (texture[..., 3] == 255).all()
        assert texture[..., :3].std(axis=(0, 1)).max() > 15, name


def test_colours_that_are_there_are_avoided():
    avoid = np.array([(200.0, 40.0, 40.0)])
    far = [
        np.linalg.norm(to_rgb(species_of('disc', seed, avoid).hsv[:1]) - avoid)
        for seed in range(20)
    ]
    assert min(far) > 60


def test_colours():
    hsv = np.array([(0, 1, 1), (480, 1, 1), (-120, 1, 0.5), (0, -1, 2)])
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 127.5), (255, 255, 255)]
    np.testing.assert_allclose(to_rgb(hsv), expected, atol=0.1)
    assert hsv[1, 0] == 480  # what came in is not changed


def test_noise_is_smooth():
    field = noise_field(np.random.default_rng(0), 40, 60, 4)
    assert field.shape == (40, 60) and field.dtype == np.float32
    assert np.abs(np.diff(field, axis=1)).max() < 0.6 < np.ptp(field)
