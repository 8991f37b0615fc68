# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a name to a running tracker: weights, building, and the session of one camera."""
