# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Footage that the tests of the commands share; they must not change it."""

import pytest
from footage import vis_ros, write_folder


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    """Return a folder of PNG images."""
    return write_folder(tmp_path_factory.mktemp('footage') / 'images')


@pytest.fixture(scope='session')
def video(folder):
    """Return an mp4 video of the images."""
    path = folder.with_name('video.mp4')
    assert vis_ros('convert', folder, path) == 0
    return path


@pytest.fixture(scope='session', params=['mcap', 'sqlite3'])
def bag(request, folder):
    """Return a bag of the images, in either storage."""
    path = folder.with_name(request.param)
    assert vis_ros('convert', folder, path, '--storage', request.param) == 0
    return path
