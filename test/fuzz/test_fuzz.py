# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A few cases of each fuzz target; `make fuzz` tries 100,000."""

from __future__ import annotations

from collections import Counter

import fuzz_kit  # it lies beside this file, and its helpers elsewhere
import pytest
from fuzz_all import all_targets, shares
from hypothesis import strategies as st

CASES = 25


@pytest.mark.parametrize('target', all_targets(), ids=lambda target: target.name)
def test_target(target):
    counts = fuzz_kit.run(target, CASES)
    assert counts.total() >= CASES
    assert set(counts) <= {fuzz_kit.TAKEN, fuzz_kit.REFUSED}


def test_names_are_there_once_and_shares_add_up():
    targets = all_targets()
    assert max(Counter(target.name for target in targets).values()) == 1
    assert 100_000 <= sum(shares(targets, 100_000)) < 100_000 + len(targets)


def test_a_fault_is_found_and_made_small():
    def check(number):
        assert number < 1000
        return fuzz_kit.TAKEN

    target = fuzz_kit.Target('numbers', st.integers(0, 10**6), check, 1)
    with pytest.raises(AssertionError, match='1000'):
        fuzz_kit.run(target, 200)


def test_what_is_no_refusal_comes_out():
    @fuzz_kit.refused_with(ValueError)
    def check(number):
        raise (ValueError if number % 2 else KeyError)(number)

    assert check(1) == fuzz_kit.REFUSED
    with pytest.raises(KeyError):
        check(2)


@pytest.mark.parametrize('kind', 'bwxcdi')
def test_damage(kind):
    whole = bytes(range(40))
    changed = fuzz_kit.damage(whole, [(kind, 5, 3)])
    assert changed != whole
    assert changed[:5] == whole[:5]
    assert fuzz_kit.damage(whole, []) == whole
    assert isinstance(fuzz_kit.damage(b'', [(kind, 5, 3)]), bytes)
