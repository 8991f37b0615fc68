# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pure functions on boxes, masks, run lengths, assignments and image geometry."""
