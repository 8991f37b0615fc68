# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Targets of the tracker's losses by hand, and laws of the whole training step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid
from tracker_clips import (
    SIZES,
    VARIANTS,
    cut,
    detected,
    name_of,
    padded,
    random_clip,
    step,
    tracker,
    truth_of,
)

from vis_ros.data.clip import Truth
from vis_ros.nn.rgnn import Rgnn
from vis_ros.nn.rgnn.association import IMPOSSIBLE
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.structures.options import build_config
from vis_ros.training.identities import TrackIdentities, detection_identities, track_identities
from vis_ros.training.tracker_loss import (
    TrackerLossConfig,
    frame_losses,
    frame_weights,
    init_losses,
    masktrack_losses,
    match_losses,
    score_losses,
    unroll,
)
from vis_ros.training.tracker_unroll import Unrolled, unroll_clip

CLOSE = {'atol': 1e-4, 'rtol': 1e-4}
TERMS = ('score', 'segmentation', 'match', 'init')
variants = pytest.mark.parametrize('variant', VARIANTS, ids=name_of)


def config(**values: Any) -> TrackerLossConfig:
    return build_config(TrackerLossConfig, {'segmentation_size': 'mask', **values})


def table(network: Rgnn, frames: list[Detected], truth: Truth, **values: Any) -> dict[str, Tensor]:
    """Return the losses of each frame of each clip."""
    clip = unroll_clip(network, frames, 24)
    found = clip.found
    identity = detection_identities(
        found.boxes, found.is_real, truth.boxes.transpose(0, 1), truth.is_visible.transpose(0, 1)
    )
    tracks = track_identities(clip.is_new, clip.assigned, identity)
    return frame_losses(network, clip, tracks, identity, truth, config(**values))


# Targets by hand: one clip of two frames, four slots, three detections.
#
# Slot 0 stands for object 1, slot 1 is false, slot 2, of the same frame as slot 3, a duplicate.

IDENTITY = torch.tensor([[[1, 0, 0]], [[0, 1, 2]]])  # (T, B, N)
TRACKS = TrackIdentities(
    origin=torch.tensor([[1, 0, 1, 2]]),
    is_owner=torch.tensor([[True, False, False, True]]),
    born=torch.tensor([[0, 0, 1, 1]]),
)
BEFORE = torch.tensor([[[False] * 4], [[True, True, False, False]]])
CLASSES = torch.tensor([[3, 4]])


def by_hand(**changes: Tensor) -> Unrolled:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    is_real = torch.tensor([[[True, True, False]], [[True, True, True]]])
    values = {
        'found': DetectionSet(is_real, *[is_real] * 6),
        'looks': random(2, 1, 3, 6),
        'is_alive': BEFORE,
        'means': random(2, 1, 4, 6),
        'match_logits': random(2, 1, 4, 3),
        'init_logits': random(2, 1, 3),
        'assigned': torch.tensor([[[0, 1, -1, -1]], [[1, -1, 0, 2]]]),
        'is_new': torch.tensor([[[True, True, False, False]], [[False, False, True, True]]]),
        'embeddings': random(2, 1, 4, 8),
        'class_logits': random(2, 1, 4, 5),
    }
    return Unrolled(**{**values, **changes})


def test_match_targets() -> None:
    """Only tracks from before the frame; the detection of an object with its own track."""
    clip = by_hand()
    logits = clip.match_logits[1, 0]
    own = -logsigmoid(logits[0, 1]) - logsigmoid(-logits[0, [0, 2]]).sum()
    false = -logsigmoid(-logits[1]).sum()  # a false track matches nothing
    expected = torch.stack((torch.zeros(()), own + false))
    torch.testing.assert_close(match_losses(clip, TRACKS, IDENTITY)[:, 0], expected)


def test_a_duplicate_matches_nothing() -> None:
    clip = by_hand(is_alive=torch.tensor([[[False] * 4], [[False, False, True, False]]]))
    expected = -logsigmoid(-clip.match_logits[1, 0, 2]).sum()
    torch.testing.assert_close(match_losses(clip, TRACKS, IDENTITY)[1, 0], expected)


def test_padding_is_no_pair() -> None:
    """Detection 2 of frame 0 is padding, so its pair with a living track does not count."""
    clip = by_hand(is_alive=torch.ones(2, 1, 4, dtype=torch.bool))
    logits = clip.match_logits[0, 0, :, :2]
    target = torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 0]])
    expected = -(target * logsigmoid(logits) + (1 - target) * logsigmoid(-logits)).sum()
    torch.testing.assert_close(match_losses(clip, TRACKS, IDENTITY)[0, 0], expected)


