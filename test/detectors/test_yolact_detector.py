# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YOLACT as a detector, with random parameters: geometry, classes, loading."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

import vis_ros
from vis_ros.detectors import yolact as module
from vis_ros.detectors.yolact import YolactDetector, YolactDetectorConfig
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact import (
    SelectionConfig,
    Yolact,
    YolactConfig,
    YolactOutput,
    prepare,
)
from vis_ros.nn.yolact.anchors import decode_boxes, encode_boxes
from vis_ros.nn.yolact.features import pool_features
from vis_ros.nn.yolact.masks import stock_masks
from vis_ros.nn.yolact.nms import select_stock
from vis_ros.ops.masks import tight_box
from vis_ros.ops.rle import from_crop, to_dense
from vis_ros.structures import Detections, Frame
from vis_ros.structures.options import build_config

RANDOM = LoadedWeights({}, 'random', is_random=True)
ALL = {'detections.min_score': -100.0, 'detections.max_overlap': 1.0}
NAMES = ('cup', 'plate', 'fork')
TINY = YolactConfig('slim18', 64, 96, 4, 16, 4)
TINY_STOCK = YolactConfig('slim18', 110, 110, 4, 16, 4, anchor_base=550.0, is_square=True)


def config_of(**options: object) -> YolactDetectorConfig:
    return build_config(YolactDetectorConfig, options)


@cache
def detector_of(device: str = 'cpu') -> YolactDetector:
    """Return a detector that shows whatever it sees, however little it believes in it."""
    config = config_of(classes=NAMES, **ALL)
    return YolactDetector(config, weights=RANDOM, device=device)


@cache
def plain_detector() -> YolactDetector:
    return YolactDetector(config_of(classes=NAMES), weights=RANDOM)


@cache
def tracker() -> RgnnVis:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return RgnnVis('small', 4, RgnnOptions()).eval()


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> YolactDetector:
    """Return stock YOLACT, but of a tiny network, that shows everything."""
    monkeypatch.setattr(module, 'stock_config', lambda *_: TINY_STOCK)
    config = config_of(variant='stock', classes=NAMES, **{'stock.min_score': 0.0})
    return YolactDetector(config, weights=RANDOM)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def check(found: Detections, height: int, width: int, feature_size: int) -> None:
    for mask, box in zip(found.masks, found.boxes, strict=True):
        assert tuple(box) == tight_box(mask)
        assert 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
    assert found.features.shape == (len(found), feature_size)
    assert found.features.dtype == found.scores.dtype == found.boxes.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.features, axis=1), 1, atol=1e-4)
    assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()
    assert found.class_ids.dtype == np.int64
    assert ((found.class_ids >= 0) & (found.class_ids < 3)).all()


def shown(detector: YolactDetector, output: YolactOutput, frame: Frame) -> Detections:
    """Return what the detector makes of an output of its network."""
    network, detector._network = detector._network, lambda image: output
    detector._network.config, detector._network.anchors = network.config, network.anchors
    try:
        return detector.detect(None, frame)[1]
    finally:
        detector._network = network


def output_of(network: Yolact, boxes: Tensor, logits: Tensor, prototype: Tensor) -> YolactOutput:
    """Return an output with some objects, each at an anchor of its own; background elsewhere.

    Args:
        network: Whose output it shall be.
        boxes: float32 tensor (N, 4), in pixels of the input.
        logits: float32 tensor (N, K).
        prototype: float32 tensor (h, w), the mask logits of all of them.
    """
    config = network.config
    with torch.no_grad():
        output = network(torch.zeros(1, 3, config.height, config.width))
    size = torch.tensor([config.width, config.height, config.width, config.height])
    raw = output.raw._replace(
        offsets=torch.zeros_like(output.raw.offsets),
        logits=torch.zeros_like(output.raw.logits),
        coefficients=torch.ones_like(output.raw.coefficients),
    )
    raw.logits[..., 0] = 200.0
    rows = torch.arange(len(boxes)) * 7
    raw.offsets[0, rows] = encode_boxes(boxes / size, network.anchors[rows])
    raw.logits[0, rows] = logits
    count = output.prototypes.shape[1]
    prototypes = (prototype / count).expand(1, count, *prototype.shape)
    return output._replace(raw=raw, prototypes=prototypes)


