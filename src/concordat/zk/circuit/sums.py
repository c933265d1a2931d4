"""Whether the constraints of a relation are about integers: no sum of theirs can wrap around in F.

A constraint says that a sum is zero modulo P. While the sum lies between -P and P, that is zero. What the cells can be
follows from what they look up, from the proven ranges of the weights, and from constraints that give a cell as a sum of
others. Two numbers cut into the same limbs that add up to a constant bound each other: so a number lies in an interval
whose length is no power of two. With `concordat.zk.circuit.ranges` this lets a buyer conclude that an integer model of
the published shape gave the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from concordat.zk.field import P
from concordat.zk.relation import NOWHERE, Family, LookupKind, Matmul, Operand, Relation, Term, TermKind, WeightBlock

__all__ = ["cell_bounds", "wrapping"]

_Bounds = npt.NDArray[np.float64]
_Limbs: TypeAlias = tuple[tuple[int, int, int], ...]
"""Coefficient, column and first row of each limb of some numbers, the first limb's coefficient being one."""
_MARGIN = 1 - 2.0**-20
"""Bounds are floating-point numbers; sums of fewer than ``2**30`` of them are exact to much more than this."""
_MOST_LIMBS = 8
"""Longest number in limbs: 62 bits in limbs of at least 8."""
_PASSES = 64
"""Constraints through which a bound can reach a cell, one after another."""


def wrapping(relation: Relation, bits: Sequence[int]) -> tuple[int, ...]:
    """Numbers of the families that are not shown to be about integers.

    Families with a field inverse in them (comparisons for equality) are not: they say that a number is zero, or is
    not, and one does not look for integers there. A product with a cell that nothing bounds is taken for one.

    Parameters
    ----------
    relation : Relation
        The model's.
    bits : sequence of int
        Proven widths of the weights in each row of their matrix.
    """
    cells = _Cells(relation, bits)
    return tuple(n for n, family in enumerate(relation.families) if not cells.holds(family))


def cell_bounds(relation: Relation, bits: Sequence[int]) -> tuple[_Bounds, _Bounds]:
    """The least and the greatest integer that each cell can be, shape (2, used_rows); infinite where nothing says."""
    cells = _Cells(relation, bits)
    return cells.low, cells.high


