# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What IAI is taught about identities, by hand; its memory in training; one clip by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst import CondInstConfig
from vis_ros.nn.condinst.head import places
from vis_ros.nn.iai import Iai, IaiOptions
from vis_ros.nn.yolact.backbone import Taps
from vis_ros.structures.options import build_config
from vis_ros.training.condinst_loss import FrameTruth, positives_of
from vis_ros.training.iai import rising_frames
from vis_ros.training.iai_loss import (
    NOBODY,
    IaiLossConfig,
    associated,
    iai_losses,
    id_loss,
    identities_of,
)

SIZE = (64, 96)
FRAMES = 3
IDS = 5
WHERE = places(*SIZE, torch.device('cpu'))
IN_ORDER = IaiLossConfig(identities='in_order')


class QuickBackbone(nn.Module):
    """Three convolutions in place of a ResNet."""

    channels = (32, 32, 160)

    def __init__(self, name: str) -> None:
        super().__init__()
        sizes = ((3, 32, 8), (32, 32, 2), (32, 160, 2))
        self.stages = nn.ModuleList(nn.Conv2d(n, m, k, k) for n, m, k in sizes)

    def forward(self, picture: Tensor) -> Taps:
        fine = self.stages[0](picture)
        middle = self.stages[1](fine.relu())
        return Taps(fine, middle, self.stages[2](middle.relu()))


