# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DDS classes are declared for all message types that could be used."""

import pytest

from vis_ros.ros.dds.samples import dds_type_name, make_sample, sample_class, type_hash
from vis_ros.wire.bare_messages import bare_messages

_STORE = bare_messages().store


@pytest.mark.parametrize(
    'type_name',
    [
        'sensor_msgs/msg/Image',
        'sensor_msgs/msg/CameraInfo',
        'diagnostic_msgs/msg/DiagnosticArray',
        'vis_msgs/msg/InstanceTrackArray',
        'vis_msgs/srv/SaveMemory_Request',
        'rcl_interfaces/srv/SetParameters_Response',
        'shape_msgs/msg/SolidPrimitive',  # a bounded sequence
    ],
)
def test_declared_types(type_name: str) -> None:
    cls = sample_class(_STORE, type_name)
    assert cls.__idl_typename__ == dds_type_name(type_name)
    assert sample_class(_STORE, type_name) is cls
    cls.__idl__.populate()
    cls.__idl__.fill_type_data()
    fields = [name for name, _ in _STORE.fielddefs[type_name][1]]
    assert list(cls.__annotations__)[-len(fields) :] == fields


def test_services_begin_with_the_header() -> None:
    names = list(sample_class(_STORE, 'std_srvs/srv/SetBool_Request').__annotations__)
    assert names == ['client_guid', 'sequence_number', 'data']


def test_bytes_pass_through() -> None:
    cls = sample_class(_STORE, 'std_msgs/msg/String')
    cdr = b'\0\1\0\0\2\0\0\0a\0'
    assert make_sample(cls, cdr).serialize() is cdr
    assert cls.deserialize(cdr).cdr is cdr  # type: ignore[attr-defined]


def test_hash_is_that_of_ros() -> None:
    assert type_hash(_STORE, 'std_msgs/msg/String') == (
        'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'
    )


def test_unknown_type() -> None:
    with pytest.raises(ValueError, match='no/such/Type'):
        sample_class(_STORE, 'no/such/Type')
