# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node core from configure to cleanup: what stops it, what it takes and gives back."""

import warnings

import pytest
from core_rig import IMAGES, NOW_NS, PATIENCE_S, PERIOD_NS, Gate, image

from vis_ros.nn.acceleration import AccelerationWarning
from vis_ros.ros.core import TrackerCore
from vis_ros.structures.options import options_of
from vis_ros.wire.encodings import stamp_to_ns

OUTPUTS = ('/tracker/tracks', '/tracker/label_info', '/tracker/debug/overlay', '/diagnostics')
SERVICES = ('reset', 'set_enabled', 'set_class_filter', 'save_memory', 'load_memory')


def test_the_whole_life_twice(make_rig):
    rig = make_rig()
    for round_ in range(2):
        assert rig.change('configure')
        assert all(rig.host.has('publisher', name) for name in OUTPUTS)
        assert all(rig.host.has('service', f'/tracker/{name}') for name in SERVICES)
        assert not rig.host.has('subscription', '/image')
        for _ in range(2):
            assert rig.change('activate')
            rig.step(image(stamp_ns=NOW_NS))
            assert rig.change('deactivate')
            assert not rig.host.has('subscription', '/image')
        assert len(rig.tracks) == 2 * round_ + 2
        assert rig.change('cleanup')
        assert not any(rig.host.has('publisher', name) for name in OUTPUTS)
        assert not any(rig.host.has('service', f'/tracker/{name}') for name in SERVICES)
        assert rig.session is None
        assert not [name for name in rig.host.values if name.startswith('config.')]
        assert rig.counts['processed'] == 2 * round_ + 2


def test_every_activation_has_its_own_timers_and_takes_them_back(make_rig, tmp_path):
    rig = make_rig(memory_file=str(tmp_path / 'memory'), memory_period_s=1.0)
    assert rig.change('configure')
    idle = count_timers(rig)
    for _ in range(3):
        assert rig.change('activate')
        assert count_timers(rig) == idle + 2  # the look at the publishers, and the memory
        assert rig.change('deactivate')
        assert count_timers(rig) == idle


def count_timers(rig):
    return sum(e.kind == 'timer' and not e.is_closed for e in rig.host.entities)


def test_shutdown_from_every_state(make_rig):
    for labels in ((), ('configure',), ('configure', 'activate')):
        rig = make_rig()
        assert all(rig.change(label) for label in labels)
        assert rig.change('shutdown')


def test_the_labels_are_published_at_configure(make_rig):
    rig = make_rig()
    assert rig.change('configure')
    (info,) = rig.host.sent('/tracker/label_info')
    assert (info.method, info.class_names) == ('puppet', ['plain', 'blue'])
    assert rig.host.find('publisher', '/tracker/label_info').qos.transient_local


def test_the_method_is_warm_before_the_first_image(make_rig, puppet):
    rig = make_rig(warm_up_width=40, warm_up_height=30)
    assert rig.change('configure')
    assert [frame.image.shape for frame in puppet.frames] == [(30, 40, 3)] * 2


def test_what_cannot_be_accelerated_is_in_the_log(make_rig, puppet, monkeypatch):
    text = 'accelerate: tensorrt cannot be had: no GPU.'

    def build(self, *args, **named):
        warnings.warn(text, AccelerationWarning, stacklevel=1)
        init(self, *args, **named)

    init = puppet.__init__
    monkeypatch.setattr(puppet, '__init__', build)
    rig = make_rig()
    for _ in range(2):
        assert rig.change('configure')
        assert rig.change('cleanup')
    assert [log for log in rig.host.logs if log[0] == 'warn'] == [('warn', f'method: {text}')] * 2


