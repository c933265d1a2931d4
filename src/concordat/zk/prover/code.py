"""Reed–Solomon codes and the salted Merkle trees over their columns.

A row is a polynomial: its message and then its random tail are the coefficients, lowest first; the code word is its
values at ``g**j`` for ``j < 2**log_domain``.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import numpy as np

from concordat.zk.field import P, root_of_unity
from concordat.zk.prover.vector import Vector, base_add, base_mul, base_sub
from concordat.zk.verifier.reader import NODE_BYTES

__all__ = ["ColumnTree", "encode_rows", "opening", "salt"]


def encode_rows(coefficients: Vector, log_domain: int) -> Vector:
    """Code words of rows of coefficients: shape ``(rows, count)`` to ``(rows, 2**log_domain)``."""
    rows, count = coefficients.shape
    size = 1 << log_domain
    values = np.zeros((rows, size), dtype=np.uint64)
    values[:, _reversed_bits(log_domain)[:count]] = coefficients
    root = root_of_unity(log_domain)
    for level in range(1, log_domain + 1):
        half = 1 << (level - 1)
        twiddles = _powers(pow(root, size >> level, P), half)
        view = values.reshape(rows, size >> level, 2, half)
        odd = base_mul(view[:, :, 1, :], twiddles)
        even = view[:, :, 0, :].copy()
        view[:, :, 0, :] = base_add(even, odd)
        view[:, :, 1, :] = base_sub(even, odd)
    return values


def salt(seed: bytes, position: int) -> bytes:
    """Salt of a column: half of a digest that two neighbours share."""
    both = sha256(seed + b"salt" + (position >> 1).to_bytes(4, "big")).digest()
    return both[16:] if position & 1 else both[:16]


class ColumnTree:
    """Merkle tree over the columns of a matrix of code words.

    Parameters
    ----------
    columns : array of uint64, shape (2**log_domain, rows)
        One column of the matrix in each row of the array.
    seed : bytes
        Secret; salts are derived from it, 16 bytes for each column.
    """

    def __init__(self, columns: Vector, seed: bytes) -> None:
        self._columns = np.ascontiguousarray(columns)
        self._encoded = self._columns.astype(">u8").tobytes()
        self._height = columns.shape[1] * 8
        self.log_size = (len(columns) - 1).bit_length()
        self.seed = seed
        level = [
            sha256(b"\x00" + self.salt(j) + self._encoded[j * self._height : (j + 1) * self._height]).digest()
            for j in range(columns.shape[0])
        ]
        self._levels = [level]
        while len(level) > 1:
            short = [digest[:NODE_BYTES] for digest in level]
            level = [sha256(b"\x01" + short[i] + short[i + 1]).digest() for i in range(0, len(short), 2)]
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return self._levels[-1][0]

    def salt(self, position: int) -> bytes:
        """Salt of a column."""
        return salt(self.seed, position)

    def column(self, position: int) -> list[int]:
        """Elements of a column."""
        return [int(n) for n in self._columns[position]]

    def open(self, positions: list[int]) -> bytes:
        """Columns, salts and siblings in the order in which a verifier reads them."""
        return opening(positions, self.log_size, self._leaf, lambda level, at: self._levels[level][at])

    def _leaf(self, position: int) -> bytes:
        return self._encoded[position * self._height : (position + 1) * self._height] + self.salt(position)


def opening(
    positions: list[int], log_size: int, leaf: Callable[[int], bytes], digest: Callable[[int, int], bytes]
) -> bytes:
    """Columns with their salts (`leaf`), and the digests (by level from the leaves) that a verifier is missing."""
    known = sorted(set(positions))
    out = [leaf(position) for position in known]
    for level in range(log_size):
        have = set(known)
        parents: list[int] = []
        for position in known:
            if parents and parents[-1] == position >> 1:
                continue
            if position ^ 1 not in have:
                out.append(digest(level, position ^ 1)[:NODE_BYTES])
            parents.append(position >> 1)
        known = parents
    return b"".join(out)


def _reversed_bits(bits: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    order = np.zeros(1, dtype=np.int64)
    for _ in range(bits):
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _powers(base: int, count: int) -> Vector:
    out = np.ones(1, dtype=np.uint64)
    while len(out) < count:
        step = np.uint64(pow(base, len(out), P))
        out = np.concatenate([out, base_mul(out, np.full_like(out, step))])
    return out[:count]
