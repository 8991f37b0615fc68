# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 on Cyclone DDS from PyPI: a node for machines that have no ROS installation."""

from vis_ros.ros.dds.domain import domain_id, loopback_config
from vis_ros.ros.dds.host import DdsHost

__all__ = ['DdsHost', 'domain_id', 'loopback_config']
