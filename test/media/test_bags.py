# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags: what is written comes back."""

import numpy as np
import pytest
from bag_makers import (
    MESSAGES,
    STORAGES,
    assert_frames,
    compressed,
    raw,
    storage_file,
    text,
    write_bag,
)
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode

from vis_ros.media.bag_writer import BagWriter
from vis_ros.media.sources import SourceError, open_source


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
        with pytest.raises(SourceError, match=r'no image of /image can be read.*width 0'):
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
            with pytest.raises(ValueError, match='/a: expected std_msgs/msg/String, got'):
                writer.write('/a', raw(0), 1)
            with pytest.raises(ValueError, match='stamp_ns: expected 0 or more'):
                writer.write('/a', text('a'), -1)
            with pytest.raises(ValueError, match='/a: declared already'):
                writer.declare('/a', 'std_msgs/msg/String')
