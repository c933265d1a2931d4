"""Opaque cursors: where a page ended, for exactly one query."""

from __future__ import annotations

import base64
import binascii

from concordat.primitives.errors import InputError
from concordat.primitives.hashing import sha256

__all__ = ["decode_cursor", "encode_cursor"]

VERSION = 1
_PLACE, _CHECK = 8, 8
_LARGEST = 2**63 - 1


def encode_cursor(place: int, query: bytes) -> str:
    """Cursor of the entries after a place in the answer to a query."""
    data = bytes([VERSION]) + place.to_bytes(_PLACE, "big")
    return _written(data + _check(data, query))


def decode_cursor(text: str, query: bytes) -> int:
    """The place in a cursor.

    What is in it is no secret and protects nothing; the check only tells a cursor of this query from any other text.

    Raises
    ------
    InputError
        If it was cut, changed, or made for another query.
    """
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    data, check = raw[: 1 + _PLACE], raw[1 + _PLACE :]
    if len(data) != 1 + _PLACE or data[0] != VERSION or check != _check(data, query) or _written(raw) != text:
        raise InputError(
            "This is no cursor of this query.",
            code="BadCursor",
            hint="Begin without one, and change nothing but the cursor from page to page.",
        )
    return int.from_bytes(data[1:], "big") & _LARGEST


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _check(data: bytes, query: bytes) -> bytes:
    return sha256(b"concordat cursor" + data + query)[:_CHECK]
