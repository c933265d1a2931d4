"""Bytes in and out: hexadecimal, 32-byte words, canonical JSON, static ABI words."""

from __future__ import annotations

import json
from typing import Any

from concordat.primitives.errors import InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32

__all__ = [
    "ZERO32",
    "ZERO_ADDRESS",
    "abi_words",
    "canonical_json",
    "checksum_address",
    "from_hex",
    "to_bytes32",
    "to_hex",
]

ZERO32 = Bytes32(bytes(32))
ZERO_ADDRESS = Address(bytes(20))


def to_hex(data: bytes) -> str:
    """Lower-case hexadecimal with ``0x``."""
    return "0x" + data.hex()


def from_hex(text: str, *, length: int | None = None) -> bytes:
    """Bytes of a ``0x…`` string.

    Raises
    ------
    InputError
        If it is not hexadecimal or has another length than asked for.
    """
    digits = text[2:] if isinstance(text, str) and text.startswith("0x") else None
    try:
        data = bytes.fromhex(digits) if digits is not None else None
    except ValueError:
        data = None
    if data is None or len(data) * 2 != len(text) - 2 or (length is not None and len(data) != length):
        wanted = f"{length} bytes of hexadecimal" if length is not None else "hexadecimal"
        raise InputError(f"{str(text)[:80]!r} is not {wanted} with 0x in front.", code="BadHex")
    return data


def to_bytes32(value: int) -> Bytes32:
    """A whole number as one big-endian 256-bit word; negatives in two's complement."""
    return Bytes32((value % 2**256).to_bytes(32, "big"))


def abi_words(*values: int | bytes | bool) -> bytes:
    """``abi.encode`` of static values: numbers and 32-byte strings as they are, addresses padded left."""
    out = bytearray()
    for value in values:
        if isinstance(value, bytes):
            if len(value) not in (20, 32):
                raise InputError(f"A static ABI word has 20 or 32 bytes, not {len(value)}.", code="BadWord")
            out += value.rjust(32, b"\0")
        else:
            out += to_bytes32(int(value))
    return bytes(out)


def checksum_address(address: bytes) -> str:
    """Mixed-case address text (EIP-55)."""
    digits = address.hex()
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(h, 16) >= 8 else c for c, h in zip(digits, digest, strict=False))


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys, no white space, ASCII, no floats (RFC 8785 for values without fractions).

    Raises
    ------
    InputError
        If a float is inside: two programs print the same float differently. Write a decimal string.
    """

    def refuse_floats(node: Any) -> None:
        if isinstance(node, float):
            raise InputError(f"{node!r} is a float in committed JSON.", code="FloatInJson", hint="Use a string.")
        if isinstance(node, dict):
            for key, item in node.items():
                if not isinstance(key, str):
                    raise InputError(f"JSON key {key!r} is not a string.", code="BadJsonKey")
                refuse_floats(item)
        elif isinstance(node, list | tuple):
            for item in node:
                refuse_floats(item)

    refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
