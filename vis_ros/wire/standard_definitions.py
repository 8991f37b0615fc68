# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fields of the standard messages that the type store of `rosbags` does not carry.

Only what the tracker publishes is here. `vision_msgs` has had these fields since version 4.1, in
every distribution from Humble on. `foxglove_msgs` gained `timestamp` and `metadata` in 2026: a
sourced workspace that carries either package goes first, whatever its version.
"""

from collections.abc import Mapping

from vis_ros.resources import resource_path

STANDARD_DEFINITIONS: Mapping[str, str] = {
    'vision_msgs/msg/Point2D': 'float64 x\nfloat64 y\n',
    'vision_msgs/msg/Pose2D': 'vision_msgs/Point2D position\nfloat64 theta\n',
    'vision_msgs/msg/BoundingBox2D': (
        'vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n'
    ),
    'vision_msgs/msg/BoundingBox3D': 'geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n',
    'vision_msgs/msg/ObjectHypothesis': 'string class_id\nfloat64 score\n',
    'vision_msgs/msg/ObjectHypothesisWithPose': (
        'vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n'
    ),
    'vision_msgs/msg/Detection2D': (
        'std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n'
        'vision_msgs/BoundingBox2D bbox\nstring id\n'
    ),
    'vision_msgs/msg/Detection2DArray': (
        'std_msgs/Header header\nvision_msgs/Detection2D[] detections\n'
    ),
    'vision_msgs/msg/Detection3D': (
        'std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n'
        'vision_msgs/BoundingBox3D bbox\nstring id\n'
    ),
    'vision_msgs/msg/Detection3DArray': (
        'std_msgs/Header header\nvision_msgs/Detection3D[] detections\n'
    ),
    'vision_msgs/msg/VisionClass': 'uint16 class_id\nstring class_name\n',
    'vision_msgs/msg/LabelInfo': (
        'std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold\n'
    ),
    'foxglove_msgs/msg/KeyValuePair': 'string key\nstring value\n',
    'foxglove_msgs/msg/Point2': 'float64 x\nfloat64 y\n',
    'foxglove_msgs/msg/Color': 'float64 r\nfloat64 g\nfloat64 b\nfloat64 a\n',
    'foxglove_msgs/msg/CircleAnnotation': (
        'builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nfloat64 diameter\n'
        'float64 thickness\nfoxglove_msgs/Color fill_color\nfoxglove_msgs/Color outline_color\n'
        'foxglove_msgs/KeyValuePair[] metadata\n'
    ),
    'foxglove_msgs/msg/PointsAnnotation': (
        'uint8 UNKNOWN=0\nuint8 POINTS=1\nuint8 LINE_LOOP=2\nuint8 LINE_STRIP=3\n'
        'uint8 LINE_LIST=4\n'
        'builtin_interfaces/Time timestamp\nuint8 type\nfoxglove_msgs/Point2[] points\n'
        'foxglove_msgs/Color outline_color\nfoxglove_msgs/Color[] outline_colors\n'
        'foxglove_msgs/Color fill_color\nfloat64 thickness\n'
        'foxglove_msgs/KeyValuePair[] metadata\n'
    ),
    'foxglove_msgs/msg/TextAnnotation': (
        'builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nstring text\n'
        'float64 font_size\nfoxglove_msgs/Color text_color\n'
        'foxglove_msgs/Color background_color\nfoxglove_msgs/KeyValuePair[] metadata\n'
    ),
    'foxglove_msgs/msg/ImageAnnotations': (
        'builtin_interfaces/Time timestamp\nfoxglove_msgs/CircleAnnotation[] circles\n'
        'foxglove_msgs/PointsAnnotation[] points\nfoxglove_msgs/TextAnnotation[] texts\n'
        'foxglove_msgs/KeyValuePair[] metadata\n'
    ),
}


def standard_definitions() -> dict[str, str]:
    """Return the definition of each of these types: of the sourced workspaces, else ours.

    A package is taken from a workspace only if all of its types are there, so that no two versions
    are mixed.
    """
    found = dict(STANDARD_DEFINITIONS)
    for package in sorted({name.partition('/')[0] for name in STANDARD_DEFINITIONS}):
        names = [name for name in STANDARD_DEFINITIONS if name.startswith(f'{package}/')]
        try:
            found.update({name: _installed(name) for name in names})
        except (OSError, UnicodeDecodeError):  # not installed, or of an age without some of them
            continue
    return found


def _installed(type_name: str) -> str:
    package, kind, name = type_name.split('/')
    return resource_path(package, kind, f'{name}.msg').read_text(encoding='utf-8')
