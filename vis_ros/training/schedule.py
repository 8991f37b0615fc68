# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long and how fast a training learns, as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from vis_ros.structures.options import option


@dataclass(frozen=True)
class ScheduleConfig:
    """Steps, learning rate and what happens beside the steps."""

    steps: int = option(1000, 'Steps of the optimiser in all.', minimum=1, maximum=10**9)
    batch: int = option(
        4, 'Clips or images of a step, of all processes together.', minimum=1, maximum=4096
    )
    optimizer: str = option(
        'adam',
        'adam: weight decay is part of the gradient, as in the paper; adamw: it is not.',
        choices=('adam', 'adamw'),
    )
    learning_rate: float = option(2e-4, 'Highest learning rate.', minimum=0.0, maximum=10.0)
    weight_decay: float = option(1e-4, 'Weight decay.', minimum=0.0, maximum=1.0)
    warmup: int = option(
        0, 'Steps in which the learning rate rises from 0.', minimum=0, maximum=10**9
    )
    decay: str = option(
        'steps',
        'steps: multiplied by `decay_factor` at each of `decay_at`; cosine: down to '
        '`decay_factor` of the highest at the end.',
        choices=('steps', 'cosine'),
    )
    decay_at: tuple[float, ...] = option(
        (), 'Shares of all steps at which the rate falls.', minimum=0.0, maximum=1.0
    )
    decay_factor: float = option(0.2, 'See `decay`; 0.2 is a fifth.', minimum=0.0, maximum=1.0)
    max_gradient: float = option(
        0.0, 'Largest norm of the gradient; 0 for no limit.', minimum=0.0, maximum=1e9
    )
    precision: str = option(
        '32-true',
        'Precision of the forward pass, as Lightning Fabric names it.',
        choices=('32-true', 'bf16-mixed', '16-mixed'),
    )
    log_every: int = option(20, 'Steps between rows of train.csv.', minimum=1, maximum=10**9)
    validate_every: int = option(
        1000,
        'Steps between validations; one more follows the last step.',
        minimum=1,
        maximum=10**9,
    )
    checkpoint_every: int = option(
        200, 'Steps between checkpoints for resuming.', minimum=1, maximum=10**9
    )
    workers: int = option(
        0, 'Processes that prepare batches; 0: the training itself does.', minimum=0, maximum=256
    )
    seed: int = option(0, 'Seed of everything random.', minimum=0, maximum=2**31 - 1)


def learning_rate(config: ScheduleConfig, step: int) -> float:
    """Return the learning rate of a step, 0 is the first."""
    rate = config.learning_rate
    if step < config.warmup:
        return rate * (step + 1) / config.warmup
    if config.decay == 'cosine':
        span = max(config.steps - config.warmup, 1)
        fall = 0.5 + 0.5 * math.cos(math.pi * (step - config.warmup) / span)
        return rate * (config.decay_factor + (1 - config.decay_factor) * fall)
    passed = sum(step >= share * config.steps for share in config.decay_at)
    return rate * config.decay_factor**passed


def batches(
    config: ScheduleConfig, items: int, *, first: int, rank: int = 0, ranks: int = 1
) -> Iterator[list[tuple[int, int]]]:
    """Yield the (epoch, place) pairs of each step's items, from step `first` to the last.

    The places of an epoch run from 0 in order, since the data set shuffles; what does not fill a
    batch at the end of an epoch is left out. All processes together take `config.batch` items.

    Args:
        config: Steps and batch.
        items: Items of an epoch.
        first: Step to begin with.
        rank: This process.
        ranks: Number of processes.

    Raises:
        ValueError: The batch does not fit the processes, or the data set is smaller than it.
    """
    if config.batch % ranks:
        raise ValueError(
            f'batch: expected a multiple of the {ranks} processes, got {config.batch}'
        )
    per_epoch = items // config.batch
    if not per_epoch:
        raise ValueError(
            f'batch: expected at most the {items} items there are, got {config.batch}'
        )
    for step in range(first, config.steps):
        epoch, place = divmod(step, per_epoch)
        start = place * config.batch
        yield [(epoch, index) for index in range(start + rank, start + config.batch, ranks)]
