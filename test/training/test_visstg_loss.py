# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The targets and losses of VisSTG on cases made by hand, and one pair learned by heart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst import CondInst, CondInstConfig, video_config
from vis_ros.nn.condinst.head import places
from vis_ros.nn.visstg import Past, Visstg, VisstgOptions
from vis_ros.nn.visstg.association import by_edges
from vis_ros.nn.visstg.selection import masks_of
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact.backbone import Taps
from vis_ros.structures.options import build_config
from vis_ros.training.starting import start_from
from vis_ros.training.visstg import VisstgTask
from vis_ros.training.visstg_association_loss import edge_loss, embedding_loss
from vis_ros.training.visstg_loss import (
    VisstgLossConfig,
    centre_loss,
    dice_loss,
    offset_loss,
    pair_frames,
    size_loss,
    visstg_losses,
)
from vis_ros.training.visstg_targets import (
    Objects,
    Positives,
    SeenFrame,
    centre_places,
    gaussian_radius,
    gaussians,
    heat_of,
    mean_error,
    objects_of,
    owners_of,
    positives_of,
    shapes_of,
)

SIZE = (96, 160)
SHAPES = [(12, 20), (6, 10), (3, 5), (2, 3), (1, 2)]
WHERE = places(*SIZE, torch.device('cpu'))
P4 = 12 * 20  # first place of the second level
CLASSES = 2
TERMS = {'centre', 'size', 'offset', 'mask', 'warped_mask', 'tracking', 'total'}


class QuickBackbone(nn.Module):
    """Three convolutions in place of a ResNet."""

    channels = (16, 16, 16)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(n, 16, k, k) for n, k in ((3, 8), (16, 2), (16, 2)))

    def forward(self, picture: Tensor) -> Taps:
        fine = self.stages[0](picture)
        middle = self.stages[1](fine.relu())
        return Taps(fine, middle, self.stages[2](middle.relu()))


