# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Footage in and out: videos, folders, bags; drawings of results. No ROS, no torch."""
