# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node: one core, two hosts (rclpy, and a bare participant on Cyclone DDS)."""
