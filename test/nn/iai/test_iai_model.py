# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network whole: variants, batches, memory in and out, forgetting."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lively_iai import CLASSES, lively
from torch import Tensor

from vis_ros.nn.iai import Iai, IaiMemory, IaiOptions, IaiSelection, memory_of
from vis_ros.nn.iai.detection import detect
from vis_ros.nn.picture import Placement
from vis_ros.structures.options import build_config

SIZE = (64, 96)
VARIANTS: list[dict[str, Any]] = [
    {},
    {'identification': False},
    {'association': False},
    {'identification': False, 'association': False},
    {'long_term': False},
    {'short_term': False},
    {'long_term': False, 'short_term': False, 'class_projector': False},
    {'class_projector': False},
    {'id_loss': 'cross_entropy', 'ids': 25},
    {'id_layers': 4, 'id_embedding': 'matrix'},
    {'ranking': 'average', 'stored_frames': 2, 'interval': 1},
    {'detector': 'maskrcnn', 'proposals': 100},
    {'detector': 'maskrcnn', 'id_features': 'cells', 'id_loss': 'cross_entropy', 'proposals': 50},
    {'detector': 'maskrcnn', 'class_projector': False, 'id_layers': 3, 'proposals': 50},
]


def build(**options: Any) -> Iai:
    model = Iai('small', len(CLASSES), build_config(IaiOptions, options))
    model.load_state_dict(lively(tuple(options.items())))
    return model.eval().requires_grad_(False)


def frames(count: int, streams: int = 1, size: tuple[int, int] = SIZE) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(streams, 3, *size, generator=generator) for _ in range(count)]


