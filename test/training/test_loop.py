# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loop: it learns, it resumes exactly, it says what went wrong."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from patience import PATIENCE_S
from safetensors.torch import load_file
from toy import ToyTask

from vis_ros.training.loop import CHECKPOINT, MODEL, DivergedError, fit, make_fabric
from vis_ros.training.schedule import ScheduleConfig

CONFIG = ScheduleConfig(
    steps=40,
    batch=4,
    learning_rate=0.1,
    weight_decay=0.0,
    log_every=10,
    validate_every=8,
    checkpoint_every=5,
)


def train(
    folder: Path, config: ScheduleConfig = CONFIG, task: ToyTask | None = None, **recipe: Any
) -> bool:
    fabric = make_fabric('cpu', config.precision)
    task = task or ToyTask()
    return fit(task, config, folder, fabric=fabric, recipe=recipe, with_bar=False)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        found = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != 'seconds_per_step'} for row in found]


def same_results(a: Path, b: Path) -> bool:
    one, two = load_file(a / MODEL), load_file(b / MODEL)
    assert rows(a / 'train.csv') == rows(b / 'train.csv')
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_it_learns_logs_and_keeps_the_best(tmp_path: Path) -> None:
    assert train(tmp_path, task=ToyTask(is_plain=True))
    table = rows(tmp_path / 'train.csv')
    assert [int(row['step']) for row in table] == [10, 20, 30, 40]
    assert float(table[-1]['error']) < 0.2 * float(table[0]['error'])
    figures = rows(tmp_path / 'validation.csv')
    assert [int(row['step']) for row in figures] == [8, 16, 24, 32, 40]
    best = max(float(row['AP']) for row in figures)
    weight = float(load_file(tmp_path / MODEL)['line.weight'])
    assert -abs(weight - 2) == pytest.approx(best, rel=1e-4)
    assert list((tmp_path / 'tensorboard').iterdir())


def test_frozen_parameters_stay_as_they_are(tmp_path: Path) -> None:
    task = ToyTask()
    before = task.module.frozen.weight.clone()
    train(tmp_path, task=task)
    assert torch.equal(task.module.frozen.weight, before)


@pytest.mark.parametrize('place', [13, 30, 77])
def test_after_a_kill_it_goes_on_to_the_very_same_result(tmp_path: Path, place: int) -> None:
    train(tmp_path / 'whole')
    with pytest.raises(RuntimeError, match='killed'):
        train(tmp_path / 'parts', task=ToyTask(fails_at=place))
    assert train(tmp_path / 'parts')
    assert same_results(tmp_path / 'whole', tmp_path / 'parts')


def test_a_signal_ends_it_with_a_checkpoint(tmp_path: Path) -> None:
    class Interrupted(ToyTask):
        def item(self, epoch: int, place: int) -> Any:
            if (epoch, place) == (2, 1):
                os.kill(os.getpid(), signal.SIGTERM)
            return super().item(epoch, place)

    before = signal.getsignal(signal.SIGTERM)
    assert not train(tmp_path / 'parts', task=Interrupted())
    assert signal.getsignal(signal.SIGTERM) is before
    assert not (tmp_path / 'parts' / MODEL).exists()
    assert train(tmp_path / 'parts')
    train(tmp_path / 'whole')
    assert same_results(tmp_path / 'whole', tmp_path / 'parts')


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    train(tmp_path)
    before = load_file(tmp_path / MODEL)
    task = ToyTask()
    assert train(tmp_path, task=task)
    assert task.validations == 0
    assert all(torch.equal(load_file(tmp_path / MODEL)[name], before[name]) for name in before)


def test_another_recipe_does_not_go_on(tmp_path: Path) -> None:
    train(tmp_path, a=1, b=2)
    with pytest.raises(ValueError, match='another recipe: b differ'):
        train(tmp_path, a=1, b=3)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    data = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match='no checkpoint'):
        train(tmp_path)


def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match='no number by step 10'):
        train(
            tmp_path,
            replace(CONFIG, learning_rate=10.0, warmup=0, optimizer='adamw', weight_decay=1.0),
            task=Exploding(),
        )


class Exploding(ToyTask):
    def item(self, epoch: int, place: int) -> Any:
        return super().item(epoch, place) * float('inf')


def test_workers_give_the_same_batches(tmp_path: Path) -> None:
    train(tmp_path / 'alone')
    train(tmp_path / 'helped', replace(CONFIG, workers=1))
    assert same_results(tmp_path / 'alone', tmp_path / 'helped')


def test_two_processes_train_as_one_with_all_of_the_batch(tmp_path: Path) -> None:
    script = tmp_path / 'two.py'
    script.write_text(
        'import atexit, sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n'
        'from torch.distributed import is_initialized\n'
        'atexit.register(lambda: print("left" if not is_initialized() else "still tied"))\n'
        'from test_loop import ToyTask, train\n'
        'assert train(Path(sys.argv[1]), task=ToyTask(is_plain=True))\n'
    )
    here = [str(folder) for folder in Path(__file__).parents[:2]]  # as `conftest` does
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    run = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']
    for command, out in ((run, 'two'), ([sys.executable], 'one')):
        line = [*command, str(script), str(tmp_path / out), *here]
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        assert 'left' in done.stdout, done.stdout
        assert 'still tied' not in done.stdout, 'threads of gloo may abort the process'
    one, two = load_file(tmp_path / 'one' / MODEL), load_file(tmp_path / 'two' / MODEL)
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('precision', ['32-true', 'bf16-mixed'])
def test_truth_keeps_its_precision(precision: str) -> None:
    """Lightning Fabric rounds all inputs of a module to 16 bits; boxes were a pixel off."""

    class Seeing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(1, 1)

        def forward(self, batch: tuple[torch.Tensor, dict[str, torch.Tensor]]) -> torch.Tensor:
            assert batch[1]['boxes'].dtype == torch.float32
            assert batch[1]['boxes'].tolist() == [[301.25]]
            inside = self.line(batch[0])
            assert inside.dtype == (torch.float32 if '32' in precision else torch.bfloat16)
            return inside.float().sum()

    fabric = make_fabric('cpu', precision)
    module = fabric.setup(Seeing())
    assert module((torch.ones(1, 1), {'boxes': torch.tensor([[301.25]])})).isfinite()
