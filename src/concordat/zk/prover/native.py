"""The fast prover: the Rust twin behind the same calls as the plain one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from concordat.primitives.errors import ModelError
from concordat.primitives.native import rust
from concordat.zk.challenges import PROTOCOL
from concordat.zk.parameters import Parameters, check
from concordat.zk.prover.progress import Progress
from concordat.zk.prover.prove import Witness, proof_secret
from concordat.zk.prover.vector import from_ints
from concordat.zk.relation import Relation
from concordat.zk.statement import InputCommitment, PublicWeights, Statement, WeightCommitment

__all__ = ["NativeInput", "NativeWeights", "available", "commit_input", "commit_weights", "open_weights", "prove"]

_Words = npt.NDArray[np.uint64]
_PROVERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeWeights:
    """What the owner of a model keeps."""

    commitment: WeightCommitment
    """What everybody gets."""
    handle: Any
    """The Rust twin's object."""

    @property
    def words(self) -> _Words:
        """All of it, as it is kept in a file: secret."""
        words: _Words = self.handle.words
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeInput:
    """What the client gives to the provider."""

    commitment: InputCommitment
    """What everybody gets."""
    handle: Any
    """The Rust twin's object."""


def available() -> bool:
    """Whether the compiled twin is here."""
    return rust is not None and getattr(rust, "ZK_PROTOCOL", 0) == PROTOCOL


def commit_weights(relation: Relation, parameters: Parameters, weights: npt.NDArray[np.int64], seed: bytes) -> Any:
    """Twin of `concordat.zk.prover.commit.commit_weights`."""
    flat = np.ascontiguousarray(weights, dtype=np.int64).ravel()
    prover = _prover(relation, parameters)
    return _weights(lambda: prover.commit_weights(flat, seed))


def open_weights(relation: Relation, parameters: Parameters, words: _Words) -> NativeWeights:
    """A commitment of its words, which may be mapped from a file.

    Raises
    ------
    ModelError
        If they belong to another relation or other parameters, or are damaged.
    """
    prover = _prover(relation, parameters)
    return _weights(lambda: prover.open_weights(words))


def commit_input(parameters: Parameters, values: npt.NDArray[np.int64], seed: bytes) -> NativeInput:
    """Twin of `concordat.zk.prover.commit.commit_input`."""
    numbers = np.ascontiguousarray(values, dtype=np.int64).ravel()
    try:
        handle = rust.zk_commit_input(parameters.encode(), numbers, seed)  # type: ignore[union-attr]
    except ValueError as error:
        raise _refused(error) from error
    return NativeInput(commitment=InputCommitment(root=handle.root, outside=handle.outside), handle=handle)


def prove(
    statement: Statement,
    witness: Witness,
    *,
    seed: bytes,
    weights: NativeWeights | None = None,
    taken: NativeInput | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Twin of `concordat.zk.prover.prove.prove`: the same bytes."""
    check(statement.relation, statement.parameters)
    if len(seed) != 32:
        raise ModelError("The seed of a proof is 32 bytes.", code="BadWitness")
    plain = None
    if isinstance(statement.weights, PublicWeights):
        plain = np.ascontiguousarray(statement.weights.rows, dtype=np.int64).ravel()
    encoded = statement.encode()
    try:
        proof: bytes = _prover(statement.relation, statement.parameters).prove(
            encoded,
            _column(witness.a),
            _column(witness.b),
            seed=proof_secret(encoded, seed),
            weights=None if weights is None else weights.handle,
            plain=plain,
            taken=None if taken is None else taken.handle,
            progress=progress,
        )
    except ValueError as error:
        raise _refused(error) from error
    return proof


def _column(cells: npt.NDArray[Any]) -> _Words:
    return np.ascontiguousarray(cells if cells.dtype == np.uint64 else from_ints(cells))


def _weights(make: Any) -> NativeWeights:
    try:
        handle = make()
    except ValueError as error:
        raise _refused(error) from error
    return NativeWeights(commitment=WeightCommitment(root=handle.root), handle=handle)


def _refused(error: ValueError) -> ModelError:
    return ModelError(f"The prover cannot use this: {error}.", code="BadWitness")


@dataclass(frozen=True, slots=True)
class _Key:
    """A relation with its parameters, compared by digest."""

    relation: Relation
    parameters: Parameters

    def __hash__(self) -> int:
        return hash((self.relation.digest, self.parameters))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Key)
            and self.relation.digest == other.relation.digest
            and self.parameters == other.parameters
        )


def _prover(relation: Relation, parameters: Parameters) -> Any:
    return _decoded(_Key(relation, parameters))


@lru_cache(maxsize=_PROVERS)
def _decoded(key: _Key) -> Any:
    try:
        return rust.ZkProver(key.relation.encode(), key.parameters.encode())  # type: ignore[union-attr]
    except ValueError as error:
        raise _refused(error) from error
