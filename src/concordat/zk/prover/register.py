"""The prover's side of a registration; see `concordat.zk.verifier.registration`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from concordat.zk.field import encode
from concordat.zk.parameters import Parameters
from concordat.zk.prover import commit, native
from concordat.zk.prover.commit import CommittedWeights
from concordat.zk.prover.keeping import plain
from concordat.zk.prover.native import NativeWeights
from concordat.zk.prover.vector import add, broadcast, column_sum, ladder, mul, random_base, scale, to_ints, to_k
from concordat.zk.relation import Relation
from concordat.zk.verifier.registration import Registration, absorb_mask, absorb_row, begin

__all__ = ["register"]


def register(
    relation: Relation, parameters: Parameters, weights: CommittedWeights | NativeWeights, seed: bytes
) -> Registration:
    """Show that committed weights are close to a codeword; once for a commitment.

    Parameters
    ----------
    seed : bytes
        32 secret random bytes, never used before.
    """
    p, kept = parameters, plain(relation, parameters, weights)
    transcript = begin(relation, p, kept.commitment)
    mask = _mask(relation, p, seed)
    root = mask.commitment.root
    gamma = absorb_mask(transcript, root)
    factors = mul(ladder(gamma, relation.weight_rows), broadcast(gamma))
    rows = kept.coefficients
    folded = column_sum(scale(np.broadcast_to(factors[:, None, :], (*rows.shape, 3)), rows))
    row = [to_k(v) for v in add(mask.coefficients.T, folded)]
    absorb_row(transcript, row)
    positions = transcript.positions(p.weight_audits, p.weight_log_domain)
    proof = root + encode(row) + mask.tree.open(positions) + kept.tree.open(positions)
    return Registration(relation=relation, parameters=p, commitment=kept.commitment, proof=proof)


def _mask(relation: Relation, parameters: Parameters, seed: bytes) -> CommittedWeights:
    """A random row over K: three over F, committed like weights whose first column is random as all the others."""
    alone = replace(relation, weight_rows=3, slot_bits=0, group_bits=0, families=(), matmuls=(), copies=())
    code = replace(parameters, weight_tail=relation.weight_width + parameters.weight_tail - 1)
    first = to_ints(random_base(seed, b"registration", 3)).reshape(3, 1)
    twin = native if native.available() else commit
    return plain(alone, code, twin.commit_weights(alone, code, first, seed))
