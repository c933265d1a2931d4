"""What the product sumcheck leaves: claims about cells and about the weights.

The sumcheck runs over ``Σ F(run, k) * X(run, k)``; a run is one slot's worth of the dot products of one matrix product.
For run *q* of product *m*, with theta the batching challenge, s the exponents of an output row, g the product's factor,

    X(run, k) = Σ_r theta**(s*r) * left[r, q*slot + k],   F(run, k) = g * Σ_c theta**c * right[c, q*slot + k].

The last two runs are masks: in the one X is zero and F is a hidden scalar at k = 0, in the other the reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from concordat.zk.field import ZERO, K, add, mul, power
from concordat.zk.multilinear import BitForm, eq_form, eq_index, expand, power_form
from concordat.zk.relation import Operand, Relation, WeightBlock
from concordat.zk.verifier.constraints import ConstraintPoint, operand_value, product_stride

__all__ = ["ProductClaims", "column_form", "mask_factors", "product_claims", "weight_rows"]


@dataclass(slots=True)
class ProductClaims:
    """Factors in the claims ``F(r) = …`` and ``X(r) = …`` at the sumcheck's point r."""

    left: list[K] = field(default_factory=lambda: [ZERO, ZERO])
    """Of the cells of columns a and b at the constraint point, in X."""
    right: list[K] = field(default_factory=lambda: [ZERO, ZERO])
    """Of the cells of columns a and b at the constraint point, in F."""
    rows: list[K] = field(default_factory=list)
    """Of the rows of the weight matrix, in F."""
    form: BitForm = field(default_factory=list)
    """Of the columns of the weight matrix."""
    mask_right: K = ZERO
    """Of the hidden scalar in F."""
    mask_left: K = ZERO
    """Of the hidden scalar in X."""


def column_form(relation: Relation, theta: K, slot_point: Sequence[K]) -> BitForm:
    """Factors of the columns of the weight matrix: outputs of a group by powers of theta, then a slot by ``eq``."""
    return power_form(theta, relation.group_bits) + eq_form(slot_point)


def weight_rows(relation: Relation, scales: Sequence[K], theta: K, run_point: Sequence[K]) -> list[K]:
    """Factors of the rows of the weight matrix in F."""
    rows = [ZERO] * relation.weight_rows
    run = 0
    group = power(theta, 1 << relation.group_bits)
    for matmul, factor in zip(relation.matmuls, scales, strict=True):
        for q in range(relation.chunks(matmul)):
            if isinstance(matmul.right, WeightBlock):
                weight = mul(factor, eq_index(run_point, run))
                height = relation.block_rows(matmul)
                first = matmul.right.row + q * height
                for row in range(first, first + height):
                    rows[row] = add(rows[row], weight)
                    weight = mul(weight, group)
            run += 1
    return rows


def product_claims(
    relation: Relation, scales: Sequence[K], theta: K, point: Sequence[K], at: ConstraintPoint
) -> ProductClaims:
    """All factors; the cells' are taken at the constraint point."""
    out = ProductClaims()
    split = len(point) - relation.slot_bits
    run_point, slot_point = point[:split], point[split:]
    slot = expand(eq_form(slot_point))
    run = 0
    for number, (matmul, factor) in enumerate(zip(relation.matmuls, scales, strict=True)):
        chunks = relation.chunks(matmul)
        weights = [eq_index(run_point, run + q) for q in range(chunks)]
        ratio = power(theta, product_stride(relation, number))
        left = operand_value(matmul.left, matmul.rows, matmul.inner, ratio, weights, slot, at)
        out.left[matmul.left.column] = add(out.left[matmul.left.column], left)
        if isinstance(matmul.right, Operand):
            right = operand_value(matmul.right, matmul.cols, matmul.inner, theta, weights, slot, at)
            column = matmul.right.column
            out.right[column] = add(out.right[column], mul(factor, right))
        run += chunks
    out.rows = weight_rows(relation, scales, theta, run_point)
    out.form = column_form(relation, theta, slot_point)
    out.mask_right, out.mask_left = mask_factors(relation, point)
    return out


def mask_factors(relation: Relation, point: Sequence[K]) -> tuple[K, K]:
    """Factors of the hidden scalars in F and in X."""
    split = len(point) - relation.slot_bits
    first = eq_index(point[split:], 0)
    run = relation.runs - 2
    return mul(eq_index(point[:split], run), first), mul(eq_index(point[:split], run + 1), first)
