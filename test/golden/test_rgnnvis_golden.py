# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker against the official code, over the golden clip, each quantity."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import official_fill as fill
import official_shapes as shapes
import pytest
import torch

from vis_ros.methods import METHODS
from vis_ros.nn.renaming import renamed
from vis_ros.nn.rgnn.association import official_slots
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.masks import UNSEEN, label_image
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.rgnn.network import Look
from vis_ros.nn.rgnn.official import MODEL_RULES
from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.nn.yolact import SelectionConfig, prepare, select
from vis_ros.nn.yolact.selection import best_log_probability
from vis_ros.ops.rle import to_dense
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

fill.folder()
SLOTS = 24
DIMS = ('det_app', 'scene', 'trk_mean', 'trk_var', 'bkg_mean', 'bkg_var')  # at `app_dims`


@cache
def golden() -> dict[str, np.ndarray]:
    return fill.load('rgnnvis_tracker')


@cache
def model() -> RgnnVis:
    network = RgnnVis('resnet50', 41, RgnnOptions()).eval().requires_grad_(False)
    tensors = renamed(fill.filled(shapes.rgnnvis(), int(golden()['seed'])), MODEL_RULES)
    load_strictly(network, LoadedWeights(tensors, 'golden'))
    return network


@cache
def clip() -> dict[str, np.ndarray]:
    """Return all quantities of the clip under their golden names, (8, ...) each."""
    network, state = model(), model().tracker.initial(1, SLOTS)
    records: dict[str, list[torch.Tensor]] = {}
    with torch.inference_mode():
        for image in fill.frames(int(golden()['seed']), 8, 360, 640):
            state, record = step(network, state, torch.from_numpy(image)[None])
            for name, value in record.items():
                records.setdefault(name, []).append(value)
    return {name: torch.stack(values).numpy() for name, values in records.items()}


def step(network: RgnnVis, state: Any, image: torch.Tensor) -> tuple[Any, dict[str, Any]]:
    tracker, before = network.tracker, state.tracks.is_alive[0]
    x = prepare(image, network.detector.config)
    output = network.detector(x)
    found = select(network.detector, output, SelectionConfig())
    maps = tracker.appearance.maps(output.taps.stride16, output.taps.stride32)
    look = Look(*tracker.appearance(maps, found))
    association = tracker.associate(state, found, look)
    assigned, is_new = official_slots(state.tracks.is_alive, tracker.choose(association, found))
    state = tracker.update(state, found, look, association, assigned=assigned, is_new=is_new)
    scores = tracker.segment(state, found, assigned)
    after, tracks, empty = association.after, state.tracks, state.empty
    scale = torch.tensor([640 / 864, 360 / 480] * 2)
    record = {
        'det_app': look.detections,
        'scene': look.scene,
        'sim_track': association.before.track_edges,
        'sim_empty': association.before.empty_edges[..., 0],
        'match_logits': association.match_logits,
        'init_logits': association.init_logits,
        'node_track': after.tracks,
        'node_det': after.detections,
        'node_empty': after.empty,
        'trk_tau': tracks.embedding,
        'trk_cell': tracks.cell,
        'trk_logits': tracks.logits,
        'trk_mean': tracks.mean,
        'trk_var': tracks.variance,
        'bkg_tau': empty.embedding[:, 0],
        'bkg_cell': empty.cell[:, 0],
        'bkg_mean': empty.mean[:, 0],
        'bkg_var': empty.variance[:, 0],
        'trk_box': tracks.box,
        'seg_logits': scores[..., 4::8, 4::8],
        'det_active': found.is_real,
        'det_anchor': found.anchor,
        'det_logits': found.logits,
        'det_box': found.boxes,
        'det_score': found.scores,
        'assigned': assigned,
        'birth': is_new,
        'alive': tracks.is_alive,
        'app16': maps[0],
        'app32': maps[1],
    }
    record = {name: value[0] for name, value in record.items()}
    record['before'] = before
    record['trk_box_raw'] = record['trk_box'] * scale
    record['segmentation'] = label_image(scores[0], (360, 640), 10.0)
    return state, record


def worst(name: str, where: np.ndarray | None = None) -> float:
    got, want = clip()[name], golden()[name]
    if name in DIMS:
        got = got[..., golden()['app_dims']]
    rows = slice(None) if where is None else where
    return fill.gap(got[rows], want[rows])


def real() -> np.ndarray:
    return golden()['det_active'].astype(bool)


@pytest.mark.parametrize(
    ('name', 'limit'),
    [('det_logits', 1e-2), ('det_box', 5e-2), ('det_score', 1e-2), ('det_app', 1e-2)],
)
def test_detections(name: str, limit: float) -> None:
    assert np.array_equal(clip()['det_active'], real())
    assert np.array_equal(clip()['det_anchor'], golden()['det_anchor'])
    assert worst(name) < limit


def test_appearance_maps_and_norms() -> None:
    for name in ('app16', 'app32'):
        assert fill.sampled(golden(), name, torch.from_numpy(clip()[name])) < 3e-3
    assert worst('scene') < 1e-2
    for name, vectors in (('det_app_norm', 'det_app'), ('scene_norm', 'scene')):
        norms = np.linalg.norm(clip()[vectors].astype(np.float64), axis=-1)
        assert fill.gap(norms, golden()[name]) < 1e-2


