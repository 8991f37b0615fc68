# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m vis_ros.cli` is the command `vis_ros`."""

import sys

from vis_ros.cli.main import main

sys.exit(main())
