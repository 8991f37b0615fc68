# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The C++ header for masks, without ROS: compiled here, and compared with Python's decoder."""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vis_ros.client import decode_mask, mask_area_px, read_mask
from vis_ros.ops.rle import encode

PACKAGE = Path(__file__).parents[2] / 'vis_msgs'
COMPILER = shutil.which(os.environ.get('CXX', 'g++'))
FLAGS = ('-std=c++17', '-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Werror', '-O0')

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason='NO C++ COMPILER (g++ or $CXX): vis_msgs/mask.hpp is NOT TESTED'
)


def compile_cpp(source, program, *libraries):
    """Return the finished compiler process."""
    command = (COMPILER, *FLAGS, f'-I{PACKAGE / "include"}', source, '-o', program, *libraries)
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


@pytest.fixture(scope='module')
def ask(tmp_path_factory):
    """Return a function that lets the header decode masks: (mask, image shape) -> line."""
    program = tmp_path_factory.mktemp('driver') / 'driver'
    done = compile_cpp(PACKAGE / 'test/mask_driver.cpp', program)
    assert done.returncode == 0, done.stderr

    def decode(questions):
        lines = [
            (m.x, m.y, m.width, m.height, shape[1], shape[0], len(m.counts), *map(int, m.counts))
            for m, shape in questions
        ]
        text = ''.join(' '.join(map(str, line)) + '\n' for line in lines)
        done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
        answers = done.stdout.splitlines()
        assert len(answers) == len(lines)
        return answers

    return decode


def digits(pixels):
    return '=' + ''.join('01'[int(value)] for value in pixels.reshape(-1))


def expected(mask, shape):
    """Return what the header should write, by Python's decoder; None for a bad mask."""
    try:
        image = decode_mask(mask, shape)
    except ValueError:
        return None
    return f'{mask_area_px(mask)} {digits(decode_mask(mask))} {digits(image)} same'


def test_no_mask(ask):
    assert ask([]) == []


def test_random_masks_are_what_python_says(ask):
    random = np.random.default_rng(3)
    questions = []
    for _ in range(300):
        shape = tuple(random.integers(1, 14, 2))
        questions.append((encode(random.random(shape) < random.random()), shape))
    answers = ask(questions)
    assert answers == [expected(*question) for question in questions]
    assert all(read_mask(mask) == mask for mask, _ in questions)


def test_bad_masks_are_bad_to_both(ask):
    random = np.random.default_rng(4)
    big = (0, 1, 2, 4, 2**31, 2**32 - 1)
    questions = []
    for _ in range(600):
        x, y, width, height = map(int, random.choice(3, 4))
        counts = [int(value) for value in random.choice(3, random.integers(0, 5))]
        mask = SimpleNamespace(x=x, y=y, width=width, height=height, counts=counts)
        if random.random() < 0.3:
            setattr(mask, str(random.choice(['x', 'y', 'width'])), int(random.choice(big)))
        questions.append((mask, (3, 3)))
    answers = ask(questions)
    good = 0
    for (mask, shape), answer in zip(questions, answers, strict=True):
        wanted = expected(mask, shape)
        good += wanted is not None
        assert answer == wanted if wanted is not None else answer.startswith('mask'), vars(mask)
    assert 20 < good < 580


def test_faults_name_the_numbers(ask):
    mask = SimpleNamespace(x=1, y=0, width=2, height=2, counts=[1, 2])
    answers = ask([(mask, (2, 3)), (mask, (2, 2))])
    assert answers == [
        'mask.counts: sum of the runs: expected 4, got 3',
        'mask: crop reaches out of the image: expected at most 2, got 3',
    ]


def test_the_gtest_of_the_package(tmp_path):
    probe = [COMPILER, '-std=c++17', '-E', '-x', 'c++', '-']
    found = subprocess.run(
        probe, input='#include <gtest/gtest.h>\n', capture_output=True, text=True
    )
    if found.returncode != 0:
        pytest.skip('NO GOOGLE TEST (Debian: libgtest-dev): vis_msgs/test/test_mask.cpp NOT RUN')
    program = tmp_path / 'test_mask'
    libraries = ('-lgtest_main', '-lgtest', '-lpthread')
    done = compile_cpp(PACKAGE / 'test/test_mask.cpp', program, *libraries)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert '[  PASSED  ]' in done.stdout
