# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files of others: weights, memories, bags, ground truth."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from fuzz_kit import REFUSED, TAKEN, Target, damaged, damaged_text, refused_with
from hypothesis import strategies as st
from safetensors.torch import save

from vis_ros.evaluation.ytvis import read_annotations
from vis_ros.media.bag_writer import BagWriter
from vis_ros.media.sources import SourceError, open_source
from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.checkpoints import read_checkpoint
from vis_ros.pipeline.session import TrackingSession
from vis_ros.pipeline.weights import load_weights
from vis_ros.structures import Frame
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import encode_image, make_header

_KEPT = tempfile.TemporaryDirectory(prefix='vis_ros_fuzz_')
_FOLDER = Path(_KEPT.name)
S = 1_000_000_000


def _written(name: str, data: bytes) -> Path:
    folder = _FOLDER / str(os.getpid())  # a file that is read must not change: it is mapped
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


# Weights


def _weights():
    tensors = {'a.weight': torch.arange(6.0).reshape(2, 3), 'a.bias': torch.zeros(2)}
    meta = {'vis_ros': json.dumps({'method': 'rgnnvis', 'classes': ['a']})}
    yield 'w.safetensors', save(tensors, metadata=meta)
    for is_zip in (True, False):
        file = io.BytesIO()
        torch.save({'state_dict': tensors}, file, _use_new_zipfile_serialization=is_zip)
        yield 'w.pth', file.getvalue()


WEIGHTS = st.one_of(*(st.tuples(st.just(name), damaged(data)) for name, data in _weights()))


@refused_with(ValueError)
def take_weights(case):
    """A file of weights is read as tensors by name, or refused."""
    path = _written(*case)
    with contextlib.suppress(ValueError):
        assert read_checkpoint(path)
    loaded = load_weights(str(path))
    assert all(isinstance(value, torch.Tensor) for value in loaded.tensors.values())
    assert isinstance(loaded.meta, dict)


# Memories

METHOD = build_method('deepsort', **{'memory.capacity': 4})


def _frame(index: int) -> Frame:
    image = np.full((48, 64, 3), 90, np.uint8)
    image[10:30, 3 * index : 3 * index + 12] = 230
    return Frame(image, index * S // 10, 'camera')


def _memory() -> bytes:
    session = TrackingSession(METHOD, session_id=5)
    for index in range(10):
        session.process(_frame(index))
    session.save(_FOLDER / 'memory')
    return (_FOLDER / 'memory').read_bytes()


MEMORY = _memory()


def take_memory(data):
    """A memory is restored, or the session stays as it was; then frames are tracked as ever."""
    session = TrackingSession(METHOD, session_id=9)
    verdict = TAKEN
    try:
        session.load(_written('memory', data))
    except ValueError:
        verdict = REFUSED
        assert (session.session_id, session.last_ns) == (9, None)
    try:
        session.process(_frame(11))
    except ValueError:  # tensors that hold nonsense: the node drops one frame, and starts anew
        assert verdict == TAKEN
    for index in (12, 13):
        for _, result in session.process(_frame(index)):
            assert all(track.track_id > 0 for track in result.tracks)
    return verdict


# Bags


def _bags():
    messages = bare_messages()
    for storage, suffix in (('mcap', '.mcap'), ('sqlite3', '.db3')):
        for is_compressed in (False, True):
            folder = _FOLDER / f'{storage}{is_compressed}'
            with BagWriter(folder, storage, compress=is_compressed) as writer:
                for index in range(3):
                    header = make_header(messages, (index + 1) * S, 'camera')
                    pixels = np.full((6, 8, 3), index, np.uint8)
                    writer.write('/image', encode_image(messages, pixels, header), index)
            data = next(folder.glob(f'{folder.name}*')).read_bytes()
            yield f'b{suffix}', data, (folder / 'metadata.yaml').read_bytes()


WHOLE_BAGS = list(_bags())
BAGS = st.one_of(
    *(st.tuples(st.just(name), damaged(data), st.just(None)) for name, data, _ in WHOLE_BAGS),
    *(st.tuples(st.just(name), st.just(data), damaged(meta)) for name, data, meta in WHOLE_BAGS),
)


@refused_with(SourceError)
def take_bag(case):
    """A bag gives the frames that are whole, or is refused; the rest is told."""
    name, data, metadata = case
    path = _written(name, data)
    if metadata is not None:
        folder = path.parent / 'bag'
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        path = path.rename(folder / f'mcapFalse{path.suffix}')
        (folder / 'metadata.yaml').write_bytes(metadata)
        path = folder
    with open_source(path) as source:
        for count, frame in enumerate(source):
            assert frame.image.dtype == np.uint8
            assert count < 1000


# Ground truth

TRUTH = json.dumps(
    {
        'videos': [
            {'id': 1, 'height': 6, 'width': 8, 'length': 2, 'file_names': ['a/0.jpg', 'a/1.jpg']}
        ],
        'categories': [{'id': 1, 'name': 'person'}],
        'annotations': [
            {
                'id': 1,
                'video_id': 1,
                'category_id': 1,
                'iscrowd': 0,
                'segmentations': [{'size': [6, 8], 'counts': [4, 5, 39]}, None],
                'areas': [5, None],
                'bboxes': [[0, 4, 2, 2], None],
            },
            {
                'id': 2,
                'video_id': 1,
                'category_id': 1,
                'iscrowd': 0,
                'segmentations': [None, {'size': [6, 8], 'counts': '45W1'}],
                'areas': [None, 5],
                'bboxes': [None, [0, 4, 2, 2]],
            },
        ],
    }
)


@refused_with(ValueError)
def take_truth(text):
    """Ground truth is read, or refused with the place of its fault."""
    read_annotations(_written('truth.json', text.encode()))


TARGETS = [
    Target('weights', WEIGHTS, take_weights, 4),
    Target('memories', damaged(MEMORY), take_memory, 2),
    Target('bags', BAGS, take_bag, 3),
    Target('ground truth', damaged_text(TRUTH), take_truth, 3),
]
