# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of nodes, topics and services: the rules of ROS 2, and how relative names are expanded."""

import re

_TOKEN = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
_SUBSTITUTION = re.compile(r'\{([^{}]*)\}')


def check_node_name(name: str) -> str:
    """Return `name` when it can name a node.

    Raises:
        ValueError: It is empty or has other characters than letters, digits and underscores.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(
            f'node name {name!r}: expected letters, digits and underscores, no digit in front'
        )
    return name


def check_namespace(namespace: str) -> str:
    """Return the namespace with its leading slash, `/` for none.

    Raises:
        ValueError: A part of it is not a ROS name.
    """
    absolute = namespace if namespace.startswith('/') else f'/{namespace}'
    if absolute == '/':
        return absolute
    _check_tokens(absolute, namespace, 'namespace')
    return absolute


def join(namespace: str, name: str) -> str:
    """Return `name` inside `namespace` as an absolute name."""
    return f'{namespace.rstrip("/")}/{name}'


def expand(name: str, node_name: str, namespace: str) -> str:
    """Return the absolute form of a topic or service name; remapping comes afterwards.

    Args:
        name: Relative (`image`), absolute (`/camera/image`) or private (`~/image`); `{node}`,
            `{ns}` and `{namespace}` are filled in.
        node_name: Name of the node without namespace.
        namespace: Absolute namespace of the node.

    Raises:
        ValueError: The name breaks the ROS rules; the text repeats it.
    """
    filled = _SUBSTITUTION.sub(lambda match: _fill(match, name, node_name, namespace), name)
    if filled == '~' or filled.startswith('~/'):
        filled = join(namespace, node_name) + filled[1:]
    elif not filled.startswith('/'):
        filled = join(namespace, filled)
    _check_tokens(filled, name, 'name')
    return filled


def _fill(match: re.Match[str], name: str, node_name: str, namespace: str) -> str:
    known = {'node': node_name, 'ns': namespace, 'namespace': namespace}
    if match[1] not in known:
        raise ValueError(f'name {name!r}: unknown substitution {match[0]!r}')
    return known[match[1]].lstrip('/') if match.start() else known[match[1]]


def _check_tokens(absolute: str, given: str, what: str) -> None:
    for token in absolute[1:].split('/'):
        if not _TOKEN.fullmatch(token):
            raise ValueError(
                f'{what} {given!r}: {token!r} is not a ROS name (letters, digits and underscores, '
                'no digit in front, no empty part)'
            )
