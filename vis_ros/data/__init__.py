# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets as clips for training: readers, sampling, augmentation, batches."""
