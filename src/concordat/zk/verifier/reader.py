"""The proof as a stream of bytes that is read once, from front to back, to its last byte."""

from __future__ import annotations

from hashlib import sha256

from concordat.primitives.errors import VerificationError
from concordat.zk.field import K, read_base, read_elements

__all__ = ["MAX_PROOF_BYTES", "NODE_BYTES", "ProofReader"]

MAX_PROOF_BYTES = 16 << 20
"""Longest proof that is looked at."""
NODE_BYTES = 27
"""Bytes of a digest below the root: 108 bits against collisions, and a node is one block of SHA-256."""


class ProofReader:
    """Reads exact numbers of bytes; never more than the statement leads one to expect."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_PROOF_BYTES:
            raise VerificationError(f"A proof has at most {MAX_PROOF_BYTES} bytes.", code="BadProof")
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise VerificationError("The proof is cut short.", code="BadProof")
        self._at += count
        return piece

    def elements(self, count: int) -> list[K]:
        """The next elements of K."""
        return read_elements(self.take(24 * count))

    def nonce(self) -> int:
        """The next u64."""
        return int.from_bytes(self.take(8), "big")

    def columns(self, root: bytes, positions: list[int], log_size: int, height: int) -> dict[int, list[int]]:
        """Open columns of a committed matrix.

        Read are, for each distinct position in ascending order, the column (`height` elements of F) and its salt
        (16 bytes), and then the missing siblings, level by level from the leaves, left to right. Of every digest but
        the root only the first `NODE_BYTES` are sent and hashed.

        Returns
        -------
        dict
            Columns by position.
        """
        columns: dict[int, list[int]] = {}
        level: dict[int, bytes] = {}
        for position in sorted(set(positions)):
            data = self.take(8 * height)
            columns[position] = read_base(data)
            level[position] = sha256(b"\x00" + self.take(16) + data).digest()
        for _ in range(log_size):
            parents: dict[int, bytes] = {}
            for position, digest in level.items():
                if position >> 1 in parents:
                    continue
                other = level.get(position ^ 1) or self.take(NODE_BYTES)
                left, right = (other, digest) if position & 1 else (digest, other)
                parents[position >> 1] = sha256(b"\x01" + left[:NODE_BYTES] + right[:NODE_BYTES]).digest()
            level = parents
        if level[0] != root:
            raise VerificationError("A column does not belong to its commitment.", code="BadProof")
        return columns

    def end(self) -> None:
        """Refuse bytes that nobody asked for."""
        if self._at != len(self._data):
            raise VerificationError("The proof goes on after its end.", code="BadProof")