def test_init_targets() -> None:
    """True detections of objects without a track from before; false ones never."""
    clip = by_hand()
    logits = clip.init_logits[:, 0]
    first = -logsigmoid(logits[0, 0]) - logsigmoid(-logits[0, 1])  # 2 is padding
    second = -logsigmoid(logits[1, 2]) - logsigmoid(-logits[1, :2]).sum()  # 1 has a track
    expected = torch.stack((first, second))
    torch.testing.assert_close(init_losses(clip, TRACKS, IDENTITY)[:, 0], expected)


def test_masktrack_targets() -> None:
    """Detections with an identity are one of the living tracks, or new; others do not count."""
    clip = by_hand()
    zero = torch.zeros(1)
    first = -log_softmax(zero, 0)[0]  # new, and there is nothing else
    dots = clip.means[1, 0, :2] @ clip.looks[1, 0].T  # of the two living tracks
    own = -log_softmax(torch.cat((zero, dots[:, 1])), 0)[1]
    new = -log_softmax(torch.cat((zero, dots[:, 2])), 0)[0]
    expected = torch.stack((first, own + new))
    torch.testing.assert_close(masktrack_losses(clip, TRACKS, IDENTITY)[:, 0], expected)


@pytest.mark.parametrize('duplicate', ['background', 'object'])
@pytest.mark.parametrize('newborn', ['paper', 'code'])
def test_class_targets(duplicate: str, newborn: str) -> None:
    """Slots 0 and 3 are their objects' classes, 1 is background, 2 by choice."""
    clip = by_hand()
    target = [3, 0, 3 if duplicate == 'object' else 0, 4]
    slots = ([0, 1], [0, 1, 2, 3]) if newborn == 'paper' else ([], [0, 1])
    chance = log_softmax(clip.class_logits[:, 0], dim=-1)
    expected = torch.stack(
        [-sum((chance[t, m, target[m]] for m in slots[t]), torch.zeros(())) for t in (0, 1)]
    )
    losses = score_losses(
        clip, TRACKS, CLASSES, config(duplicate_class=duplicate, newborn_class=newborn)
    )
    torch.testing.assert_close(losses[:, 0], expected)


def test_frame_weights() -> None:
    paper = frame_weights(4, config())
    torch.testing.assert_close(paper[:-1] / paper[1:], torch.full((3,), 0.8))
    assert float(paper.sum()) == pytest.approx(1)
    assert frame_weights(1, config()).tolist() == [1]
    code = frame_weights(10, config(frame_weights='code'))
    assert float(code[-1]) == pytest.approx(0.285 * 0.8)
    assert float(code[0]) == pytest.approx(0.285 * 0.8**10)
    assert float(code.sum()) == pytest.approx(1.018, abs=1e-3)
    assert frame_weights(3, config(discount=1.0)).tolist() == pytest.approx([1 / 3] * 3)


def test_normalised_by_clips_and_frames_only() -> None:
    network = tracker()
    frames, truth = random_clip(4, batch=2)
    out = unroll(network, frames, truth, config())
    rows = table(network, frames, truth)
    for name in ('segmentation', 'match', 'init'):
        torch.testing.assert_close(out.losses[name], rows[name].sum() / (2 * 4))
    weights = frame_weights(4, config())
    torch.testing.assert_close(out.losses['score'], (rows['score'].sum(1) * weights).sum() / 2)
    assert out.counts['births'] > 4  # more tracks would weaken a mean over them


def test_the_total_is_weighted() -> None:
    network = tracker()
    frames, truth = random_clip(3)
    out = unroll(network, frames, truth, config()).losses
    expected = out['score'] + out['segmentation'] + 4 * out['match'] + out['init']
    torch.testing.assert_close(out['total'], expected)
    other = unroll(
        network, frames, truth, config(score=0.5, segmentation=0.0, match=2.0, init=3.0)
    )
    expected = 0.5 * out['score'] + 2 * out['match'] + 3 * out['init']
    torch.testing.assert_close(other.losses['total'], expected)


