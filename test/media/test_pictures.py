# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos and contact sheets that are written."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.media.contact_sheet import ContactSheet
from vis_ros.media.fit import fit
from vis_ros.media.sources import open_source
from vis_ros.media.video_writer import VideoWriter
from vis_ros.structures import FrameResult


def plain(value, height=48, width=64):
    return np.full((height, width, 3), value, np.uint8)


class TestVideoWriter:
    def test_without_a_frame_there_is_no_file(self, tmp_path):
        with VideoWriter(tmp_path / 'a.mp4', 10.0):
            pass
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(('height', 'width'), [(48, 64), (47, 63), (48, 63), (1, 1), (2, 3)])
    def test_sizes(self, tmp_path, height, width):
        with VideoWriter(tmp_path / 'new' / 'a.mp4', 25.0) as writer:
            for value in (0, 100, 200):
                writer.write(plain(value, height, width))
        with open_source(tmp_path / 'new' / 'a.mp4') as source:
            values = [float(frame.image.mean()) for frame in source]
            assert (source.fps, source.count) == (25.0, 3)
            assert source.size == (width + width % 2, height + height % 2)
        assert values == pytest.approx([0, 100, 200], abs=4)
        assert [item.name for item in (tmp_path / 'new').iterdir()] == ['a.mp4']

    def test_colours(self, tmp_path):
        with VideoWriter(tmp_path / 'a.mp4', 10.0) as writer:
            writer.write(plain((200, 100, 30)))
        with open_source(tmp_path / 'a.mp4') as source:
            pixel = next(iter(source)).image[24, 32]
        assert np.abs(pixel.astype(int) - (200, 100, 30)).max() < 8

    def test_another_size_later(self, tmp_path):
        with VideoWriter(tmp_path / 'a.mp4', 10.0) as writer:
            writer.write(plain(200))
            writer.write(plain(200, 48, 32))
        with open_source(tmp_path / 'a.mp4') as source:
            last = list(source)[-1].image
        assert last[:, 20:44].mean() > 180
        assert last[:, :12].mean() < 20

    def test_existing_file(self, tmp_path):
        (tmp_path / 'a.mp4').write_bytes(b'precious')
        with pytest.raises(FileExistsError, match='exists already'):
            VideoWriter(tmp_path / 'a.mp4', 10.0)
        writer = VideoWriter(tmp_path / 'a.mp4', 10.0, overwrite=True)
        writer.write(plain(1))
        assert (tmp_path / 'a.mp4').read_bytes() == b'precious'
        writer.close()
        writer.close()
        assert (tmp_path / 'a.mp4').read_bytes() != b'precious'

    @pytest.mark.parametrize(('name', 'fps'), [('a.avi', 10.0), ('a.mp4', 0.0), ('a.mp4', np.nan)])
    def test_refused(self, tmp_path, name, fps):
        with pytest.raises(ValueError, match='expected'):
            VideoWriter(tmp_path / name, fps)

    @pytest.mark.parametrize('image', [plain(0)[:0], plain(0)[:, :, 0], plain(0).astype(float)])
    def test_refused_frames(self, tmp_path, image):
        with (
            VideoWriter(tmp_path / 'a.mp4', 10.0) as writer,
            pytest.raises(ValueError, match='image: expected uint8'),
        ):
            writer.write(image)

    def test_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / 'a.part.mp4').mkdir()
        writer = VideoWriter(tmp_path / 'a.mp4', 10.0)
        with pytest.raises(OSError, match=r'a\.part\.mp4'):
            writer.write(plain(0))


class TestFit:
    def test_same_size_is_not_copied(self):
        image = plain(1)
        assert fit(image, 64, 48) is image

    @given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
    def test_keeps_values_and_shape(self, height, width, new_height, new_width):
        fitted = fit(plain(9, height, width), new_width, new_height)
        assert fitted.shape == (new_height, new_width, 3)
        assert set(np.unique(fitted)) <= {0, 9}
        assert (fitted == 9).any()


def result(number):
    return FrameResult(number * 100_000_000, '', 48, 64, ())


class TestContactSheet:
    def test_without_a_frame(self):
        with pytest.raises(ValueError, match='at least one frame'):
            ContactSheet().render()

    def test_one_frame(self):
        sheet = ContactSheet(tile_width=64)
        sheet.add(plain(99), result(0))
        picture = sheet.render()
        assert picture.shape == (3 * 48, 4 * 64, 3)
        assert (picture[30:48, :64] == 99).all()
        assert not picture[48:].any()

    @pytest.mark.parametrize('count', [2, 11, 12, 13, 24, 25, 100, 255])
    def test_covers_the_run(self, count):
        sheet = ContactSheet(tile_width=64)
        for number in range(count):
            sheet.add(plain(number), result(number))
        picture = sheet.render()
        places = [(47 + 48 * row, 64 * column) for row in range(3) for column in range(4)]
        values = [int(picture[place][0]) for place in places][: min(count, 12)]
        assert values[0] == 0
        assert values == sorted(set(values))
        assert values[-1] >= count - 1 - count / 8
        steps = np.diff(values)
        assert steps.max() <= 2 * max(1, steps.min())

    def test_frames_that_are_not_wanted_need_no_image(self):
        sheet = ContactSheet(tile_width=64)
        for number in range(1000):
            sheet.add(plain(1) if sheet.wants_next() else None, result(number))
        assert sheet.render().any()

    def test_file(self, tmp_path):
        sheet = ContactSheet(tile_width=160)
        for number in range(3):
            sheet.add(plain((200, 0, 0), 30 + number, 40), result(number))
        sheet.write(tmp_path / 'sheet.png')
        picture = cv2.imread(str(tmp_path / 'sheet.png'))
        assert picture.shape == (360, 640, 3)
        assert picture[119, 80].tolist() == [0, 0, 200]

    def test_refused(self):
        with pytest.raises(ValueError, match='expected 1 or more'):
            ContactSheet(columns=0)
