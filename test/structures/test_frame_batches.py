# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with one member of a batch, and with all."""

import pytest

from vis_ros.structures.batch import BatchError, as_a_whole, attempt, by_size


def test_nothing_to_group() -> None:
    assert by_size([]) == []


def test_equal_sizes_come_together_in_order() -> None:
    assert by_size([(4, 5), (5, 4), (4, 5), (1, 1), (5, 4)]) == [[0, 2], [1, 4], [3]]


def test_an_attempt_gives_the_value_or_the_exception() -> None:
    assert attempt(divmod, 7, 2) == (3, 1)
    assert isinstance(attempt(divmod, 7, 0), ZeroDivisionError)


def test_an_attempt_does_not_hold_up_the_end_of_the_program() -> None:
    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(end)


def test_a_batch_fails_as_a_whole() -> None:
    with as_a_whole(2):
        pass
    with (
        pytest.raises(BatchError, match=r"a batch of 3 .*ValueError\('odd'\)") as caught,
        as_a_whole(3),
    ):
        raise ValueError('odd')
    assert isinstance(caught.value.__cause__, ValueError)
