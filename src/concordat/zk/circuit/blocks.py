"""Cells before they have a place: blocks, values that are linear in them, and the builder that lays them out.

All values have one element for each element of a region and each inference of a batch, inferences outermost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from concordat.graph.elements import Integers
from concordat.primitives.errors import ModelError
from concordat.zk.circuit.indices import compose, rows_from
from concordat.zk.circuit.lookups import Looked, arrange
from concordat.zk.field import P
from concordat.zk.relation import (
    NOWHERE,
    Copy,
    Family,
    LookupKind,
    Matmul,
    Operand,
    Relation,
    Table,
    Term,
    TermKind,
    WeightBlock,
)

__all__ = ["Block", "Builder", "Fill", "Part", "Product", "Run", "Value", "Weights"]

Run: TypeAlias = Callable[[int], Integers]
"""Elements of a node in every inference of a batch, shape (batch, n), from the executions."""
Fill: TypeAlias = Callable[[Run], npt.NDArray[np.int64]]
"""Cells of a block from the executions of a batch: signed, flat."""


_MOST_BITS = 62
"""Widest number that a relation speaks of; sums of a few stay below P / 2."""


@dataclass(eq=False, slots=True)
class Block:
    """Consecutive cells of one column."""

    count: int
    """Cells."""
    fill: Fill
    """What is in them."""
    column: int = -1
    """0 for ``a``, 1 for ``b``, once laid out."""
    start: int = -1
    """First row, once laid out."""


@dataclass(frozen=True, slots=True)
class Part:
    """A block, or some of its cells, times a number."""

    coefficient: int
    """Factor of the cells."""
    block: Block
    """Where they are."""
    indices: npt.NDArray[np.int64] | None = None
    """Which cell each element reads; `NOWHERE` for none; all in order if left out."""


@dataclass(frozen=True, slots=True)
class Value:
    """Elements that are linear in cells: ``Σ parts + constant``."""

    count: int
    """Elements, of all inferences."""
    parts: tuple[Part, ...]
    """Addends."""
    constant: int
    """Added to every element."""
    fill: Fill
    """The elements themselves."""

    def at(self, indices: npt.NDArray[np.int64]) -> Value:
        """The elements at some indices; `NOWHERE` gives zero and needs a value without a constant."""
        if len(indices) == self.count and (indices == np.arange(self.count)).all():
            return self
        if self.constant and (indices == NOWHERE).any():
            raise ModelError("A padded read of a value with an offset.", code="BadNode")
        parts = tuple(replace(p, indices=compose(p.indices, indices)) for p in self.parts)
        inner = self.fill

        def fill(run: Run) -> npt.NDArray[np.int64]:
            values = inner(run)
            return np.where(indices == NOWHERE, 0, values[np.where(indices == NOWHERE, 0, indices)])

        return Value(len(indices), parts, self.constant, fill)

    @property
    def bare(self) -> Block | None:
        """The block, if the value is exactly one block's cells."""
        if self.constant == 0 and len(self.parts) == 1:
            part = self.parts[0]
            if part.coefficient == 1 and part.indices is None and part.block.count == self.count:
                return part.block
        return None


@dataclass(frozen=True, slots=True)
class _Addend:
    kind: TermKind
    coefficient: int
    block: Block | None = None
    indices: npt.NDArray[np.int64] | None = None
    number: int = 0
    start: int = 0


@dataclass(slots=True)
class _Constraint:
    count: int
    addends: list[_Addend]
    constant: int
    cols: int
    stride: int


@dataclass(eq=False, slots=True)
class Weights:
    """Weights of a matrix product, shape (cols, inner), and where they come to lie."""

    values: npt.NDArray[np.int64]
    """One row for each output."""
    row: int = -1
    """First row of the weight matrix, once laid out."""


@dataclass(slots=True)
class Product:
    """A matrix product of blocks: rows of `left` with rows of `right`, each (rows, inner) indices into a block."""

    rows: int
    """Rows of the left side, all inferences."""
    cols: int
    """Rows of the right side."""
    inner: int
    """Length of a dot product."""
    left: tuple[Block, npt.NDArray[np.int64]]
    """Block and indices."""
    right: Weights | tuple[Block, npt.NDArray[np.int64]]
    """Weights, or block and indices."""


