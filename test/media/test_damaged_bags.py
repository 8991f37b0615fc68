# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags that were cut, overwritten or half lost: what is whole comes out, the rest is told."""

import numpy as np
import pytest
from bag_makers import (
    STORAGES,
    SUFFIX,
    assert_frames,
    compressed,
    raw,
    storage_file,
    write_bag,
)

from vis_ros.media.bag_writer import BagWriter
from vis_ros.media.sources import SourceError, open_source


@pytest.mark.parametrize('storage', STORAGES)
class TestDamage:
    def whole(self, tmp_path, storage, **options):
        """Return the bytes of a storage file of 300 frames, several chunks, and its name."""
        path = write_bag(tmp_path / 'bag', storage, count=300, **options)
        return storage_file(path).read_bytes(), f'cut{SUFFIX[storage]}'

    @pytest.mark.parametrize('share', [0.3, 0.6, 0.95])
    @pytest.mark.parametrize('compress', [False, True])
    def test_cut(self, tmp_path, storage, share, compress):
        data, name = self.whole(tmp_path, storage, compress=compress)
        (tmp_path / name).write_bytes(data[: int(len(data) * share)])
        with open_source(tmp_path / name) as source:
            frames = list(source)
            assert 300 * (share - 0.2) < len(frames) < 300
            assert_frames(frames, range(len(frames)))
            assert 'is not whole' in source.problems[0]
            assert 'cut off or damaged' in source.problems[-1]

    def test_hole(self, tmp_path, storage):
        data, name = self.whole(tmp_path, storage, make=compressed)
        middle = len(data) // 2
        noise = np.random.default_rng(0).integers(0, 256, 9000, np.uint8).tobytes()
        (tmp_path / name).write_bytes(data[:middle] + noise + data[middle + 9000 :])
        with open_source(tmp_path / name) as source:
            frames = list(source)
            assert 60 < len(frames) < 300
            assert_frames(frames[:60], range(60))
            assert source.problems

    def test_never_written_end(self, tmp_path, storage):
        data, name = self.whole(tmp_path, storage)
        half = len(data) // 2
        (tmp_path / name).write_bytes(data[:half] + bytes(half))
        with open_source(tmp_path / name) as source:
            assert 60 < len(list(source)) < 300
            assert source.problems

    def test_cut_anywhere_never_raises_anything_else(self, tmp_path, storage):
        path = write_bag(tmp_path / 'bag', storage, count=2)
        data, name = storage_file(path).read_bytes(), f'cut{SUFFIX[storage]}'
        for length in range(0, len(data), 997):
            (tmp_path / name).write_bytes(data[:length])
            try:
                with open_source(tmp_path / name) as source:
                    assert_frames(list(source), range(len(list(source))))
                    assert source.problems
            except SourceError as error:
                assert name in str(error)

    def test_lost_metadata(self, tmp_path, storage):
        path = write_bag(tmp_path / 'bag', storage, count=3)
        (path / 'metadata.yaml').unlink()
        with open_source(path) as source:
            assert_frames(list(source), range(3))
            assert 'is not whole' in source.problems[0]

    def test_split_bag_whose_last_file_is_empty(self, tmp_path, storage):
        folder = tmp_path / 'split'
        folder.mkdir()
        for part, start in enumerate((0, 2)):
            with BagWriter(tmp_path / f'part{part}', storage) as writer:
                for number in (start, start + 1):
                    writer.write('/image', raw(number), number)
            target = folder / f'split_{9 + part}{SUFFIX[storage]}'  # 10 comes after 9
            storage_file(tmp_path / f'part{part}').rename(target)
        (folder / f'split_11{SUFFIX[storage]}').write_bytes(b'')
        with open_source(folder) as source:
            assert_frames(list(source), range(4))
            assert any('split_11' in problem for problem in source.problems)

    def test_unmerged_log(self, tmp_path, storage):
        if storage == 'sqlite3':
            path = write_bag(tmp_path / 'bag', storage, count=1)
            (path / 'bag.db3-wal').write_bytes(b'1')
            with open_source(path) as source:
                assert 'bag.db3-wal: messages' in source.problems[0]


@pytest.mark.parametrize('suffix', ['.mcap', '.db3'])
@pytest.mark.parametrize('data', [b'', b'garbage' * 100])
def test_not_a_bag(tmp_path, suffix, data):
    (tmp_path / f'a{suffix}').write_bytes(data)
    with pytest.raises(SourceError, match=f'a{suffix}: cannot be read as a bag'):
        open_source(tmp_path / f'a{suffix}')
