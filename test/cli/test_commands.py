# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: help, completion, listings, the parameter reference."""

import subprocess
import sys
from pathlib import Path

import pytest
from footage import vis_ros

import vis_ros as package
from vis_ros.cli.common import split_ros_arguments
from vis_ros.cli.main import build_parser
from vis_ros.cli.parameters import reference
from vis_ros.detectors import DETECTORS
from vis_ros.methods import METHODS

ROOT = Path(package.__file__).parents[1]
COMMANDS = tuple(next(a for a in build_parser()._actions if a.dest == 'command').choices)


@pytest.mark.parametrize('words', [(), *((name,) for name in COMMANDS)], ids=str)
def test_every_command_has_help(words, capsys):
    with pytest.raises(SystemExit) as end:
        vis_ros(*words, '--help')
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith('usage: vis_ros')
    assert len(text.splitlines()) > 5


@pytest.mark.parametrize('words', [(), ('nod',), ('replay',), ('play', 'x', '--rat', 'y')])
def test_wrong_words_end_with_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        vis_ros(*words)
    assert end.value.code == 2
    assert 'usage: vis_ros' in capsys.readouterr().err


def test_the_version(capsys):
    with pytest.raises(SystemExit):
        vis_ros('--version')
    assert capsys.readouterr().out == f'vis_ros {package.__version__}\n'


@pytest.mark.parametrize('shell', ['bash', 'zsh', 'tcsh'])
def test_completion_scripts(shell, capsys):
    with pytest.raises(SystemExit) as end:
        vis_ros('--print-completion', shell)
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


def test_bash_takes_the_completion_script(capsys):
    with pytest.raises(SystemExit):
        vis_ros('--print-completion', 'bash')
    script = capsys.readouterr().out
    done = subprocess.run(
        ['bash', '-n'], input=script, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, '')


def test_the_tables_name_every_method_and_detector(capsys):
    assert vis_ros('methods') == 0
    text = capsys.readouterr().out
    assert all(f' {name} ' in text for name in (*METHODS, *DETECTORS))


def test_the_reference_is_the_page(capsys):
    assert vis_ros('parameters') == 0
    text = capsys.readouterr().out
    assert text == reference()
    page = (ROOT / 'docs' / 'parameters.md').read_text()
    assert page == text, 'run: make docs'


def test_arguments_of_ros_are_kept_apart():
    first, last = ['--ros-args', '-r', 'image:=/cam', '--'], ['--ros-args', '-p', 'x:=1']
    own, ros = split_ros_arguments(['play', 'a.mp4', *first, '--loop', *last])
    assert own == ['play', 'a.mp4', '--loop']
    assert ros == first + last


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, '-m', 'vis_ros.cli', 'replay', 'no such file', '-o', 'out'],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert 'no such file or folder' in done.stderr
    assert 'Traceback' not in done.stderr


def test_the_command_starts_without_torch():
    code = 'import sys, vis_ros.cli.main as m; m.build_parser(); print("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == 'False\n'
