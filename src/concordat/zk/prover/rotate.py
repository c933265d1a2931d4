"""The prover's side of a rotation; see `concordat.zk.verifier.rotation`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from concordat.primitives.errors import ModelError
from concordat.zk.field import encode
from concordat.zk.parameters import Parameters
from concordat.zk.prover.code import ColumnTree, encode_rows
from concordat.zk.prover.commit import CommittedWeights
from concordat.zk.prover.keeping import plain
from concordat.zk.prover.native import NativeWeights
from concordat.zk.prover.vector import Vector, add, base_sub, column_sum, random_base, scale, to_k
from concordat.zk.relation import Relation
from concordat.zk.rotation import ROTATION_COLUMNS, Rotation, check_rotation, rotation_queries
from concordat.zk.verifier.rotation import absorb_mask, absorb_tail, begin, gamma_powers

__all__ = ["argue", "rotate"]


def rotate(
    relation: Relation,
    old_parameters: Parameters,
    old: CommittedWeights | NativeWeights,
    new_parameters: Parameters,
    new: CommittedWeights | NativeWeights,
    *,
    model: bytes,
    version: int,
    seed: bytes,
) -> Rotation:
    """Show that a new commitment holds the weights of an old one; once for each.

    Count it before (`concordat.storage.openings.Openings.once`): it opens columns of both.

    Parameters
    ----------
    model : bytes
        32 bytes: the registered model.
    version : int
        Version of the new commitment; the old one's is one less.
    seed : bytes
        32 secret random bytes, never used before.

    Raises
    ------
    ModelError
        If they hold different weights, or more columns would be opened than a commitment sets aside.
    VerificationError
        If the numbers make no sense, or prove too little.
    """
    queries = rotation_queries(relation, old_parameters, new_parameters)
    rotation = Rotation(
        relation=relation,
        model=model,
        version=version,
        old=old.commitment,
        old_parameters=old_parameters,
        new=new.commitment,
        new_parameters=new_parameters,
        queries=queries,
        proof=b"",
    )
    check_rotation(rotation)
    if queries > ROTATION_COLUMNS:
        raise ModelError(
            f"The rotation would open {queries} columns; {ROTATION_COLUMNS} are set aside.",
            code="RotationColumns",
            hint="Give the new commitment a domain of the size of the old one's.",
        )
    before, after = plain(relation, old_parameters, old), plain(relation, new_parameters, new)
    width = relation.weight_width
    if not np.array_equal(before.coefficients[:, :width], after.coefficients[:, :width]):
        raise ModelError(
            "The two commitments hold different weights.", code="BadWitness", hint="Commit the same weights again."
        )
    return argue(rotation, before, after, seed)


def argue(rotation: Rotation, old: CommittedWeights, new: CommittedWeights, seed: bytes) -> Rotation:
    """The rotation with its proof; if the commitments hold different weights, it will not verify."""
    if len(seed) != 32:
        raise ModelError("The seed of a rotation is 32 bytes.", code="BadWitness")
    relation, length = rotation.relation, rotation.tail
    transcript = begin(rotation)
    mask = random_base(seed, b"rotation", 3 * length).reshape(-1, 3)
    coefficients = np.zeros((3, relation.weight_width + length), dtype=np.uint64)
    coefficients[:, relation.weight_width :] = mask.T
    tree = ColumnTree(encode_rows(coefficients, rotation.log_domain).T, seed)
    factors = np.array(gamma_powers(absorb_mask(transcript, tree.root), relation.weight_rows), dtype=np.uint64)
    change = base_sub(_tails(new, length), _tails(old, length))
    folded = column_sum(scale(np.broadcast_to(factors[:, None, :], (*change.shape, 3)), change))
    tail = [to_k(v) for v in add(mask, folded)]
    absorb_tail(transcript, tail)
    positions = transcript.positions(rotation.queries, rotation.log_domain)
    parts = [tree.root, encode(tail), tree.open(positions)]
    for weights in (old, new):
        steps = weights.tree.log_size - rotation.log_domain
        parts.append(weights.tree.open([j << steps for j in positions]))
    return replace(rotation, proof=b"".join(parts))


def _tails(weights: CommittedWeights, length: int) -> Vector:
    """The random tails of all rows, with zeros up to a length."""
    out = np.zeros((len(weights.coefficients), length), dtype=np.uint64)
    out[:, : weights.tail] = weights.coefficients[:, -weights.tail :]
    return out
