# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs by stamp; that they are those of message_filters is tested in test/ros."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vis_ros.spatial.pairing import ApproximatePairing, ExactPairing

MS = 1_000_000
S = 1000 * MS


def run(pairing, *arrivals):
    """Return the stamps of all sets; a message is its own stamp."""
    return [pair for topic, ns in arrivals for pair in pairing.add(topic, ns, ns)]


def test_nothing_to_pair():
    assert run(ExactPairing(2, 5)) == []
    assert run(ExactPairing(2, 5), (0, 1), (0, 2), (1, 3)) == []
    assert run(ApproximatePairing(2, 5, 2), (0, 1), (1, 9)) == []


@pytest.mark.parametrize(('topics', 'depth'), [(1, 5), (2, 0)])
def test_sizes_are_checked(topics, depth):
    with pytest.raises(ValueError, match='expected 2 topics'):
        ExactPairing(topics, depth)


def test_exact():
    assert run(ExactPairing(2, 5), (0, 1), (0, 2), (1, 2), (1, 1)) == [(2, 2), (1, 1)]
    assert run(ExactPairing(3, 5), (0, 1), (2, 1), (1, 1), (1, 1)) == [(1, 1, 1)]


def test_approximate_takes_the_nearest():
    arrivals = (1, 80 * MS), (1, 98 * MS), (1, 110 * MS), (0, 100 * MS)
    assert run(ApproximatePairing(2, 5, 30 * MS), *arrivals) == [(100 * MS, 98 * MS)]


def test_the_slop_itself_is_too_much():
    pairing = ApproximatePairing(2, 5, 10)
    assert run(pairing, (0, 100), (1, 110), (1, 109)) == [(100, 109)]


def test_queues_are_bounded():
    pairing = ExactPairing(2, 3)
    assert run(pairing, *((0, ns) for ns in range(10))) == []
    assert pairing.waiting(0) == 3
    assert run(pairing, (1, 6), (1, 7)) == [(7, 7)]
    late = ApproximatePairing(2, 1, 10)
    assert run(late, (0, 50), (1, 500), (0, 5), (1, 5)) == []  # older than all that wait


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 50)), max_size=60), st.integers(1, 20))
def test_no_message_is_used_twice_and_sets_keep_the_slop(arrivals, slop):
    pairing = ApproximatePairing(2, 6, slop)
    numbered = [(topic, ns, (index, ns)) for index, (topic, ns) in enumerate(arrivals)]
    pairs = [pair for topic, ns, message in numbered for pair in pairing.add(topic, ns, message)]
    used = [index for pair in pairs for index, _ in pair]
    assert len(set(used)) == len(used)
    assert all(abs(a[1] - b[1]) < slop for a, b in pairs)
    assert max(pairing.waiting(0), pairing.waiting(1)) <= 6


@pytest.mark.parametrize(
    'make', [lambda: ExactPairing(2, 4), lambda: ApproximatePairing(2, 4, MS)]
)
def test_a_bag_that_loops(make):
    pairing = make()
    end = [(topic, 60 * S + i * S // 10) for i in range(8) for topic in (0,)]  # no partner comes
    assert run(pairing, *end, (1, 90 * S)) == []
    again = [(topic, i * S // 10) for i in range(3) for topic in (1, 0)]
    assert len(run(pairing, *again)) == 3