def test_life_cycle() -> None:
    seen, alive, before = clip()['assigned'] >= 0, clip()['alive'], clip()['before']
    assert np.array_equal(np.where(seen, 1, np.where(alive, 2, 0)), golden()['status'])
    assert np.array_equal(clip()['assigned'], golden()['assigned'])
    assert np.array_equal(clip()['birth'], golden()['birth'].astype(bool))
    assert np.array_equal(before, golden()['status_before'] > 0)


@pytest.mark.parametrize(
    ('name', 'limit'),
    [('sim_track', 5e-2), ('sim_empty', 5e-2), ('match_logits', 5e-2), ('init_logits', 1e-2)],
)
def test_edges(name: str, limit: float) -> None:
    where = real() if name in ('sim_empty', 'init_logits') else None
    assert worst(name, where) < limit


@pytest.mark.parametrize(
    ('name', 'limit'), [('node_track', 5e-2), ('node_det', 1e-2), ('node_empty', 1e-2)]
)
def test_nodes(name: str, limit: float) -> None:
    where = {'node_track': golden()['status_before'] > 0, 'node_det': real()}.get(name)
    assert worst(name, where) < limit


@pytest.mark.parametrize('name', ['trk_tau', 'trk_cell', 'trk_logits'])
def test_embeddings(name: str) -> None:
    assert worst(name) < 5e-2


@pytest.mark.parametrize('name', ['trk_mean', 'trk_var'])
def test_appearance_models(name: str) -> None:
    assert worst(name) < 1e-2
    sums = clip()[name].astype(np.float64).sum(-1)
    assert fill.gap(sums, golden()[f'{name}_sum']) < 0.3


@pytest.mark.parametrize('name', ['bkg_tau', 'bkg_cell', 'bkg_mean', 'bkg_var'])
def test_empty_track(name: str) -> None:
    assert worst(name) < 5e-3


@pytest.mark.parametrize('name', ['trk_box', 'trk_box_raw'])
def test_boxes(name: str) -> None:
    alive = golden()['status'] > 0  # a free slot has no box at all; the code leaves -1 or 0 there
    assert worst(name, alive) < 5e-2


def test_mask_scores() -> None:
    assert worst('seg_logits') < 1e-1
    assert (clip()['seg_logits'][golden()['status'] != 1] == UNSEEN).all()


def test_segmentation() -> None:
    check_segmentation(clip()['segmentation'])


def check_segmentation(got: np.ndarray) -> None:
    """Compare label images [8, 360, 640] as the README of the reference vectors says."""
    want = golden()['segmentation']
    bits = np.unpackbits(golden()['seg_sure_bits'], axis=1).reshape(want.shape).astype(bool)
    differs = got != want
    assert not (differs & bits).any()
    assert differs.sum(axis=(1, 2)).max() <= 300
    areas = np.stack([(got == slot + 1).sum(axis=(1, 2)) for slot in golden()['result_slot']])
    assert np.abs(areas - golden()['result_area']).max() <= 300


def test_results_of_the_video() -> None:
    logits = torch.from_numpy(clip()['trk_logits'][-1][clip()['alive'][-1]])
    assert np.array_equal(np.flatnonzero(clip()['alive'][-1]), golden()['result_slot'])
    assert np.array_equal(logits[:, 1:].argmax(1).numpy() + 1, golden()['result_class'])
    assert fill.gap(best_log_probability(logits), golden()['result_score']) < 5e-2


def test_the_method_gives_the_same() -> None:
    """The registered method, with its memory told to forget nothing."""
    cls = METHODS['rgnnvis']
    never = {'memory.lost_timeout_s': 3600.0, 'memory.tentative_timeout_s': 3600.0}
    options = {'network': 'resnet50', 'classes': tuple(map(str, range(1, 41))), **never}
    weights = LoadedWeights(model().state_dict(), 'golden')
    method = cls(build_config(cls.Config, options), weights=weights, device='cpu')
    state = method.init_state()
    segmentation = np.zeros((8, 360, 640), np.int64)
    for index, image in enumerate(fill.frames(int(golden()['seed']), 8, 360, 640)):
        state, (result,) = method.step(state, Frame(image, index * 200_000_000))
        for track in result.tracks:
            segmentation[index][to_dense(track.mask, 360, 640)] = track.slot + 1
        assert np.array_equal(state.memory.occupied.numpy(), golden()['status'][index] > 0)
    check_segmentation(segmentation)
    places = [list(golden()['result_slot']).index(track.slot) for track in result.tracks]
    classes = np.array([track.class_id + 1 for track in result.tracks])
    scores = np.log([track.score for track in result.tracks])
    seen = np.array([track.is_observed for track in result.tracks])
    assert seen.sum() == (golden()['result_area'][:, -1] > 0).sum()
    assert np.array_equal(classes[seen], golden()['result_class'][places][seen])
    assert fill.gap(scores[seen], golden()['result_score'][places][seen]) < 5e-2
