"""The prover's side of a registration; see `concordat.zk.verifier.registration`."""

from __future__ import annotations

import numpy as np

from concordat.zk.field import encode
from concordat.zk.parameters import Parameters
from concordat.zk.prover.code import ColumnTree, encode_rows
from concordat.zk.prover.commit import CommittedWeights
from concordat.zk.prover.keeping import plain
from concordat.zk.prover.native import NativeWeights
from concordat.zk.prover.vector import add, broadcast, column_sum, ladder, mul, random_base, scale, to_k
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
    length = relation.weight_width + p.weight_tail
    mask = random_base(seed, b"registration", 3 * length).reshape(-1, 3)
    tree = ColumnTree(encode_rows(np.ascontiguousarray(mask.T), p.weight_log_domain).T, seed)
    gamma = absorb_mask(transcript, tree.root)
    factors = mul(ladder(gamma, relation.weight_rows), broadcast(gamma))
    rows = kept.coefficients
    folded = column_sum(scale(np.broadcast_to(factors[:, None, :], (*rows.shape, 3)), rows))
    row = [to_k(v) for v in add(mask, folded)]
    absorb_row(transcript, row)
    positions = transcript.positions(p.weight_audits, p.weight_log_domain)
    proof = tree.root + encode(row) + tree.open(positions) + kept.tree.open(positions)
    return Registration(relation=relation, parameters=p, commitment=kept.commitment, proof=proof)
