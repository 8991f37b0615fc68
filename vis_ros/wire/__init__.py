# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS messages as data: type definitions, encodings, conversion. No middleware, no rclpy."""
