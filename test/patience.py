# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long tests wait for what must happen before they fail."""

PATIENCE_S = 240.0  # the machine may do many other things; pytest itself waits for 300 s