def test_nothing_above_the_threshold(stock: YolactDetector) -> None:
    detector = plain_detector()
    empty = output_of(detector._network, torch.zeros(0, 4), torch.zeros(0, 4), torch.ones(48, 80))
    assert len(shown(detector, empty, Frame(picture(8, 9), 0))) == 0
    detector = YolactDetector(config_of(**{'detections.min_score': 0.0}), weights=RANDOM)
    state, found = detector.detect(detector.init_state(), Frame(picture(8, 9), 0))
    assert state is None
    assert len(found) == 0
    assert found.features.shape == (0, detector.feature_size)
    network = stock._network
    nothing = output_of(network, torch.zeros(0, 4), torch.zeros(0, 4), torch.ones(28, 28))
    found = shown(stock, nothing, Frame(picture(8, 9), 0))
    assert len(found) == 0
    assert found.features.shape == (0, stock.feature_size)


@pytest.mark.parametrize('size', [(48, 64), (1, 1), (3, 5), (1, 700), (700, 1), (400, 640)])
def test_images_of_any_size(stock: YolactDetector, size: tuple[int, int]) -> None:
    detector = detector_of()
    _, found = detector.detect(None, Frame(picture(*size), 0))
    check(found, *size, detector.feature_size)
    assert len(found) <= 16
    _, found = stock.detect(None, Frame(picture(*size), 0))
    check(found, *size, stock.feature_size)
    assert len(found) <= 100


def test_objects_by_hand() -> None:
    """Two objects of which the network sees the mask everywhere: the masks are the boxes."""
    detector = plain_detector()
    network = detector._network
    boxes = torch.tensor([[80.0, 40.0, 160.0, 120.0], [200.0, 20.0, 280.0, 180.0]])
    logits = torch.tensor([[0.0, -9.0, 3.0, -9.0], [0.0, 5.0, -9.0, -9.0]])
    output = output_of(network, boxes, logits, torch.full((48, 80), 20.0))
    found = shown(detector, output, Frame(picture(384, 960), 0))  # twice as high, thrice as wide
    assert len(found) == 2
    assert found.class_ids.tolist() == [0, 1]
    expected = logits.softmax(dim=1)[[1, 0], [1, 2]]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4)
    expected = boxes.flip(0).numpy() * (3, 2, 3, 2)
    # a mask may be a cell of the prototypes larger on each side, 12 x 8 here, and half of one more
    np.testing.assert_allclose(found.boxes, expected, atol=18)
    assert (found.boxes[:, :2] <= expected[:, :2]).all()
    areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
    assert [mask.area_px for mask in found.masks] == pytest.approx(areas, rel=0.02)


def test_the_mask_is_what_the_network_says_inside_of_the_box() -> None:
    detector = plain_detector()
    prototype = torch.full((48, 80), -20.0)
    prototype[:, 20:30] = 20.0  # a pillar, columns 80 to 120 of the input
    box = torch.tensor([[40.0, 48.0, 200.0, 144.0]])
    output = output_of(detector._network, box, torch.tensor([[0.0, 9.0, 0.0, 0.0]]), prototype)
    found = shown(detector, output, Frame(picture(192, 320), 0))
    assert len(found) == 1
    x1, y1, x2, y2 = found.boxes[0]
    assert (x1, x2) == (80, 120)
    assert 42 <= y1 <= 48 and 144 <= y2 <= 150


def test_a_box_outside_of_the_picture_shows_nothing() -> None:
    detector = plain_detector()
    boxes = torch.tensor([[400.0, 40.0, 460.0, 120.0]])
    logits = torch.tensor([[0.0, 9.0, 0.0, 0.0]])
    output = output_of(detector._network, boxes, logits, torch.full((48, 80), 20.0))
    assert len(shown(detector, output, Frame(picture(192, 320), 0))) == 0


def test_the_detections_are_those_of_rgnnvis() -> None:
    model = tracker()
    file = LoadedWeights(model.state_dict(), 'whole.safetensors', {'classes': list(NAMES)})
    detector = YolactDetector(config_of(**ALL, mask_threshold=0.0), weights=file)
    image = picture(100, 150)
    _, found = detector.detect(None, Frame(image, 0))
    with torch.inference_mode():
        x = prepare(torch.from_numpy(image)[None], model.detector.config)
        seen = model.see(x, SelectionConfig(min_score=-100.0, max_overlap=1.0)).found
    real = seen.is_real[0]
    assert len(found) == real.sum() == 16
    np.testing.assert_allclose(found.scores, seen.scores[0, real].exp(), rtol=1e-5)
    assert found.class_ids.tolist() == seen.logits[0, real, 1:].argmax(dim=1).tolist()


