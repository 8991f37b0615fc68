# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 command line: `--ros-args` with parameters, remaps and log levels, for the bare host.

The rules are kept as they were given; what they mean for one node is asked by that node's name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vis_ros.ros.host import Severity
from vis_ros.ros.names import check_namespace, check_node_name, expand, join
from vis_ros.structures.options import flatten
from vis_ros.structures.yaml_text import LimitedLoader, load_yaml

_ASSIGN = ':='
_EVERY_NODE = '/**'
_IGNORED_FLAGS = frozenset(
    f'--{switch}-{log}'
    for switch in ('enable', 'disable')
    for log in ('rosout-logs', 'stdout-logs', 'external-lib-logs')
)
_IGNORED_OPTIONS = frozenset({'-e', '--enclave', '--log-config-file'})
_SCHEMES: Mapping[str, str] = {'rostopic://': 'topic', 'rosservice://': 'service'}


class _RosYaml(LimitedLoader):
    """YAML as the ROS parameter parser reads it: `1e3` is a number and a date is only text."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # not those of the base class


_NUMBER_STARTS = list('-+.0123456789')
_RosYaml.add_implicit_resolver(
    'tag:yaml.org,2002:bool',
    re.compile(
        r'^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$'
    ),
    list('yYnNtTfFoO'),
)
_RosYaml.add_implicit_resolver(
    'tag:yaml.org,2002:int', re.compile(r'^[-+]?(?:0x[0-9a-fA-F]+|0|[1-9][0-9]*)$'), _NUMBER_STARTS
)
_RosYaml.add_implicit_resolver(
    'tag:yaml.org,2002:float',
    re.compile(
        r'^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+'
        r'|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$'
    ),
    _NUMBER_STARTS,
)
_RosYaml.add_implicit_resolver(
    'tag:yaml.org,2002:null', re.compile(r'^(?:~|null|Null|NULL|)$'), ['~', 'n', 'N', '']
)


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """A parameter value for the nodes whose full name matches the pattern `nodes`."""

    nodes: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class RemapRule:
    """`source:=target`, for the node named `node` or, when that is empty, for each node.

    Args:
        kind: `topic`, `service`, or empty for both.
    """

    node: str
    source: str
    target: str
    kind: str = ''


@dataclass(frozen=True, slots=True)
class RosArguments:
    """What stood between `--ros-args` and `--`.

    Args:
        parameters: Parameter values in the order given; the last one that matches wins.
        remaps: Remaps in the order given; the first one that matches wins.
        log_levels: Pairs of logger name (empty: all) and level.
        rest: The arguments that are not for ROS.
    """

    parameters: tuple[ParameterRule, ...] = ()
    remaps: tuple[RemapRule, ...] = ()
    log_levels: tuple[tuple[str, Severity], ...] = ()
    rest: tuple[str, ...] = ()

    def node_name(self, default: str) -> str:
        """Return the name of the node that the program calls `default`.

        Raises:
            ValueError: The name is not allowed.
        """
        return check_node_name(self._special(default, ('__node', '__name')) or default)

    def namespace(self, node: str, default: str = '/') -> str:
        """Return the absolute namespace of the node that the program calls `node`.

        Raises:
            ValueError: The namespace is not allowed.
        """
        return check_namespace(self._special(node, ('__ns',)) or default)

    def overrides(self, full_name: str) -> dict[str, Any]:
        """Return the parameter values given for the node with this absolute name."""
        return {
            rule.name: rule.value
            for rule in self.parameters
            if _node_pattern(rule.nodes).fullmatch(full_name)
        }

    def resolve(
        self, name: str, node: str, namespace: str, kind: Literal['topic', 'service']
    ) -> str:
        """Return the absolute name of a topic or service after expansion and remapping.

        Raises:
            ValueError: The name, or the one that it is remapped to, breaks the ROS rules.
        """
        absolute = expand(name, node, namespace)
        for rule in self.remaps:
            fits = rule.node in ('', node) and rule.kind in ('', kind)
            is_name = fits and not rule.source.startswith('__')
            if is_name and expand(rule.source, node, namespace) == absolute:
                return expand(rule.target, node, namespace)
        return absolute

    def log_level(self, full_name: str) -> Severity:
        """Return the log level of the node with this absolute name; `info` when none is given."""
        logger = full_name[1:].replace('/', '.')
        best, level = -1, 'info'
        for name, given in self.log_levels:
            if (not name or f'{logger}.'.startswith(f'{name}.')) and len(name) >= best:
                best, level = len(name), given
        return level  # type: ignore[return-value]

    def _special(self, node: str, keys: tuple[str, ...]) -> str:
        for rule in self.remaps:
            if rule.source in keys and rule.node in ('', node):
                return rule.target
        return ''


def parse_arguments(argv: Sequence[str]) -> RosArguments:
    """Read a command line (without the program's name).

    Raises:
        ValueError: A ROS argument is unknown, incomplete or malformed; the text names it.
    """
    parameters: list[ParameterRule] = []
    remaps: list[RemapRule] = []
    levels: list[tuple[str, Severity]] = []
    rest: list[str] = []
    words = iter(argv)
    is_ros = False
    for word in words:
        if not is_ros:
            if word == '--ros-args':
                is_ros = True
            else:
                rest.append(word)
        elif word == '--':
            is_ros = False
        elif word in ('-p', '--param'):
            parameters.append(_parameter(word, _next(words, word)))
        elif word == '--params-file':
            parameters.extend(read_parameter_file(Path(_next(words, word))))
        elif word in ('-r', '--remap'):
            remaps.append(_remap(word, _next(words, word)))
        elif word == '--log-level':
            levels.append(_log_level(word, _next(words, word)))
        elif word in _IGNORED_OPTIONS:
            _next(words, word)
        elif word not in _IGNORED_FLAGS and word != '--ros-args':
            raise ValueError(f'{word}: not a ROS argument; end the ROS arguments with --')
    return RosArguments(tuple(parameters), tuple(remaps), tuple(levels), tuple(rest))


def read_parameter_file(path: Path) -> list[ParameterRule]:
    """Read a YAML file of parameters: node name or pattern, `ros__parameters`, values.

    Raises:
        ValueError: The file cannot be read or is not of that form; the text names it.
    """
    try:
        tree = load_yaml(path.read_text(encoding='utf-8'), _RosYaml)
    except (OSError, ValueError) as error:
        raise ValueError(f'--params-file {path}: {error}') from error
    if tree is None:
        return []
    return list(_rules_in(tree, '', f'--params-file {path}'))


def _rules_in(tree: Any, nodes: str, where: str) -> Iterator[ParameterRule]:
    if not isinstance(tree, Mapping):
        raise ValueError(f'{where}: expected a map of nodes with ros__parameters, got {tree!r}')
    for key, value in tree.items():
        if key != 'ros__parameters':
            yield from _rules_in(value, join(nodes, str(key).strip('/')), where)
            continue
        if not nodes or not isinstance(value or {}, Mapping):
            raise ValueError(f'{where}: ros__parameters must be a map below the name of a node')
        for name, item in flatten(value or {}).items():
            yield ParameterRule(nodes, name, _value(item, f'{where}: {name}'))


def _value(value: Any, where: str) -> Any:
    """Return the value; lists may hold only one kind of scalar."""
    kinds = {type(item) for item in (value if isinstance(value, list) else [value])}
    if not kinds <= {bool, int, float, str} or (len(kinds) > 1 and kinds != {int, float}):
        raise ValueError(f'{where}: expected a scalar or a list of one kind, got {value!r}')
    return value


def _next(words: Iterator[str], option: str) -> str:
    word = next(words, None)
    if word is None or word in ('--', '--ros-args'):
        raise ValueError(f'{option}: a value must follow')
    return word


def _split(option: str, text: str) -> tuple[str, str, str]:
    """Split `[node:]name:=value` into its three parts."""
    left, found, value = text.partition(_ASSIGN)
    if not found or not left:
        raise ValueError(f'{option} {text}: expected NAME:=VALUE')
    node, _, name = left.rpartition(':')
    return node, name, value


def _parameter(option: str, text: str) -> ParameterRule:
    node, name, value = _split(option, text)
    where = f'{option} {text}'
    if not name:
        raise ValueError(f'{where}: expected NAME:=VALUE')
    try:
        parsed = load_yaml(value, _RosYaml)
    except ValueError as error:
        raise ValueError(f'{where}: {value!r} is not YAML: {error}') from error
    nodes = join('', node.strip('/')) if node else _EVERY_NODE
    return ParameterRule(nodes, name, _value(parsed, where))


def _remap(option: str, text: str) -> RemapRule:
    scheme = next((item for item in _SCHEMES if text.startswith(item)), '')
    node, source, target = _split(option, text.removeprefix(scheme))
    where = f'{option} {text}'
    if not source or not target:
        raise ValueError(f'{where}: expected FROM:=TO')
    try:
        if source in ('__node', '__name'):
            check_node_name(target)
        elif source == '__ns':
            check_namespace(target)
        else:
            expand(source, 'node', '/')
            expand(target, 'node', '/')
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error
    return RemapRule(node, source, target, _SCHEMES.get(scheme, ''))


def _log_level(option: str, text: str) -> tuple[str, Severity]:
    logger, found, level = text.rpartition(_ASSIGN)
    severity = level.lower().replace('warning', 'warn')
    if severity not in get_args(Severity) or (found and not logger):
        known = ', '.join(get_args(Severity))
        raise ValueError(f'{option} {text}: expected one of {known}, after an optional LOGGER:=')
    return logger.lstrip('/').replace('/', '.'), severity  # type: ignore[return-value]


def _node_pattern(pattern: str) -> re.Pattern[str]:
    parts = {'**': '(?:/[^/]+)*', '*': '/[^/]+'}
    return re.compile(
        ''.join(parts.get(token, '/' + re.escape(token)) for token in pattern[1:].split('/'))
    )
