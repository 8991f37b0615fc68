# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Triton kernels beside their twins: on a GPU, or without one in Triton's interpreter.

The tests marked `gpu` run on a GPU where there is one. Another test starts them as a process of
their own with TRITON_INTERPRET=1, in which the same functions run on the CPU.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent))

from test_nms import expected, on_grid

from vis_ros.nn.rgnn import masks
from vis_ros.ops import kernels
from vis_ros.ops.nms import float32_below, greedy_nms, nms_in_steps

IS_INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
SURE = 1e-4  # scores that are closer may be in another order after rounding
few = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def triton_or_skip() -> Any:
    return pytest.importorskip('triton', reason='Triton is not installed')


def version_of(triton: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in triton.__version__.split('.')[:2])


@pytest.fixture
def device() -> torch.device:
    """Return where the kernels run: a GPU, or the CPU in Triton's interpreter."""
    triton_or_skip()
    if IS_INTERPRETED:
        return torch.device('cpu')
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    return torch.device('cuda')


def check_labels(scores: Tensor, size: tuple[int, int], background: float) -> Tensor:
    """Compare the kernel with its twin where scores are apart; return the kernel's labels."""
    from vis_ros.ops.kernels.label_image import label_image

    found = label_image(scores, size, background)
    assert found.shape == size and found.dtype == torch.int16 and found.device == scores.device
    assert found.min() >= 0 and found.max() <= len(scores)
    is_sure = torch.ones(size, dtype=torch.bool, device=scores.device)
    if len(scores):
        stack = functional.interpolate(scores[None].float(), size, mode='bilinear')[0]
        stack = torch.cat((torch.full_like(stack[:1], background), stack))
        best = stack.topk(2, dim=0).values
        is_sure = best[0] - best[1] > SURE
    twin = masks.labels_at_once(scores.float(), size, background)
    assert torch.equal(found[is_sure], twin[is_sure])
    return found


def check_nms(
    case: tuple[Tensor, Tensor, Tensor], max_overlap: float, limit: int, device: torch.device
) -> None:
    """Compare the kernels with torchvision on the CPU."""
    from vis_ros.ops.kernels.nms import greedy_nms as by_kernels

    there = [tensor.to(device) for tensor in case]
    index, is_real = by_kernels(*there, float32_below(max_overlap), limit)
    assert index.dtype == torch.int64 and is_real.dtype == torch.bool
    assert index.device == is_real.device == there[0].device
    assert (index.tolist(), is_real.tolist()) == expected(*case, max_overlap, limit)


@pytest.mark.gpu
@few
@given(
    seed=st.integers(0, 2**32 - 1),
    tracks=st.sampled_from([0, 1, 2, 5]),
    cells=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_twin_labels_of_any_size(
    device: torch.device, seed: int, tracks: int, cells: tuple[int, int], size: tuple[int, int]
) -> None:
    scores = torch.randn(tracks, *cells, generator=torch.Generator().manual_seed(seed))
    check_labels(scores.to(device) * 5, size, 0.25)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ('tracks', 'cells', 'size'),
    [(24, (9, 13), (37, 53)), (0, (3, 4), (5, 7)), (1, (45, 80), (7, 5)), (3, (1, 1), (16, 32))],
)
def test_twin_labels_of_chosen_sizes(
    device: torch.device, tracks: int, cells: tuple[int, int], size: tuple[int, int]
) -> None:
    scores = torch.randn(tracks, *cells, generator=torch.Generator().manual_seed(3)) * 20
    check_labels(scores.to(device), size, 10.0)


@pytest.mark.gpu
def test_twin_of_equal_scores_the_first_wins(device: torch.device) -> None:
    one = torch.randn(1, 5, 6, generator=torch.Generator().manual_seed(0)).to(device)
    labels = check_labels(one.expand(4, -1, -1), (33, 41), 0.0)
    assert set(labels.unique().tolist()) == {0, 1}
    assert (check_labels(torch.full_like(one, 10.0), (5, 6), 10.0) == 0).all()


@pytest.mark.gpu
def test_twin_labels_of_other_layouts_and_types(device: torch.device) -> None:
    scores = torch.randn(7, 8, 3, generator=torch.Generator().manual_seed(0)).to(device) * 9
    check_labels(scores.permute(2, 0, 1), (30, 29), 1.0)
    for dtype in (torch.float16, torch.bfloat16):
        check_labels(scores.permute(2, 1, 0).to(dtype), (30, 29), 1.0)


