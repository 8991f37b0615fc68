# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests on a real ROS 2 need: a loopback domain, a plain rclpy node, and programs.

A test module imports this one before anything of ROS: it is skipped where ROS 2 and a workspace
with vis_msgs were not sourced before pytest started. With VIS_ROS_NEED_RCLPY=1 in the environment
that is an error instead.
"""

# ruff: noqa: E402 (rclpy can be imported only where it is)
import importlib
import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

_MISSING = []
for _module in ('rclpy', 'vis_msgs.msg'):
    try:
        if importlib.import_module(_module).__file__ is None:  # the folder of the checkout
            _MISSING.append(f'{_module} is not built')
    except ImportError as _error:
        _MISSING.append(f'{_module}: {_error}')
if _MISSING and os.environ.get('VIS_ROS_NEED_RCLPY') == '1':
    raise RuntimeError(f'rclpy tests cannot run: {"; ".join(_MISSING)}')
if _MISSING:
    pytest.skip(
        'ROS 2 is not sourced, RclpyHost is not tested: ' + '; '.join(_MISSING),
        allow_module_level=True,
    )

# isort: split
import rclpy
from hosts_rig import PATIENCE_S, wait_until
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor

ENVIRONMENT = {
    # One domain for each pytest process; above 100 the ports may be taken by others.
    'ROS_DOMAIN_ID': str(10 + os.getpid() % 90),
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'CYCLONEDDS_URI': (
        '<CycloneDDS><Domain id="any"><General>'
        '<Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces>'
        '<AllowMulticast>false</AllowMulticast></General>'
        '<Discovery><ParticipantIndex>auto</ParticipantIndex>'
        '<MaxAutoParticipantIndex>100</MaxAutoParticipantIndex>'
        '<Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>'
    ),
}


class Peer:
    """Another node, made with nothing but rclpy, that spins in a thread."""

    def __init__(self, name='peer'):
        self.context = Context()
        rclpy.init(args=[], context=self.context)
        self.node = rclpy.create_node(name, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._is_running = True
        self._thread = threading.Thread(target=self._spin, name='spin peer')
        self._thread.start()

    def call(self, service_class, name, request):
        """Return the response of a service."""
        client = self.node.create_client(service_class, name)
        assert client.wait_for_service(PATIENCE_S), f'no service {name}'
        future = client.call_async(request)
        wait_until(future.done)
        self.node.destroy_client(client)
        return future.result()

    def close(self):
        self._is_running = False
        self._thread.join(PATIENCE_S)
        self.node.destroy_node()
        self.context.try_shutdown()

    def _spin(self):
        while self._is_running:
            with suppress(InvalidHandle):  # of an entity that a test destroyed meanwhile
                self._executor.spin_once(timeout_sec=0.02)


class Program:
    """Python code in a process of its own, which prints a line of `ready` first."""

    def __init__(self, code, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, '-c', code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT},
        )

    def wait_ready(self):
        line = self.process.stdout.readline()
        assert line == 'ready\n', (line, self.process.communicate())

    def end(self, number):
        """Send a signal; return the exit code and everything that was printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out + err

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
