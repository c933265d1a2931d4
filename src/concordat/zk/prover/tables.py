"""The public polynomials of the constraint sumcheck, written out over all rows, and those of the product sumcheck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concordat.zk.challenges import Batching, KeyChallenges, exponents, family_offsets
from concordat.zk.field import K, P
from concordat.zk.prover.vector import (
    Vector,
    add,
    broadcast,
    column_sum,
    inverses,
    ladder,
    lift,
    mul,
    neg,
    scale,
    scatter,
    small,
    sub,
)
from concordat.zk.relation import NOWHERE, LookupKind, Matmul, Operand, Relation, TermKind, WeightBlock
from concordat.zk.verifier.constraints import operand_rows, product_stride, table_denominators

__all__ = ["ConstraintTables", "constraint_tables", "inverse_column", "operand_functional", "product_tables"]


@dataclass(slots=True)
class ConstraintTables:
    """Names as in `concordat.zk.verifier.constraints`; each of shape ``(2**log_rows, 3)``."""

    pair: Vector
    """Powers of tau in PAIR rows."""
    function: Vector
    """Powers of tau in FUNCTION rows."""
    single: Vector
    """Powers of tau in SINGLE rows."""
    table_a: Vector
    """Numbers of the tables of column a."""
    table_b: Vector
    """Numbers of the tables of column b."""
    product: Vector
    """Factors of products of two cells."""
    cells_a: Vector
    """Factors of the cells of column a."""
    cells_b: Vector
    """Factors of the cells of column b."""
    inverses: Vector
    """Factors of the inverses."""

    def accumulate(self, column: int, values: Vector) -> None:
        """Add to the factors of a column of cells."""
        if column == 0:
            self.cells_a = add(self.cells_a, values)
        else:
            self.cells_b = add(self.cells_b, values)


def inverse_column(relation: Relation, keys: KeyChallenges, a: Vector, b: Vector, length: int) -> Vector:
    """The inverses ``h``: of one key, or the sum for two."""
    h = np.zeros((length, 3), dtype=np.uint64)
    alpha, beta = broadcast(keys.alpha), broadcast(keys.beta)
    square = mul(beta, beta)
    for look in relation.lookups:
        rows = slice(look.start, look.start + look.count)
        u = sub(sub(alpha, scale(beta, small(look.table_a))), lift(a[rows]))
        if look.kind is LookupKind.FUNCTION:
            u = sub(u, scale(np.broadcast_to(square, u.shape), b[rows]))
        h[rows] = inverses(u)
        if look.kind is LookupKind.PAIR:
            v = sub(sub(alpha, scale(beta, small(look.table_b))), lift(b[rows]))
            h[rows] = add(h[rows], inverses(v))
    return h


def constraint_tables(relation: Relation, keys: KeyChallenges, batching: Batching) -> ConstraintTables:
    """All but what products, copies and the input add."""
    size = 1 << relation.log_rows
    tables = ConstraintTables(*(np.zeros((size, 3), dtype=np.uint64) for _ in range(9)))
    tau = ladder(batching.tau, relation.lookup_rows)
    for look in relation.lookups:
        rows = slice(look.start, look.start + look.count)
        kinds = {LookupKind.PAIR: tables.pair, LookupKind.FUNCTION: tables.function, LookupKind.SINGLE: tables.single}
        kinds[look.kind][rows] = tau[rows]
        tables.table_a[rows, 0] = look.table_a
        tables.table_b[rows, 0] = look.table_b
        tables.inverses[rows] = broadcast(batching.eta)
    for table in relation.tables:
        reciprocals = inverses(np.array(table_denominators(table, keys), dtype=np.uint64))
        entries = np.arange(table.start, table.start + table.size)
        tables.accumulate(table.column, scatter(size, entries, neg(mul(reciprocals, broadcast(batching.eta)))))
    _families(relation, batching.theta, tables, size)
    return tables


def _families(relation: Relation, theta: K, tables: ConstraintTables, size: int) -> None:
    offsets = family_offsets(relation)
    last = max((o + f.count // f.cols * f.stride for o, f in zip(offsets, relation.families, strict=True)), default=0)
    steps = ladder(theta, max(last, 1))
    for family, offset in zip(relation.families, offsets, strict=True):
        weights = steps[offset + np.array(exponents(family), dtype=np.int64)]
        for term in family.terms:
            if term.kind not in (TermKind.CELLS, TermKind.PRODUCT):
                continue
            rows = np.arange(term.start, term.start + family.count)
            if term.indices is not None:
                rows = np.array(term.indices, dtype=np.int64)
            present = rows != NOWHERE
            factor = np.full(int(present.sum()), term.coefficient % P, dtype=np.uint64)
            values = scatter(size, rows[present], scale(weights[present], factor))
            if term.kind is TermKind.PRODUCT:
                tables.product = add(tables.product, values)
            else:
                tables.accumulate(term.column, values)


def product_tables(
    relation: Relation,
    scales: list[K],
    theta: K,
    columns: tuple[Vector, Vector],
    weights: Vector | None,
    masks: tuple[K, K],
) -> tuple[Vector, Vector]:
    """``F`` and ``X`` over all runs and slots, as `concordat.zk.verifier.products` defines them."""
    slot = 1 << relation.slot_bits
    runs = 1 << (relation.runs - 1).bit_length()
    f, x = np.zeros((runs * slot, 3), dtype=np.uint64), np.zeros((runs * slot, 3), dtype=np.uint64)
    run = 0
    for number, (matmul, factor) in enumerate(zip(relation.matmuls, scales, strict=True)):
        chunks = relation.chunks(matmul)
        stride = product_stride(relation, number)
        left = _gathered(matmul.left, matmul.rows, matmul.inner, columns)
        right = _right(relation, matmul, columns, weights)
        rows = slice(run * slot, run * slot + matmul.inner)
        ratio = ladder(theta, (matmul.rows - 1) * stride + 1)[::stride]
        x[rows] = _combine(ratio, left)
        f[rows] = mul(_combine(ladder(theta, matmul.cols), right), broadcast(factor))
        run += chunks
    f[run * slot], x[(run + 1) * slot] = broadcast(masks[0]), broadcast(masks[1])
    return f, x


def _combine(weights: Vector, matrix: Vector) -> Vector:
    """``Σ_r weights[r] * matrix[r]`` for weights in K and a matrix over F."""
    return column_sum(base_outer(weights, matrix))


def base_outer(weights: Vector, matrix: Vector) -> Vector:
    """``weights[r] * matrix[r, k]``, shape ``(rows, inner, 3)``."""
    return scale(np.broadcast_to(weights[:, None, :], (*matrix.shape, 3)), matrix)


def _gathered(operand: Operand, count: int, inner: int, columns: tuple[Vector, Vector]) -> Vector:
    cells = columns[operand.column]
    rows = np.array([list(operand_rows(operand, r, inner)) for r in range(count)], dtype=np.int64)
    return np.where(rows == NOWHERE, np.uint64(0), cells[np.where(rows == NOWHERE, 0, rows)])


def _right(relation: Relation, matmul: Matmul, columns: tuple[Vector, Vector], weights: Vector | None) -> Vector:
    if not isinstance(matmul.right, WeightBlock):
        return _gathered(matmul.right, matmul.cols, matmul.inner, columns)
    assert weights is not None
    height, chunks, slot = relation.block_rows(matmul), relation.chunks(matmul), 1 << relation.slot_bits
    block = weights[matmul.right.row : matmul.right.row + chunks * height, : relation.weight_width]
    by_output = block.reshape(chunks, height << relation.group_bits, slot).transpose(1, 0, 2)
    return by_output.reshape(height << relation.group_bits, chunks * slot)[: matmul.cols, : matmul.inner]


def operand_functional(operand: Operand, count: int, inner: int, ratio: K, weights: Vector, size: int) -> Vector:
    """Factors of the cells in ``Σ_r ratio**r Σ_k weights[k] * operand[r, k]``, shape ``(size, 3)``."""
    rows = np.array([list(operand_rows(operand, r, inner)) for r in range(count)], dtype=np.int64)
    values = mul(ladder(ratio, count)[:, None, :], weights[None, :inner, :])
    present = rows != NOWHERE
    return scatter(size, rows[present], values[present])
