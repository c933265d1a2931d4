"""The prover's side of a rotation; see `concordat.zk.verifier.rotation`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from concordat.primitives.errors import ModelError
from concordat.zk.field import encode
from concordat.zk.parameters import Parameters
from concordat.zk.prover import commit, native
from concordat.zk.prover.commit import CommittedWeights
from concordat.zk.prover.keeping import plain
from concordat.zk.prover.native import NativeWeights
from concordat.zk.prover.vector import Vector, add, base_sub, column_sum, scale, to_k
from concordat.zk.relation import Relation
from concordat.zk.rotation import ROTATION_COLUMNS, Rotation, check_rotation, rotation_queries
from concordat.zk.verifier.rotation import absorb_mask, absorb_tail, begin, gamma_powers

__all__ = ["argue", "committed_mask", "rotate"]


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
        32 bytes: what the model is called through all its versions.
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
    mask = committed_mask(rotation, seed)
    gamma = absorb_mask(transcript, mask.commitment.root)
    factors = np.array(gamma_powers(gamma, relation.weight_rows), dtype=np.uint64)
    change = base_sub(_tails(new, length), _tails(old, length))
    folded = column_sum(scale(np.broadcast_to(factors[:, None, :], (*change.shape, 3)), change))
    tail = [to_k(v) for v in add(_tails(mask, length).T, folded)]
    absorb_tail(transcript, tail)
    positions = transcript.positions(rotation.queries, rotation.log_domain)
    parts = [mask.commitment.root, encode(tail), mask.tree.open(positions)]
    for weights in (old, new):
        steps = weights.tree.log_size - rotation.log_domain
        parts.append(weights.tree.open([j << steps for j in positions]))
    return replace(rotation, proof=b"".join(parts))


def committed_mask(rotation: Rotation, seed: bytes) -> CommittedWeights:
    """A random tail of elements of K behind zeros: three rows over F, on the common points."""
    relation = replace(rotation.relation, weight_rows=3, families=(), matmuls=(), copies=())
    code = replace(
        rotation.new_parameters, weight_tail=rotation.tail, weight_log_domain=rotation.log_domain
    )  # fmt: skip
    twin = native if native.available() else commit
    zeros = np.zeros((3, relation.weight_width), dtype=np.int64)
    return plain(relation, code, twin.commit_weights(relation, code, zeros, seed))


def _tails(weights: CommittedWeights, length: int) -> Vector:
    """The random tails of all rows, with zeros up to a length."""
    out = np.zeros((len(weights.coefficients), length), dtype=np.uint64)
    out[:, : weights.tail] = weights.coefficients[:, -weights.tail :]
    return out
