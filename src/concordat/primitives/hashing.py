"""Hash functions, one name each.

Keccak-256 is used wherever a contract recomputes the hash; SHA-256 in the transparency log (RFC 6962) and
for content addresses, because every other tool speaks it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from Crypto.Hash import keccak as _keccak

from concordat.primitives.native import rust
from concordat.primitives.units import Bytes32

__all__ = ["keccak256", "sha256"]


def _keccak256_python(data: bytes) -> bytes:
    return _keccak.new(digest_bits=256, data=data).digest()


_keccak256: Callable[[bytes], bytes] = rust.keccak256 if rust is not None else _keccak256_python


def keccak256(data: bytes) -> Bytes32:
    """Keccak-256 as Ethereum uses it (the padding before FIPS 202)."""
    return Bytes32(_keccak256(data))


def sha256(data: bytes) -> Bytes32:
    """SHA-256 (FIPS 180-4)."""
    return Bytes32(hashlib.sha256(data).digest())
