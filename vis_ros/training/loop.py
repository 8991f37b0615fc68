# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loop of every training: steps, logs, validation, checkpoints.

Each step depends only on the state after the one before and on (seed, step), so a training that
was killed goes on from its last checkpoint to the very same result.
"""

from __future__ import annotations

import atexit
import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch import Tensor, distributed
from torch.utils.data import DataLoader

from vis_ros.data.sampling import before_workers
from vis_ros.training.checkpoint import Progress, load_progress, save_progress
from vis_ros.training.logs import Logs, NoLogs
from vis_ros.training.schedule import ScheduleConfig, batches, learning_rate
from vis_ros.training.task import Items, Task, load_trained_state, trained_state

CHECKPOINT = 'checkpoint.pt'
MODEL = 'model.safetensors'


class DivergedError(ValueError):
    """A loss is no number any more."""


def make_fabric(device: str, precision: str) -> Fabric:
    """Return what places the training: this process, or all those that `torchrun` started.

    Args:
        device: `cpu`, `cuda` or `auto`.
        precision: See `ScheduleConfig`.
    """
    ranks = int(os.environ.get('WORLD_SIZE', '1'))
    local = int(os.environ.get('LOCAL_WORLD_SIZE', '1'))
    accelerator = 'auto' if device == 'auto' else device
    strategy: Any = 'auto'
    if ranks > 1:
        strategy = DDPStrategy(find_unused_parameters=True)  # variants do not use all of a network
    fabric = Fabric(
        accelerator=accelerator,
        devices=local,
        num_nodes=ranks // local,
        strategy=strategy,
        precision=precision,  # type: ignore[arg-type]
    )
    if precision.endswith('-mixed'):
        # boxes and other truth stay as they are; autocast rounds what goes into layers by itself
        fabric.strategy.precision.convert_input = lambda data: data  # type: ignore[method-assign]
    fabric.launch()
    if ranks > 1:
        atexit.register(_leave_group)
    return fabric


def _leave_group() -> None:
    """End what ties the processes together, if nobody has yet.

    Threads of gloo that still hold the last exchange when Python ends abort the process.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()


def fit(
    task: Task,
    config: ScheduleConfig,
    folder: Path,
    *,
    fabric: Fabric,
    recipe: Mapping[str, Any],
    with_bar: bool = True,
) -> bool:
    """Train to the end, or until SIGINT or SIGTERM; go on where `folder` stands.

    Writes `checkpoint.pt`, `train.csv`, `validation.csv`, `tensorboard/` and at the end
    `model.safetensors`, the module at its best validation.

    Args:
        task: What to train.
        config: Steps and learning rate.
        folder: Folder of the run; it is made.
        fabric: See `make_fabric`.
        recipe: Flat values that a checkpoint must agree with.
        with_bar: Whether to show a progress bar.

    Returns:
        Whether the training is finished.

    Raises:
        ValueError: The checkpoint is of another recipe, or damaged.
        DivergedError: A loss is no number.
    """
    return _Run(task, config, folder, fabric, dict(recipe)).run(with_bar=with_bar)