def test_stock_masks_are_its_own(stock: YolactDetector) -> None:
    network, size = stock._network, (90, 130)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        output = network(torch.zeros(1, 3, 110, 110))
    values = [torch.randn(value.shape, generator=random) for value in output.raw]
    prototypes = torch.rand(output.prototypes.shape, generator=random) * 5
    raw = type(output.raw)(values[0], 3 * values[1], torch.tanh(values[2]))
    output = output._replace(raw=raw, prototypes=prototypes)
    found = shown(stock, output, Frame(picture(*size), 0))
    boxes = decode_boxes(raw.offsets[0], network.anchors)
    best = select_stock(boxes, raw.logits[0], min_score=0.0)
    coefficients = raw.coefficients[0, best.anchor]
    soft = stock_masks(prototypes[0], coefficients, boxes[best.anchor], size).numpy()
    rows = (soft > 0.5).any(axis=(1, 2))
    assert len(found) == rows.sum() > 20
    np.testing.assert_array_equal(found.scores, best.score[rows].numpy())
    np.testing.assert_array_equal(found.class_ids, best.class_id[rows].numpy())
    for mask, expected in zip(found.masks, soft[rows], strict=True):
        is_clear = np.abs(expected - 0.5) > 1e-5
        dense = to_dense(from_crop(mask), *size)
        np.testing.assert_array_equal(dense[is_clear], (expected > 0.5)[is_clear])


def test_features_are_means_over_the_mask() -> None:
    """A level whose first channel is 1 on the left half and whose second is 1 on the right."""
    level = torch.zeros(2, 4, 8)
    level[0, :, :4] = 1
    level[1, :, 4:] = 1
    soft = torch.zeros(4, 16, 32)
    soft[0, :, :10] = 1
    soft[1, 3:9, 20:] = 0.7
    soft[2] = 0.2
    expected = [(1, 0), (0, 1), (0.5**0.5, 0.5**0.5), (0, 0)]
    np.testing.assert_allclose(pool_features(level, soft), expected, atol=1e-6)
    assert pool_features(level, torch.zeros(0, 16, 32)).shape == (0, 2)


def test_no_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r'needs some .*docs/weights\.md'):
        YolactDetector(YolactDetectorConfig(), weights=None)


@pytest.mark.parametrize('is_whole', [True, False])
def test_files_of_rgnnvis(is_whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'for_inference', lambda model, device: model)  # as loaded
    tensors = tracker().state_dict()
    if not is_whole:
        tensors = {n: v for n, v in tensors.items() if n.startswith('detector.')}
    meta = {'method': 'rgnnvis', 'classes': list(NAMES), 'config': {'network': 'small'}}
    detector = YolactDetector(config_of(), weights=LoadedWeights(tensors, 'file', meta))
    assert detector.classes == NAMES
    own = detector._network.state_dict()
    assert all(torch.equal(value, tensors[f'detector.{name}']) for name, value in own.items())
    nameless = YolactDetector(config_of(), weights=LoadedWeights(tensors, 'file'))
    assert nameless.classes == ('class 1', 'class 2', 'class 3')


