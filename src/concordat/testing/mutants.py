"""Every field of a JSON document changed, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from concordat.primitives.encoding import canonical_json

__all__ = ["mutants"]


def mutants(document: bytes) -> Iterator[tuple[str, bytes]]:
    """Path and canonical bytes of the document with that one leaf changed.

    Hexadecimal keeps its length and loses its last bit's value, numbers move by one, other text gets one more letter,
    true and false swap; ``null`` becomes an empty text, and an empty list gets an item.
    """
    root = json.loads(document)
    for path in _leaves(root, ()):
        yield "/".join(map(str, path)), canonical_json(_changed(root, path))


def _leaves(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, dict) and node:
        for key, item in node.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(node, list) and node:
        for index, item in enumerate(node):
            yield from _leaves(item, (*path, index))
    else:
        yield path


def _changed(node: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return _other(node)
    head, *rest = path
    if isinstance(node, dict):
        return {key: _changed(item, tuple(rest)) if key == head else item for key, item in node.items()}
    return [_changed(item, tuple(rest)) if index == head else item for index, item in enumerate(node)]


def _other(leaf: Any) -> Any:
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int):
        return leaf + 1
    if isinstance(leaf, str) and leaf.startswith("0x") and len(leaf) > 2:
        return leaf[:-1] + f"{int(leaf[-1], 16) ^ 1:x}"
    if isinstance(leaf, str):
        return leaf + "x"
    return "" if leaf is None else [*leaf, 0] if isinstance(leaf, list) else {"x": 0}