def labels(model: Iai, index: int, streams: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(index)
    ids = torch.randint(0, model.options.ids + 1, (streams, 4, 6), generator=generator)
    big = ids.to(torch.uint8).repeat_interleave(16, 1).repeat_interleave(16, 2)
    return big[:, : SIZE[0], : SIZE[1]]


def play(model: Iai, images: list[Tensor], births: frozenset[int] = frozenset()) -> Any:
    memory, seen = None, None
    for index, image in enumerate(images):
        seen = model.perceive(image, memory)
        if seen.encoded is not None:
            memory = model.remember(
                memory,
                seen.encoded,
                labels(model, index, len(image)),
                is_birth=torch.full((len(image),), index in births),
                is_alive=torch.ones(len(image), model.options.ids, dtype=torch.bool),
            )
    return memory, seen


@pytest.mark.parametrize('options', VARIANTS, ids=str)
def test_variants(options: dict[str, Any]) -> None:
    model = build(**options)
    memory, seen = play(model, frames(3))
    assert (memory is None) == (not model.options.association)
    assert (seen.id_logits is None) == (not model.options.identification)
    where = Placement(SIZE, SIZE, SIZE)
    found, masks, owned = detect(model, seen, where, IaiSelection(), is_first=False)
    assert len(found.place) == len(masks) == len(owned.is_kept) > 0
    assert found.ids.shape[1] == (model.options.ids if model.options.identification else 0)
    assert (found.score.diff() <= 0).all()
    assert (found.boxes[:, 2:] <= torch.tensor([96.0, 64.0])).all()
    if memory is not None:
        assert memory.long_key.shape[1] == model.options.stored_frames
        assert memory.is_filled.sum() == 2


def test_memory_changes_what_is_seen() -> None:
    images = frames(2)
    for options, matters in (({}, True), ({'association': False}, False)):
        model = build(**options)
        _, alone = play(model, images[1:])
        _, later = play(model, images)
        same = torch.allclose(alone.output.dense.classes, later.output.dense.classes, atol=1e-4)
        assert same != matters


def test_the_network_itself_remembers_nothing() -> None:
    model, images = build(), frames(3)
    once, again = play(model, images)[0], play(model, images)[0]
    for one, other in zip(once, again, strict=True):
        assert torch.equal(one, other)


def test_streams_of_a_batch_do_not_see_each_other() -> None:
    model = build(interval=2)
    images = frames(4, streams=2)
    together, seen = play(model, images)
    stream, memory = 1, None
    for index, image in enumerate(images):
        alone = model.perceive(image[stream:], memory)
        memory = model.remember(
            memory,
            alone.encoded,
            labels(model, index, 2)[stream:],
            is_birth=torch.tensor([False]),
            is_alive=torch.ones(1, 20, dtype=torch.bool),
        )
    for one, both in zip(memory, together, strict=True):
        assert torch.allclose(one[0].float(), both[stream].float(), atol=1e-3)
    assert torch.allclose(alone.id_logits[0], seen.id_logits[stream], atol=1e-2)


@pytest.mark.parametrize('embedding', ['convolution', 'matrix'])
def test_forgetting_is_as_if_it_had_never_been(embedding: str) -> None:
    model, images = build(id_embedding=embedding), frames(4)

    def memory(shown: int) -> IaiMemory:
        state = None
        for index, image in enumerate(images):
            pixels = torch.full((1, *SIZE), 20, dtype=torch.uint8)
            pixels[0, 5:40, 10 * index : 50] = shown if index != 2 else 20
            pixels[0, 30:60, 60:90] = 3
            state = model.remember(
                state,
                model.perceive(image, None).encoded,
                pixels,
                is_birth=torch.tensor([True]),
                is_alive=torch.ones(1, 20, dtype=torch.bool),
            )
        assert state is not None
        return state

    known, never = memory(7), memory(20)
    assert not torch.allclose(known.long_value, never.long_value, atol=1e-3)
    for one, other in zip(model.forget(known, 7), never, strict=True):
        assert torch.allclose(one.float(), other.float(), atol=1e-5)
    same = model.forget(never, 7)
    assert all(torch.equal(a, b) for a, b in zip(same, never, strict=True))


def test_another_size_of_frames_goes_on() -> None:
    model = build()
    memory, _ = play(model, frames(3))
    seen = model.perceive(torch.randn(1, 3, 96, 64), memory)
    pixels = torch.full((1, 96, 64), 20, dtype=torch.uint8)
    memory = model.remember(
        memory,
        seen.encoded,
        pixels,
        is_birth=torch.tensor([True]),
        is_alive=torch.ones(1, 20, dtype=torch.bool),
    )
    assert memory.size == (3, 2)
    assert memory.is_filled.sum() == 3


def test_gradients_reach_the_memory() -> None:
    model = build()
    model.requires_grad_(True)
    _, seen = play(model, frames(2))
    seen.id_logits.sum().backward()
    for part in (model.bank.embed, model.association.block.to_value, model.association.encoder):
        assert part.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_other_precisions_are_near(precision: str) -> None:
    model, (image,) = build(), frames(1)
    exact, near = model.perceive(image, None), model.perceive(image, None, precision)
    assert near.id_logits.dtype == near.output.features.dtype == torch.float32
    assert near.encoded.key.dtype == torch.float32
    assert (exact.id_logits - near.id_logits).abs().mean() < 0.2


def test_memories_are_checked() -> None:
    model = build()
    memory, _ = play(model, frames(2))
    tensors = memory._asdict()

    def checked(changes: dict[str, Tensor]) -> IaiMemory:
        return memory_of(tensors | changes, channels=model.channels, options=model.options)

    assert checked({}) is not None
    with pytest.raises(ValueError, match='long_key: expected torch.float32'):
        checked({'long_key': tensors['long_key'][:, :3]})
    with pytest.raises(ValueError, match='step: expected torch.int64'):
        checked({'step': tensors['step'].float()})
    with pytest.raises(ValueError, match='tensors: expected'):
        checked({'other': tensors['step']})


def test_unknown_networks_are_refused() -> None:
    for detector in ('condinst', 'maskrcnn'):
        with pytest.raises(ValueError, match='expected one of resnet50'):
            Iai('resnet18', 3, IaiOptions(detector=detector))
