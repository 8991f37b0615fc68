# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos and folders: what is there comes out, what is not is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.media.natural import natural_key
from vis_ros.media.sources import SourceError, open_source

STREET = Path(__file__).parent.parent / 'data' / 'street.mp4'


def write_image(path, value, size=(4, 6)):
    pixels = np.full((*size, 3), value, np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels[:, :, ::-1])[1].tobytes())


class TestRefused:
    def test_empty_folder(self, tmp_path):
        with pytest.raises(SourceError, match='no image in this folder'):
            open_source(tmp_path)

    @pytest.mark.parametrize(
        ('name', 'data', 'text'),
        [
            ('nothing.mp4', None, 'no such file or folder'),
            ('empty.mp4', b'', 'the file is empty'),
            ('text.mp4', b'hello' * 100, 'OpenCV cannot open it'),
            ('one.png', b'\x89PNG', 'is a single image; give its folder'),
            ('old.bag', b'#ROSBAG V2.0', 'is a bag of ROS 1'),
            ('cut.mp4', STREET.read_bytes()[:3000], 'file is damaged|cannot open'),
        ],
    )
    def test_file(self, tmp_path, name, data, text):
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(SourceError, match=f'{name}.*({text})'):
            open_source(path)

    def test_topic_of_a_video(self):
        with pytest.raises(SourceError, match='is no bag'):
            open_source(STREET, topic='/image')

    @pytest.mark.parametrize('fps', [0.0, -1.0, float('nan'), float('inf')])
    def test_rate(self, fps):
        with pytest.raises(ValueError, match='fps: expected a positive number'):
            open_source(STREET, fps=fps)

    def test_start(self):
        with pytest.raises(ValueError, match='start_ns: expected 0 or more'):
            open_source(STREET, start_ns=-1)


class TestVideo:
    def test_street(self):
        with open_source(STREET) as source:
            stamps_ns = [frame.stamp_ns for frame in source]
            assert (source.fps, source.count, source.size) == (10.0, 215, (768, 576))
            assert (source.topic, source.problems) == ('', [])
        assert stamps_ns == [index * 100_000_000 for index in range(215)]

    def test_is_rgb(self):
        with open_source(STREET) as source:
            first = next(iter(source)).image
        red, green, blue = first[-100:, :100].reshape(-1, 3).mean(axis=0)  # grass
        assert green > red > blue

    def test_starts_again(self):
        with open_source(STREET) as source:
            first, second = next(iter(source)), next(iter(source))
        np.testing.assert_array_equal(first.image, second.image)

    def test_start_and_rate(self):
        with open_source(STREET, fps=4.0, start_ns=7) as source:
            frames = iter(source)
            assert [next(frames).stamp_ns for _ in range(3)] == [7, 250_000_007, 500_000_007]

    def test_cut_in_the_middle(self, tmp_path):
        path = tmp_path / 'half.mp4'
        path.write_bytes(STREET.read_bytes()[:1_000_000])
        with open_source(path) as source:
            frames = list(source)
            assert 50 < len(frames) < 215
            assert len(source.problems) == 1
            assert f'ends after {len(frames)} of 215 frames' in source.problems[0]
            list(source)
            assert len(source.problems) == 1  # told once per iteration


class TestFolder:
    def test_natural_order_and_stamps(self, tmp_path):
        for number in (10, 2, 1):
            write_image(tmp_path / f'img{number}.png', number)
        (tmp_path / 'notes.txt').write_text('not an image')
        with open_source(tmp_path) as source:
            frames = list(source)
            assert (source.fps, source.count, source.size) == (10.0, 3, (6, 4))
        assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 2, 10]
        assert [frame.stamp_ns for frame in frames] == [0, 100_000_000, 200_000_000]

    @pytest.mark.parametrize('suffix', ['.png', '.bmp', '.ppm', '.tiff', '.PNG'])
    def test_formats_are_rgb(self, tmp_path, suffix):
        write_image(tmp_path / f'a{suffix}', (200, 100, 30))
        with open_source(tmp_path) as source:
            assert next(iter(source)).image[0, 0].tolist() == [200, 100, 30]

    def test_sizes_may_differ(self, tmp_path):
        write_image(tmp_path / '1.png', 1, (2, 3))
        write_image(tmp_path / '2.png', 2, (5, 4))
        with open_source(tmp_path) as source:
            assert [frame.image.shape for frame in source] == [(2, 3, 3), (5, 4, 3)]

    @pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
    @pytest.mark.parametrize('data', [b'', b'broken'])
    def test_a_bad_image_is_told_and_keeps_its_time(self, tmp_path, suffix, data):
        write_image(tmp_path / '1.png', 1)
        (tmp_path / f'2{suffix}').write_bytes(data)
        write_image(tmp_path / '3.png', 3)
        with open_source(tmp_path, fps=1.0) as source:
            assert source.problems == []
            assert [frame.stamp_ns for frame in source] == [0, 2_000_000_000]
            assert [f'2{suffix}' in problem for problem in source.problems] == [True]

    def test_only_bad_images(self, tmp_path):
        (tmp_path / '1.jpg').write_bytes(b'broken')
        with pytest.raises(SourceError, match=r'none of 1 images can be read: .*1.jpg'):
            open_source(tmp_path)

    def test_problems_do_not_grow_without_bound(self, tmp_path):
        write_image(tmp_path / '0.png', 1)
        for number in range(1, 151):
            (tmp_path / f'{number}.png').write_bytes(b'broken')
        with open_source(tmp_path) as source:
            assert len(list(source)) == 1
            assert len(source.problems) == 101
            assert source.problems[-1] == '... 50 more'


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True))
def test_natural_order_is_that_of_the_numbers(numbers):
    names = sorted((f'Frame_{number}.png' for number in numbers), key=natural_key)
    assert names == [f'Frame_{number}.png' for number in sorted(numbers)]


def test_natural_order_of_odd_names():
    names = ['', 'a', '1', 'a1', '1a', 'B', 'a02', 'a1b', '²']
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)
