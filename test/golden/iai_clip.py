# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI over the golden clips, with the life cycle of the official code."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import numpy as np
import official_fill as fill
import torch
from torch import Tensor

from vis_ros.nn.condinst import place, prepare
from vis_ros.nn.condinst.head import places
from vis_ros.nn.condinst.masks import at_source, mask_logits
from vis_ros.nn.iai import Iai, IaiMemory, IaiOptions, IaiSelection, Perception
from vis_ros.nn.iai.assignment import match, number, replaced
from vis_ros.nn.iai.memory import NOTHING
from vis_ros.nn.iai.official import MODEL_RULES
from vis_ros.nn.iai.selection import first_cover, labelled, masks_of, owned_pixels, select
from vis_ros.nn.renaming import renamed
from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.nn.yolact.backbone import Taps

IDS, CLASSES = 20, 40
Record = dict[str, Any]


@cache
def golden() -> dict[str, np.ndarray]:
    return fill.load('iai')


@cache
def rule() -> Any:
    spec = importlib.util.spec_from_file_location('iai_fill', fill.folder() / 'fill_iai.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shapes() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the official file."""
    texts = zip(golden()['weight_key'].tolist(), golden()['weight_shape'].tolist(), strict=True)
    return {name: tuple(int(n) for n in text.split(',') if n) for name, text in texts}


@cache
def official() -> dict[str, Tensor]:
    seed = int(golden()['seed'])
    return {
        name: torch.from_numpy(rule().fill_tensor(name, shape, seed))
        for name, shape in shapes().items()
    }


@cache
def model() -> Iai:
    network = Iai('resnet50', CLASSES, IaiOptions()).eval().requires_grad_(False)
    load_strictly(network, LoadedWeights(renamed(official(), MODEL_RULES), 'golden'))
    return network


@cache
def video(prefix: str) -> np.ndarray:
    """Return the frames of a clip: uint8 (T, H, W, 3), RGB."""
    if not prefix:
        frames: np.ndarray = rule().make_frames(int(golden()['seed']), 8, 360, 640)
        return frames
    frame = rule().make_frames(int(golden()['rs_frame_seed']), 1, 250, 432)
    return np.repeat(frame, 6, axis=0)


@cache
def clip(prefix: str) -> list[Record]:
    """Return what is found in each frame, under the golden names."""
    memory, given, records, taps = None, 0, [], None
    with torch.inference_mode():
        for image in video(prefix):
            if prefix == '' or taps is None:  # the other clip stands still
                taps = model().image.look(prepare(image, model().image.config, 'cpu'))
            memory, record = step(memory, given, image, taps)
            given = record['S_after']
            records.append(record)
    return records


def step(
    memory: IaiMemory | None, given: int, image: np.ndarray, taps: Taps
) -> tuple[IaiMemory, Record]:
    network, placement = model(), place(*image.shape[:2], model().image.config)
    x = prepare(image, network.image.config, 'cpu')
    record: Record = {'input': x[0], 'S_before': given}
    coarse, encoded = network.associate(taps, memory)
    seen = Perception(*network.interpret(coarse), encoded)
    record |= zip(('c3', 'c4', 'c5'), (tap[0] for tap in taps), strict=True)
    record |= maps(seen)
    where = places(*placement.padded, x.device)
    ids = network.shares(seen.id_logits)
    ranking = 'first' if memory is None else 'later'
    found = select(seen.output, ids, 0, where, placement, IaiSelection(), ranking)
    masks = masks_of(seen.output, 0, where, found.place)
    owned = owned_pixels(masks, 0.1)
    record |= {'found': found, 'masks': masks > 0.5, 'kept': owned.is_kept}
    record['mask_logits'] = mask_logits(
        seen.output.features,
        torch.zeros_like(found.place),
        seen.output.dense.controllers[0, found.place],
        where.xy[found.place],
        where.level[found.place],
    )
    kept = torch.nonzero(owned.is_kept)[:, 0]
    matched = match(found.ids[kept].numpy(), np.arange(IDS - 1) < given)
    numbered = number(matched, given, IDS)
    record |= {'S_after': numbered.given, 'birth': numbered.is_birth}
    assigned = torch.full((len(masks),), -1)
    assigned[kept] = torch.from_numpy(numbered.ids)
    record['assigned'] = assigned
    labels = labels_of(owned.owner, assigned, numbered.ids)
    outputs = at_source(masks[kept], placement.picture, placement.source) > 0.5
    shown = torch.from_numpy(np.where(replaced(numbered.ids), NOTHING, numbered.ids))
    record['label_padded'] = labels
    record['label_output'] = labelled(first_cover(outputs), shown, NOTHING)
    rows = np.zeros((IDS, CLASSES + 1), np.float32)
    rows[numbered.ids, :CLASSES] = found.classes[kept].numpy()
    record['class_rows'] = rows
    memory = network.remember(
        memory,
        seen.encoded,
        labels[None],
        is_birth=torch.tensor([numbered.is_birth]),
        is_alive=torch.arange(IDS)[None] < numbered.given,
    )
    return memory, record | stores(memory)


def labels_of(owner: Tensor, assigned: Tensor, ids: np.ndarray) -> Tensor:
    """Return the label of each pixel of the input, of those who own them."""
    values = torch.where(assigned < 0, IDS, assigned)
    values[assigned >= 0] = torch.from_numpy(np.where(replaced(ids), NOTHING, ids))
    return labelled(owner, values, IDS)


def maps(seen: Perception) -> Record:
    coarse = seen.output.taps.stride32[0]
    levels = {f'p{k + 3}': level[0] for k, level in enumerate(seen.output.levels)}
    found = {'E': coarse[:256], 'A': coarse[256:512], 'c5_replaced': coarse}
    return found | levels | {'mask_features': seen.output.features[0], 'seen': seen}


def stores(memory: IaiMemory) -> Record:
    order = memory.stored_at[0].argsort()[-int(memory.is_filled.sum()) :]
    grid = (256, *memory.size)
    return {
        'short_K': memory.short_key[0].T.reshape(grid),
        'short_V': memory.short_value[0].T.reshape(grid),
        'long_V_newest': memory.long_value[0, order[-1]],
        'long_V_oldest': memory.long_value[0, order[0]],
        'long_tokens': len(order) * memory.long_key.shape[2],
        'appended': bool(memory.latest[0] == memory.step[0]) or memory.step[0] == 1,
        'step_counter': (int(memory.step[0]), int(memory.latest[0])),
    }
