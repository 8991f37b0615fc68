# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros play`: a recording, or a synthetic video, becomes a camera."""

from __future__ import annotations

import argparse
import threading
import time
from typing import Any

import cv2

from vis_ros.cli.common import CAMERA_TOPIC, add_host, add_source, open_footage, run_beside
from vis_ros.cli.follower import WINDOW, Follower

_SUBSCRIBER_POLL_S = 0.05
_SETTLE_S = 0.3  # a subscriber that is seen here may not yet see this publisher
_LINGER_S = 0.5  # reliable readers take the last frame meanwhile


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'play',
        help='publish a recording as a camera topic',
        description='Publish the frames of a recording as sensor_msgs/Image (or CompressedImage), '
        'at the rate at which they were recorded. A synthetic camera also publishes its ground '
        'truth on /ground_truth/tracks.',
    )
    add_source(parser)
    parser.add_argument('--output', default=CAMERA_TOPIC, help='topic to publish on (%(default)s)')
    parser.add_argument('--rate', type=float, default=1.0, help='speed factor (%(default)s)')
    parser.add_argument('--loop', action='store_true', help='start over at the end')
    parser.add_argument(
        '--compressed', action='store_true', help='publish JPEG on OUTPUT/compressed instead'
    )
    parser.add_argument('--frame-id', default='', help='frame id; empty keeps the recorded one')
    parser.add_argument(
        '--stamps',
        default='now',
        choices=('now', 'recorded'),
        help='stamps of the images: the time of publishing, or as recorded (%(default)s)',
    )
    parser.add_argument(
        '--clock', action='store_true', help='also publish the stamps on /clock (use_sim_time)'
    )
    parser.add_argument(
        '--best-effort', action='store_true', help='offer best effort, as many cameras do'
    )
    parser.add_argument(
        '--wait',
        type=float,
        default=10.0,
        metavar='SECONDS',
        help='wait so long for a first subscriber (%(default)s)',
    )
    parser.add_argument(
        '--follow',
        metavar='TOPIC',
        help='topic of the tracks: never run far ahead of the tracker, and end after its last '
        'result (for a tracker with queue every)',
    )
    parser.add_argument(
        '--ahead',
        type=int,
        default=WINDOW,
        metavar='N',
        help='with --follow: frames that may be without a result (%(default)s); with 1 the camera '
        'waits for each result, and the tracker needs no queue',
    )
    add_host(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from vis_ros.ros.open_host import open_host

    if not 0 < args.rate <= 1000:
        raise ValueError(f'--rate: expected a value in (0, 1000], got {args.rate}')
    if not 1 <= args.ahead <= WINDOW:
        raise ValueError(f'--ahead: expected a value in [1, {WINDOW}], got {args.ahead}')
    with open_footage(args) as source:
        host = open_host('vis_player', args.ros_arguments, args.host)
        try:
            player = Player(host, source, args)
            run_beside(host, player.play, player.ended)
            for problem in source.problems:
                host.log('warn', problem)
        finally:
            host.destroy()
    return 0 if player.count else 1


class Player:
    """Publishes a source at its own pace.

    Args:
        host: Node to publish with.
        source: Frames.
        args: Command line.
    """

    def __init__(self, host: Any, source: Any, args: argparse.Namespace) -> None:
        from vis_ros.cli.truth_topics import TruthTopics
        from vis_ros.ros.host import Qos
        from vis_ros.synth.source import SynthSource
        from vis_ros.wire.encodings import COMPRESSED_TYPE, IMAGE_TYPE

        self._host, self._source, self._args = host, source, args
        self.count = 0
        self.ended = threading.Event()
        self._follower = Follower(host, args.follow, self.ended) if args.follow else None
        type_name = COMPRESSED_TYPE if args.compressed else IMAGE_TYPE
        topic = args.output + ('/compressed' if args.compressed else '')
        qos = Qos(reliable=not args.best_effort, depth=WINDOW if args.follow else 5)
        self._images = host.create_publisher(type_name, topic, qos)
        self._truth = TruthTopics(host, source) if isinstance(source, SynthSource) else None
        self._clock = None
        if args.clock:
            self._clock = host.create_publisher('rosgraph_msgs/msg/Clock', '/clock', Qos(depth=10))

    def play(self) -> None:
        """Publish all frames; returns at the end of the source, never when it loops.

        Raises:
            TimeoutError: There is no tracker to follow.
        """
        self._wait_for_subscriber()
        self._play_once()
        while self._args.loop and self.count and not self.ended.is_set():
            self._play_once()
        if self._follower is not None:
            self._follower.wait_below(1)
        self.ended.wait(_LINGER_S)
        self._host.log('info', f'{self.count} frames published')

    def _wait_for_subscriber(self) -> None:
        deadline = time.monotonic() + self._args.wait
        while not self._has_subscriber():
            if time.monotonic() >= deadline:
                if self._follower is None:
                    return
                raise TimeoutError(
                    f'--follow {self._args.follow}: no tracker within {self._args.wait:g} s'
                )
            if self.ended.wait(_SUBSCRIBER_POLL_S):
                return
        self.ended.wait(_SETTLE_S)

    def _has_subscriber(self) -> bool:
        is_followed = self._follower is None or self._follower.is_there
        return is_followed and self._images.subscriber_count() > 0

    def _play_once(self) -> None:
        start_s, first_ns = time.monotonic(), None
        for frame in self._source:
            first_ns = frame.stamp_ns if first_ns is None else first_ns
            due_s = start_s + (frame.stamp_ns - first_ns) / 1e9 / self._args.rate
            if self._follower is not None:
                self._follower.wait_below(self._args.ahead)
            if self.ended.wait(max(due_s - time.monotonic(), 0.0)):
                return
            self._publish(frame)

    def _publish(self, frame: Any) -> None:
        from vis_ros.wire.encodings import encode_image, make_header, ns_to_stamp

        messages, args = self._host.messages, self._args
        stamp_ns = frame.stamp_ns if args.stamps == 'recorded' else self._host.now_ns()
        if self._clock is not None:
            clock = ns_to_stamp(messages, stamp_ns)
            self._clock.publish(messages.make('rosgraph_msgs/msg/Clock', clock=clock))
        frame_id = args.frame_id or frame.frame_id
        header = make_header(messages, stamp_ns, frame_id)
        if args.compressed:
            bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode('.jpg', bgr, (cv2.IMWRITE_JPEG_QUALITY, 90))
            message = messages.make(
                'sensor_msgs/msg/CompressedImage',
                header=header,
                format='rgb8; jpeg compressed bgr8',
                data=messages.array(data.reshape(-1)),
            )
        else:
            message = encode_image(messages, frame.image, header)
        if self._follower is not None:
            self._follower.published(stamp_ns)
        self._images.publish(message)
        if self._truth is not None:
            self._truth.publish(stamp_ns, frame_id)
        self.count += 1
