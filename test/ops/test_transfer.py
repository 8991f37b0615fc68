# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vis_ros.ops.transfer import constant, download, packed, unpacked, upload

CPU = torch.device('cpu')
TENSORS = {
    'labels': torch.arange(-3, 9, dtype=torch.int16).reshape(3, 4),
    'flag': torch.tensor(True),
    'stamp': torch.tensor(2**62 + 1),
    'none': torch.zeros(0, 5),
    'columns': torch.arange(6.0).reshape(2, 3).T,
    'half': torch.tensor([0.5, -2.0, 3.0], dtype=torch.float16),
}


def check(found: dict[str, np.ndarray], tensors: dict[str, Tensor]) -> None:
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.numpy().dtype, name
        np.testing.assert_array_equal(found[name], tensor.numpy(), err_msg=name)


@pytest.mark.parametrize(
    'names', [['none'], ['flag', 'stamp'], list(TENSORS), list(TENSORS)[::-1]]
)
def test_what_was_packed_is_unpacked(names: list[str]) -> None:
    tensors = {name: TENSORS[name] for name in names}
    host = packed(tensors)
    assert host.shape == (sum(x.numel() * x.element_size() for x in tensors.values()),)
    found = unpacked(host.numpy(), {name: x.to('meta') for name, x in tensors.items()})
    check(found, tensors)
    assert all(x.flags.aligned for x in found.values())


def test_what_is_on_the_host_is_not_copied() -> None:
    tensors = {'a': torch.zeros(3), 'b': torch.zeros(2, dtype=torch.int64)}
    found = download(tensors)
    tensors['a'][1] = 7
    check(found, tensors)


@pytest.mark.parametrize('shape', [(0, 4, 3), (5, 4, 3)])
def test_an_upload_is_a_copy(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 9, np.uint8)
    image.flags.writeable = False
    tensor = upload(image, CPU)
    assert tensor.dtype == torch.uint8 and tensor.shape == shape
    tensor.zero_()
    assert (image == 9).all()


def test_a_constant_is_made_once() -> None:
    like = torch.zeros(1)
    assert constant((1.0, 2.0), like) is constant((1.0, 2.0), torch.ones(4))
    assert constant((1.0, 2.0), like, torch.int64).tolist() == [1, 2]
    assert constant(((1, 2), (3, 4)), like).shape == (2, 2)


def test_a_constant_of_a_stream_can_be_trained_with() -> None:
    with torch.inference_mode():
        factor = constant((3.25,), torch.zeros(1))
    x = torch.ones(1, requires_grad=True)
    (x * x * factor).sum().backward()
    assert x.grad is not None and x.grad.item() == 6.5


class Scaled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * constant((0.125, 4.0), x)


def test_a_constant_does_not_keep_what_an_export_saw() -> None:
    x = torch.ones(2)
    exported = torch.export.export(Scaled(), (x,)).module()
    assert exported(x).tolist() == Scaled()(x).tolist() == [0.125, 4.0]


@pytest.mark.gpu
def test_all_comes_down_from_a_gpu_in_one_copy() -> None:
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    device = torch.device('cuda')
    check(download({name: x.to(device) for name, x in TENSORS.items()}), TENSORS)
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert upload(image, device).cpu().numpy().tolist() == image.tolist()