@pytest.mark.parametrize(
    ('wrong', 'right', 'words'),
    [
        ({'method': 'pupet'}, {'method': 'puppet'}, ("'pupet'", "did you mean 'puppet'")),
        (
            {'weights': '/nowhere/net.safetensors'},
            {'weights': ''},
            ("'/nowhere/net.safetensors'", 'neither a file nor a name', 'give its full path'),
        ),
        ({'device': 'cuda:99'}, {'device': 'cpu'}, ("'cuda:99'", 'torch sees')),
        ({'device': 'toaster'}, {'device': 'cpu'}, ("'toaster'", 'cpu, cuda or cuda:N')),
        ({'class_filter': ('cat',)}, {'class_filter': ()}, ("['cat']", 'known: plain, blue')),
        ({'memory_file': 'here'}, {'memory_file': ''}, ("'here'", 'expected an absolute path')),
        (
            {'memory_file': '/no/where/memory'},
            {'memory_file': ''},
            ('/no/where/memory', 'make the folder /no/where first'),
        ),
        ({'memory_file': '/'}, {'memory_file': ''}, ('expected a file', 'folder')),
    ],
)
def test_a_wrong_parameter_stops_configure_and_can_be_put_right(make_rig, wrong, right, words):
    rig = make_rig(**wrong)
    assert not rig.host.autostart()
    (text,) = rig.texts('error')
    assert all(word in text for word in ('configure failed', *wrong, *words)), text
    assert 'Traceback' not in text
    assert rig.host.machine.state.label == 'unconfigured'
    assert rig.host.set_parameters(**right) == ''
    assert rig.host.autostart()
    rig.step(image())
    assert len(rig.tracks) == 1


def test_missing_weights_stop_configure(make_rig):
    rig = make_rig(method='deepsort', **{'config.detector': 'maskrcnn'})
    assert not rig.host.autostart()
    (text,) = rig.texts('error')
    assert "weights: 'deepsort'" in text
    assert 'Give the path of a file' in text


def test_corrupt_weights_stop_configure(make_rig, tmp_path):
    path = tmp_path / 'net.safetensors'
    path.write_bytes(b'\xff' * 100)
    rig = make_rig(method='deepsort', weights=str(path), **{'config.detector': 'maskrcnn'})
    assert not rig.host.autostart()
    (text,) = rig.texts('error')
    assert f'weights: {path}: not a readable weights file' in text


def test_a_wrong_option_of_the_method_stops_configure(make_rig):
    rig = make_rig(**{'config.depth': 99})
    assert not rig.host.autostart()
    (text,) = rig.texts('error')
    assert 'config.depth: expected a value in [1, 9], got 99' in text
    rig.host.overrides['config.depth'] = 4
    assert rig.host.autostart()
    assert rig.host.values['config.depth'] == 4


def test_a_wrong_value_of_the_node_is_refused_at_once(make_rig):
    from fake_host import FakeHost

    with pytest.raises(ValueError, match=r'queue: expected one of .*, got .sometimes'):
        TrackerCore(FakeHost(queue='sometimes'))


def test_a_method_that_cannot_be_built_stops_configure(make_rig, puppet):
    def fail(self, config, *, weights, device):
        raise RuntimeError('no such kernel')

    builder, puppet.__init__ = puppet.__init__, fail
    rig = make_rig()
    assert not rig.host.autostart()
    assert 'no such kernel' in rig.texts('error')[0]
    puppet.__init__ = builder
    rig.start()


def test_a_topic_that_cannot_be_subscribed_to_stops_activate(make_rig, monkeypatch):
    rig = make_rig()
    subscribe = rig.host.create_subscription

    def refuse(*args, **options):
        raise ValueError('image topic: not a name')

    rig.host.create_subscription = refuse
    assert not rig.host.autostart()
    assert rig.texts('error') == ['activate failed: image topic: not a name']
    assert rig.host.machine.state.label == 'inactive'
    assert rig.core.worker is None
    rig.host.create_subscription = subscribe
    assert rig.change('activate')
    rig.step(image())
    assert len(rig.tracks) == 1


@pytest.fixture
def busy(make_rig, puppet):
    """Return a node with a frame at work and one that waits, and the gate of the method."""
    gate = Gate(puppet)
    rig = make_rig().start()
    rig.send(image())
    gate.wait_entered()
    rig.send(image(stamp_ns=NOW_NS + PERIOD_NS))
    return rig, gate


