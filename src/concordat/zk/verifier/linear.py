"""The one linear claim that both sumchecks leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from concordat.primitives.errors import VerificationError
from concordat.zk.challenges import Batching
from concordat.zk.field import ZERO, K, P, add, mul, neg, powers, scale, sub, total
from concordat.zk.multilinear import BitForm, expand
from concordat.zk.relation import Relation
from concordat.zk.statement import InputCommitment, PublicWeights, Statement, WeightCommitment
from concordat.zk.verifier.constraints import family_constant
from concordat.zk.verifier.sumcheck import HiddenSumcheck

__all__ = ["LinearClaim", "join"]


@dataclass(slots=True)
class LinearClaim:
    """What the two sumchecks leave: a sum of hidden parts that has to give `value`."""

    pads: list[K]
    """Factors of the hidden scalars."""
    weights: K
    """Factor of the folded weights' product with the column form."""
    taken: K
    """Factor of the input's product with powers of xi."""
    value: K
    """What it has to give, less the constraint polynomial's value."""


def join(
    statement: Statement,
    batching: Batching,
    products: HiddenSumcheck,
    shown: tuple[K, K, K],
    lambdas: Sequence[K],
    masks: tuple[K, K],
    form: BitForm,
    rounds: HiddenSumcheck,
    balance: K,
    row_factors: Sequence[K],
) -> LinearClaim:
    """Both last claims in hidden scalars, weights and input.

    `shown` are Y with its pad, F and X. The constraint sumcheck began with ``-Y - constants + lambda0*(F - mask) +
    lambda1*(X - mask) + weights + lambda3*input`` and has to end in G, whose value the caller adds; the product
    sumcheck began with Y and has to end in ``F*X``.
    """
    relation = statement.relation
    begun, right, left = shown
    first = neg(add(begun, family_constant(relation, batching.theta, statement.publics)))
    first = add(first, add(mul(lambdas[0], right), mul(lambdas[1], left)))
    if isinstance(statement.weights, PublicWeights):
        first = add(first, _folded_weights(relation, statement.weights, form, row_factors))
    if isinstance(statement.input, tuple):
        ladder = powers(batching.xi, relation.input_count)
        given = total(scale(x, n) for x, n in zip(ladder, statement.input, strict=True))
        first = add(first, mul(lambdas[3], given))
    carry = rounds.carry
    pads = [ZERO] * 3
    constant = add(rounds.constant, mul(carry, first))
    product_pads: list[K] = []
    if relation.matmuls:
        pads = [
            sub(carry, mul(balance, products.carry)),
            neg(mul(carry, mul(lambdas[0], masks[0]))),
            neg(mul(carry, mul(lambdas[1], masks[1]))),
        ]
        product_pads = [mul(balance, pad) for pad in products.pads]
        ended = sub(add(products.constant, mul(products.carry, begun)), mul(right, left))
        constant = add(constant, mul(balance, ended))
    return LinearClaim(
        pads=[*pads, *product_pads, *rounds.pads],
        weights=carry if isinstance(statement.weights, WeightCommitment) else ZERO,
        taken=mul(carry, lambdas[3]) if isinstance(statement.input, InputCommitment) else ZERO,
        value=neg(constant),
    )


def _folded_weights(relation: Relation, weights: PublicWeights, form: BitForm, factors: Sequence[K]) -> K:
    columns = expand(form)
    width, height = relation.weight_width, relation.weight_rows
    if len(weights.rows) != height or any(len(row) != width for row in weights.rows):
        raise VerificationError("The public weights have the wrong shape.", code="BadStatement")
    sums = [[0, 0, 0] for _ in range(width)]
    for row, factor in zip(weights.rows, factors, strict=True):
        f0, f1, f2 = factor
        for cell, n in zip(sums, row, strict=True):
            if n:
                cell[0] += n * f0
                cell[1] += n * f1
                cell[2] += n * f2
    return total(mul((c[0] % P, c[1] % P, c[2] % P), w) for c, w in zip(sums, columns, strict=True))
