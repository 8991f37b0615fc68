# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags: what is written comes back, whole or damaged."""

import cv2
import numpy as np
import pytest
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode

from vis_ros.media.bag_writer import BagWriter
from vis_ros.media.sources import SourceError, open_source
from vis_ros.wire.encodings import encode_image, make_header
from vis_ros.wire.messages import bare_messages

MESSAGES = bare_messages()
STORAGES = ['mcap', 'sqlite3']
SUFFIX = {'mcap': '.mcap', 'sqlite3': '.db3'}
START_NS = 1_700_000_000_123_456_789
STEP_NS = 50_000_000


def pixels(number, size=(48, 64)):
    """Return an image that no compressor shrinks to nothing."""
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


def raw(number, **changes):
    header = make_header(MESSAGES, START_NS + number * STEP_NS, 'camera')
    message = encode_image(MESSAGES, pixels(number), header)
    for name, value in changes.items():
        object.__setattr__(message, name, value)
    return message


def compressed(number):
    data = cv2.imencode('.png', pixels(number)[:, :, ::-1])[1].reshape(-1)
    header = make_header(MESSAGES, START_NS + number * STEP_NS, 'camera')
    fields = {'header': header, 'format': 'rgb8; png compressed bgr8', 'data': data}
    return MESSAGES.make('sensor_msgs/msg/CompressedImage', **fields)


def text(value):
    return MESSAGES.make('std_msgs/msg/String', data=value)


def write_bag(path, storage='mcap', topics=('/image',), count=20, make=raw, **options):
    with BagWriter(path, storage, **options) as writer:
        for number in range(count):
            for topic in topics:
                writer.write(topic, make(number), 1000 + number)
    return path


def storage_file(path):
    return next(file for file in path.iterdir() if file.name.startswith(path.name))


def assert_frames(frames, numbers):
    assert [frame.stamp_ns for frame in frames] == [START_NS + n * STEP_NS for n in numbers]
    for frame, number in zip(frames, numbers, strict=True):
        np.testing.assert_array_equal(frame.image, pixels(number))


@pytest.mark.parametrize('storage', STORAGES)
class TestRoundTrip:
    def test_bag_without_a_message(self, tmp_path, storage):
        write_bag(tmp_path / 'bag', storage, count=0)
        with pytest.raises(SourceError, match='has no image topic; its topics: none'):
            open_source(tmp_path / 'bag')

    @pytest.mark.parametrize('make', [raw, compressed])
    @pytest.mark.parametrize('compress', [False, True])
    def test_frames(self, tmp_path, storage, make, compress):
        path = write_bag(tmp_path / 'bag', storage, make=make, compress=compress)
        for opened in (path, storage_file(path)):
            with open_source(opened) as source:
                assert_frames(list(source), range(20))
                assert_frames(list(source), range(20))
                assert (source.topic, source.count, source.size) == ('/image', 20, (64, 48))
                assert source.fps == pytest.approx(20.0)
                assert source.problems == []

    def test_one_frame_has_the_default_rate(self, tmp_path, storage):
        with open_source(write_bag(tmp_path / 'bag', storage, count=1)) as source:
            assert (source.fps, source.count) == (10.0, 1)

    def test_a_bad_image_is_skipped_and_told(self, tmp_path, storage):
        with BagWriter(tmp_path / 'bag', storage) as writer:
            writer.write('/image', raw(0), 0)
            writer.write('/image', raw(1, step=3), 1)
            writer.write('/image', raw(2, encoding='none'), 2)
            writer.write('/image', raw(3), 3)
        with open_source(tmp_path / 'bag') as source:
            assert_frames(list(source), [0, 3])
            assert len(source.problems) == 2
            assert '/image, message 1: rgb8: a row of 64 pixels' in source.problems[0]
            assert "/image, message 2: encoding 'none'" in source.problems[1]

    def test_only_bad_images(self, tmp_path, storage):
        with BagWriter(tmp_path / 'bag', storage) as writer:
            writer.write('/image', raw(0, width=0), 0)
        with pytest.raises(SourceError, match='no image of /image can be read.*width 0'):
            open_source(tmp_path / 'bag')

    @pytest.mark.parametrize('mode', [CompressionMode.MESSAGE, CompressionMode.FILE])
    def test_compression_of_rosbag2(self, tmp_path, storage, mode):
        plugins = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
        writer = Writer(tmp_path / 'bag', version=9, storage_plugin=plugins[storage])
        writer.set_compression(mode, CompressionFormat.ZSTD)
        with writer:
            connection = writer.add_connection(
                '/image', 'sensor_msgs/msg/Image', typestore=MESSAGES.store
            )
            for number in range(3):
                writer.write(connection, number, bytes(MESSAGES.serialize(raw(number))))
        with open_source(tmp_path / 'bag') as source:
            assert_frames(list(source), range(3))
        if mode == CompressionMode.MESSAGE:
            with open_source(self.without_metadata(tmp_path / 'bag')) as source:
                assert_frames(list(source), range(3))

    @staticmethod
    def without_metadata(path):
        (path / 'metadata.yaml').unlink()
        return path