def network(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Visstg:
    monkeypatch.setattr('vis_ros.nn.visstg.network.ResNetTaps', QuickBackbone)
    torch.manual_seed(0)
    sizes = CondInstConfig('slim18', CLASSES, channels=32, mask_channels=8)
    return Visstg(sizes, build_config(VisstgOptions, {'rounds': 1, **changes}))


def two_objects() -> Objects:
    """Return one image with an object on each of the two finest levels, and padding."""
    boxes = torch.tensor([[[20.0, 10.0, 52.0, 34.0], [60.0, 16.0, 140.0, 80.0], [0.0] * 4]])
    is_visible = torch.tensor([[True, True, False]])
    return objects_of(boxes, is_visible, torch.tensor([[1, 2, 0]]), 8.0)


def pair(*, is_empty: bool = False) -> tuple[Tensor, Truth]:
    """Return a pair of images, (1, 2, 3, 96, 160), in which two things move, and its truth."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1, 2, 3, *SIZE, generator=generator) * 0.1
    labels = torch.zeros(1, 2, *SIZE, dtype=torch.uint8)
    boxes, is_visible = torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, dtype=torch.bool)
    for t in range(0 if is_empty else 2):
        for j, (x, y, w, h) in enumerate(((20 + 8 * t, 16, 40, 40), (88, 24 + 8 * t, 44, 32))):
            labels[0, t, y : y + h, x : x + w] = j + 1
            images[0, t, j, y : y + h, x : x + w] += 2.0
            boxes[0, t, j] = torch.tensor([x, y, x + w, y + h], dtype=torch.float32)
            is_visible[0, t, j] = True
    return images, Truth(labels, boxes, is_visible, torch.tensor([[1, 2, 0]]))


# targets


def test_objects_belong_to_levels_by_size() -> None:
    objects = two_objects()
    assert objects.level[0, :2].tolist() == [0, 1]  # 32 and 80 pixels
    assert objects.is_real.tolist() == [[True, True, False]]
    assert objects.class_ids.tolist() == [[0, 1, 0]]
    sides = torch.tensor([64.0, 65.0, 128.0, 512.0, 9999.0])
    boxes = torch.stack((sides * 0, sides * 0, sides, sides / 2), dim=-1)[None]
    every = torch.ones(1, 5, dtype=torch.bool)
    assert objects_of(boxes, every, every.long(), 8.0).level.tolist() == [[0, 1, 1, 3, 4]]


def test_the_heat_is_one_at_the_centre_only() -> None:
    objects = two_objects()
    centre = centre_places(objects, SHAPES)
    assert centre[0, :2].tolist() == [2 * 20 + 4, P4 + 3 * 10 + 6]  # (36, 22), (100, 48)
    heat = gaussians(objects, WHERE, SHAPES, 0.7)
    assert heat.shape == (1, 3, len(WHERE.xy))
    assert (heat == 1).nonzero()[:, 1:].tolist() == [[0, 44], [1, P4 + 36]]
    assert not heat[0, 0, P4:].any() and not heat[0, 1, :P4].any() and not heat[0, 2].any()
    classes = heat_of(heat, objects, 3)
    assert torch.equal(classes[..., 0], heat[:, 0]) and torch.equal(classes[..., 1], heat[:, 1])
    assert not classes[..., 2].any()
    nothing = torch.zeros(0, dtype=torch.int64)
    nobody = Positives(nothing, nothing, nothing)
    owner = owners_of(heat, nobody, 0.99)
    assert owner.sum() == 3 and owner[0, 44] == 1 and owner[0, P4 + 36] == 2
    assert not owners_of(heat[:, 2:], nobody, 0.01).any()
    owner = owners_of(heat, Positives(*torch.tensor([[0], [43], [0]])), 0.99)
    assert owner.sum() == 4 and owner[0, 43] == 1


def test_the_radius_keeps_the_overlap() -> None:
    sides = torch.tensor([[10.0, 10.0], [30.0, 6.0], [1.0, 1.0]])
    radius = gaussian_radius(sides, 0.7)
    assert (radius > 0).all()
    inner = (sides - 2 * radius[:, None]).clamp(min=0).prod(1) / sides.prod(1)
    outer = sides.prod(1) / (sides + 2 * radius[:, None]).prod(1)
    moved = (sides - radius[:, None]).prod(1)
    overlap = moved / (2 * sides.prod(1) - moved)
    least = torch.stack((inner, outer, overlap)).amin(0)
    assert torch.allclose(least, torch.full((3,), 0.7), atol=1e-4)


def test_positives_lie_around_centres() -> None:
    objects = two_objects()
    found = positives_of(objects, WHERE, SHAPES, 0)
    assert [part.tolist() for part in found] == [[0, 0], [44, P4 + 36], [0, 1]]
    around = positives_of(objects, WHERE, SHAPES, 1)
    assert around.place[around.owner == 0].tolist() == [23, 24, 25, 43, 44, 45, 63, 64, 65]
    close = torch.tensor([[[0.0, 0.0, 8.0, 8.0], [8.0, 0.0, 16.0, 8.0], [0.0] * 4]])
    near = positives_of(objects._replace(boxes=close, level=objects.level * 0), WHERE, SHAPES, 1)
    assert near.place[near.owner == 0].tolist() == [0, 20]
    assert near.place[near.owner == 1].tolist() == [1, 2, 21, 22]
    nobody = objects._replace(is_real=torch.zeros(1, 3, dtype=torch.bool))
    assert all(part.tolist() == [] for part in positives_of(nobody, WHERE, SHAPES, 1))


def test_pairs_are_near() -> None:
    draws = [k / 1000 for k in range(1000)]
    found = [pair_frames(10, draw) for draw in draws]
    assert {b - a for a, b in found} == {1, 2, 3, 4}
    assert {a for a, _ in found} == set(range(9)) and max(b for _, b in found) == 9
    assert pair_frames(1, 0.5) == (0, 0)
    assert {pair_frames(2, draw) for draw in draws} == {(0, 1)}


# terms


def seen(model: Visstg, objects: Objects, images: Tensor, past: Past | None = None) -> SeenFrame:
    output = model.interpret(model.look(images), past, None)
    shapes = shapes_of(output)
    heat = gaussians(objects, WHERE, shapes, 0.7)
    positives = positives_of(objects, WHERE, shapes, 0)
    return SeenFrame(output, objects, heat, positives, torch.zeros(1, *SIZE))


def test_what_is_right_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch).eval().requires_grad_(False)
    frame = seen(model, two_objects(), torch.randn(1, 3, *SIZE))
    dense = frame.output.dense
    dense.heat.fill_(-20.0)
    dense.heat[0, 44, 0] = dense.heat[0, P4 + 36, 1] = 20.0
    dense.sizes[0, 44] = torch.tensor([32.0, 24.0]) / 64
    dense.sizes[0, P4 + 36] = torch.tensor([80.0, 64.0]) / 128
    dense.offsets[0, 44] = torch.tensor([0.0, 0.25])  # (36, 20) to (36, 22)
    dense.offsets[0, P4 + 36] = torch.tensor([-0.25, -0.5])  # (104, 56) to (100, 48)
    for term in (centre_loss, size_loss, offset_loss):
        assert term(model, frame, WHERE).item() == pytest.approx(0.0, abs=1e-6)
    dense.heat[0, 44, 0] = 0.0  # probability 1/2 where it shall be 1: 1/4 log 2, of 2 objects
    assert centre_loss(model, frame, WHERE).item() == pytest.approx(0.0866, abs=1e-3)
    dense.heat[0, 44, 0], dense.heat[0, 200, 1] = 20.0, 0.0  # a false one costs as much
    assert centre_loss(model, frame, WHERE).item() == pytest.approx(0.0866, abs=1e-3)
    dense.sizes[0, 44] += 0.5
    assert size_loss(model, frame, WHERE).item() == pytest.approx(0.25)


def test_dice() -> None:
    want = torch.zeros(2, 4, 4)
    want[:, :2] = 1
    assert dice_loss(want, want).item() == pytest.approx(0.0, abs=1e-5)
    assert dice_loss(1 - want, want).item() == pytest.approx(1.0)
    assert dice_loss(want / 2, want).item() == pytest.approx(0.2, abs=1e-4)
    assert dice_loss(want[:0], want[:0]).item() == 0.0
    assert mean_error(want[:0], want[:0]).item() == 0.0


def test_pruned_edges_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each instance keeps its edges to objects, or what is taken for one, of its class."""
    model = network(monkeypatch).eval().requires_grad_(False)
    objects, image = two_objects(), torch.randn(1, 3, *SIZE)
    nodes = model.nodes(model.look(image), objects.boxes)
    past = Past(objects.is_real, objects.centres, nodes)
    reference = seen(model, objects, image)
    target = seen(model, objects, image, past)
    target.output.dense.heat.fill_(-20.0)
    asked = []

    def answer(edges: Tensor) -> Tensor:
        asked.append(len(edges))
        return torch.zeros(len(edges), requires_grad=True)

    monkeypatch.setattr(model, 'edge_logits', answer)
    loss = edge_loss(model, reference, target, 1.0, 0.1)
    assert loss.item() == pytest.approx(0.6931, abs=1e-3)
    assert asked == [2]  # each to its own centre
    target.output.dense.heat[0, 45, 0] = 5.0  # taken for an object of the first one's class
    target.output.dense.heat[0, 64, 1] = 5.0  # of the other class, which is not near
    edge_loss(model, reference, target, 1.0, 0.1)
    assert asked[-1] == 3
    other = reference._replace(objects=objects._replace(class_ids=1 - objects.class_ids))
    edge_loss(model, other, target, 1.0, 0.1)
    assert asked[-1] == 1  # the second instance is of the first class now, and near to nothing
    nobody = objects._replace(is_real=torch.zeros(1, 3, dtype=torch.bool))
    blind = seen(model, nobody, image, past)
    blind.output.dense.heat.fill_(-20.0)
    assert edge_loss(model, reference, blind, 0.5, 0.1).item() == 0.0


def test_embeddings_learn_who_or_new(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch, association='embedding', embedding=2).eval()
    model.requires_grad_(False)
    objects, image = two_objects(), torch.randn(1, 3, *SIZE)
    reference, target = seen(model, objects, image), seen(model, objects, image)
    for frame in (reference, target):
        frame.output.dense.cues[0, 44] = torch.tensor([5.0, 0.0])
        frame.output.dense.cues[0, P4 + 36] = torch.tensor([0.0, 5.0])
    assert embedding_loss(reference, target).item() == pytest.approx(0.0, abs=1e-6)
    one = objects._replace(is_real=torch.tensor([[True, False, False]]))
    first = reference._replace(objects=one)  # the second object is new, and says 0: log 2
    assert embedding_loss(first, target).item() == pytest.approx(0.3466, abs=1e-3)


# the whole


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'association': 'embedding', 'fusion': 'concatenation'},
        {'association': 'offset', 'fusion': 'none', 'propagation': False},
        {'branches': 'separate', 'node_pooling': 'convolution'},
    ],
    ids=str,
)
def test_losses_reach_all_parameters(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    model = network(monkeypatch, **changes)
    if changes.get('propagation', True):
        nn.init.normal_(model.warp.estimate[-1].weight, std=0.1)  # starts as 0
    images, truth = pair()
    losses = visstg_losses(model, images, truth, VisstgLossConfig())
    assert set(losses) == TERMS
    assert all(loss.isfinite() for loss in losses.values())
    losses['total'].backward()
    untouched = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


def test_frames_without_objects_teach_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for changes in ({}, {'association': 'embedding'}, {'association': 'offset'}):
        model = network(monkeypatch, **changes)
        images, truth = pair(is_empty=True)
        losses = visstg_losses(model, images, truth, VisstgLossConfig())
        zero = {name for name, loss in losses.items() if loss == 0}
        assert zero == TERMS - {'centre', 'total'}
        losses['total'].backward()
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_weights_count(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch).eval().requires_grad_(False)
    images, truth = pair()
    off = dict.fromkeys(('detection', 'mask', 'tracking'), 0.0)
    for name, parts in (
        ('detection', ('centre', 'size', 'offset')),
        ('mask', ('mask', 'warped_mask')),
        ('tracking', ('tracking',)),
    ):
        config = build_config(VisstgLossConfig, {**off, name: 2.0})
        losses = visstg_losses(model, images, truth, config)
        want = 2 * sum(losses[part] for part in parts)
        assert losses['total'].item() == pytest.approx(want.item(), rel=1e-5)
    whole = visstg_losses(model, images, truth, VisstgLossConfig())
    target = {'reference_detection': 0.0, 'reference_mask': 0.0}
    rest = visstg_losses(model, images, truth, build_config(VisstgLossConfig, target))
    assert rest['centre'] < whole['centre'] and rest['mask'] < whole['mask']
    assert rest['tracking'] == whole['tracking']


def test_wrong_shapes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (images, truth) = network(monkeypatch), pair()
    for wrong in (images[:, :1], images[..., :64]):
        with pytest.raises(ValueError, match=r'labels: expected \(B, 2, H, W\)'):
            visstg_losses(model, wrong, truth, VisstgLossConfig())


def test_a_pair_is_learned_by_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two objects of one class, each in the window of the other: only the edges tell them."""
    model = network(monkeypatch, rounds=2, window_p3=21)
    images, truth = pair()
    truth = truth._replace(class_ids=torch.tensor([[1, 1, 0]]))
    optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
    history = []
    for _ in range(40):
        losses = visstg_losses(model, images, truth, VisstgLossConfig())
        optimizer.zero_grad()
        losses['total'].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        history.append({name: loss.item() for name, loss in losses.items()})
    first, last = history[0], history[-1]
    assert last['total'] < first['total'] / 5, last
    assert last['mask'] < 0.4 and last['warped_mask'] < 0.3 and last['tracking'] < 0.1, last
    model.eval()
    with torch.no_grad():
        before, now = (model.look(images[:, t]) for t in (0, 1))
        nodes = model.nodes(before, truth.boxes[:, 0])
        objects = objects_of(truth.boxes[:, 0], truth.is_visible[:, 0], truth.class_ids, 8.0)
        past = Past(objects.is_real, objects.centres, nodes)
        output = model.interpret(now, past, None)
        aim = objects_of(truth.boxes[:, 1], truth.is_visible[:, 1], truth.class_ids, 8.0)
        place = centre_places(aim, SHAPES)[0, :2]
        pairs = by_edges(model, output, place, 0.5)
        masks = masks_of(output, 0, WHERE, place, output.dense.controllers[0, place])
    assert pairs.is_positive[:2].tolist() == [[True, False], [False, True]]
    assert output.dense.heat[0, place].argmax(dim=1).tolist() == [0, 0]
    want = truth.labels[0, 1, 2::4, 2::4] == torch.tensor([1, 2])[:, None, None]
    assert ((masks > 0.5) == want).float().mean() > 0.95


def test_it_starts_from_a_condinst(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one alone, or from the one in IAI; its boxes and classes mean something else."""
    config = video_config('small', CLASSES)
    source = CondInst(config).state_dict()
    for prefix in ('', 'image.'):
        tensors = {f'{prefix}{name}': value + 1 for name, value in source.items()}
        weights = LoadedWeights(tensors, 'file')
        monkeypatch.setattr('vis_ros.training.starting.load_weights', lambda name, w=weights: w)
        model = Visstg(config, VisstgOptions(head_layers=5))  # towers of four units, as there
        before = {name: value.clone() for name, value in model.state_dict().items()}
        start_from(model, 'file', VisstgTask.renames, VisstgTask.backbone + '.')
        taken = {
            name for name, value in model.state_dict().items() if (value != before[name]).any()
        }
        parts = ('backbone', 'pyramid', 'plain.masks', 'plain.class_tower', 'plain.box_tower')
        expected = {name for name in before if name.startswith((*parts, 'plain.controller'))}
        assert taken == expected
        mine = model.plain.class_tower[3].conv.weight
        assert torch.equal(mine, source['head.class_tower.3.conv.weight'] + 1)
