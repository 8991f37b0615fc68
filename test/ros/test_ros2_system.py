# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The installed packages as a robot uses them: launch files, bags and commands of ROS 2."""

import pytest
from ros2_rig import CAMERA, FRAMES, Jobs, Planner, wait_until, write_bag

# isort: split
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

pytestmark = pytest.mark.usefixtures('loopback_domain')

NO_DAEMON = ('--no-daemon', '--spin-time', '1')
ACTIVE = f'active: images from {CAMERA}'


@pytest.fixture
def jobs(tmp_path):
    """Return what starts processes; none outlives the test."""
    running = Jobs(tmp_path)
    yield running
    running.close()


@pytest.fixture
def planner(peer):
    """Return a node that takes the tracks."""
    return Planner(peer)


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    """Return bags of the same scene by kind."""
    folder = tmp_path_factory.mktemp('bags')
    return {
        'mcap': write_bag(folder / 'mcap'),
        'sqlite3': write_bag(folder / 'sqlite3', 'sqlite3'),
        'compressed mcap': write_bag(folder / 'c_mcap', is_compressed=True),
        'compressed sqlite3': write_bag(folder / 'c_sqlite3', 'sqlite3', is_compressed=True),
    }


@pytest.fixture
def bag_player(jobs):
    """Return what plays a bag with the command of ROS 2."""
    pytest.importorskip('ros2bag', reason='needs ros2bag of ROS 2')
    return lambda *words: jobs.start('ros2', 'bag', 'play', *words)


def wait_for_new_session(planner, start):
    """Wait until a session began after `start()` in which a thing is tracked."""
    known = set(planner.sessions)
    job = start()
    wait_until(
        lambda: (
            any(key[0] not in known and n >= 3 for key, n in planner.active.items())
            or job.popen.poll()
        )
    )
    assert set(planner.sessions) > known, job.text
    return job


def test_tracker_launch_on_a_camera(jobs, planner, peer, bags):
    launch = jobs.launch('tracker', 'method:=deepsort', f'image:={CAMERA}')
    launch.wait_for(ACTIVE)
    assert 'vis_tracker' in peer.node.get_node_names()
    jobs.ros2('lifecycle', 'get', '/vis_tracker', *NO_DAEMON, expected='active [3]')
    # A camera that offers best effort, as most do
    words = ('play', bags['mcap'], '--loop', '--best-effort', '--host', 'rclpy')
    camera = jobs.start('ros2', 'run', 'vis_ros', 'vis_ros', *words)
    wait_until(lambda: max(planner.active.values(), default=0) >= 5)
    assert len(planner.sessions) == 1
    camera.interrupt()
    assert 'process has finished cleanly' in launch.interrupt()


def test_tracker_launch_on_bags(jobs, planner, bags, bag_player):
    """Bags bring their own stamps, which are older, and so do loops."""
    launch = jobs.launch('tracker', 'method:=deepsort', f'image:={CAMERA}')
    launch.wait_for(ACTIVE)
    camera = jobs.vis_ros('play', bags['mcap'], '--loop')
    wait_until(lambda: max(planner.active.values(), default=0) >= 5)
    camera.interrupt()
    bag = wait_for_new_session(planner, lambda: bag_player(bags['sqlite3'], '--rate', '2'))
    bag.wait()
    loop = wait_for_new_session(planner, lambda: bag_player('--loop', bags['mcap'], '--rate', '2'))
    count = len(planner.sessions)
    wait_until(lambda: len(planner.sessions) >= count + 2)
    loop.end()
    assert planner.sessions == sorted(planner.sessions)
    assert 'process has finished cleanly' in launch.interrupt()


def test_tracker_multi_launch_on_two_cameras(jobs, peer, bags):
    names = ('front', 'rear')
    planners = {name: Planner(peer, f'/vis_tracker/{name}/tracks') for name in names}
    launch = jobs.launch('tracker_multi', 'method:=iou', 'cameras:=[front, rear]')
    launch.wait_for('active: images from front/image_raw, rear/image_raw')
    for name in names:
        jobs.vis_ros('play', bags['mcap'], '--loop', '--output', f'/{name}/image_raw')
    for planner in planners.values():
        planner.wait_for_active()
    known = [planner.sessions for planner in planners.values()]
    words = ('std_srvs/srv/Trigger',)
    jobs.ros2('service', 'call', '/vis_tracker/rear/reset', *words, expected='success=True')
    wait_until(lambda: planners['rear'].sessions > known[1])
    assert planners['front'].sessions[: len(known[0])] == known[0]
    text = launch.interrupt()
    assert text.count('iou is ready') == 1  # one process, one method


