# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI against the official code, over both golden clips, each quantity; and its parts alone."""

from __future__ import annotations

import zlib
from typing import Any

import iai_clip
import numpy as np
import official_fill as fill
import pytest
import torch
from iai_clip import CLASSES, IDS, clip, golden, labels_of

from vis_ros.methods import METHODS
from vis_ros.nn.condinst import Placement
from vis_ros.nn.condinst.head import Dense, Places, boxes_of, places
from vis_ros.nn.condinst.network import CondInstOutput
from vis_ros.nn.iai import IaiSelection
from vis_ros.nn.iai.assignment import match, number
from vis_ros.nn.iai.memory import NOTHING
from vis_ros.nn.iai.selection import first_cover, labelled, owned_pixels, select
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact.backbone import Taps
from vis_ros.ops.rle import to_dense
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

fill.folder()
PIXELS = 60  # of a frame that may differ: masks have pixels at exactly one half
clips = pytest.mark.parametrize('prefix', ['', 'rs_'])


def of(prefix: str, name: str) -> np.ndarray:
    array: np.ndarray = golden()[prefix + name]
    return array


def all_of(prefix: str, name: str) -> np.ndarray:
    return np.array([np.asarray(record[name]) for record in clip(prefix)])


def detections(prefix: str, field: str) -> np.ndarray:
    return np.concatenate([getattr(record['found'], field).numpy() for record in clip(prefix)])


