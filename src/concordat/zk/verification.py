"""The door to both verifiers: the compiled one where it is, else the plain one that defines the protocol.

So for proofs, for registrations of weights, and for rotations from one commitment to the next.
"""

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
from concordat.zk.rotation import Rotation
from concordat.zk.statement import PublicWeights, Statement
from concordat.zk.verifier import registration as plain_registration
from concordat.zk.verifier import rotation as plain_rotation
from concordat.zk.verifier.registration import Registration

__all__ = [
    "available",
    "refusal",
    "registration_refusal",
    "rotation_refusal",
    "verify",
    "verify_registration",
    "verify_rotation",
]

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


def verify_registration(registration: Registration) -> None:
    """Check that a committed matrix is close to a codeword, as the verifier of that name does.

    Raises
    ------
    VerificationError
        If it is not shown to be.
    """
    if not available():
        plain_registration.verify_registration(registration)
        return
    reason = registration_refusal(registration)
    if reason is not None:
        raise VerificationError(f"The registration does not hold: {reason}.", code="BadRegistration")


def registration_refusal(registration: Registration) -> str | None:
    """Why the compiled verifier refuses a registration; ``None`` if it does not."""
    relation, root = registration.relation, registration.commitment.root
    try:
        found: str | None = _decoded(_Key(relation)).registration_refusal(
            registration.parameters.encode(), root, registration.proof
        )
    except (ValueError, struct.error) as error:
        return str(error)
    return found


def verify_rotation(rotation: Rotation) -> None:
    """Check that both commitments of a rotation hold the same weights, as the verifier of that name does.

    Raises
    ------
    VerificationError
        If that is not shown with at least 100 bits of soundness.
    """
    if not available():
        plain_rotation.verify_rotation(rotation)
        return
    reason = rotation_refusal(rotation)
    if reason is not None:
        raise VerificationError(f"The rotation does not hold: {reason}.", code="BadRotation")


def rotation_refusal(rotation: Rotation) -> str | None:
    """Why the compiled verifier refuses a rotation; ``None`` if it does not."""
    try:
        found: str | None = _decoded(_Key(rotation.relation)).rotation_refusal(rotation.encode(), rotation.proof)
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
