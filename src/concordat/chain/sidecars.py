"""What travels with a transaction and not in it: its blobs, with commitments and proofs.

The chain sees only the blobs' versioned hashes. Pools check the rest and pass it on, consensus nodes keep it for 18
days (:mod:`concordat.chain.blob_readers`).

References
----------
EIP-4844 (one proof for each blob), EIP-7594 (wrapper version 1: a proof for each cell).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from concordat.chain.blobs import versioned_hash
from concordat.chain.kzg import CELLS, blob_proof, cell_proofs, commitment_to
from concordat.primitives.units import Bytes32

__all__ = ["Sidecar"]

_BLOB = 131_072
_POINT = 48
_CELL_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """Blobs of one transaction, in order."""

    blobs: tuple[bytes, ...]
    """131,072 bytes each (`concordat.chain.blobs.to_blob`)."""
    commitments: tuple[bytes, ...]
    """48 bytes for each blob."""
    proofs: tuple[bytes, ...]
    """48 bytes for each blob, or for each of its 128 cells."""
    cells: bool = False
    """Whether they are proofs of cells: what pools want depends on the chain's rules (`wants_cells`)."""

    @classmethod
    def of(cls, *blobs: bytes, cells: bool = False) -> Sidecar:
        """Commit to some blobs and prove it.

        Raises
        ------
        VerificationError
            ``BlobCorrupt`` if one is no blob.
        ConfigurationError
            If ``concordat[blobs]`` is not installed.
        """
        commitments = tuple(commitment_to(blob) for blob in blobs)
        if cells:
            proofs = tuple(proof for blob in blobs for proof in cell_proofs(blob))
        else:
            proofs = tuple(map(blob_proof, blobs, commitments))
        return cls(blobs=blobs, commitments=commitments, proofs=proofs, cells=cells)

    @property
    def versioned_hashes(self) -> tuple[Bytes32, ...]:
        """What the transaction names the blobs by."""
        return tuple(map(versioned_hash, self.commitments))

    def fields(self) -> list[Any]:
        """What follows the transaction where it travels with its blobs."""
        lists: list[Any] = [list(self.blobs), list(self.commitments), list(self.proofs)]
        return [_CELL_VERSION, *lists] if self.cells else lists

    @classmethod
    def from_fields(cls, fields: list[Any]) -> Sidecar:
        """Inverse of :meth:`fields`, on decoded RLP.

        Raises
        ------
        ValueError, TypeError
            If they have another form. Whether commitments and proofs are right is not looked at.
        """
        cells = len(fields) == 4
        if cells and fields[0] != bytes([_CELL_VERSION]):
            raise ValueError("version")
        blobs, commitments, proofs = (tuple(items) for items in fields[-3:])
        wanted = len(blobs) * CELLS if cells else len(blobs)
        if len(commitments) != len(blobs) or len(proofs) != wanted:
            raise ValueError("count")
        sized = ((blobs, _BLOB), (commitments, _POINT), (proofs, _POINT))
        if any(not isinstance(item, bytes) or len(item) != size for items, size in sized for item in items):
            raise ValueError("size")
        return cls(blobs=blobs, commitments=commitments, proofs=proofs, cells=cells)
