"""The prover: a plain twin in numpy, and the door to the fast one in Rust.

Callers use the functions here: they take the Rust twin where it is, and give the same bytes where it is not.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from concordat.primitives.errors import ModelError
from concordat.zk.parameters import Parameters
from concordat.zk.prover import commit, keeping, native
from concordat.zk.prover import prove as plain
from concordat.zk.prover.commit import CommittedInput, CommittedWeights
from concordat.zk.prover.native import NativeInput, NativeWeights
from concordat.zk.prover.progress import PHASES, Progress
from concordat.zk.prover.prove import Witness
from concordat.zk.relation import Relation
from concordat.zk.statement import Statement

__all__ = [
    "PHASES",
    "Progress",
    "Taken",
    "Weights",
    "Witness",
    "commit_input",
    "commit_weights",
    "prove",
    "weights_of_words",
    "words_of_weights",
]

Weights: TypeAlias = CommittedWeights | NativeWeights
"""Opened commitment of weights; `commitment` is its public part."""
Taken: TypeAlias = CommittedInput | NativeInput
"""Opened commitment of an input; `commitment` is its public part."""


def commit_weights(relation: Relation, parameters: Parameters, weights: npt.NDArray[np.int64], seed: bytes) -> Weights:
    """Commit a weight matrix.

    Parameters
    ----------
    weights : array of int64, shape (weight_rows, weight_width)
        As `Circuit.weights` lays them out.
    seed : bytes
        32 secret random bytes, never used for another commitment.

    Raises
    ------
    ModelError
        If they do not fit the relation or its parameters.
    """
    twin = native if native.available() else commit
    made: Weights = twin.commit_weights(relation, parameters, weights, seed)
    return made


def commit_input(parameters: Parameters, values: npt.NDArray[np.int64], seed: bytes) -> Taken:
    """Commit an input (or the inputs of a batch, one after another), signed integers; `seed` as for weights."""
    if native.available():
        return native.commit_input(parameters, values, seed)
    return commit.commit_input(parameters, values, seed)


def prove(
    statement: Statement,
    witness: Witness,
    *,
    seed: bytes,
    weights: Weights | None = None,
    taken: Taken | None = None,
    progress: Progress | None = None,
) -> bytes:
    """A proof of a statement.

    Parameters
    ----------
    statement : Statement
        What is to be proven.
    witness : Witness
        Cells that satisfy it; if they do not, the proof will not verify.
    seed : bytes
        32 secret random bytes, never used before: all that hides the witness comes from them.
    weights : optional
        The opened commitment where the statement has one.
    taken : optional
        The opened commitment of the input where the statement has one.
    progress : callable, optional
        Called as ``progress(phase, share)`` when a phase of `PHASES` begins: `share` of the work lies behind. What it
        raises ends the proof.

    Raises
    ------
    ModelError
        If the witness does not fit the relation.
    """
    if isinstance(weights, CommittedWeights) or isinstance(taken, CommittedInput) or not native.available():
        if isinstance(weights, NativeWeights) or isinstance(taken, NativeInput):
            raise ModelError(
                "Weights and input were committed by different twins of the prover.",
                code="BadWitness",
                hint="Commit both with concordat.zk.prover.",
            )
        return plain.prove(statement, witness, seed=seed, weights=weights, taken=taken, progress=progress)
    return native.prove(statement, witness, seed=seed, weights=weights, taken=taken, progress=progress)


def words_of_weights(weights: Weights) -> npt.NDArray[np.uint64]:
    """A commitment as words that can be kept; they are as secret as the weights."""
    return weights.words if isinstance(weights, NativeWeights) else keeping.words(weights)


def weights_of_words(relation: Relation, parameters: Parameters, words: npt.NDArray[np.uint64]) -> Weights:
    """A commitment of kept words, which may be mapped from a file.

    Raises
    ------
    ModelError
        If they belong to another relation or other parameters, or are damaged.
    """
    if native.available():
        return native.open_weights(relation, parameters, words)
    return keeping.opened(relation, parameters, words)
