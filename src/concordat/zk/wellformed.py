"""What a relation may say: nothing outside its cells, weights and public vectors, and nothing too large to check.

A relation that was compiled always passes. One from a stranger may name rows that do not exist, tables of ``2**63``
entries, or products whose shape is not that of the constraints that read them; a verifier refuses those before it looks
at a proof.
"""

from __future__ import annotations

from itertools import pairwise

from concordat.primitives.errors import VerificationError
from concordat.zk.relation import NOWHERE, Family, Matmul, Operand, Relation, Table, Term, TermKind, WeightBlock

__all__ = ["check_relation"]

_MOST = 1 << 28
"""Exponents, products and public numbers of a relation."""
_LARGEST = 1 << 32
"""Number of a table or a row, in use or not."""
_MOST_ROWS = 1 << 24
_MOST_SIDE = 1 << 24
_WIDEST_TABLE = 24
_FUNCTIONS = 64


def check_relation(relation: Relation) -> None:
    """Refuse a relation that is not one.

    Raises
    ------
    VerificationError
        If it refers to what is not there, or is larger than any verifier looks at.
    """
    reason = (
        _sizes(relation)
        or _looked_up(relation)
        or _families(relation)
        or next((found for product in relation.matmuls if (found := _product(relation, product))), "")
    )
    if reason:
        raise VerificationError(f"The relation of the proof is malformed: {reason}.", code="BadStatement")


def _sizes(r: Relation) -> str:
    if not (0 <= r.lookup_rows <= r.used_rows <= _MOST_ROWS and 0 <= r.slot_bits <= 20 and 0 <= r.group_bits <= 10):
        return "its size is out of range"
    if not 0 <= r.weight_rows << (r.slot_bits + r.group_bits) <= 1 << 32:
        return "there are too many weights"
    if not all(0 <= length <= _MOST for length in r.publics):
        return "a public vector is too long"
    if sum(f.count // f.cols * f.stride if f.cols else 0 for f in r.families) >= _MOST:
        return "there are too many constraints"
    return "" if sum(m.inner for m in r.matmuls) <= _MOST else "there are too many products"


def _looked_up(r: Relation) -> str:
    segments = sorted((look.start, look.start + look.count) for look in r.lookups)
    disjoint = all(first[1] <= second[0] for first, second in pairwise(segments))
    if not disjoint or any(not 0 <= start <= end <= r.lookup_rows for start, end in segments):
        return "look-ups overlap or lie outside their rows"
    numbered = all(_small(look.table_a, look.table_b) for look in r.lookups)
    if not numbered or not all(_kept(r, table) for table in r.tables):
        return "a table lies outside the cells"
    if not _cells(r, r.input_column, r.input_start, r.input_count):
        return "the input lies outside the cells"
    width = 1 << (r.slot_bits + r.group_bits)
    for copy in r.copies:
        inside = copy.row >= 0 and copy.row + -(-copy.count // width) <= r.weight_rows
        if not inside or not _cells(r, copy.column, copy.start, copy.count):
            return "a copy lies outside the cells or the weights"
    return ""


def _kept(r: Relation, table: Table) -> bool:
    known = 0 <= table.number <= _WIDEST_TABLE or _FUNCTIONS <= table.number <= _LARGEST
    return known and _cells(r, table.column, table.start, table.size)


def _small(*numbers: int) -> bool:
    return all(0 <= number <= _LARGEST for number in numbers)


def _cells(r: Relation, column: int, start: int, count: int) -> bool:
    return column in (0, 1) and start >= 0 and count >= 0 and start + count <= r.used_rows


def _listed(r: Relation, indices: tuple[int, ...], count: int) -> bool:
    return len(indices) == count and all(0 <= row < r.used_rows or row == NOWHERE for row in indices)


def _families(r: Relation) -> str:
    strides: dict[int, int] = {}
    for family in r.families:
        if (
            not 0 <= family.count <= _MOST
            or not 0 < family.cols <= family.stride <= _MOST
            or family.count % family.cols
        ):
            return "a family has ragged rows"
        if not all(_term(r, family, term, strides) for term in family.terms):
            return "a term lies outside the cells"
    return ""


def _term(r: Relation, family: Family, term: Term, strides: dict[int, int]) -> bool:
    if not _small(term.column, term.start):
        return False
    if term.indices is not None:
        return term.kind is TermKind.CELLS and term.column in (0, 1) and _listed(r, term.indices, family.count)
    if term.kind is TermKind.PUBLIC:
        known = 0 <= term.column < len(r.publics)
        return known and 0 <= term.start <= r.publics[term.column] - family.count
    if term.kind is TermKind.MATMUL:
        stride = strides.setdefault(term.column, family.stride)
        return 0 <= term.column < len(r.matmuls) and _reads(r, family, r.matmuls[term.column], stride)
    return _cells(r, term.column if term.kind is TermKind.CELLS else 0, term.start, family.count)


def _reads(r: Relation, family: Family, product: Matmul, stride: int) -> bool:
    """Whether a family's elements are those of a product, none of whose unused outputs reach the next row.

    All families that read it have one stride.
    """
    outputs = -(-product.cols >> r.group_bits) << r.group_bits
    shape = family.cols == product.cols and family.count == product.rows * product.cols
    return shape and outputs <= family.stride == stride


def _product(r: Relation, product: Matmul) -> str:
    sides = (product.rows, product.cols, product.inner)
    if not all(0 < side <= _MOST_SIDE for side in sides) or product.rows * product.inner > _MOST:
        return "a product is too large"
    if not _operand(r, product.left, product.rows, product.inner):
        return "a product reads outside the cells"
    if isinstance(product.right, WeightBlock):
        height = r.chunks(product) * r.block_rows(product)
        return "" if 0 <= product.right.row <= r.weight_rows - height else "a product reads outside the weights"
    return "" if _operand(r, product.right, product.cols, product.inner) else "a product reads outside the cells"


def _operand(r: Relation, operand: Operand, rows: int, inner: int) -> bool:
    if not _small(operand.start, operand.row):
        return False
    if operand.indices is not None:
        return operand.column in (0, 1) and _listed(r, operand.indices, rows * inner)
    return _cells(r, operand.column, operand.start, (rows - 1) * operand.row + inner)
