# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A host that only writes down what it is given."""

import threading

from patience import PATIENCE_S

from vis_ros.wire.bare_messages import bare_messages

NOW_NS = 1_763_600_000_000_000_000


class Paper:
    """A host, and each of its publishers: keeps what is published."""

    def __init__(self):
        self.messages = bare_messages()
        self.sent = {}
        self.logs = []
        self.is_stopped = threading.Event()

    def create_publisher(self, type_name, topic, qos):
        self.sent[topic] = []
        return Sheet(self.sent[topic])

    def now_ns(self):
        return NOW_NS

    def log(self, severity, text):
        self.logs.append(text)

    def stop(self):
        self.is_stopped.set()

    def spin(self):
        assert self.is_stopped.wait(PATIENCE_S)


class Sheet:
    def __init__(self, sent):
        self.publish = sent.append

    def subscriber_count(self):
        return 1
