# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in for `launch` and `launch_ros`, so that launch files run without ROS 2."""

import runpy
import sys
import types
from pathlib import Path

MODULES = {
    'launch': ('LaunchContext', 'LaunchDescription'),
    'launch.actions': ('DeclareLaunchArgument', 'ExecuteProcess', 'OpaqueFunction'),
    'launch.events': (),
    'launch.events.process': ('ProcessExited',),
    'launch.substitutions': ('LaunchConfiguration', 'PathJoinSubstitution'),
    'launch_ros': (),
    'launch_ros.actions': ('Node',),
    'launch_ros.substitutions': ('ExecutableInPackage', 'FindPackageShare'),
}


class Recorded:
    """Stands in for every class of launch: keeps what it was made with."""

    def __init__(self, *values, **named):
        self.values = values
        self.named = named

    def perform(self, context):
        """As a `LaunchConfiguration` and a `PathJoinSubstitution` do."""
        (value,) = self.values
        return context[value] if isinstance(value, str) else f'/share/{"/".join(value[1:])}'


def run_launch_file(name, monkeypatch):
    """Return what a file of `launch/` defines."""
    for module, members in MODULES.items():
        stand_in = types.ModuleType(module)
        for member in members:
            setattr(stand_in, member, type(member, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module, stand_in)
    return runpy.run_path(str(Path(__file__).parents[2] / 'launch' / name))


def with_defaults(launch_file, **arguments):
    """Return the values of all launch arguments, of which some are given."""
    defaults = {name: default for name, (default, _) in launch_file['ARGUMENTS'].items()}
    return {**defaults, 'params_file': '/p.yaml', **arguments}


def check_declarations(launch_file):
    """Check that every argument is declared and described; return what was declared."""
    (actions,) = launch_file['generate_launch_description']().values
    declared = {a.values[0]: a.named for a in actions if a.values}
    assert set(declared) == {*launch_file['ARGUMENTS'], 'params_file'}
    assert all(named['description'] for named in declared.values())
    assert actions[-1].named['function'] is not None
    return declared