def crc(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def test_weights_and_frames_are_theirs() -> None:
    for name, want in zip(golden()['weight_key'], golden()['weight_crc32'], strict=True):
        assert crc(iai_clip.official()[str(name)].numpy().astype('<f4')) == want, name
    for prefix in ('', 'rs_'):
        found = [crc(frame) for frame in iai_clip.video(prefix)]
        assert found == of(prefix, 'frame_crc32').tolist()


@clips
@pytest.mark.parametrize(
    ('name', 'limit'),
    [
        ('input', 1e-5),
        *((name, 5e-4) for name in ('c3', 'c4', 'c5', 'E')),
        *((name, 1e-2) for name in ('A', 'c5_replaced', 'p3', 'p4', 'p5', 'p6', 'p7')),
        *((name, 1e-2) for name in ('mask_features', 'short_K')),
        *((name, 5e-2) for name in ('short_V', 'long_V_newest', 'long_V_oldest')),
    ],
)
def test_maps(prefix: str, name: str, limit: float) -> None:
    for index, record in enumerate(clip(prefix)):
        value = record[name].numpy()
        sharp = min(limit, 5e-4) if index == 0 and not name.endswith(('_V', 'est')) else limit
        picked = value.reshape(-1)[of(prefix, f'{name}_index')]
        assert fill.gap(picked, of(prefix, name)[index]) < sharp
        wide = value.astype(np.float64)
        got = np.array([wide.mean(), wide.std()])
        assert fill.gap(got, of(prefix, f'{name}_mean_std')[index]) < limit


@clips
@pytest.mark.parametrize('level', range(5))
def test_head(prefix: str, level: int) -> None:
    start = (0, 3840, 4800, 5040, 5100)[level]
    at = start + of(prefix, f'head_pos{level}')
    for index, record in enumerate(clip(prefix)):
        seen = record['seen']
        dense = seen.output.dense
        limits = {'cls': (dense.classes, 5e-2), 'id': (seen.id_logits, 5e-3)}
        limits |= {'controller': (dense.controllers, 5e-3)}
        limits |= {'centerness': (dense.centerness[..., None], 5e-3)}
        for name, (value, limit) in limits.items():
            assert fill.gap(value[0, at], of(prefix, f'head_{name}{level}')[index]) < limit, name
        want = of(prefix, f'head_box{level}')[index]
        gap = np.abs(dense.boxes[0, at].numpy() - want)
        assert (gap < 1e-2 + 2e-4 * np.abs(want)).all()


@clips
def test_detections(prefix: str) -> None:
    assert [len(r['found'].place) for r in clip(prefix)] == of(prefix, 'det_count').tolist()
    assert np.array_equal(detections(prefix, 'place'), of(prefix, 'det_point'))
    boxes = of(prefix, 'det_box')
    assert fill.gap(detections(prefix, 'boxes'), boxes[:, :4]) < 2e-2
    assert fill.gap(detections(prefix, 'score'), boxes[:, 4]) < 1e-3
    assert fill.gap(detections(prefix, 'classes'), of(prefix, 'det_class')[:, :CLASSES]) < 1e-3
    assert fill.gap(detections(prefix, 'ids'), of(prefix, 'det_id')[:, :IDS]) < 1e-3


@clips
def test_masks(prefix: str) -> None:
    logits = np.concatenate([r['mask_logits'].numpy() for r in clip(prefix)])
    logits = logits.reshape(len(logits), -1)[:, of(prefix, 'det_mask_logit_index')]
    assert fill.gap(logits, of(prefix, 'det_mask_logit')) < 1e-2
    want = np.unpackbits(of(prefix, 'det_mask_bits'), axis=1).reshape(-1, 384, 640).astype(bool)
    got = np.concatenate([r['masks'].numpy() for r in clip(prefix)])
    assert (got != want).sum(axis=(1, 2)).max() <= PIXELS


@clips
def test_identities(prefix: str) -> None:
    kept = np.concatenate([r['kept'].numpy() for r in clip(prefix)])
    assert np.array_equal(kept, of(prefix, 'det_kept').astype(bool))
    assigned = np.concatenate([r['assigned'].numpy() for r in clip(prefix)])
    assert np.array_equal(assigned, of(prefix, 'det_assigned'))
    for name in ('S_before', 'S_after', 'birth', 'appended', 'long_tokens', 'step_counter'):
        assert np.array_equal(all_of(prefix, name), of(prefix, name)), name


@clips
@pytest.mark.parametrize('name', ['label_padded', 'label_output'])
def test_labels(prefix: str, name: str) -> None:
    got, want = all_of(prefix, name), of(prefix, name)
    assert got.shape == want.shape
    assert (got != want).sum(axis=(1, 2)).max() <= PIXELS


@clips
def test_results_of_the_video(prefix: str) -> None:
    rows = all_of(prefix, 'class_rows')
    assert fill.gap(rows, of(prefix, 'class_rows')) < 1e-3
    mean = rows.mean(0)
    order = np.argsort(-mean.reshape(-1), kind='stable')[:10]
    who, which = np.divmod(order, CLASSES + 1)
    assert np.array_equal(who, of(prefix, 'video_topk_id'))
    assert np.array_equal(which, of(prefix, 'video_topk_class'))
    assert fill.gap(mean[who, which], of(prefix, 'video_topk_score')) < 2e-4
    good = mean[who, which] > 0.05
    assert np.array_equal(who[good], of(prefix, 'video_id'))
    assert np.array_equal(which[good], of(prefix, 'video_class'))
    assert fill.gap(mean[who, which][good], of(prefix, 'video_score')) < 2e-4
    for row, identity in zip(of(prefix, 'video_area'), who[good], strict=True):
        areas = (all_of(prefix, 'label_output') == identity).sum(axis=(1, 2))
        areas = np.where(all_of(prefix, 'S_after') > identity, areas, -1)
        assert np.abs(areas - row).max() <= PIXELS


@clips
def test_the_method_gives_the_same(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registered method, told to forget nothing, on what the network perceived."""
    cls = METHODS['iai']
    never = {'memory.lost_timeout_s': 3600.0, 'memory.tentative_timeout_s': 3600.0}
    names = tuple(map(str, range(CLASSES)))
    options = {'network': 'resnet50', 'classes': names, 'score': 'video', **never}
    weights = LoadedWeights(iai_clip.model().state_dict(), 'golden')
    method = cls(build_config(cls.Config, options), weights=weights, device='cpu')
    state = method.init_state()
    for index, (image, record) in enumerate(
        zip(iai_clip.video(prefix), clip(prefix), strict=True)
    ):
        monkeypatch.setattr(method._model, 'look', lambda image, precision: image)
        monkeypatch.setattr(method._model, 'understand', lambda *_, r=record: r['seen'])
        state, (result,) = method.step(state, Frame(image, index * 200_000_000))
        labels = np.full(image.shape[:2], NOTHING)
        for track in result.tracks:
            labels[to_dense(track.mask, *image.shape[:2])] = track.slot
        assert np.array_equal(labels, record['label_output'])
        assert np.array_equal(state.network.short_labels[0], record['label_padded'])
        for name, value in iai_clip.stores(state.network).items():
            assert fill.gap(value, np.asarray(record[name])) < 1e-4, name
    assert int(state.memory['next_id']) - 1 == of(prefix, 'S_after')[-1]
    mean = all_of(prefix, 'class_rows').mean(0)
    for track in result.tracks:
        if track.is_observed:
            assert track.score == pytest.approx(float(mean[track.slot].max()), abs=1e-5)
            assert track.class_id == mean[track.slot].argmax()


def test_assignment() -> None:
    """The synthetic sequences, exactly: crowds, empty and covered masks, saturation."""
    ends = np.cumsum(golden()['assign_count'])
    all_ids = golden()['assign_det_id']
    bits = np.unpackbits(golden()['assign_det_mask_bits'], axis=1).reshape(-1, 64, 96)
    given = 0
    for frame, end in enumerate(ends):
        part = slice(end - golden()['assign_count'][frame], end)
        given = 0 if golden()['assign_first'][frame] else given
        masks = torch.from_numpy(bits[part]).float()
        owned = owned_pixels(masks, 0.1)
        kept = np.flatnonzero(owned.is_kept)
        in_use = np.arange(IDS - 1) < given
        numbered = number(match(all_ids[part][kept, :IDS], in_use), given, IDS)
        given = numbered.given
        want = {n: golden()[f'assign_expected_{n}'][frame] for n in ('label', 'output_label')}
        assigned = torch.full((len(masks),), -1)
        assigned[kept] = torch.from_numpy(numbered.ids)
        labels = labels_of(owned.owner, assigned, numbered.ids)
        assert np.array_equal(labels, want['label'])
        rows = np.full(IDS, -1)
        rows[numbered.ids] = kept
        assert np.array_equal(rows, golden()['assign_expected_row_detection'][frame])
        shown = torch.tensor(
            [k if rows[k] == d else NOTHING for k, d in zip(numbered.ids, kept, strict=True)]
        ).long()
        output = labelled(first_cover(masks[kept, :60, :90] > 0.5), shown, NOTHING)
        assert np.array_equal(output, want['output_label'])
        assert given == golden()['assign_expected_S'][frame]
        assert numbered.is_birth == golden()['assign_expected_birth'][frame]


def head_outputs(case: int) -> tuple[CondInstOutput, torch.Tensor, Places]:
    levels = iai_clip.rule().make_head_outputs(int(golden()['seed']), case)
    parts: list[Any] = [
        torch.cat([torch.from_numpy(level[k]).flatten(1) for level in levels], dim=1).T[None]
        for k in range(4)
    ]
    classes, ids, boxes, centerness = parts
    none = torch.zeros(0)
    dense = Dense(classes, boxes, centerness[..., 0], none)
    return (
        CondInstOutput(Taps(none, none, none), (), dense, none),
        ids,
        places(192, 320, none.device),
    )


def test_selection() -> None:
    placement = Placement((150, 248), (180, 310), (192, 320))
    ends = np.cumsum(golden()['select_count'])
    for case, end in enumerate(ends):
        output, ids, where = head_outputs(case)
        top, limit = golden()['select_cfg'][case].tolist()
        config = IaiSelection(top=top, limit=limit)
        ranking = 'first' if golden()['select_first'][case] else 'later'
        found = select(output, ids.sigmoid(), 0, where, placement, config, ranking)
        part = slice(end - golden()['select_count'][case], end)
        assert np.array_equal(found.place, golden()['select_point'][part])
        boxes = golden()['select_box'][part]
        assert fill.gap(found.boxes, boxes[:, :4]) < 1e-3
        assert fill.gap(found.score, boxes[:, 4]) < 1e-5
        assert fill.gap(found.classes, golden()['select_class'][part][:, :CLASSES]) < 1e-5
        assert fill.gap(found.ids, golden()['select_id'][part][:, :IDS]) < 1e-5
        assert boxes_of(where.xy[:1], torch.zeros(1, 4)).shape == (1, 4)