@pytest.mark.gpu
@few
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 140),
    max_overlap=st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.6, 0.7, 1.0]),
    limit=st.sampled_from([1, 2, 31, 33, 200]),
)
def test_twin_boxes_of_any_number(
    device: torch.device, seed: int, count: int, max_overlap: float, limit: int
) -> None:
    check_nms(on_grid(seed, count), max_overlap, limit, device)


@pytest.mark.gpu
@pytest.mark.parametrize('count', [1, 32, 33, 300])
def test_twin_boxes_that_are_all_alike_or_none(device: torch.device, count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    same = torch.tensor([[2.0, 3, 8, 9]]).expand(count, -1)
    scores, yes = torch.rand(count, generator=generator), torch.ones(count, dtype=torch.bool)
    check_nms((same, scores, yes), 0.5, 5, device)
    check_nms((same, scores, yes), 1.0, count, device)  # nobody is above 1: all stay
    check_nms((same, torch.zeros(count), yes), 1.0, 40, device)
    check_nms((same, scores, ~yes), 0.5, 5, device)
    check_nms((same * 0, scores, yes), 0.5, 40, device)  # no area: 0 / 0 is not above
    corners = torch.rand(count, 2, generator=generator) * 40
    sides = torch.rand(count, 2, generator=generator) * 20
    random = torch.cat((corners, corners + sides), dim=1)
    check_nms((random, scores, yes), 0.3, 100, device)


def test_the_interpreter_agrees_with_the_twins() -> None:
    triton = triton_or_skip()
    if version_of(triton) < (3, 9):  # 3.0 and 3.3 fail with NumPy 2.4, those between are untried
        pytest.skip(f'the interpreter of Triton {triton.__version__} may fail with new NumPy')
    command = [
        sys.executable,
        '-m',
        'pytest',
        __file__,
        '-k',
        'test_twin',
        '-p',
        'no:cacheprovider',
    ]
    environment = {**os.environ, 'TRITON_INTERPRET': '1'}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    summary = done.stdout.strip().splitlines()[-1]
    assert 'passed' in summary and 'skipped' not in summary, summary


LABELS = {
    'scores': '*fp32',
    'labels': '*i16',
    **dict.fromkeys(('tracks', 'height', 'width', 'rows', 'columns'), 'i32'),
    **dict.fromkeys(('row_scale', 'column_scale', 'background'), 'fp32'),
    'block': 512,
}
OVERLAPS = {
    'boxes': '*fp32',
    'order': '*i64',
    'count': '*i64',
    'bits': '*i32',
    'words': 'i32',
    'max_overlap': 'fp32',
    'block': 128,
}
BEST = {
    **{name: OVERLAPS[name] for name in ('bits', 'order', 'count')},
    'index': '*i64',
    'is_real': '*i1',
    **dict.fromkeys(('words', 'limit'), 'i32'),
    'block_words': 256,
    'block_limit': 128,
}
ONES = ('tracks', 'height', 'width', 'rows', 'columns', 'words', 'limit')
FORMS = {
    'labels': ('label_image', 'label_pixels', LABELS, {'enable_fp_fusion': True}),
    'half': (
        'label_image',
        'label_pixels',
        {**LABELS, 'scores': '*fp16'},
        {'enable_fp_fusion': True},
    ),
    'overlaps': ('nms', 'mark_overlaps', OVERLAPS, {'enable_fp_fusion': False}),
    'best': ('nms', 'keep_best', BEST, {'enable_fp_fusion': False, 'num_warps': 8}),
    'few': (
        'nms',
        'keep_best',
        {**BEST, 'block_words': 1, 'block_limit': 1},
        {'enable_fp_fusion': False, 'num_warps': 1},
    ),
}


@pytest.mark.parametrize(('capability', 'ones'), [(80, False), (90, False), (90, True)])
@pytest.mark.parametrize('form', FORMS)
def test_kernels_compile_for_a_gpu_that_is_not_here(
    form: str, capability: int, ones: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triton makes an argument that is 1 a constant, so that form is compiled too."""
    triton = triton_or_skip()
    if version_of(triton) < (3, 3):
        pytest.skip(f'Triton {triton.__version__} names the constants of a kernel otherwise')
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    module, name, types, options = FORMS[form]
    kernel = getattr(__import__(f'vis_ros.ops.kernels.{module}', fromlist=[name]), name)
    assert tuple(types) == tuple(kernel.arg_names)
    constants = {name: value for name, value in types.items() if isinstance(value, int)}
    constants |= dict.fromkeys((name for name in types if ones and name in ONES), 1)
    signature = {name: types[name] if name not in constants else 'constexpr' for name in types}
    source = ASTSource(kernel, signature, constexprs=constants)
    compiled = triton.compile(source, target=GPUTarget('cuda', capability, 32), options=options)
    assert len(compiled.asm['cubin']) > 0
    if form == 'overlaps':
        assert 'fma.rn.f32' not in compiled.asm['ptx'] and 'div.rn.f32' in compiled.asm['ptx']


META = torch.device('meta')


def test_kernels_run_on_gpus_only() -> None:
    assert not kernels.can_run(torch.device('cpu'))
    assert not kernels.can_run(META)


def test_without_triton_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setitem(sys.modules, 'vis_ros.ops.kernels.label_image', None)
    assert not kernels._starts.__wrapped__(META)
    assert not recwarn.list


def test_a_kernel_that_does_not_start_is_left_out_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError('no C compiler')

    stand_in = SimpleNamespace(label_image=fail)
    monkeypatch.setitem(sys.modules, 'vis_ros.ops.kernels.label_image', stand_in)
    with pytest.warns(kernels.KernelWarning, match='cannot run on meta: no C compiler. Plain'):
        assert not kernels._starts.__wrapped__(META)


@pytest.mark.parametrize('can_run', [False, True])
def test_kernels_are_taken_where_they_run(can_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def note(name: str) -> Any:
        return lambda *args: taken.append((name, *args[1:]))

    monkeypatch.setattr(kernels, 'can_run', lambda device: can_run)
    labels, nms = SimpleNamespace(label_image=note('l')), SimpleNamespace(greedy_nms=note('n'))
    monkeypatch.setitem(sys.modules, 'vis_ros.ops.kernels.label_image', labels)
    monkeypatch.setitem(sys.modules, 'vis_ros.ops.kernels.nms', nms)
    scores, boxes = torch.zeros(3, 4, 5, device=META), torch.zeros(6, 4, device=META)
    is_candidate = torch.ones(6, dtype=torch.bool, device=META)
    found = masks.label_image(scores, (8, 9), 1.0)
    kept = greedy_nms(boxes, boxes[:, 0], is_candidate, 0.7, 5)
    if can_run:
        assert taken[0] == ('l', (8, 9), 1.0) and taken[1][0] == 'n'
        assert taken[1][3:] == (float32_below(0.7), 5)
    else:  # nor does plain torch look at values, which are not there on this device
        assert not taken and found.shape == (8, 9)
        assert [tuple(x.shape) for x in kept] == [(5,), (5,)]


@pytest.mark.gpu
def test_a_gpu_is_not_waited_for(device: torch.device) -> None:
    if IS_INTERPRETED:
        pytest.skip('a CPU is never waited for')
    assert kernels.can_run(device)
    generator = torch.Generator(device).manual_seed(0)
    scores = torch.randn(24, 68, 120, generator=generator, device=device) * 10
    case = on_grid(5, 5000)
    there = [tensor.to(device) for tensor in case]
    for _ in range(2):  # compiled in the first
        torch.cuda.set_sync_debug_mode('error' if _ else 'default')
        try:
            masks.label_image(scores, (720, 1280), 10.0)
            kept = greedy_nms(*there, 0.7, 100)
            slowly = nms_in_steps(*there, float32_below(0.7), 100)
        finally:
            torch.cuda.set_sync_debug_mode('default')
    check_labels(scores, (720, 1280), 10.0)
    said = expected(*case, 0.7, 100)
    assert (kept[0].tolist(), kept[1].tolist()) == said
    assert (slowly[0].tolist(), slowly[1].tolist()) == said
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        recorded = greedy_nms(*there, 0.7, 100)
    graph.replay()
    assert (recorded[0].tolist(), recorded[1].tolist()) == said