class _Cells:
    """The least and the greatest that every cell can be, as far as it is known; infinite where it is not."""

    def __init__(self, relation: Relation, bits: Sequence[int]) -> None:
        self.relation, self.bits = relation, bits
        self.low = np.full((2, relation.used_rows), -np.inf)
        self.high = np.full((2, relation.used_rows), np.inf)
        tables = {t.number: t for t in relation.tables}
        for look in relation.lookups:
            rows = np.arange(look.start, look.start + look.count)
            if look.kind is LookupKind.FUNCTION:
                for column in (0, 1):
                    entries = [pair[column] for pair in tables[look.table_a].entries]
                    self._narrow(column, rows, (min(entries), max(entries)))
                continue
            self._narrow(0, rows, (0, (1 << look.table_a) - 1))
            if look.kind is LookupKind.PAIR:
                self._narrow(1, rows, (0, (1 << look.table_b) - 1))
        for copy in relation.copies:
            half = np.exp2(np.repeat(np.array(bits[copy.row :]), relation.weight_width)[: copy.count] - 1.0)
            self._narrow(copy.column, np.arange(copy.start, copy.start + copy.count), (-half, half))
        self.numbers: dict[tuple[int, _Limbs], float] = {}
        for family in relation.families:
            self._pair(family)
        self._bound()

    def _pair(self, family: Family) -> None:
        """Two numbers in limbs of the same weights, none negative, that add up to a constant: neither exceeds it."""
        half = len(family.terms) // 2
        limbs = _limbs(family.terms)
        if limbs is None or len(limbs) != 2 * half or not half or family.constant > 0:
            return
        first, second = limbs[:half], limbs[half:]
        if [limb[0] for limb in first] != [limb[0] for limb in second] or first[0][0] != 1 or not self.holds(family):
            return
        rows = np.arange(family.count)
        if all(coefficient > 0 and (self.low[column, start + rows] >= 0).all() for coefficient, column, start in limbs):
            for number in (first, second):
                self.numbers[family.count, number] = float(-family.constant)

    def _bound(self) -> None:
        """From constraint to constraint, until nothing changes."""
        for _ in range(_PASSES):
            before = np.isinf(self.low).sum()
            for family in self.relation.families:
                self._solve(family)
            if np.isinf(self.low).sum() == before:
                return

    def holds(self, family: Family) -> bool:
        """Whether a constraint is about integers.

        A product that is to be zero may be as large as it likes: in F, too, one of its factors is zero, and they are
        smaller than P.
        """
        products = [term for term in family.terms if term.coefficient]
        if len(products) == 1 and products[0].kind is TermKind.PRODUCT and not family.constant:
            rows = _rows(products[0], family.count)
            factors = np.maximum(self._magnitude(0, rows), self._magnitude(1, rows))
            return bool((np.isinf(factors) | (factors < P * _MARGIN)).all())
        low, high = np.full((2, family.count), float(family.constant))
        limit = float(P)
        for term, (least, most) in zip(family.terms, self._terms(family), strict=True):
            if term.kind is TermKind.PUBLIC:
                limit = P / 2  # the verifier knows it, as a number below P / 2
                continue
            if term.kind is TermKind.PRODUCT and np.isinf(most).any():
                return True
            low, high = low + least, high + most
        return bool((np.maximum(-low, high) < limit * _MARGIN).all())

    def _solve(self, family: Family) -> None:
        """Cells that are a sum of bounded ones, in constraints with one cell that is not."""
        terms = self._terms(family)
        unknown = np.sum([np.isinf(most) for _, most in terms], axis=0)
        for number, term in enumerate(family.terms):
            if term.kind is not TermKind.CELLS or abs(term.coefficient) != 1:
                continue
            others = [bounds for k, bounds in enumerate(terms) if k != number]
            low = np.sum([least for least, _ in others], axis=0) + np.full(family.count, float(family.constant))
            high = np.sum([most for _, most in others], axis=0) + np.full(family.count, float(family.constant))
            found = np.isinf(terms[number][1]) & (unknown == 1) & (np.maximum(-low, high) < P / 2 * _MARGIN)
            bounds = (-high, -low) if term.coefficient == 1 else (low, high)
            self._narrow(term.column, _rows(term, family.count)[found], (bounds[0][found], bounds[1][found]))

    def _narrow(self, column: int, rows: npt.NDArray[np.int64], bounds: tuple[Any, Any]) -> None:
        self.low[column, rows] = np.maximum(self.low[column, rows], bounds[0])
        self.high[column, rows] = np.minimum(self.high[column, rows], bounds[1])

    def _terms(self, family: Family) -> list[tuple[_Bounds, _Bounds]]:
        """The least and the greatest of each element of each term; of numbers in limbs at their first limb."""
        out = [self._term(family, term) for term in family.terms]
        nothing = np.zeros(family.count)
        for at, size, factor, most in self._known(family):
            ends = nothing, nothing + factor * most
            out[at] = ends if factor > 0 else (ends[1], ends[0])
            out[at + 1 : at + size] = [(nothing, nothing)] * (size - 1)
        return out

    def _known(self, family: Family) -> Iterator[tuple[int, int, int, float]]:
        """Numbers in limbs among the terms: first term, limbs, factor, the most that the number can be."""
        at = 0
        while at < len(family.terms):
            factor = family.terms[at].coefficient
            for size in range(min(_MOST_LIMBS, len(family.terms) - at), 0, -1):
                limbs = _limbs(family.terms[at : at + size], factor)
                most = self.numbers.get((family.count, limbs)) if limbs else None
                if most is not None:
                    yield at, size, factor, most
                    at += size - 1
                    break
            at += 1

    def _term(self, family: Family, term: Term) -> tuple[_Bounds, _Bounds]:
        """The least and the greatest of each element."""
        nothing = np.zeros(family.count)
        if term.kind is TermKind.PUBLIC:
            return nothing - np.inf, nothing + np.inf
        if term.kind is TermKind.MATMUL:
            most = abs(term.coefficient) * self._product(self.relation.matmuls[term.column]).ravel()
            return -most, most
        if not term.coefficient:
            return nothing, nothing
        rows = _rows(term, family.count)
        if term.kind is TermKind.PRODUCT:
            first, second = self._magnitude(0, rows), self._magnitude(1, rows)
            known = (first > 0) & (second > 0)
            most = abs(term.coefficient) * np.multiply(first, second, where=known, out=nothing)
            return -most, most
        here = np.where(rows == NOWHERE, 0, rows)
        low, high = (np.where(rows == NOWHERE, 0.0, side[term.column, here]) for side in (self.low, self.high))
        factor = float(term.coefficient)
        return (factor * low, factor * high) if factor > 0 else (factor * high, factor * low)

    def _product(self, matmul: Matmul) -> _Bounds:
        """Greatest magnitudes of a matrix product, (rows, cols)."""
        left = self._operand(matmul.left, matmul.rows, matmul.inner)
        if isinstance(matmul.right, WeightBlock):
            right = self._weights(matmul, matmul.right.row)
        else:
            right = self._operand(matmul.right, matmul.cols, matmul.inner)
        if np.isinf(left).any() or np.isinf(right).any():
            return np.full((matmul.rows, matmul.cols), np.inf)
        return np.asarray(left @ right.T)

    def _weights(self, matmul: Matmul, row: int) -> _Bounds:
        relation = self.relation
        outputs, inner = np.arange(matmul.cols)[:, None], np.arange(matmul.inner)[None, :]
        height = relation.block_rows(matmul)
        rows = row + (inner >> relation.slot_bits) * height + (outputs >> relation.group_bits)
        return np.asarray(np.exp2(np.array(self.bits)[rows] - 1.0))

    def _operand(self, operand: Operand, count: int, inner: int) -> _Bounds:
        rows = operand.start + operand.row * np.arange(count)[:, None] + np.arange(inner)[None, :]
        if operand.indices is not None:
            rows = np.array(operand.indices, dtype=np.int64).reshape(count, inner)
        return self._magnitude(operand.column, rows)

    def _magnitude(self, column: int, rows: npt.NDArray[np.int64]) -> _Bounds:
        here = np.where(rows == NOWHERE, 0, rows)
        return np.where(rows == NOWHERE, 0.0, np.maximum(-self.low[column, here], self.high[column, here]))


def _limbs(terms: Sequence[Term], factor: int = 1) -> _Limbs | None:
    """Limbs whose factor times them are some terms; ``None`` if the terms are anything else."""
    found = []
    for term in terms:
        plain = term.kind is TermKind.CELLS and term.indices is None and factor
        if not plain or not term.coefficient or term.coefficient % factor:
            return None
        found.append((term.coefficient // factor, term.column, term.start))
    return tuple(found)


def _rows(term: Term, count: int) -> npt.NDArray[np.int64]:
    return np.arange(term.start, term.start + count) if term.indices is None else np.array(term.indices, dtype=np.int64)
