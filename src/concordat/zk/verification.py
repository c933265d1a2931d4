"""The door to both verifiers: the compiled one where it is, else the plain one that defines the protocol."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

import numpy as np

from concordat.primitives.errors import VerificationError
from concordat.primitives.native import rust
from concordat.zk import verifier
from concordat.zk.challenges import PROTOCOL
from concordat.zk.relation import Relation
from concordat.zk.statement import PublicWeights, Statement

__all__ = ["available", "refusal", "verify"]

_RELATIONS = 32


def available() -> bool:
    """Whether the compiled twin is here."""
    return rust is not None and getattr(rust, "ZK_PROTOCOL", 0) == PROTOCOL


def verify(statement: Statement, proof: bytes) -> None:
    """Check a proof.

    Parameters
    ----------
    statement : Statement
        What the proof is about.
    proof : bytes
        As the prover sent it.

    Raises
    ------
    VerificationError
        If the proof does not show the statement with at least 100 bits of soundness.
    """
    if not available():
        verifier.verify(statement, proof)
        return
    reason = refusal(statement, proof)
    if reason is not None:
        raise VerificationError(f"The proof does not hold: {reason}.", code="BadProof")


def refusal(statement: Statement, proof: bytes) -> str | None:
    """Why the compiled verifier refuses a proof; ``None`` if it does not."""
    weights = None
    if isinstance(statement.weights, PublicWeights):
        try:
            weights = np.ascontiguousarray(statement.weights.rows, dtype=np.int64).ravel()
        except (ValueError, OverflowError):
            return "the public weights have the wrong shape"
    try:
        encoded = statement.encode()
        found: str | None = _decoded(_Key(statement.relation)).refusal(encoded, proof, weights)
    except (ValueError, struct.error) as error:
        return str(error)
    except VerificationError as error:
        return error.message
    return found


class _Key:
    """A relation, compared by digest."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation

    def __hash__(self) -> int:
        return hash(self.relation.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.relation.digest == other.relation.digest


@lru_cache(maxsize=_RELATIONS)
def _decoded(key: _Key) -> Any:
    return rust.ZkVerifier(key.relation.encode())  # type: ignore[union-attr]
