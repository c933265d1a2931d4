"""Messages with one field spoilt, still encodable for a contract."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import IntEnum
from random import Random
from typing import Any, TypeVar

from concordat.primitives.hashing import keccak256

__all__ = ["spoil"]

Value = TypeVar("Value")


def spoil(value: Value, dice: Random) -> Value:
    """The same value with one field, somewhere inside, changed.

    Byte strings of 20 and 32 bytes keep their length (they are static for a contract), others may change it; numbers
    move by one and stay at or above zero; rows lose, repeat or change an item.
    """
    result: Value = _spoil(value, dice)
    return result


def _spoil(value: Any, dice: Random) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        name = dice.choice([field.name for field in fields(value)])
        return replace(value, **{name: _spoil(getattr(value, name), dice)})
    if isinstance(value, IntEnum):
        return dice.choice(list(type(value)))
    if isinstance(value, int):
        return max(value + dice.choice([-1, 1]), 0)
    if isinstance(value, bytes):
        return _spoil_bytes(value, dice)
    if isinstance(value, tuple):
        return _spoil_row(value, dice)
    raise TypeError(f"{type(value).__name__} is in no message")


def _spoil_bytes(value: bytes, dice: Random) -> bytes:
    if len(value) in (20, 32) or (value and dice.random() < 0.5):
        at = dice.randrange(len(value))
        return value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :]
    return dice.choice([b"", value[:-1], value + b"\0"])


def _spoil_row(value: tuple[object, ...], dice: Random) -> tuple[object, ...]:
    if not value:
        return (keccak256(dice.randbytes(32)),)
    at = dice.randrange(len(value))
    change = dice.choice([(), (value[at], value[at]), (_spoil(value[at], dice),)])
    return (*value[:at], *change, *value[at + 1 :])
