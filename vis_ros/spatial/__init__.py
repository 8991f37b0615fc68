# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Objects in space: masks and depth to positions, smoothing, pairing by stamp, transforms.

NumPy and OpenCV only: no torch, no ROS, no messages.
"""
