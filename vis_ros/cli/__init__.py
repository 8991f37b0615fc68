# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `vis_ros`: one module for each subcommand."""