def test_the_file_says_which_network(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(module, 'rgnnvis_config', lambda *args: asked.append(args) or TINY)
    monkeypatch.setattr(module, 'stock_config', lambda *args: asked.append(args) or TINY_STOCK)
    ours = {f'detector.{name}': value for name, value in Yolact(TINY).state_dict().items()}
    stock = Yolact(TINY_STOCK).state_dict()
    for tensors, own, options, expected in (
        (ours, {'network': 'resnet50', 'tracker.x': 1}, {}, 'resnet50'),
        (ours, {'network': 'resnet50'}, {'network': 'resnet101'}, 'resnet101'),
        (ours, {}, {}, 'small'),
        (stock, {'backbone': 'resnet101'}, {}, 'resnet101'),
        (stock, {}, {}, 'resnet50'),
    ):
        file = LoadedWeights(tensors, 'file', {'config': own} if own else {})
        detector = YolactDetector(config_of(**options), weights=file)
        assert asked.pop() == (expected, 4)
        assert detector.classes == ('class 1', 'class 2', 'class 3')
        assert detector._network.config.is_square == (tensors is stock)
        assert detector.feature_size == 128


def test_files_lacking_something() -> None:
    tensors = tracker().state_dict()
    for name in ('head.boxes.bias', 'backbone.conv1.weight'):
        without = {n: v for n, v in tensors.items() if n != f'detector.{name}'}
        with pytest.raises(ValueError, match=f'file does not fit Yolact: 1 missing: {name}'):
            YolactDetector(config_of(), weights=LoadedWeights(without, 'file'))


def test_classes_of_coco() -> None:
    bias = LoadedWeights({'semantic.bias': torch.zeros(80)}, 'file')
    for weights, options in ((bias, {}), (RANDOM, {'variant': 'stock'})):
        config = config_of(**options)
        names = module._classes(config, weights, dict(weights.tensors), True)
        assert len(names) == 80
        assert (names[0], names[11], names[-1]) == ('person', 'stop sign', 'toothbrush')


def test_classes_by_option() -> None:
    named = LoadedWeights({}, 'random', {'classes': ['fork']}, is_random=True)
    assert YolactDetector(config_of(), weights=RANDOM).classes == ('object',)
    assert YolactDetector(config_of(), weights=named).classes == ('fork',)
    assert YolactDetector(config_of(classes=NAMES), weights=named).classes == NAMES


@pytest.mark.parametrize(
    ('tensors', 'options', 'text'),
    [
        ({'detector.x': 0}, {'variant': 'stock'}, "variant: file is of 'rgnnvis', got 'stock'"),
        ({'x': 0}, {'variant': 'rgnnvis'}, "variant: file is of 'stock', got 'rgnnvis'"),
        ({'prediction_layers.0.upfeature.0.weight': 0}, {}, 'official .* vis_ros weights import'),
        ({}, {}, 'file does not fit Yolact: .*missing'),
        ({'detector.x': 0}, {}, '1 unexpected: x'),
    ],
)
def test_files_that_do_not_fit(
    tensors: dict[str, int], options: dict[str, str], text: str
) -> None:
    file = LoadedWeights({n: torch.tensor(v) for n, v in tensors.items()}, 'file')
    with pytest.raises(ValueError, match=text):
        YolactDetector(config_of(**options), weights=file)


def test_random_parameters_are_the_same_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = module._build('small', 3, False).state_dict()
    assert torch.equal(torch.rand(3), expected)
    second = module._build('small', 3, False).state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_images_are_neither_kept_nor_changed() -> None:
    detector = detector_of()
    image = picture(48, 64)
    image.flags.writeable = False
    _, first = detector.detect(None, Frame(image, 0))
    _, second = detector.detect(None, Frame(np.ascontiguousarray(image[:, ::-1])[:, ::-1], 0))
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(image, picture(48, 64))


def test_low_precision_sees_nearly_the_same() -> None:
    config = config_of(classes=NAMES, precision='bfloat16', **ALL)
    found = YolactDetector(config, weights=RANDOM).detect(None, Frame(picture(48, 64), 0))[1]
    _, exact = detector_of().detect(None, Frame(picture(48, 64), 0))
    check(found, 48, 64, detector_of().feature_size)
    np.testing.assert_allclose(found.scores[:8], exact.scores[:8], atol=0.05)


@pytest.mark.parametrize('name', ['iou', 'deepsort'])
def test_associations_run_on_it(name: str) -> None:
    method = vis_ros.build_method(
        name,
        weights='random',
        detector='yolact',
        detectors={'yolact': {'classes': NAMES, **ALL}},
        min_score=0.0,
        birth_score=0.0,
    )
    assert method.classes == NAMES
    state = method.init_state()
    for index in range(3):
        state, (result,) = method.step(state, Frame(picture(48, 64), index * 100_000_000))
    assert len(result.tracks) > 0
    assert all(track.hits == 3 for track in result.tracks if track.is_observed)
    restored = method.restore(method.save(state))
    assert len(method.step(restored, Frame(picture(48, 64), 10**9))[1][0].tracks) > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_the_device_does_not_matter() -> None:
    frame = Frame(picture(48, 64), 0)
    _, here = detector_of().detect(None, frame)
    _, there = detector_of('cuda').detect(None, frame)
    assert len(here) == len(there) > 0
    np.testing.assert_allclose(here.scores, there.scores, atol=1e-3)
    np.testing.assert_allclose(here.boxes, there.boxes, atol=2.0)
    np.testing.assert_allclose(here.features, there.features, atol=1e-2)
