# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic videos with exact ground truth."""