class _Run:
    """One training in one process."""

    def __init__(
        self,
        task: Task,
        config: ScheduleConfig,
        folder: Path,
        fabric: Fabric,
        recipe: dict[str, Any],
    ) -> None:
        self._task, self._config, self._folder, self._fabric = task, config, folder, fabric
        folder.mkdir(parents=True, exist_ok=True)
        self._progress = _progress_of(folder / CHECKPOINT, recipe)
        if self._progress.step:
            load_trained_state(task.module, self._progress.module)
        trained = [{'params': list(p), 'factor': f} for f, p in task.rates().items()]
        kind = torch.optim.Adam if config.optimizer == 'adam' else torch.optim.AdamW
        optimizer = kind(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
        self._module, self._optimizer = fabric.setup(task.module, optimizer)
        if self._progress.step:
            optimizer.load_state_dict(self._progress.optimizer)
            fabric.strategy.precision.load_state_dict(self._progress.scaler)
        is_first = fabric.global_rank == 0
        self._logs: Any = Logs(folder, self._progress.step) if is_first else NoLogs()

    def run(self, *, with_bar: bool) -> bool:
        task, config = self._task, self._config
        fabric = self._fabric
        sequence = batches(
            config,
            task.items,
            first=self._progress.step,
            rank=fabric.global_rank,
            ranks=fabric.world_size,
        )
        if config.workers:
            before_workers()
        loader = DataLoader(
            Items(task),
            batch_sampler=_Listed(sequence),
            collate_fn=task.collate,
            num_workers=config.workers,
            persistent_workers=False,
        )
        console = Console(stderr=True)
        is_shown = with_bar and fabric.global_rank == 0 and console.is_terminal
        with (
            _interruption() as is_interrupted,
            _bar(console, is_shown, self._progress.step, config.steps) as bar,
            _no_denormals(),
        ):
            try:
                is_finished = self._steps(loader, bar, is_interrupted)
            finally:
                self._logs.close()
        if is_finished and fabric.global_rank == 0:
            self._export()
        fabric.barrier()
        return is_finished

    def _steps(self, loader: DataLoader[Any], bar: Any, is_interrupted: Any) -> bool:
        config, progress = self._config, self._progress
        meter = _Meter(progress.sums, progress.counted)
        for batch in loader:
            step = progress.step
            meter.add(self._step(step, self._fabric.to_device(batch)))
            progress.step = done = step + 1
            if done % config.log_every == 0 or done == config.steps:
                figures = meter.take(done)
                self._logs.train(done, {**figures, 'learning_rate': learning_rate(config, step)})
                bar(done, figures)
            if done % config.validate_every == 0 or done == config.steps:
                self._validate()
            is_stopped = self._agree(bool(is_interrupted()))
            if done % config.checkpoint_every == 0 or done == config.steps or is_stopped:
                self._save(meter)
            if is_stopped and done < config.steps:
                return False
        return True

    def _step(self, step: int, batch: Any) -> dict[str, Tensor]:
        config = self._config
        torch.manual_seed(config.seed * 1_000_003 + step)  # for whatever the module draws
        for group in self._optimizer.param_groups:
            group['lr'] = learning_rate(config, step) * group.get('factor', 1.0)
        losses = self._module(batch)
        self._fabric.backward(losses['total'])
        if config.max_gradient:
            self._fabric.clip_gradients(
                self._module,
                self._optimizer,
                max_norm=config.max_gradient,
                error_if_nonfinite=False,  # it would wait for the device; the losses are checked
            )
        self._optimizer.step()
        self._optimizer.zero_grad()
        return {name: value.detach() for name, value in losses.items()}

    def _validate(self) -> None:
        progress, task = self._progress, self._task
        if self._fabric.global_rank == 0:
            was_training = task.module.training
            task.module.eval()
            figures = task.validate(self._fabric.device)
            task.module.train(was_training)
            self._logs.validation(progress.step, figures)
            value = figures[task.metric]
            if progress.best_value is None or value >= progress.best_value:
                progress.best_value, progress.best_step = value, progress.step
                progress.best = _copy(trained_state(task.module))
        self._fabric.barrier()

    def _agree(self, flag: bool) -> bool:
        """Return whether any process says so; they have to stop at the same step."""
        if self._fabric.world_size == 1:
            return flag
        both = self._fabric.all_reduce(
            torch.tensor(float(flag), device=self._fabric.device), reduce_op='sum'
        )
        return bool(both)

    def _save(self, meter: _Meter) -> None:
        progress = self._progress
        if self._fabric.global_rank == 0:
            progress.module = _copy(trained_state(self._task.module))
            progress.optimizer = self._optimizer.state_dict()
            progress.scaler = self._fabric.strategy.precision.state_dict()
            progress.sums = {name: float(value) for name, value in meter.sums.items()}
            progress.counted = meter.count
            save_progress(self._folder / CHECKPOINT, progress)
        self._fabric.barrier()

    def _export(self) -> None:
        progress, module = self._progress, self._task.module
        last = _copy(trained_state(module))
        load_trained_state(module, progress.best)
        figures = {
            'step': progress.best_step,
            'steps': self._config.steps,
            'seed': self._config.seed,
            'validation': progress.best_value,
        }
        self._task.export(self._folder / MODEL, figures)
        load_trained_state(module, last)


class _Listed(torch.utils.data.Sampler[Any]):
    """Batches of keys that a generator gives."""

    def __init__(self, sequence: Iterator[list[tuple[int, int]]]) -> None:
        self._sequence = sequence

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self._sequence


class _Meter:
    """Mean losses since the last row, summed on the device."""

    def __init__(self, sums: Mapping[str, float], count: int) -> None:
        self.sums: dict[str, Tensor] = {k: torch.tensor(v) for k, v in sums.items()}
        self.count = count
        self._start_s, self._since = time.monotonic(), count

    def add(self, losses: Mapping[str, Tensor]) -> None:
        for name, value in losses.items():
            before = self.sums.get(name)
            self.sums[name] = value.clone() if before is None else before.to(value) + value
        self.count += 1

    def take(self, step: int) -> dict[str, float]:
        figures = {name: float(value) / self.count for name, value in self.sums.items()}
        if not math.isfinite(figures['total']):
            raise DivergedError(f'the loss is no number by step {step}: {figures}')
        now_s = time.monotonic()
        figures['seconds_per_step'] = (now_s - self._start_s) / (self.count - self._since)
        self.sums, self.count, self._since, self._start_s = {}, 0, 0, now_s
        return figures


def _progress_of(path: Path, recipe: dict[str, Any]) -> Progress:
    if not path.exists():
        return Progress(config=recipe)
    progress = load_progress(path)
    if progress.config != recipe:
        names = sorted(
            name
            for name in {*recipe, *progress.config}
            if recipe.get(name) != progress.config.get(name)
        )
        raise ValueError(
            f'{path}: is of another recipe: {", ".join(names[:8])} differ. Take another folder.'
        )
    return progress


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}


@contextmanager
def _interruption() -> Iterator[Any]:
    """Give a function that tells whether SIGINT or SIGTERM came; a second one ends at once."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _no_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for zero. A CPU computes with them up to ten times as slowly, and
    softplus and sigmoid give many of them for masks of which a network is certain.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # as it is by default; nothing tells how it was


@contextmanager
def _bar(console: Console, is_shown: bool, start: int, total: int) -> Iterator[Any]:
    """Give a function of (step, figures) that moves a progress bar, where there is one."""
    if not is_shown:
        yield lambda step, figures: None
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn('{task.description}'),
    )
    with Bar(*columns, console=console) as bar:
        number = bar.add_task('', total=total, completed=start)

        def move(step: int, figures: Mapping[str, float]) -> None:
            text = '  '.join(f'{name} {value:.3g}' for name, value in figures.items())
            bar.update(number, completed=step, description=text)

        yield move
