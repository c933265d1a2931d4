"""Data in blobs: the coefficients of a blob's polynomial carry 31 bytes each.

A contract that is shown a whole blob then evaluates the polynomial by Horner's rule, without inversions and without a
table of roots. A blob itself has the polynomial's values at the 4,096th roots of unity, in bit-reversed order; between
the two lies one transform.
"""

from __future__ import annotations

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.units import Bytes32
from concordat.zk.parameters import BLOB_BYTES

__all__ = [
    "BLOB_BYTES",
    "blob_words",
    "carried",
    "challenge_point",
    "halves",
    "read_blob",
    "to_blob",
    "value_at",
    "versioned_hash",
]

_SIZE = 4096
_PIECE = 31
_R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_ROOT = pow(7, (_R - 1) // _SIZE, _R)


def to_blob(data: bytes) -> bytes:
    """The blob of some data, 131,072 bytes.

    Raises
    ------
    InputError
        If the data does not fit.
    """
    if len(data) > BLOB_BYTES:
        raise InputError(f"A blob carries at most {BLOB_BYTES} bytes.", code="TooLarge")
    padded = data.ljust(BLOB_BYTES, b"\0")
    coefficients = [int.from_bytes(padded[at : at + _PIECE], "big") for at in range(0, BLOB_BYTES, _PIECE)]
    return b"".join(value.to_bytes(32, "big") for value in _values(coefficients))


def blob_words(blob: bytes) -> bytes:
    """The coefficients of a blob's polynomial, 32 bytes each: what is shown to a contract."""
    values = [int.from_bytes(blob[at : at + 32], "big") for at in range(0, 32 * _SIZE, 32)]
    return b"".join(value.to_bytes(32, "big") for value in _coefficients(values))


def read_blob(blob: bytes, length: int) -> bytes:
    """Inverse of :func:`to_blob`.

    Raises
    ------
    VerificationError
        If a coefficient is too large to be 31 bytes.
    """
    words = blob_words(blob)
    if any(words[0::32]):
        raise VerificationError("The blob does not carry data.", code="BadProof")
    return carried(words)[:length]


def versioned_hash(commitment: bytes) -> Bytes32:
    """What a transaction names a blob by (EIP-4844)."""
    return Bytes32(b"\x01" + sha256(commitment)[1:])


def challenge_point(versioned: bytes, words: bytes) -> bytes:
    """Where a contract compares coefficients with their blob: the blob and both halves of them determine it."""
    first, second = halves(words)
    return (int.from_bytes(keccak256(abi_words(versioned, keccak256(first), keccak256(second))), "big") % _R).to_bytes(
        32, "big"
    )


def halves(words: bytes) -> tuple[bytes, bytes]:
    """The lower and the upper half of the coefficients."""
    return words[: 16 * _SIZE], words[16 * _SIZE :]


def value_at(words: bytes, point: bytes) -> int:
    """Value of the polynomial with some coefficients, lowest first."""
    value, z = 0, int.from_bytes(point, "big")
    for at in range(len(words) - 32, -32, -32):
        value = (value * z + int.from_bytes(words[at : at + 32], "big")) % _R
    return value


def carried(words: bytes) -> bytes:
    """The low 31 bytes of some coefficients."""
    return b"".join(words[at + 1 : at + 32] for at in range(0, len(words), 32))


def _values(numbers: list[int]) -> list[int]:
    """Values at the roots of unity, in bit-reversed order."""
    out, half, root = list(numbers), _SIZE // 2, _ROOT
    while half:
        twiddles = _twiddles(root, half)
        for start in range(0, _SIZE, 2 * half):
            for j, twiddle in enumerate(twiddles):
                left, right = out[start + j], out[start + j + half]
                out[start + j] = (left + right) % _R
                out[start + j + half] = (left - right) * twiddle % _R
        half, root = half // 2, root * root % _R
    return out


def _coefficients(values: list[int]) -> list[int]:
    out, half = list(values), 1
    while half < _SIZE:
        twiddles = _twiddles(pow(_ROOT, -(_SIZE // (2 * half)), _R), half)
        for start in range(0, _SIZE, 2 * half):
            for j, twiddle in enumerate(twiddles):
                left, right = out[start + j], out[start + j + half] * twiddle % _R
                out[start + j], out[start + j + half] = (left + right) % _R, (left - right) % _R
        half *= 2
    scale = pow(_SIZE, -1, _R)
    return [value * scale % _R for value in out]


def _twiddles(root: int, count: int) -> list[int]:
    out = [1] * count
    for i in range(1, count):
        out[i] = out[i - 1] * root % _R
    return out