@dataclass(slots=True)
class Builder:
    """Collects blocks and constraints; `finish` gives them their places."""

    width: int
    """Bits of the widest range table."""
    batch: int
    """Inferences."""
    looked: list[Looked] = field(default_factory=list)
    """Look-ups."""
    alone: dict[Block, Looked] = field(default_factory=dict)
    """Those that have a row for themselves, as long as they have."""
    rows: list[tuple[Block, Block]] = field(default_factory=list)
    """Blocks side by side, for products of their cells."""
    singles: list[Block] = field(default_factory=list)
    """Other blocks."""
    constraints: list[_Constraint] = field(default_factory=list)
    """Families to be."""
    products: list[Product] = field(default_factory=list)
    """Matrix products."""
    functions: dict[tuple[tuple[int, int], ...], int] = field(default_factory=dict)
    """Numbers of function tables, by their entries."""
    copied: dict[Block, npt.NDArray[np.int64]] = field(default_factory=dict)
    """Weights that cells equal."""
    types: dict[Block, int] = field(default_factory=dict)
    """Bits of their types: weights of one type share rows of the matrix, whose width is shown row by row."""

    # -- cells -------------------------------------------------------------------------------------------------------

    def cells(self, count: int, fill: Fill) -> Value:
        """New cells that look nothing up."""
        block = Block(count, fill)
        self.singles.append(block)
        return Value(count, (Part(1, block),), 0, fill)

    def place(self, value: Value) -> Block:
        """A block that holds exactly a value's elements."""
        if value.bare is not None:
            return value.bare
        placed = self.cells(value.count, value.fill)
        self.equal(placed, value)
        return placed.parts[0].block

    def bare(self, value: Value) -> Value:
        """The same value as cells of its own."""
        return Value(value.count, (Part(1, self.place(value)),), 0, value.fill)

    def bits(self, count: int, bits: int, fill: Fill) -> Value:
        """New numbers from 0 to ``2**bits - 1``, cut into limbs that are looked up."""
        if bits > _MOST_BITS:
            raise ModelError(
                f"A number of {bits} bits is too wide for a proof.",
                code="ProofRange",
                hint="Give the model's inputs a narrower type; importers do.",
            )
        limbs: list[tuple[int, Block]] = []
        parts = []
        for low in range(0, bits, self.width):
            size = min(self.width, bits - low)
            block = Block(count, _limb(fill, low, size))
            limbs.append((size, block))
            parts.append(Part(1 << low, block))
        for i in range(0, len(limbs) - 1, 2):
            (w1, b1), (w2, b2) = limbs[i], limbs[i + 1]
            self.looked.append(Looked(LookupKind.PAIR, w1, w2, b1, b2))
        if len(limbs) % 2:
            size, block = limbs[-1]
            self.alone[block] = Looked(LookupKind.SINGLE, size, 0, block, None)
            self.looked.append(self.alone[block])
        return Value(count, tuple(parts), 0, fill)

    def function(self, entries: tuple[tuple[int, int], ...], x: Value, fill: Fill) -> Value:
        """``table[x]`` for every element."""
        number = self.functions.setdefault(entries, 64 + len(self.functions))
        key = Block(x.count, x.fill)
        result = Block(x.count, fill)
        self.looked.append(Looked(LookupKind.FUNCTION, number, 0, key, result))
        self.equal(Value(x.count, (Part(1, key),), 0, x.fill), x)
        return Value(x.count, (Part(1, result),), 0, fill)

    def row_of(self, x: Value, y: Value) -> Block:
        """Both values side by side, for their product; gives one of the two blocks.

        Cells that are looked up and have a row for themselves take the other value into it; other cells move there if
        they are exactly a value's, and are copied if not.
        """
        mine, other = self._free(x), self._free(y)
        if mine is not None and other is not None and mine is not other:
            mine.kind, mine.table_b, mine.b = LookupKind.PAIR, other.table_a, other.a
            self.looked.remove(other)
            del self.alone[mine.a], self.alone[other.a]
            return mine.a
        if mine is not None or other is not None:
            (one, value) = (mine, y) if mine is not None else (other, x)
            assert one is not None
            one.b = self._seat(value)
            del self.alone[one.a]
            return one.a
        pair = self._seat(x), self._seat(y)
        self.rows.append(pair)
        return pair[0]

    def _free(self, value: Value) -> Looked | None:
        return None if value.bare is None else self.alone.get(value.bare)

    def _seat(self, value: Value) -> Block:
        """A block that holds a value's elements and is in no row yet."""
        if value.bare in self.singles:
            self.singles.remove(value.bare)
            return value.bare
        block = Block(value.count, value.fill)
        self.equal(Value(value.count, (Part(1, block),), 0, value.fill), value)
        return block

    def copy(self, weights: npt.NDArray[np.int64], bits: int) -> Value:
        """Cells that equal weights of the model, of a type of so many bits; one set for the whole batch."""
        value = self.cells(len(weights), lambda run: weights)
        self.copied[value.parts[0].block], self.types[value.parts[0].block] = weights, bits
        return value

    # -- constraints -------------------------------------------------------------------------------------------------

    def equal(self, x: Value, y: Value) -> None:
        """``x = y``."""
        self.zero([(1, x), (-1, y)])

    def zero(
        self,
        terms: list[tuple[int, Value]],
        *,
        product: tuple[int, Block] | None = None,
        public: tuple[int, int] | None = None,
        matmul: tuple[int, int] | None = None,
        constant: int = 0,
        cols: int = 0,
    ) -> None:
        """``Σ terms + product + public + matmul + constant = 0``, element by element.

        Parameters
        ----------
        product : (coefficient, block), optional
            Product of the two cells of each row of a block from `row_of`.
        public, matmul : (coefficient, number), optional
            A public vector; a matrix product.
        cols : int, optional
            Columns of the matrix product.
        """
        count = terms[0][1].count
        addends = []
        for coefficient, value in terms:
            constant += coefficient * value.constant
            for part in value.parts:
                addends.append(_Addend(TermKind.CELLS, coefficient * part.coefficient, part.block, part.indices))
        if product is not None:
            addends.append(_Addend(TermKind.PRODUCT, product[0], product[1]))
        if public is not None:
            addends.append(_Addend(TermKind.PUBLIC, public[0], number=public[1]))
        if matmul is not None:
            addends.append(_Addend(TermKind.MATMUL, matmul[0], number=matmul[1]))
        self.constraints.append(_Constraint(count, addends, constant, cols or count, 0))

    def multiply(self, product: Product) -> int:
        """A matrix product; gives its number."""
        self.products.append(product)
        return len(self.products) - 1

    # -- places ------------------------------------------------------------------------------------------------------

    def finish(self, *, slot_bits: int, group_bits: int, taken: Block, publics: tuple[int, ...]) -> Relation:
        """Give everything its place."""
        lookups, lookup_rows = arrange(self.looked)
        needed = {look.table_a for look in lookups}
        needed |= {look.table_b for look in lookups if look.kind is LookupKind.PAIR}
        tables, cursors = self._place_plain(lookup_rows, needed, 1 << (slot_bits + group_bits))
        weight_rows, copies = self._place_weights(slot_bits, group_bits)
        group = 1 << group_bits
        families = []
        for c in self.constraints:
            padded = -(-c.cols // group) * group if any(a.kind is TermKind.MATMUL for a in c.addends) else c.cols
            terms = tuple(self._term(a) for a in c.addends)
            families.append(Family(count=c.count, cols=c.cols, stride=padded, terms=terms, constant=c.constant))
        return Relation(
            used_rows=max(cursors),
            lookup_rows=lookup_rows,
            slot_bits=slot_bits,
            group_bits=group_bits,
            weight_rows=weight_rows,
            lookups=tuple(lookups),
            tables=tuple(tables),
            families=tuple(families),
            matmuls=tuple(self._matmul(p) for p in self.products),
            copies=tuple(copies),
            input_column=taken.column,
            input_start=taken.start,
            input_count=taken.count,
            publics=publics,
        )

    def _place_plain(self, first: int, needed: set[int], width: int) -> tuple[list[Table], list[int]]:
        at = first
        for a, b in self.rows:
            a.column, a.start, b.column, b.start = 0, at, 1, at
            at += a.count
        cursors = [at, at]
        tables = []
        entries = {number: pairs for pairs, number in self.functions.items()}
        together = self._together(width)
        grouped = {block for group in together for block in group}
        waiting: list[tuple[int, list[Block] | int]] = [
            (block.count, [block]) for block in self.singles if block not in grouped
        ]
        waiting += [(sum(block.count for block in group), group) for group in together]
        waiting += [(len(entries[n]) if n >= 64 else 1 << n, n) for n in sorted(needed)]
        for size, item in sorted(waiting, key=lambda pair: -pair[0]):
            column = 0 if cursors[0] <= cursors[1] else 1
            if isinstance(item, list):
                starts = np.cumsum([cursors[column], *(block.count for block in item)])
                for block, start in zip(item, starts, strict=False):
                    block.column, block.start = column, int(start)
            else:
                table = Table(number=item, entries=entries.get(item, ()), column=column, start=cursors[column])
                tables.append(table)
            cursors[column] += size
        return sorted(tables, key=lambda t: t.number), cursors

    def _place_weights(self, slot_bits: int, group_bits: int) -> tuple[int, list[Copy]]:
        at, copies = 0, []
        for product in self.products:
            if isinstance(product.right, Weights):
                product.right.row = at
                at += -(-product.inner >> slot_bits) * -(-product.cols >> group_bits)
        for blocks, count in self._copies(1 << (slot_bits + group_bits)):
            copies.append(Copy(row=at, column=blocks[0].column, start=blocks[0].start, count=count))
            at += -(-count >> (slot_bits + group_bits))
        return at, copies

    def _together(self, width: int) -> list[list[Block]]:
        """Cells that equal weights, have no place of their own and end within a row of `width` weights, by type.

        Those of a type lie one after another, to be one copy.
        """
        loose = [block for block in self.copied if block.count % width and block in self.singles]
        kinds = sorted({self.types[block] for block in loose})
        return [[block for block in loose if self.types[block] == kind] for kind in kinds]

    def _copies(self, width: int) -> list[tuple[list[Block], int]]:
        """Blocks of each copy, with their cells' number."""
        together = self._together(width)
        grouped = {block for group in together for block in group}
        groups = [[block] for block in self.copied if block not in grouped] + together
        return [(group, sum(block.count for block in group)) for group in groups]

    def _term(self, addend: _Addend) -> Term:
        if addend.block is None:
            return Term(kind=addend.kind, coefficient=addend.coefficient, column=addend.number)
        start = addend.block.start
        if addend.kind is TermKind.PRODUCT:
            return Term(kind=addend.kind, coefficient=addend.coefficient, start=start)
        rows = rows_from(addend.block.start, addend.indices)
        if isinstance(rows, int):
            return Term(kind=addend.kind, coefficient=addend.coefficient, column=addend.block.column, start=rows)
        return Term(
            kind=addend.kind, coefficient=addend.coefficient, column=addend.block.column, indices=tuple(rows.tolist())
        )

    def _matmul(self, product: Product) -> Matmul:
        def operand(source: tuple[Block, npt.NDArray[np.int64]], count: int) -> Operand:
            block, indices = source
            rows = np.where(indices == NOWHERE, NOWHERE, indices + block.start).reshape(count, product.inner)
            first = int(rows[0, 0])
            step = int(rows[1, 0]) - first if count > 1 else 0
            regular = first + step * np.arange(count)[:, None] + np.arange(product.inner)[None, :]
            if step >= 0 and (rows == regular).all():
                return Operand(column=block.column, start=first, row=step)
            return Operand(column=block.column, indices=tuple(rows.ravel().tolist()))

        right = product.right
        return Matmul(
            rows=product.rows,
            cols=product.cols,
            inner=product.inner,
            left=operand(product.left, product.rows),
            right=WeightBlock(row=right.row) if isinstance(right, Weights) else operand(right, product.cols),
        )

    # -- contents ----------------------------------------------------------------------------------------------------

    def columns(self, relation: Relation, run: Run) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Both columns for some executions, elements of F."""
        out = np.zeros((2, relation.used_rows), dtype=np.uint64)
        blocks = [b for look in self.looked for b in (look.a, look.b) if b is not None]
        blocks += [b for pair in self.rows for b in pair] + self.singles
        for block in blocks:
            values = np.asarray(block.fill(run))
            if values.dtype != np.uint64:
                wrapped = values.astype(np.uint64)
                values = np.where(values < 0, wrapped + np.uint64(P), wrapped)
            out[block.column, block.start : block.start + block.count] = values
        for table in relation.tables:
            out[table.column, table.start : table.start + table.size] = self._multiplicities(table, run)
        return out[0], out[1]

    def _multiplicities(self, table: Table, run: Run) -> npt.NDArray[np.uint64]:
        counts = np.zeros(table.size, dtype=np.uint64)
        place = {x: j for j, (x, _) in enumerate(table.entries)}
        for look in self.looked:
            found: list[Block] = [look.a] if look.table_a == table.number else []
            if look.kind is LookupKind.PAIR and look.table_b == table.number and look.b is not None:
                found.append(look.b)
            for block in found:
                keys = block.fill(run)
                if look.kind is LookupKind.FUNCTION:
                    keys = np.array([place[int(k)] for k in keys], dtype=np.int64)
                counts += np.bincount(keys, minlength=table.size).astype(np.uint64)
        return counts

    def weight_matrix(self, relation: Relation) -> npt.NDArray[np.int64]:
        """All weights where the relation has them."""
        out = np.zeros((relation.weight_rows, relation.weight_width), dtype=np.int64)
        slot, group = 1 << relation.slot_bits, 1 << relation.group_bits
        for product in self.products:
            if not isinstance(product.right, Weights):
                continue
            chunks, height = -(-product.inner // slot), -(-product.cols // group)
            padded = np.zeros((height * group, chunks * slot), dtype=np.int64)
            padded[: product.cols, : product.inner] = product.right.values
            block = padded.reshape(height * group, chunks, slot).transpose(1, 0, 2)
            row = product.right.row
            out[row : row + chunks * height] = block.reshape(chunks * height, group * slot)
        for copy, (blocks, count) in zip(relation.copies, self._copies(relation.weight_width), strict=True):
            flat = np.zeros(-(-count // relation.weight_width) * relation.weight_width, dtype=np.int64)
            flat[:count] = np.concatenate([self.copied[block] for block in blocks])
            rows = flat.reshape(-1, relation.weight_width)
            out[copy.row : copy.row + len(rows)] = rows
        return out


def _limb(fill: Fill, low: int, size: int) -> Fill:
    return lambda run: (fill(run) >> low) & ((1 << size) - 1)
