# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images on the wire: everything that the rest of the package needs, from this one module."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vis_ros.structures.frame import Frame
from vis_ros.wire.compressed import decode_compressed
from vis_ros.wire.image_error import MAX_PIXELS, ImageError
from vis_ros.wire.messages import Messages
from vis_ros.wire.raw_images import SUPPORTED_ENCODINGS, decode_image
from vis_ros.wire.stamps import make_header, ns_to_stamp, stamp_to_ns

__all__ = [
    'COMPRESSED_TYPE',
    'IMAGE_TYPE',
    'MAX_PIXELS',
    'SUPPORTED_ENCODINGS',
    'ImageError',
    'decode_compressed',
    'decode_image',
    'encode_image',
    'frame_of',
    'make_header',
    'ns_to_stamp',
    'stamp_to_ns',
]

IMAGE_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'

_WRITTEN: Mapping[str, tuple[np.dtype[Any], int]] = {  # encoding: dtype, dimensions
    'rgb8': (np.dtype(np.uint8), 3),
    'mono8': (np.dtype(np.uint8), 2),
    'mono16': (np.dtype(np.uint16), 2),
}


def frame_of(message: Any) -> Frame:
    """Return a raw or compressed image message as a frame, stamp and frame id as they came.

    Raises:
        ImageError: The image or its stamp is not valid.
    """
    decode = decode_image if hasattr(message, 'encoding') else decode_compressed
    header = message.header
    return Frame(decode(message), stamp_to_ns(header.stamp), header.frame_id)


def encode_image(
    messages: Messages, image: np.ndarray, header: Any, encoding: str = 'rgb8'
) -> Any:
    """Return an image as a `sensor_msgs/Image`.

    Args:
        messages: Who makes the message.
        image: uint8 array (H, W, 3) in RGB for rgb8, uint8 (H, W) for mono8, uint16 (H, W) for
            mono16. The message may share its memory: do not write to it afterwards.
        header: `std_msgs/Header`, see `make_header`.
        encoding: rgb8, mono8 or mono16.

    Raises:
        ImageError: The encoding is another one, or the image does not fit it.
    """
    if encoding not in _WRITTEN:
        raise ImageError(f'encoding: expected one of {", ".join(_WRITTEN)}, got {encoding!r}')
    dtype, dimensions = _WRITTEN[encoding]
    if image.dtype != dtype or image.ndim != dimensions or image.shape[2:] not in ((), (3,)):
        raise ImageError(
            f'{encoding}: expected {dtype} with {dimensions} dimensions, '
            f'got {image.dtype} with shape {image.shape}'
        )
    if image.size == 0:
        raise ImageError(f'{encoding}: expected at least one pixel, got shape {image.shape}')
    samples = np.ascontiguousarray(image, dtype.newbyteorder('<'))
    height, width = image.shape[:2]
    return messages.make(
        IMAGE_TYPE,
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=samples.strides[0] if height > 1 else samples.nbytes,
        data=messages.array(samples.reshape(-1).view(np.uint8)),
    )