def test_counts() -> None:
    """Two objects, one of them detected by two, in two frames; everything starts a track."""
    network = tracker(birth_threshold=-100.0, match_threshold=100.0)
    boxes = torch.tensor([[4.0, 4, 24, 24], [40.0, 8, 70, 40]])
    truth = truth_of(boxes.expand(1, 2, 2, 4), torch.tensor([[1, 2]]))
    shown = torch.stack((boxes[0], boxes[1], boxes[1] + 1))[None]
    generator = torch.Generator().manual_seed(0)
    frames = [detected(shown, 5, generator) for _ in range(2)]
    counts = unroll(network, frames, truth, config()).counts
    expected = {'detections': 6, 'objects': 4, 'births': 6, 'duplicates': 2}
    assert {name: int(value) for name, value in counts.items()} == expected
    assert not any(value.requires_grad for value in counts.values())
    few = unroll(network, frames, truth, config(slots=4)).counts  # the memory is full
    assert int(few['births']) == 4 and int(few['duplicates']) == 1


def nothing(frames: list[Detected], *, keep: int = 0) -> list[Detected]:
    """Return frames that have lost their detections."""
    empty = []
    for frame in frames:
        blank = padded(frame, 3).found
        places = slice(-3, None) if keep == 0 else slice(None)
        empty.append(frame._replace(found=DetectionSet(*(x[:, places] for x in blank))))
    return empty


