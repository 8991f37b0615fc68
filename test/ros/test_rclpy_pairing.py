# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our pairs are those of ROS 2's message_filters, message for message."""

import random
from types import SimpleNamespace

import pytest
import rclpy_peer  # noqa: F401 (skips this module where ROS 2 is not sourced)

# isort: split
pytest.importorskip('message_filters', reason='needs message_filters of ROS 2')

from builtin_interfaces.msg import Time
from message_filters import ApproximateTimeSynchronizer, SimpleFilter, TimeSynchronizer

from vis_ros.spatial.pairing import ApproximatePairing, ExactPairing

MS = 1_000_000
PERIOD_NS = 33 * MS
START_NS = 1_700_000_000 * 1000 * MS


def theirs(arrivals, topics, depth, slop_s):
    """Return the (topic, number) sets of message_filters."""
    inputs = [SimpleFilter() for _ in range(topics)]
    if slop_s is None:
        joined = TimeSynchronizer(inputs, depth)
    else:
        joined = ApproximateTimeSynchronizer(inputs, depth, slop_s)
    found = []
    joined.registerCallback(lambda *messages: found.append(tuple(m.number for m in messages)))
    for number, (topic, ns) in enumerate(arrivals):
        stamp = Time(sec=ns // (1000 * MS), nanosec=ns % (1000 * MS))
        message = SimpleNamespace(header=SimpleNamespace(stamp=stamp), number=number)
        inputs[topic].signalMessage(message)
    return found


def ours(arrivals, topics, depth, slop_s):
    if slop_s is None:
        pairing = ExactPairing(topics, depth)
    else:
        pairing = ApproximatePairing(topics, depth, round(slop_s * 1000 * MS))
    return [
        found
        for number, (topic, ns) in enumerate(arrivals)
        for found in pairing.add(topic, ns, number)
    ]


def stream(seed, topics, is_exact):
    """Return (topic, stamp) in order of arrival: jitter, losses, lags, repeats, other rates."""
    rng = random.Random(seed)
    arrivals = []
    for topic in range(topics):
        jitter = 0 if is_exact and seed % 2 else rng.choice([0, 0, 2 * MS, 12 * MS])
        lag = rng.choice([0, 5 * MS, 60 * MS, 400 * MS])
        every = rng.choice([1, 1, 2])
        for index in range(0, 60, every):
            if rng.random() < 0.1:
                continue
            ns = START_NS + index * PERIOD_NS + rng.randint(-jitter, jitter)
            for _ in range(rng.choice([1, 1, 1, 1, 2])):
                arrivals.append((ns + lag + rng.randint(0, 3 * MS), topic, ns))
    if rng.random() < 0.3:
        arrivals = [(ns + rng.randint(0, 90 * MS), topic, stamp) for ns, topic, stamp in arrivals]
    return [(topic, stamp) for _, topic, stamp in sorted(arrivals)]


def test_nothing():
    assert theirs([], 2, 5, 0.1) == ours([], 2, 5, 0.1) == []


@pytest.mark.parametrize('slop_s', [None, 0.0, 0.005, 0.02, 0.1])
@pytest.mark.parametrize('topics', [2, 3])
def test_the_same_pairs(topics, slop_s):
    pairs = 0
    for seed in range(15):
        arrivals = stream(seed, topics, slop_s is None)
        depth = random.Random(seed).choice([1, 3, 10])
        expected = theirs(arrivals, topics, depth, slop_s)
        assert ours(arrivals, topics, depth, slop_s) == expected, seed
        pairs += len(expected)
    assert pairs > 0 or slop_s == 0.0  # there, nothing is near enough