def test_deactivate_waits_for_the_frame_at_work(busy):
    rig, gate = busy
    gate.let_go()
    assert rig.change('deactivate')
    assert len(rig.tracks) >= 1
    rig.assert_balanced()
    assert not rig.texts('error')


def test_no_frame_begins_once_the_node_deactivates(busy):
    """The frame at work ends while the subscription is still being closed."""
    rig, gate = busy
    worker, subscription = rig.core.worker, rig.host.find('subscription', IMAGES)
    close = subscription.close

    def close_slowly():
        gate.let_go(2)
        with worker._changed:
            assert worker._changed.wait_for(lambda: not worker.waiting, PATIENCE_S)
        close()

    subscription.close = close_slowly
    assert rig.change('deactivate')
    assert [stamp_to_ns(message.header.stamp) for message in rig.tracks] == [NOW_NS]
    assert rig.core.streams[0].dropped == 1
    rig.assert_balanced()


def deactivate_too_early(rig, gate, monkeypatch):
    """Deactivate with no patience while a frame is at work; return its worker."""
    rig.send(image())
    gate.wait_entered()
    stuck = rig.core.worker
    with monkeypatch.context() as patch:
        patch.setattr('vis_ros.ros.core._STOP_S', 0.0)
        assert rig.change('deactivate')
    return stuck


def test_a_method_that_never_returns(make_rig, puppet, monkeypatch):
    gate = Gate(puppet)
    rig = make_rig().start()
    stuck = deactivate_too_early(rig, gate, monkeypatch)
    assert rig.texts('error') == ['the frame at work did not end within 0 s']
    assert not rig.change('activate')
    assert 'still at work; run cleanup and configure' in rig.texts('error')[-1]
    answer = rig.host.call('/tracker/save_memory', path='/tmp/never')
    assert not answer.success
    assert 'still at work' in answer.message
    assert rig.change('cleanup')
    assert rig.host.autostart()  # a new method, while the old frame is still at work
    rig.send(image())
    gate.wait_entered()
    gate.let_go(2)
    rig.settle()
    assert stuck.stop(20.0)
    assert len(rig.tracks) == 1  # of the new method alone; FakeHost checks the closed publishers


def test_a_frame_that_ends_late_does_not_bar_the_way_for_ever(make_rig, puppet, monkeypatch):
    gate = Gate(puppet)
    rig = make_rig().start()
    stuck = deactivate_too_early(rig, gate, monkeypatch)
    gate.let_go(2)
    assert stuck.stop(20.0)
    assert rig.change('activate')
    rig.step(image())
    assert len(rig.tracks) == 2


def test_parameters_at_run_time(make_rig):
    rig = make_rig().start()
    assert rig.host.set_parameters(config__gain=0.75, max_reorder_s=2.0) == ''
    assert rig.session.method.config.gain == 0.75
    assert rig.core.parameters.max_reorder_s == 2.0
    for changes in ({'config__depth': 5}, {'device': 'cuda'}, {'queue': 'every'}):
        (name,) = changes
        reason = rig.host.set_parameters(**changes)
        assert reason.startswith(f'{name.replace("__", ".")}: cannot change while the node is')
        assert 'deactivate and cleanup' in reason
    assert 'expected a value in [0.0, 1.0], got 2.0' in rig.host.set_parameters(config__gain=2.0)
    assert 'max_reorder_s' in rig.host.set_parameters(max_reorder_s=-1.0)
    assert 'class_filter' in rig.host.set_parameters(class_filter=('cat',))
    both = rig.host.set_parameters(config__gain=0.1, config__depth=5)  # all or nothing
    assert both
    assert rig.session.method.config.gain == 0.75


def test_parameters_while_unconfigured(make_rig, puppet):
    rig = make_rig()
    assert rig.host.set_parameters(queue='every', queue_depth=7) == ''
    rig.start()
    assert rig.core.worker.boxes[0].depth == 7
    assert puppet.built[-1].gain == 0.5


def test_no_option_of_the_node_lacks_its_documentation():
    from vis_ros.ros.parameters import NodeParameters

    assert all(o.doc.endswith(('.', '`')) for o in options_of(NodeParameters))