def network(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Iai:
    monkeypatch.setattr('vis_ros.nn.condinst.network.ResNetTaps', QuickBackbone)
    sizes = CondInstConfig('slim18', 2, channels=32, mask_channels=16)
    monkeypatch.setattr('vis_ros.nn.iai.model.video_config', lambda name, count: sizes)
    torch.manual_seed(0)
    return Iai('small', 2, build_config(IaiOptions, {'ids': IDS, **changes}))


def clip(*, objects: int = 2) -> tuple[Tensor, Truth]:
    """Return a clip, (1, 3, 3, 64, 96), in which two things move; the second comes later."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1, FRAMES, 3, *SIZE, generator=generator) * 0.05
    labels = torch.zeros(1, FRAMES, *SIZE, dtype=torch.uint8)
    boxes = torch.zeros(1, FRAMES, objects + 1, 4)
    is_visible = torch.zeros(1, FRAMES, objects + 1, dtype=torch.bool)
    for t in range(FRAMES):
        for j, (x, y, w, h) in enumerate(((8 + 8 * t, 8, 28, 28), (60, 24 + 8 * t, 28, 24))):
            if t >= j and j < objects:
                labels[0, t, y : y + h, x : x + w] = j + 1
                images[0, t, j, y : y + h, x : x + w] += 2.0
                boxes[0, t, j] = torch.tensor([x, y, x + w, y + h], dtype=torch.float32)
                is_visible[0, t, j] = True
    classes = torch.tensor([[*range(1, objects + 1), 0]])
    return images, Truth(labels, boxes, is_visible, classes)


def test_frames_rise_with_small_gaps() -> None:
    assert rising_frames(1, np.zeros(3), 3) == [0, 0, 0]
    assert rising_frames(2, np.full(5, 0.9), 3) == [0, 1, 0, 1, 0]
    assert rising_frames(5, np.full(5, 0.99), 3) == [0, 1, 2, 3, 4]
    assert rising_frames(20, np.array([0.0, 0.0, 0.5, 0.99]), 3) == [0, 1, 3, 6]
    rng = np.random.default_rng(0)
    for _ in range(200):
        length = int(rng.integers(5, 30))
        frames = rising_frames(length, rng.random(5), 3)
        gaps = np.diff(frames)
        assert frames[0] >= 0 and frames[-1] < length
        assert gaps.min() >= 1 and gaps.max() <= 3


def test_nobody_is_there() -> None:
    who = identities_of(torch.zeros(2, 3, 1, dtype=torch.bool), IDS, 'random')
    assert (who.own == NOBODY).all()
    assert not who.is_birth.any() and not who.seen.any()


def test_who_is_new_is_new_once() -> None:
    is_visible = torch.tensor([[[0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]]], dtype=torch.bool)
    who = identities_of(is_visible, IDS, 'in_order')
    assert who.own.tolist() == [[1, 0, NOBODY]]
    new = IDS - 1
    assert who.target[0, :, 0].tolist()[1:3] == [new, 1]
    assert [who.target[0, t, 1].item() for t in (0, 1, 3)] == [new, 0, 0]  # it comes back
    assert who.is_birth.tolist() == [[True, True, False, False]]
    assert who.seen[0].long().sum(dim=1).tolist() == [1, 2, 2, 2]


def test_random_identities_differ_and_use_all_channels() -> None:
    torch.manual_seed(0)
    is_visible = torch.ones(200, 1, 3, dtype=torch.bool)
    own = identities_of(is_visible, IDS, 'random').own
    assert all(len(set(row)) == 3 for row in own.tolist())
    assert set(own.flatten().tolist()) == set(range(IDS - 1))


def test_too_many_objects_do_not_share_identities() -> None:
    who = identities_of(torch.ones(1, 2, 6, dtype=torch.bool), IDS, 'in_order')
    assert who.own.tolist() == [[0, 1, 2, 3, NOBODY, NOBODY]]
    assert who.target.tolist() == [[[IDS - 1] * 6, [0, 1, 2, 3, NOBODY, NOBODY]]]


@pytest.mark.parametrize('kind', ['focal', 'cross_entropy'])
def test_the_loss_of_identities(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    model = network(monkeypatch, id_loss=kind)
    _, truth = clip()
    now = FrameTruth(
        truth.labels[:, 2], truth.boxes[:, 2], truth.is_visible[:, 2], truth.class_ids - 1
    )
    positives = positives_of(now, WHERE, 1.5)
    assert set(positives.owner.tolist()) == {0, 1}
    target = torch.tensor([[2, IDS - 1, NOBODY]])
    count = IDS + (kind == 'cross_entropy')
    right = torch.full((1, len(WHERE.xy), count), -12.0)
    if kind == 'cross_entropy':
        right[..., IDS] = 12.0
    said = right.clone()
    said[positives.image, positives.place] = -12.0
    said[positives.image, positives.place, target[0, positives.owner]] = 12.0
    assert id_loss(model, said, positives, target) < 1e-3
    assert id_loss(model, right, positives, target) > 1
    unknown = torch.full_like(target, NOBODY)
    assert id_loss(model, said, positives, unknown) < 1e-3  # whatever those places say
    nothing = positives._replace(**{n: v[:0] for n, v in positives._asdict().items()})
    assert id_loss(model, right, nothing, target) < 1e-3


def test_the_memory_holds_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of earlier frames by identity, background all around, births told."""
    model = network(monkeypatch)
    images, truth = clip()
    who = identities_of(truth.is_visible, IDS, 'in_order')
    calls: list[dict[str, Any]] = []
    before = Iai.remember

    def remember(self: Iai, memory: Any, encoded: Any, labels: Tensor, **others: Any) -> Any:
        calls.append({'labels': labels, **others})
        return before(self, memory, encoded, labels, **others)

    monkeypatch.setattr(Iai, 'remember', remember)
    taps = model.image.look(images[0])
    changed = associated(model, taps, truth.labels, who)
    assert changed.stride32.shape == taps.stride32.shape
    assert [set(call['labels'].unique().tolist()) for call in calls] == [{0, IDS}, {0, 1, IDS}]
    assert (calls[1]['labels'][0, 36:50, 62:80] == 1).all()
    assert [call['is_birth'].tolist() for call in calls] == [[True], [True]]
    assert calls[1]['is_alive'].tolist() == [[True, True, False, False, False]]


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_the_hidden_are_known_to_the_long_term_memory_only(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    model = network(monkeypatch)
    images, truth = clip()
    who = identities_of(truth.is_visible, IDS, 'in_order')
    seen: list[Any] = []
    before = Iai.associate
    monkeypatch.setattr(Iai, 'associate', lambda self, taps, memory: (
        seen.append(memory), before(self, taps, memory)
    )[1])  # fmt: skip
    associated(model, model.image.look(images[0]), truth.labels, who, share)
    assert seen[0] is None
    for memory in seen[1:]:
        kept = set(memory.short_labels.unique().tolist())
        assert (kept == {IDS}) == (share == 1.0)
        assert set(memory.long_labels[memory.is_filled].unique().tolist()) > {0}
    last = seen[-1]
    place = int(last.stored_at.argmax())  # the last frame shows someone new, and is stored
    assert torch.equal(last.short_key, last.long_key[:, place])
    assert torch.equal(last.short_value, last.long_value[:, place]) == (share == 0.0)


def test_the_past_counts_and_the_future_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch).eval()
    images, truth = clip()
    who = identities_of(truth.is_visible, IDS, 'in_order')
    taps = model.image.look(images[0])
    plain = associated(model, taps, truth.labels, who).stride32
    for frame, same in ((0, [0]), (2, [0, 1, 2])):  # the last frame's labels are never seen
        labels = truth.labels.clone()
        labels[:, frame] = 0
        other = associated(model, taps, labels, who).stride32
        equal = [t for t in range(FRAMES) if torch.equal(plain[t], other[t])]
        assert equal == same


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'id_loss': 'cross_entropy', 'class_projector': False},
        {'identification': False},
        {'association': False},
    ],
    ids=str,
)
def test_an_empty_clip_gives_numbers(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    model = network(monkeypatch, **options)
    images, truth = clip(objects=0)
    losses = iai_losses(model, images, truth, IaiLossConfig())
    names = {'classes', 'boxes', 'centerness', 'masks', 'ids', 'total'}
    assert set(losses) == names - ({'ids'} if options == {'identification': False} else set())
    assert all(torch.isfinite(value) for value in losses.values())
    losses['total'].backward()


def test_weights_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch).eval()
    images, truth = clip()
    one = iai_losses(model, images, truth, IN_ORDER)
    two = iai_losses(model, images, truth, IaiLossConfig(identities='in_order', ids=3.0))
    assert (two['total'] - one['total']).item() == pytest.approx(2 * one['ids'].item(), rel=1e-4)


def test_labels_of_another_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    images, truth = clip()
    truth = truth._replace(labels=truth.labels[..., :-1])
    with pytest.raises(ValueError, match='labels: expected'):
        iai_losses(network(monkeypatch), images, truth, IaiLossConfig())


def test_one_clip_can_be_learned_by_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch)
    images, truth = clip()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(40):
        optimizer.zero_grad()
        losses = iai_losses(model, images, truth, IN_ORDER)
        losses['total'].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
    values = {name: value.item() for name, value in losses.items()}
    assert values['classes'] < 0.1 and values['boxes'] < 0.2 and values['ids'] < 0.1, values
    assert values['masks'] < 0.2, values
