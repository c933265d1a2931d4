"""Frozen dataclasses as JSON and back, strictly.

Bytes are ``0x…`` strings, whole numbers are numbers, tuples are lists, enumerations their numbers, nested values are
objects. Reading refuses unknown, missing and ill-typed fields, so that one value has one form.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import sys
import types
import typing
from functools import cache
from typing import Any, TypeVar

from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import Address, Bytes32, ModelId, OrderId

__all__ = ["from_wire", "parse_json", "to_wire"]

Value = TypeVar("Value")

_LENGTHS: dict[Any, int] = {Bytes32: 32, ModelId: 32, OrderId: 32, Address: 20}


_DEEPEST = 500
_STACK_HOLDS = 5_000
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")


def parse_json(data: str | bytes | bytearray) -> Any:
    """A stranger's JSON.

    The parser of the standard library recurses on the C stack and relies on the recursion limit, which some
    libraries raise beyond what the stack holds; then a few kilobytes of brackets would end the process.

    Raises
    ------
    ValueError
        If it is no JSON.
    RecursionError
        If it is nested too deeply.
    """
    text = data if isinstance(data, str) else data.decode(json.detect_encoding(data), "surrogatepass")
    if sys.getrecursionlimit() > _STACK_HOLDS and text.count("[") + text.count("{") > _DEEPEST:
        depth = 0
        for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
            depth += 1 if bracket in "[{" else -1
            if depth > _DEEPEST:
                raise RecursionError("JSON nested too deeply")
    return json.loads(text)


def to_wire(value: Any) -> Any:
    """JSON form of a dataclass, or of a field of one."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_wire(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, enum.IntEnum):
        return int(value)
    if isinstance(value, tuple | list):
        return [to_wire(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise InputError(f"A {type(value).__name__} has no JSON form here.", code="BadWire")


def from_wire(kind: type[Value], data: Any) -> Value:
    """Value of a dataclass from its JSON form.

    Raises
    ------
    InputError
        If any field is missing, unknown, of another type or out of its range.
    """
    result: Value = _read(kind, data, kind.__name__)
    return result


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read(kind: Any, data: Any, where: str) -> Any:
    length = _LENGTHS.get(kind) if isinstance(kind, typing.NewType) else None
    while isinstance(kind, typing.NewType):
        kind = kind.__supertype__
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _read_fields(kind, data, where)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        options = typing.get_args(kind)
        if data is None and type(None) in options:
            return None
        return _read(next(option for option in options if option is not type(None)), data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise InputError(f"{where} is not a list.", code="BadWire")
        return tuple(_read(typing.get_args(kind)[0], item, where) for item in data)
    if kind is bytes:
        return from_hex(data, length=length)
    if isinstance(kind, type) and issubclass(kind, enum.IntEnum):
        return _read_enum(kind, data, where)
    if kind in (bool, int, str) and type(data) is kind:
        return data
    raise InputError(f"{where} is not of the right type.", code="BadWire")


def _read_fields(kind: type, data: Any, where: str) -> Any:
    names = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(data, dict) or set(data) != set(names):
        raise InputError(f"{where} needs exactly the fields {', '.join(names)}.", code="BadWire")
    hints = _hints(kind)
    return kind(**{name: _read(hints[name], data[name], f"{where}.{name}") for name in names})


def _read_enum(kind: type[enum.IntEnum], data: Any, where: str) -> enum.IntEnum:
    try:
        return kind(data)
    except ValueError as error:
        raise InputError(f"{where} is no {kind.__name__}.", code="BadWire") from error
