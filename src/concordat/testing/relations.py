"""A relation checked cell by cell, as its definition says: the twin of every proof about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from concordat.zk.field import P
from concordat.zk.relation import NOWHERE, Family, LookupKind, Matmul, Operand, Relation, Term, TermKind, WeightBlock

__all__ = ["violations"]

Cells = tuple[Sequence[int], Sequence[int]]


def violations(
    relation: Relation,
    cells: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]],
    weights: npt.NDArray[np.int64],
    publics: Sequence[Sequence[int]],
) -> Iterator[str]:
    """What does not hold; nothing if the cells satisfy the relation."""
    columns = ([int(n) for n in cells[0]], [int(n) for n in cells[1]])
    yield from _lookups(relation, columns)
    products = [_product(relation, m, columns, weights) for m in relation.matmuls]
    for number, family in enumerate(relation.families):
        for e in range(family.count):
            total = family.constant + sum(_term(family, t, e, columns, publics, products) for t in family.terms)
            if total % P:
                yield f"family {number} at element {e}"
                break
    for copy in relation.copies:
        flat = weights[copy.row :].ravel()[: copy.count]
        if any(columns[copy.column][copy.start + k] != int(w) % P for k, w in enumerate(flat)):
            yield f"copy from row {copy.row}"


def _lookups(relation: Relation, columns: Cells) -> Iterator[str]:
    counts: dict[tuple[int, int, int], int] = {}
    for look in relation.lookups:
        for row in range(look.start, look.start + look.count):
            a, b = columns[0][row], columns[1][row]
            keys = [(look.table_a, a, b if look.kind is LookupKind.FUNCTION else 0)]
            if look.kind is LookupKind.PAIR:
                keys.append((look.table_b, b, 0))
            for key in keys:
                counts[key] = counts.get(key, 0) + 1
    for table in relation.tables:
        entries = table.entries if table.number >= 64 else tuple((j, 0) for j in range(table.size))
        for j, (x, y) in enumerate(entries):
            expected = counts.pop((table.number, x % P, y % P), 0)
            if columns[table.column][table.start + j] != expected:
                yield f"multiplicity of entry {j} of table {table.number}"
    if counts:
        yield f"{len(counts)} keys are in no table, among them {next(iter(counts))}"


def _term(
    family: Family,
    term: Term,
    e: int,
    columns: Cells,
    publics: Sequence[Sequence[int]],
    products: Sequence[Sequence[int]],
) -> int:
    if term.kind is TermKind.CELLS:
        row = term.start + e if term.indices is None else term.indices[e]
        value = 0 if row == NOWHERE else columns[term.column][row]
    elif term.kind is TermKind.PRODUCT:
        value = columns[0][term.start + e] * columns[1][term.start + e]
    elif term.kind is TermKind.PUBLIC:
        value = publics[term.column][term.start + e]
    else:
        value = products[term.column][e]
    return term.coefficient * value


def _product(relation: Relation, matmul: Matmul, columns: Cells, weights: npt.NDArray[np.int64]) -> list[int]:
    left = [_row(matmul.left, r, matmul.inner, columns) for r in range(matmul.rows)]
    if isinstance(matmul.right, WeightBlock):
        right = [_weights(relation, matmul, c, weights) for c in range(matmul.cols)]
    else:
        right = [_row(matmul.right, c, matmul.inner, columns) for c in range(matmul.cols)]
    return [sum(x * y for x, y in zip(a, b, strict=True)) for a in left for b in right]


def _row(operand: Operand, r: int, inner: int, columns: Cells) -> list[int]:
    rows = range(operand.start + r * operand.row, operand.start + r * operand.row + inner)
    picked = operand.indices[r * inner : (r + 1) * inner] if operand.indices is not None else rows
    return [0 if row == NOWHERE else columns[operand.column][row] for row in picked]


def _weights(relation: Relation, matmul: Matmul, c: int, weights: npt.NDArray[np.int64]) -> list[int]:
    assert isinstance(matmul.right, WeightBlock)
    slot, group = 1 << relation.slot_bits, 1 << relation.group_bits
    height = relation.block_rows(matmul)
    return [
        int(weights[matmul.right.row + k // slot * height + c // group, c % group * slot + k % slot])
        for k in range(matmul.inner)
    ]