def test_compressed_bags(jobs, planner, bags, bag_player):
    launch = jobs.launch('tracker', 'method:=iou', 'image_transport:=compressed')
    launch.wait_for(f'{ACTIVE}/compressed')
    for kind in ('compressed mcap', 'compressed sqlite3'):
        wait_for_new_session(planner, lambda k=kind: bag_player(bags[k]))
    launch.interrupt()


def test_replay_launch_gives_a_result_for_every_frame(jobs, planner, bags, tmp_path):
    video = jobs.vis_ros('convert', bags['mcap'], tmp_path / 'again', '--storage', 'sqlite3')
    video.wait()
    launch = jobs.launch('replay', f'bag:={tmp_path / "again"}', 'method:=iou', 'rate:=20.0')
    text = launch.wait()  # ends by itself
    assert text.count('process has finished cleanly') == 2, text
    assert f'{FRAMES} frames published' in text
    stamps_ns = planner.stamps_ns
    assert stamps_ns == sorted(set(stamps_ns))
    assert len(stamps_ns) == FRAMES
    assert len(planner.sessions) == 1
    assert max(planner.active.values()) >= 5


def test_replay_launch_fails_with_its_player(jobs, tmp_path):
    text = jobs.launch('replay', f'bag:={tmp_path / "none"}', 'method:=iou').wait(expected=1)
    assert 'no such file or folder' in text
    assert 'the player ended with code 2' in text


@pytest.mark.parametrize(('edge', 'middle'), [('dds', 'rclpy'), ('rclpy', 'dds')])
def test_nodes_with_and_without_rclpy_understand_each_other(jobs, bags, edge, middle):
    parameters = ('-p', 'method:=iou', '-p', f'image_topic:={CAMERA}')
    tracker = jobs.vis_ros('node', '--host', middle, '--ros-args', *parameters)
    tracker.wait_for(ACTIVE)
    listener = jobs.vis_ros('listen', '--host', edge, '--json', '--count', '60')
    player = jobs.vis_ros('play', bags['mcap'], '--host', edge, '--loop')
    assert '"state": "active"' in listener.wait()
    player.interrupt()
    tracker.interrupt()


def test_the_commands_of_ros2(jobs, planner, bags, tmp_path):
    launch = jobs.launch('tracker', 'method:=iou', 'autostart:=false')
    launch.wait_for('waiting to be configured')

    def change(label):
        words = ('lifecycle', 'set', '/vis_tracker', label, *NO_DAEMON)
        jobs.ros2(*words, expected='Transitioning successful')

    def param(action, name, *words, expected):
        words = ('param', action, '/vis_tracker', name, *words, *NO_DAEMON)
        return jobs.ros2(*words, expected=expected)

    def call(service, type_name, *words, expected):
        jobs.ros2(
            'service', 'call', f'/vis_tracker/{service}', type_name, *words, expected=expected
        )

    change('configure')
    change('activate')
    launch.wait_for(ACTIVE)
    assert 'Opacity' in param('describe', 'overlay_alpha', expected='Max value: 1.0')
    param('set', 'overlay_alpha', '0.7', expected='Set parameter successful')
    param('get', 'overlay_alpha', expected='0.7')
    param('set', 'method', 'deepsort', expected='Setting parameter failed: method: ')
    player = jobs.vis_ros('play', bags['mcap'], '--loop')
    wait_until(lambda: planner.sessions)
    call('reset', 'std_srvs/srv/Trigger', expected='success=True')
    wait_until(lambda: len(planner.sessions) == 2)
    filter_type = 'vis_msgs/srv/SetClassFilter'
    call('set_class_filter', filter_type, '{class_names: [cat]}', expected='success=False')
    memory = tmp_path / 'memory'
    call('save_memory', 'vis_msgs/srv/SaveMemory', f'{{path: {memory}}}', expected='success=True')
    assert memory.stat().st_size > 0
    player.interrupt()
    change('deactivate')
    change('cleanup')
    launch.interrupt()


def test_a_publisher_that_offers_too_little_is_complained_of(jobs, planner, peer, bags, tmp_path):
    heard = []
    peer.node.create_subscription(DiagnosticArray, '/diagnostics', heard.append, 10)
    file = tmp_path / 'my.yaml'
    file.write_text('/**:\n  ros__parameters:\n    qos_reliability: reliable\n')
    launch = jobs.launch('tracker', 'method:=iou', f'params_file:={file}')
    launch.wait_for(ACTIVE)
    jobs.vis_ros('play', bags['mcap'], '--loop', '--best-effort', '--wait', '0')
    launch.wait_for('does not offer the RELIABILITY', 'Set qos_reliability to match')
    wait_until(
        lambda: any(
            status.level == DiagnosticStatus.ERROR and 'RELIABILITY' in status.message
            for message in list(heard)
            for status in message.status
        )
    )
    assert planner.messages == []
    launch.interrupt()