class TestTopics:
    def test_no_image_topic(self, tmp_path):
        with BagWriter(tmp_path / 'bag') as writer:
            writer.write('/chatter', text('a'), 0)
        with pytest.raises(SourceError, match=r'/chatter \(std_msgs/msg/String, 1 messages\)'):
            open_source(tmp_path / 'bag')

    def test_image_topic_without_a_message(self, tmp_path):
        with BagWriter(tmp_path / 'bag') as writer:
            writer.declare('/image', 'sensor_msgs/msg/Image')
            writer.write('/chatter', text('a'), 0)
        with pytest.raises(SourceError, match='has no image; its image topics: /image'):
            open_source(tmp_path / 'bag')

    def test_empty_topics_do_not_make_it_unclear(self, tmp_path):
        with BagWriter(tmp_path / 'bag') as writer:
            writer.declare('/other', 'sensor_msgs/msg/Image')
            writer.write('/image', raw(0), 0)
        with open_source(tmp_path / 'bag') as source:
            assert source.topic == '/image'

    def test_several(self, tmp_path):
        path = write_bag(tmp_path / 'bag', topics=('/left', '/right'), count=3)
        with pytest.raises(SourceError, match=r'which topic\? .*/left .*3 messages\), /right'):
            open_source(path)
        with open_source(path, topic='/right') as source:
            assert_frames(list(source), range(3))

    def test_unknown(self, tmp_path):
        path = write_bag(tmp_path / 'bag', count=1)
        with pytest.raises(SourceError, match='no image topic /depth; its image topics: /image'):
            open_source(path, topic='/depth')


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


class TestWriter:
    def test_existing_target(self, tmp_path):
        path = write_bag(tmp_path / 'bag', count=1)
        before = storage_file(path).read_bytes()
        with pytest.raises(FileExistsError, match='exists already'):
            BagWriter(path)
        assert storage_file(path).read_bytes() == before
        assert [item.name for item in tmp_path.iterdir()] == ['bag']

    def test_overwrite(self, tmp_path):
        path = write_bag(tmp_path / 'bag', count=1)
        write_bag(path, 'sqlite3', count=2, overwrite=True)
        assert sorted(item.name for item in path.iterdir()) == ['bag.db3', 'metadata.yaml']
        assert [item.name for item in tmp_path.iterdir()] == ['bag']

    def test_overwrite_spares_what_is_no_bag(self, tmp_path):
        (tmp_path / 'home').mkdir()
        (tmp_path / 'home' / 'thesis.tex').write_text('years of work')
        with pytest.raises(FileExistsError, match=r'more than a bag: thesis\.tex'):
            BagWriter(tmp_path / 'home', overwrite=True)
        (tmp_path / 'file').write_text('a')
        with pytest.raises(FileExistsError, match='is a file'):
            BagWriter(tmp_path / 'file', overwrite=True)

    def test_nothing_is_there_before_it_is_whole(self, tmp_path):
        writer = BagWriter(tmp_path / 'bag')
        writer.write('/image', raw(0), 0)
        assert not (tmp_path / 'bag').exists()
        writer.close()
        writer.close()
        assert [item.name for item in tmp_path.iterdir()] == ['bag']

    def test_exception_keeps_what_was_written(self, tmp_path):
        with pytest.raises(KeyError), BagWriter(tmp_path / 'bag') as writer:
            writer.write('/image', raw(0), 0)
            raise KeyError
        with open_source(tmp_path / 'bag') as source:
            assert_frames(list(source), [0])

    def test_exception_before_the_first_message_leaves_nothing(self, tmp_path):
        with pytest.raises(KeyError), BagWriter(tmp_path / 'bag'):
            raise KeyError
        assert list(tmp_path.iterdir()) == []

    def test_quality_of_service(self, tmp_path):
        with BagWriter(tmp_path / 'bag') as writer:
            writer.declare('/label_info', 'std_msgs/msg/String', latched=True)
            writer.write('/label_info', text('person'), 5)
            writer.write('/image', raw(0), 5)
        with Reader(tmp_path / 'bag') as reader:
            found = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}
        assert found['/label_info'].durability == QosDurability.TRANSIENT_LOCAL
        assert found['/image'].durability == QosDurability.VOLATILE
        assert 'version: 8' in (tmp_path / 'bag' / 'metadata.yaml').read_text()

    @pytest.mark.parametrize('storage', STORAGES)
    def test_own_messages(self, tmp_path, storage):
        fields = {'x': 1, 'y': 2, 'width': 2, 'height': 1, 'counts': np.array([1, 1], np.uint32)}
        sent = MESSAGES.make('vis_msgs/msg/InstanceMask', **fields)
        with BagWriter(tmp_path / 'bag', storage) as writer:
            writer.write('/mask', sent, 7)
        with Reader(tmp_path / 'bag') as reader:
            ((connection, log_ns, data),) = reader.messages()
        got = MESSAGES.deserialize(data, connection.msgtype)
        assert (log_ns, got.x, got.counts.tolist()) == (7, 1, [1, 1])

    def test_refused(self, tmp_path):
        with pytest.raises(ValueError, match='expected mcap or sqlite3'):
            BagWriter(tmp_path / 'bag', 'bag')
        with BagWriter(tmp_path / 'bag') as writer:
            writer.write('/a', text('a'), 0)
            with pytest.raises(
                ValueError, match='/a: expected std_msgs/msg/String, got sensor_msgs'
            ):
                writer.write('/a', raw(0), 1)
            with pytest.raises(ValueError, match='stamp_ns: expected 0 or more'):
                writer.write('/a', text('a'), -1)
            with pytest.raises(ValueError, match='/a: declared already'):
                writer.declare('/a', 'std_msgs/msg/String')
