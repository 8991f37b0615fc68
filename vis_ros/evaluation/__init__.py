# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets in YouTube-VIS form, results in the servers' form, and how good the results are."""
