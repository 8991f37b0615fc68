# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node does with signals before it spins, in a process that sends them to itself."""

import signal
import subprocess
import sys

import pytest
from patience import PATIENCE_S

BEGIN = """
import os, signal, sys
from vis_ros.ros.signals import end_quietly, ignore_signals, stop_on_signals
def hit():
    os.kill(os.getpid(), int(sys.argv[1]))
"""


SWALLOWED = """
import weakref
class Thing:
    pass
def hit_and_swallow():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: hit())
    del thing  # Python prints what a callback raises and goes on
"""


def run(code, number):
    """Return exit code and output."""
    command = [sys.executable, '-c', BEGIN + code, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stderr == ''
    return done.returncode, done.stdout


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request):
    return request.param


def test_the_end_is_quiet_and_cleans_up(number):
    code = """
end_quietly()
try:
    hit()
    print('not reached')
finally:
    hit()  # the second one is ignored
    print('cleaned')
"""
    assert run(code, number) == (0, 'cleaned\n')


def test_an_end_that_was_swallowed_is_remembered(number):
    code = """
is_ending = end_quietly()
print(is_ending.is_set())
try:
    hit()
except BaseException:  # as Cyclone DDS does around its callbacks
    print(is_ending.is_set())
"""
    assert run(code, number) == (0, 'False\nTrue\n')


def test_later_signals_stop_once_and_raise_nothing(number):
    code = """
end_quietly()
stop_on_signals(lambda: print('stop'))
hit()
hit()
print('went on')
"""
    assert run(code, number) == (0, 'stop\nwent on\n')


@pytest.mark.parametrize('moment', ['before', 'while importing'])
def test_a_node_ends_though_a_weak_reference_swallowed_the_end(number, moment):
    pytest.importorskip('cyclonedds')
    code = f"""
{SWALLOWED}
import types
from vis_ros.ros import node
class Core(types.ModuleType):
    @property
    def TrackerCore(self):
        hit_and_swallow()
        return None  # never called
sys.modules['vis_ros.ros.core'] = Core('core')
if {moment == 'before'}:
    end_quietly()  # as the command does
    hit_and_swallow()
print(node.main(['--ros-args', '-p', 'use_sim_time:=false'], kind='dds'))
"""
    assert run(code, number) == (0, '0\n')


def test_other_things_that_cannot_be_raised_are_still_said(number):
    code = f"""
{SWALLOWED}
end_quietly()
hit_and_swallow()
def hit():
    raise ValueError('a fault of ours')
sys.stderr = sys.stdout
hit_and_swallow()
"""
    returned, said = run(code, number)
    assert returned == 0
    assert 'ValueError: a fault of ours' in said
