"""What is proven: cells, look-ups, linear and bilinear constraints.

A relation speaks of two columns ``a`` and ``b`` of cells in F, of weights in a matrix of their own, and
of public vectors. It holds when

1. every row of a look-up segment has its key in the tables: ``a`` in table ``t`` (SINGLE), ``a`` and ``b`` each in
   theirs (PAIR), or ``(a, b)`` an entry of a function table (FUNCTION);
2. for every family and every element ``e`` of it, the terms add up to zero: cells, products ``a[i] * b[i]`` of one
   row, public numbers, elements of a matrix product, and a constant;
3. every copied span of cells equals its span of the weights.

The graph's compiler (`concordat.zk.circuit`) makes relations; verifiers, provers and contracts read only this form.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256

from concordat.primitives.errors import ModelError

__all__ = [
    "MASK_ROWS",
    "NOWHERE",
    "Copy",
    "Family",
    "Lookup",
    "LookupKind",
    "Matmul",
    "Operand",
    "Relation",
    "Table",
    "Term",
    "TermKind",
    "WeightBlock",
]

MASK_ROWS = 8
"""Rows after the used ones, in both columns and among the inverses, that no constraint reads: filled at random."""
NOWHERE = 0xFFFFFFFF
"""Index of an operand element that is zero."""
_MAGIC = b"CCZKREL\x01"


class LookupKind(IntEnum):
    """What a row of a segment looks up."""

    SINGLE = 0
    PAIR = 1
    FUNCTION = 2


class TermKind(IntEnum):
    """What a term refers to."""

    CELLS = 0
    PRODUCT = 1
    PUBLIC = 2
    MATMUL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A set of keys. A range table ``width`` holds 0 … 2**width - 1; a function table holds pairs."""

    number: int
    """Distinguishes tables in the keys: below 64 the width of a range, from 64 on a function."""
    entries: tuple[tuple[int, int], ...] = ()
    """Pairs of a function table, signed integers."""
    column: int
    """Where the multiplicities are: 0 for ``a``, 1 for ``b``."""
    start: int
    """First row of the multiplicities."""

    @property
    def size(self) -> int:
        """Entries."""
        return len(self.entries) if self.number >= 64 else 1 << self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A run of rows that look up."""

    kind: LookupKind
    """SINGLE, PAIR or FUNCTION."""
    start: int
    """First row."""
    count: int
    """Rows."""
    table_a: int
    """Number of the table for ``a``, or of the function table."""
    table_b: int = 0
    """Number of the table for ``b`` (PAIR only)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One addend of a family: element ``e`` is ``coefficient * value[e]``."""

    kind: TermKind
    """CELLS, PRODUCT (of the two cells of a row), PUBLIC, or MATMUL."""
    coefficient: int
    """Signed integer, reduced modulo P."""
    column: int = 0
    """Column of the cells; number of the public vector; number of the matrix product."""
    start: int = 0
    """First row or element; a matrix product is taken whole, in row-major order."""
    indices: tuple[int, ...] | None = None
    """Rows of the elements where they are not consecutive (CELLS only), or `NOWHERE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`count` constraints of the same shape, in rows of `cols`."""

    count: int
    """Elements."""
    cols: int
    """Elements in a row; a divisor of `count`."""
    stride: int
    """Exponents of the batching challenge that a row takes, at least `cols`: what weights past the last column of a
    product would contribute has exponents of its own, where nothing balances it."""
    terms: tuple[Term, ...]
    """Addends."""
    constant: int = 0
    """Added to every element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """Cells read by a matrix product: element ``(r, k)`` is row ``start + r*row + k``, or ``indices[r*inner + k]``."""

    column: int
    """0 for ``a``, 1 for ``b``."""
    start: int = 0
    """First row."""
    row: int = 0
    """Step from one row of the operand to the next."""
    indices: tuple[int, ...] | None = None
    """Explicit rows, `NOWHERE` for zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightBlock:
    """Weights of a matrix product, by output: ``(c, k)``; block of the weight matrix from row `row` on."""

    row: int
    """First row of the weight matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matmul:
    """``out[r, c] = Σ_k left[r, k] * right[c, k]``."""

    rows: int
    """Rows of `left`."""
    cols: int
    """Rows of `right`."""
    inner: int
    """Length of a dot product."""
    left: Operand
    """Cells."""
    right: Operand | WeightBlock
    """Cells or weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Cells that equal weights: the weights fill rows of the weight matrix from `row` on."""

    row: int
    """First row of the weight matrix."""
    column: int
    """Column of the cells."""
    start: int
    """First row of the cells."""
    count: int
    """Cells."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation; `digest` names it."""

    used_rows: int
    """Rows of the columns that constraints read."""
    lookup_rows: int
    """Rows before which all look-up segments lie."""
    slot_bits: int
    """A slot of the weight matrix is ``2**slot_bits`` weights: at most so much of one dot product."""
    group_bits: int
    """A row of the weight matrix is ``2**group_bits`` slots of consecutive outputs."""
    weight_rows: int
    """Rows of the weight matrix."""
    lookups: tuple[Lookup, ...]
    """Disjoint segments."""
    tables: tuple[Table, ...]
    """By ascending number."""
    families: tuple[Family, ...]
    """Constraints."""
    matmuls: tuple[Matmul, ...]
    """Matrix products that families refer to."""
    copies: tuple[Copy, ...]
    """Weights that are used other than in matrix products."""
    input_column: int
    """Column of the input cells."""
    input_start: int
    """First row of the input cells."""
    input_count: int
    """Elements of the input, all inferences of a batch."""
    publics: tuple[int, ...]
    """Lengths of the public vectors."""

    @property
    def log_rows(self) -> int:
        """Variables of a row index: all used rows and the masks fit."""
        return (self.used_rows + MASK_ROWS - 1).bit_length()

    @property
    def weight_width(self) -> int:
        """Weights in a row of the weight matrix."""
        return 1 << (self.slot_bits + self.group_bits)

    @property
    def runs(self) -> int:
        """Slots' worth of dot products that the product sumcheck ranges over, and two for masks."""
        return sum(self.chunks(m) for m in self.matmuls) + 2

    def chunks(self, matmul: Matmul) -> int:
        """Slots that a dot product of a matrix product needs."""
        return -(-matmul.inner >> self.slot_bits)

    def block_rows(self, matmul: Matmul) -> int:
        """Rows of the weight matrix that one chunk of a product with weights fills."""
        return -(-matmul.cols >> self.group_bits)

    @property
    def product_rounds(self) -> int:
        """Rounds of the product sumcheck; 0 without matrix products."""
        return (self.runs - 1).bit_length() + self.slot_bits if self.matmuls else 0

    @property
    def pads(self) -> int:
        """Hidden scalars: three values, two messages a product round, four a constraint round."""
        return 3 + 2 * self.product_rounds + 4 * self.log_rows

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the encoding."""
        return sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """Canonical bytes: every number as i64 big-endian, every list with its length first."""
        out: list[int] = [self.used_rows, self.lookup_rows, self.slot_bits, self.group_bits, self.weight_rows]
        out.append(len(self.lookups))
        for look in self.lookups:
            out += (look.kind, look.start, look.count, look.table_a, look.table_b)
        out.append(len(self.tables))
        for table in self.tables:
            out += (table.number, len(table.entries), *(n for pair in table.entries for n in pair))
            out += (table.column, table.start)
        out.append(len(self.families))
        for family in self.families:
            out += (family.count, family.cols, family.stride, family.constant, len(family.terms))
            for term in family.terms:
                out += (term.kind, term.coefficient, term.column, term.start, *_listed(term.indices))
        out.append(len(self.matmuls))
        for m in self.matmuls:
            out += (m.rows, m.cols, m.inner, *_operand(m.left))
            out += (0, m.right.row) if isinstance(m.right, WeightBlock) else (1, *_operand(m.right))
        out.append(len(self.copies))
        for copy in self.copies:
            out += (copy.row, copy.column, copy.start, copy.count)
        out += (self.input_column, self.input_start, self.input_count, len(self.publics), *self.publics)
        try:
            return _MAGIC + struct.pack(f">{len(out)}q", *out)
        except struct.error as error:
            raise ModelError("A number of the relation is wider than 64 bits.", code="ProofRange") from error

    @classmethod
    def decode(cls, data: bytes) -> Relation:
        """Relation of its bytes.

        Raises
        ------
        ModelError
            If they are not an encoding.
        """
        if data[:8] != _MAGIC or len(data) % 8:
            raise ModelError("These bytes are not a relation of the proof system.", code="BadRelation")
        reader = _Reader(struct.unpack(f">{len(data) // 8 - 1}q", data[8:]))
        try:
            relation = _read(reader)
        except (IndexError, ValueError) as error:
            raise ModelError("The relation is cut short or malformed.", code="BadRelation") from error
        if reader.at != len(reader.numbers) or relation.encode() != data:
            raise ModelError("The relation is not in its canonical encoding.", code="BadRelation")
        return relation


def _listed(indices: tuple[int, ...] | None) -> tuple[int, ...]:
    return (-1,) if indices is None else (len(indices), *indices)


def _operand(operand: Operand) -> tuple[int, ...]:
    return (operand.column, operand.start, operand.row, *_listed(operand.indices))


class _Reader:
    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers, self.at = numbers, 0

    def one(self) -> int:
        self.at += 1
        return self.numbers[self.at - 1]

    def take(self, count: int) -> tuple[int, ...]:
        if not 0 <= count <= len(self.numbers) - self.at:
            raise ValueError(count)
        self.at += count
        return tuple(self.numbers[self.at - count : self.at])

    def listed(self) -> tuple[int, ...] | None:
        count = self.one()
        return None if count == -1 else self.take(count)

    def many(self) -> range:
        count = self.one()
        if not 0 <= count <= len(self.numbers):
            raise ValueError(count)
        return range(count)


def _read(r: _Reader) -> Relation:
    used_rows, lookup_rows, slot_bits, group_bits, weight_rows = r.take(5)
    lookups = []
    for _ in r.many():
        kind, start, count, table_a, table_b = r.take(5)
        lookups.append(Lookup(kind=LookupKind(kind), start=start, count=count, table_a=table_a, table_b=table_b))
    tables = []
    for _ in r.many():
        number, entries = r.take(2)
        flat = r.take(2 * entries)
        column, start = r.take(2)
        pairs = tuple(zip(flat[0::2], flat[1::2], strict=True))
        tables.append(Table(number=number, entries=pairs, column=column, start=start))
    families = [_read_family(r) for _ in r.many()]
    matmuls = [_read_matmul(r) for _ in r.many()]
    copies = []
    for _ in r.many():
        row, column, start, count = r.take(4)
        copies.append(Copy(row=row, column=column, start=start, count=count))
    column, start, count, publics = r.take(4)
    return Relation(
        used_rows=used_rows,
        lookup_rows=lookup_rows,
        slot_bits=slot_bits,
        group_bits=group_bits,
        weight_rows=weight_rows,
        lookups=tuple(lookups),
        tables=tuple(tables),
        families=tuple(families),
        matmuls=tuple(matmuls),
        copies=tuple(copies),
        input_column=column,
        input_start=start,
        input_count=count,
        publics=r.take(publics),
    )


def _read_family(r: _Reader) -> Family:
    count, cols, stride, constant, terms = r.take(5)
    return Family(
        count=count, cols=cols, stride=stride, constant=constant, terms=tuple(_read_term(r) for _ in range(terms))
    )


def _read_term(r: _Reader) -> Term:
    kind, coefficient, column, start = r.take(4)
    return Term(kind=TermKind(kind), coefficient=coefficient, column=column, start=start, indices=r.listed())


def _read_operand(r: _Reader) -> Operand:
    column, start, row = r.take(3)
    return Operand(column=column, start=start, row=row, indices=r.listed())


def _read_matmul(r: _Reader) -> Matmul:
    rows, cols, inner = r.take(3)
    left = _read_operand(r)
    right = _read_operand(r) if r.one() else WeightBlock(row=r.one())
    return Matmul(rows=rows, cols=cols, inner=inner, left=left, right=right)
