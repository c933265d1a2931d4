"""Hiding commitments: of weights, once for many proofs, and of inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from concordat.primitives.errors import ModelError
from concordat.zk.parameters import Parameters, input_tail
from concordat.zk.prover.code import ColumnTree, encode_rows, opening, salt
from concordat.zk.prover.vector import Vector, column_sum, from_ints, ladder, random_base, scale, to_k
from concordat.zk.relation import Relation
from concordat.zk.statement import InputCommitment, WeightCommitment
from concordat.zk.verifier.verify import input_point

__all__ = ["CommittedInput", "CommittedWeights", "KeptTree", "commit_input", "commit_weights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTree:
    """What `ColumnTree` is, read from where the compiled twin keeps it."""

    columns: Vector
    """Shape (2**log_size, rows)."""
    digests: Vector
    """Level by level from the leaves, four words each."""
    log_size: int
    """Binary logarithm of the number of columns."""
    seed: bytes
    """Secret; salts are derived from it."""

    def open(self, positions: list[int]) -> bytes:
        """Columns, salts and siblings in the order in which a verifier reads them."""
        return opening(positions, self.log_size, self._leaf, self._digest)

    def _leaf(self, position: int) -> bytes:
        column: bytes = self.columns[position].astype(">u8").tobytes()
        return column + salt(self.seed, position)

    def _digest(self, level: int, at: int) -> bytes:
        first = (2 << self.log_size) - (2 << (self.log_size - level))
        digest: bytes = self.digests[first + at].astype("<u8").tobytes()
        return digest


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedWeights:
    """What the owner of a model keeps."""

    commitment: WeightCommitment
    """What everybody gets."""
    coefficients: Vector
    """Rows of the weight matrix with their random tails."""
    tree: ColumnTree | KeptTree
    """Code words and salts."""
    tail: int
    """Random symbols at the end of each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedInput:
    """What the client gives to the provider."""

    commitment: InputCommitment
    """What everybody gets."""
    coefficients: Vector
    """The input with its random tail."""
    tree: ColumnTree
    """Code word and salts."""


def commit_weights(
    relation: Relation, parameters: Parameters, weights: npt.NDArray[np.int64], seed: bytes
) -> CommittedWeights:
    """Commit a weight matrix.

    Parameters
    ----------
    weights : array of int64, shape (weight_rows, weight_width)
        As the circuit lays them out.
    seed : bytes
        32 secret random bytes, never used for another commitment.
    """
    if weights.shape != (relation.weight_rows, relation.weight_width) or not parameters.weight_tail:
        raise ModelError("The weights do not fit the relation or its parameters.", code="BadWitness")
    tails = random_base(seed, b"weights", relation.weight_rows * parameters.weight_tail)
    rows = np.concatenate([from_ints(weights), tails.reshape(relation.weight_rows, -1)], axis=1)
    tree = ColumnTree(encode_rows(rows, parameters.weight_log_domain).T, seed)
    commitment = WeightCommitment(root=tree.root)
    return CommittedWeights(commitment=commitment, coefficients=rows, tree=tree, tail=parameters.weight_tail)


def commit_input(parameters: Parameters, values: npt.NDArray[np.int64], seed: bytes) -> CommittedInput:
    """Commit an input (or the inputs of a batch), signed integers."""
    tail = random_base(seed, b"input", input_tail(parameters))
    row = np.concatenate([from_ints(values), tail])
    tree = ColumnTree(encode_rows(row[None, :], parameters.input_log_domain).T, seed)
    outside = column_sum(scale(ladder(input_point(tree.root), len(row)), row))
    commitment = InputCommitment(root=tree.root, outside=to_k(outside))
    return CommittedInput(commitment=commitment, coefficients=row, tree=tree)