@variants
def test_a_clip_without_detections(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    frames, truth = random_clip(3)
    out = unroll(network, nothing(frames), truth, config())
    assert all(torch.isfinite(value) for value in out.losses.values())
    assert all(int(value) == 0 for value in out.counts.values())
    zero = ('score', 'match', 'init')
    assert all(float(out.losses[name].detach()) == 0 for name in zero)
    out.losses['total'].backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_clip_without_objects_teaches_background() -> None:
    network = tracker()
    frames, truth = random_clip(3)
    truth = truth_of(torch.zeros(2, 3, 0, 4), torch.zeros(2, 0, dtype=torch.int64))
    out = unroll(network, frames, truth, config())
    assert int(out.counts['objects']) == 0 and int(out.counts['births']) > 0
    out.losses['total'].backward()
    bias = network.scoring.classes.bias.grad
    assert bias[0] < 0 and (bias[1:] > 0).all()


@variants
def test_gradients_reach_what_a_variant_trains(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    frames, truth = random_clip(6, batch=3)
    unroll(network, frames, truth, config()).losses['total'].backward()
    without = set()
    for name, value in network.named_parameters():
        if value.requires_grad:
            assert value.grad is None or torch.isfinite(value.grad).all(), name
            if value.grad is None or not value.grad.abs().sum() > 0:
                without.add(name.rsplit('.', 1)[0])
    assert without == untrained(variant)


def untrained(variant: dict[str, Any]) -> set[str]:
    """Return the layers of a variant that no loss reaches, for reasons of its own."""
    if variant.get('association') == 'masktrack':  # nobody looks at the last edges
        edges = ('empty_edge', 'track_edge')
        return {f'graph.blocks.3.{edge}.{layer}' for edge in edges for layer in ('down', 'up')}
    if variant.get('graph') == 'none':  # a track starts wherever none matches: nothing to be empty
        edge = ('bottleneck.down', 'bottleneck.up', 'linear')
        empty = {'empty_recurrence.input', 'empty_recurrence.previous', 'graph.empty.linear'}
        return {'init_score', *empty, *(f'graph.empty_edge.{layer}' for layer in edge)}
    if variant.get('appearance') == 'none':
        layers = ('project.0', 'project.1', 'residual.down', 'residual.middle.0', 'residual.up')
        return {f'appearance.{layer}' for layer in layers}
    return set()


@variants
@torch.no_grad()
def test_unrolling_is_what_happens_at_test_time(variant: dict[str, Any]) -> None:
    """Leaving out slots and places that are empty changes nothing."""
    network = tracker(**variant)
    frames, _ = random_clip(6, places=9)
    clip = unroll_clip(network, frames, 12)
    places, slots = clip.found.is_real.shape[2], clip.assigned.shape[2]
    assert places == 5
    state = network.initial(2, 12)
    for t, frame in enumerate(frames):
        alive, mean = state.tracks.is_alive, state.tracks.mean
        state, out = step(network, state, frame.found, (frame.stride16, frame.stride32))
        assert torch.equal(clip.is_alive[t], alive[:, :slots]) and not alive[:, slots:].any()
        assert torch.equal(clip.assigned[t], out['assigned'][:, :slots])
        assert torch.equal(clip.is_new[t], out['is_new'][:, :slots])
        torch.testing.assert_close(clip.match_logits[t], out['match'][:, :slots, :places], **CLOSE)
        torch.testing.assert_close(clip.init_logits[t], out['init'][:, :places], **CLOSE)
        now = clip.is_alive[t] | clip.is_new[t]
        pairs = (
            (clip.class_logits[t], state.tracks.logits),
            (clip.embeddings[t], state.tracks.embedding),
        )
        for mine, theirs in pairs:
            torch.testing.assert_close(mine[now], theirs[:, :slots][now], **CLOSE)
        torch.testing.assert_close(
            clip.means[t][clip.is_alive[t]], mean[:, :slots][clip.is_alive[t]], **CLOSE
        )


@variants
def test_padding_does_not_matter(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    frames, truth = random_clip(4)
    tight = unroll(network, frames, truth, config(slots=20)).losses
    wider = [padded(frame, 5) for frame in frames]
    more = Truth(
        truth.labels,
        torch.nn.functional.pad(truth.boxes, (0, 0, 0, 2)),
        torch.nn.functional.pad(truth.is_visible, (0, 2)),
        torch.nn.functional.pad(truth.class_ids, (0, 2)),
    )
    loose = unroll(network, wider, more, config(slots=24)).losses
    for name, value in tight.items():
        torch.testing.assert_close(value, loose[name], **CLOSE)


@variants
def test_a_batch_is_the_mean_of_its_clips(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    frames, truth = random_clip(4, batch=3)
    together = unroll(network, frames, truth, config())
    alone = [unroll(network, *cut(frames, truth, k), config()) for k in range(3)]
    for name, value in together.losses.items():
        mean = torch.stack([out.losses[name] for out in alone]).mean()
        torch.testing.assert_close(value, mean, **CLOSE)
    for name, value in together.counts.items():
        assert value == sum(out.counts[name] for out in alone)


@torch.no_grad()
def test_causality() -> None:
    network = tracker()
    frames, truth = random_clip(6)
    whole = table(network, frames, truth)
    for count in (1, 3, 5):
        start = Truth(*(x[:, :count] for x in truth[:3]), truth.class_ids)
        part = table(network, frames[:count], start)
        for name in TERMS:
            torch.testing.assert_close(part[name], whole[name][:count], **CLOSE)


def test_training_learns() -> None:
    network = tracker(eventful=False)
    frames, truth = random_clip(5)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    values = []
    for _ in range(20):
        optimizer.zero_grad()
        out = unroll(network, frames, truth, config()).losses
        out['total'].backward()
        optimizer.step()
        values.append({name: float(value.detach()) for name, value in out.items()})
    assert values[-1]['total'] < 0.85 * values[0]['total']


def test_impossible_pairs_give_no_loss() -> None:
    clip = by_hand(match_logits=torch.full((2, 1, 4, 3), IMPOSSIBLE))
    none = torch.zeros_like(IDENTITY)
    assert torch.equal(match_losses(clip, TRACKS, none), torch.zeros(2, 1))


def test_bad_input() -> None:
    network = tracker()
    frames, truth = random_clip(3)
    with pytest.raises(ValueError, match=r'expected \(2, 2, 64, 96\), got \(2, 3, 64'):
        unroll(network, frames[:2], truth, config())
    with pytest.raises(ValueError, match='labels'):
        unroll(network, [], truth, config())
    small = truth._replace(labels=truth.labels[..., : SIZES.width // 2])
    with pytest.raises(ValueError, match='labels'):
        unroll(network, frames, small, config())
    with pytest.raises(ValueError, match='got 0 and 24'):
        unroll_clip(network, [], 24)
    with pytest.raises(ValueError, match='got 3 and 0'):
        unroll_clip(network, frames, 0)
    with pytest.raises(ValueError, match='duplicate_class'):
        config(duplicate_class='cat')


def test_pixels_of_some_frames() -> None:
    """Which frames count is drawn anew; their losses are those they have among all."""
    network = tracker()
    frames, truth = random_clip(4, batch=2)
    every = table(network, frames, truth)['segmentation']
    drawn = set()
    for seed in range(8):
        torch.manual_seed(seed)
        some = table(network, frames, truth, segmentation_frames=1)['segmentation']
        (place,) = [t for t in range(len(every)) if torch.allclose(some, every[[t]], atol=1e-5)]
        drawn.add(place)
    assert len(drawn) > 1
    more = table(network, frames, truth, segmentation_frames=99)['segmentation']
    torch.testing.assert_close(more, every)
