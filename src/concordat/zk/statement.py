"""What a proof says, and to whom: everything that is absorbed before the first message."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from concordat.primitives.errors import VerificationError
from concordat.zk.field import K, P, encode
from concordat.zk.parameters import Parameters
from concordat.zk.relation import Relation

__all__ = ["InputCommitment", "PublicWeights", "Statement", "WeightCommitment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightCommitment:
    """Hiding commitment of a model's weights."""

    root: bytes
    """Merkle root over the columns of the encoded matrix."""


@dataclass(frozen=True, slots=True)
class PublicWeights:
    """Weights that everybody has: the verifier folds them itself."""

    rows: Sequence[Sequence[int]]
    """The weight matrix, signed integers."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the matrix, signed i64 big-endian."""
        hasher = sha256()
        for row in self.rows:
            hasher.update(struct.pack(f">{len(row)}q", *row))
        return hasher.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCommitment:
    """Hiding commitment of one input (or of a batch)."""

    root: bytes
    """Merkle root over the encoded input."""
    outside: K
    """Value of the input's polynomial at a point outside the domain that the root determines: it singles out one of
    the polynomials that the code's list could hold."""

    def encode(self) -> bytes:
        """56 bytes."""
        return self.root + encode([self.outside])


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """``publics`` came from the committed model on the committed input, for this order."""

    chain_id: int
    """EIP-155 chain."""
    contract: bytes
    """20 bytes: the market that the proof is for."""
    order: bytes
    """32 bytes: the order that the proof answers."""
    model: bytes
    """32 bytes: the registered model."""
    version: int
    """Version of the commitment: counts rotations of its randomness."""
    relation: Relation
    """What holds between them."""
    parameters: Parameters
    """Sizes of the codes."""
    weights: WeightCommitment | PublicWeights | None
    """Commitment of the weights, the weights, or nothing for a relation without any."""
    input: InputCommitment | tuple[int, ...]
    """Commitment of the input, or the input."""
    publics: tuple[tuple[int, ...], ...]
    """Public vectors, signed integers: the output in the form that the client chose."""

    def encode(self) -> bytes:
        """What the transcript begins with.

        Raises
        ------
        VerificationError
            If a field has the wrong size.
        """
        sizes = (len(self.contract), len(self.order), len(self.model))
        if sizes != (20, 32, 32) or not (0 <= self.chain_id < 1 << 64 and 0 <= self.version < 1 << 32):
            raise VerificationError("The statement of the proof is malformed.", code="BadStatement")
        if tuple(map(len, self.publics)) != self.relation.publics:
            raise VerificationError("The statement has public vectors of the wrong lengths.", code="BadStatement")
        if isinstance(self.input, tuple) and len(self.input) != self.relation.input_count:
            raise VerificationError("The statement has an input of the wrong length.", code="BadStatement")
        parts = [
            struct.pack(">Q", self.chain_id),
            self.contract,
            self.order,
            self.model,
            struct.pack(">I", self.version),
            self.relation.digest,
            self.parameters.encode(),
            self._weights(),
            b"\x01" + self.input.encode() if isinstance(self.input, InputCommitment) else b"\x00" + _pack(self.input),
            *(_pack(vector) for vector in self.publics),
        ]
        return b"".join(parts)

    def _weights(self) -> bytes:
        if isinstance(self.weights, WeightCommitment):
            return b"\x01" + self.weights.root
        if isinstance(self.weights, PublicWeights):
            return b"\x02" + self.weights.digest
        return b"\x00" + bytes(32)


def _pack(vector: Sequence[int]) -> bytes:
    if any(not -P < 2 * n < P for n in vector):
        raise VerificationError("A public number of the statement is too large.", code="BadStatement")
    return struct.pack(f">I{len(vector)}q", len(vector), *vector)
