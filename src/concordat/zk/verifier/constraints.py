"""The public polynomials of the constraint sumcheck at its final point.

The sumcheck runs over ``Σ_i G(i)`` with

    G = pair*(h*U*V - U - V) + function*(h*W - 1) + single*(h*U - 1) + product*a*b + A*a + B*b + H*h,
    U = alpha - beta*table_a - a,   V = alpha - beta*table_b - b,   W = U - beta**2 * b.

`Coefficients` are the multilinear extensions of everything in it but ``a``, ``b`` and ``h``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from concordat.zk.challenges import Batching, KeyChallenges, exponents, family_offsets, geometric
from concordat.zk.field import ONE, ZERO, K, P, add, batch_inverse, embed, mul, power, powers, scale, sub, total
from concordat.zk.multilinear import BitForm, EqSums, eq_table, expand
from concordat.zk.relation import NOWHERE, Copy, Family, LookupKind, Operand, Relation, Table, Term, TermKind

__all__ = [
    "Coefficients",
    "ConstraintPoint",
    "copy_value",
    "evaluate",
    "family_constant",
    "operand_rows",
    "operand_value",
    "product_stride",
    "table_denominators",
]


@dataclass(slots=True)
class Coefficients:
    """Values at the final point."""

    pair: K = ZERO
    """Powers of tau in PAIR rows."""
    function: K = ZERO
    """Powers of tau in FUNCTION rows."""
    single: K = ZERO
    """Powers of tau in SINGLE rows."""
    table_a: K = ZERO
    """Numbers of the tables of column a."""
    table_b: K = ZERO
    """Numbers of the tables of column b."""
    product: K = ZERO
    """Factors of products of two cells."""
    cells: list[K] = field(default_factory=lambda: [ZERO, ZERO])
    """Factors of the cells of columns a and b."""
    inverses: K = ZERO
    """Factors of the inverses."""

    def value(self, keys: KeyChallenges, a: K, b: K, h: K) -> K:
        """``G`` for the revealed values of the columns and the inverses."""
        u = sub(sub(keys.alpha, mul(keys.beta, self.table_a)), a)
        v = sub(sub(keys.alpha, mul(keys.beta, self.table_b)), b)
        w = sub(u, mul(mul(keys.beta, keys.beta), b))
        value = mul(self.pair, sub(mul(mul(h, u), v), add(u, v)))
        value = add(value, mul(self.function, sub(mul(h, w), ONE)))
        value = add(value, mul(self.single, sub(mul(h, u), ONE)))
        value = add(value, mul(self.product, mul(a, b)))
        value = add(value, add(mul(self.cells[0], a), mul(self.cells[1], b)))
        return add(value, mul(self.inverses, h))


class ConstraintPoint:
    """The final point, with what is asked of it more than once."""

    def __init__(self, point: Sequence[K]) -> None:
        self.point = point
        self._half = len(point) // 2
        self._high = eq_table(point[: self._half])
        self._low = eq_table(point[self._half :])
        self._shift = len(point) - self._half

    def eq(self, row: int) -> K:
        """``eq(point, row)``; zero for `NOWHERE`."""
        if row == NOWHERE:
            return ZERO
        return mul(self._high[row >> self._shift], self._low[row & ((1 << self._shift) - 1)])

    def dot(self, weights: Iterable[K], rows: Iterable[int]) -> K:
        """``Σ weight * eq(point, row)``: rows with the same high bits share a product, sums are reduced once."""
        sums: dict[int, list[int]] = {}
        mask = (1 << self._shift) - 1
        for (a0, a1, a2), row in zip(weights, rows, strict=True):
            if row != NOWHERE:
                b0, b1, b2 = self._low[row & mask]
                at = sums.setdefault(row >> self._shift, [0, 0, 0])
                at[0] += a0 * b0 + 2 * (a1 * b2 + a2 * b1)
                at[1] += a0 * b1 + a1 * b0 + 2 * a2 * b2
                at[2] += a0 * b2 + a1 * b1 + a2 * b0
        return total(mul(self._high[high], (s0 % P, s1 % P, s2 % P)) for high, (s0, s1, s2) in sums.items())


def evaluate(
    relation: Relation,
    keys: KeyChallenges,
    batching: Batching,
    point: ConstraintPoint,
) -> Coefficients:
    """The part of the coefficients that does not depend on matrix products, copies and the input."""
    out = Coefficients()
    _lookups(relation, keys, batching, point, out)
    sums = EqSums(point.point, batching.theta)
    listed = [f.count // f.cols * f.stride for f in relation.families if any(t.indices is not None for t in f.terms)]
    ladder = powers(batching.theta, max(listed, default=0))
    for family, offset in zip(relation.families, family_offsets(relation), strict=True):
        weight = power(batching.theta, offset)
        for term in family.terms:
            if term.kind in (TermKind.CELLS, TermKind.PRODUCT):
                value = mul(weight, scale(_term(family, term, ladder, sums, point, batching.theta), term.coefficient))
                if term.kind is TermKind.PRODUCT:
                    out.product = add(out.product, value)
                else:
                    out.cells[term.column] = add(out.cells[term.column], value)
    return out


def family_constant(relation: Relation, theta: K, publics: Sequence[Sequence[int]]) -> K:
    """What public numbers and constants add to the batched constraint."""
    result = ZERO
    for family, offset in zip(relation.families, family_offsets(relation), strict=True):
        inner = ZERO
        if family.constant:
            rows = geometric(power(theta, family.stride), family.count // family.cols)
            inner = scale(mul(rows, geometric(theta, family.cols)), family.constant)
        for term in family.terms:
            if term.kind is TermKind.PUBLIC:
                numbers = publics[term.column][term.start : term.start + family.count]
                for exponent, number in zip(exponents(family), numbers, strict=True):
                    inner = add(inner, scale(power(theta, exponent), number * term.coefficient))
        result = add(result, mul(power(theta, offset), inner))
    return result


def _term(family: Family, term: Term, ladder: Sequence[K], sums: EqSums, point: ConstraintPoint, theta: K) -> K:
    if term.indices is not None:
        return point.dot((ladder[exponent] for exponent in exponents(family)), term.indices)
    if family.stride == family.cols:
        return sums.run(term.start, family.count)
    weight, step, values = ONE, power(theta, family.stride), ZERO
    for start in range(0, family.count, family.cols):
        values = add(values, mul(weight, sums.run(term.start + start, family.cols)))
        weight = mul(weight, step)
    return values


def _lookups(
    relation: Relation, keys: KeyChallenges, batching: Batching, point: ConstraintPoint, out: Coefficients
) -> None:
    ones = EqSums(point.point, ONE)
    sums = EqSums(point.point, batching.tau)
    for look in relation.lookups:
        end = look.start + look.count
        selected = ones.between(look.start, end)
        out.table_a = add(out.table_a, scale(selected, look.table_a))
        out.table_b = add(out.table_b, scale(selected, look.table_b))
        out.inverses = add(out.inverses, mul(batching.eta, selected))
        weighted = sums.between(look.start, end)
        if look.kind is LookupKind.PAIR:
            out.pair = add(out.pair, weighted)
        elif look.kind is LookupKind.FUNCTION:
            out.function = add(out.function, weighted)
        else:
            out.single = add(out.single, weighted)
    for table in relation.tables:
        value = point.dot(batch_inverse(table_denominators(table, keys)), range(table.start, table.start + table.size))
        out.cells[table.column] = sub(out.cells[table.column], mul(batching.eta, value))


def table_denominators(table: Table, keys: KeyChallenges) -> list[K]:
    """``alpha - key`` for every entry of a table."""
    base = sub(keys.alpha, scale(keys.beta, table.number))
    if table.number < 64:
        return [sub(base, embed(j)) for j in range(table.size)]
    square = mul(keys.beta, keys.beta)
    return [sub(sub(base, embed(x)), scale(square, y)) for x, y in table.entries]


def operand_rows(operand: Operand, r: int, inner: int) -> Sequence[int]:
    """Rows of the cells that row `r` of an operand reads."""
    if operand.indices is not None:
        return operand.indices[r * inner : (r + 1) * inner]
    first = operand.start + r * operand.row
    return range(first, first + inner)


def operand_value(
    operand: Operand,
    count: int,
    inner: int,
    ratio: K,
    run_weights: Sequence[K],
    slot: Sequence[K],
    point: ConstraintPoint,
) -> K:
    """``Σ_r ratio**r Σ_k w[k // slot] * slot[k % slot] * eq(point, row of (r, k))``."""
    size = len(slot)
    weights = [mul(run_weights[k // size], slot[k % size]) for k in range(inner)]
    if operand.indices is None and operand.row:
        cells = _overlapped(weights, count, operand.row, ratio)
        return point.dot(cells, range(operand.start, operand.start + len(cells)))
    result, weight = ZERO, ONE
    for r in range(count):
        result = add(result, mul(weight, point.dot(weights, operand_rows(operand, r, inner))))
        weight = mul(weight, ratio)
    return result


def _overlapped(weights: Sequence[K], count: int, step: int, ratio: K) -> list[K]:
    """``out[j] = Σ_r ratio**r * weights[j - r*step]``: `ratio` times the one a step before, but for the ends."""
    inner, last = len(weights), power(ratio, count)
    out: list[K] = []
    for j in range((count - 1) * step + inner):
        value = weights[j] if j < inner else ZERO
        if j >= step:
            value = add(value, mul(ratio, out[j - step]))
        if 0 <= j - count * step < inner:
            value = sub(value, mul(last, weights[j - count * step]))
        out.append(value)
    return out


def product_stride(relation: Relation, matmul: int) -> int:
    """Exponents that one row of a product's output takes: the stride of the families that read it."""
    for family in relation.families:
        for term in family.terms:
            if term.kind is TermKind.MATMUL and term.column == matmul:
                return family.stride
    return relation.matmuls[matmul].cols


def copy_value(copies: Sequence[Copy], form: BitForm, zeta: K, point: ConstraintPoint) -> tuple[list[K], list[K]]:
    """Cells' side of the claim that copies equal weights.

    Returns
    -------
    tuple
        Factors of the cells of columns a and b, and the factor of each copied row of the weight matrix.
    """
    cells, rows = [ZERO, ZERO], []
    width, half = 1 << len(form), len(form) // 2
    high, low = expand(form[:half]), expand(form[half:])
    shift = len(form) - half
    weight = ONE
    for copy in copies:
        for begin in range(0, copy.count, width):
            rows.append(weight)
            count = min(width, copy.count - begin)
            factors = (mul(high[k >> shift], low[k & ((1 << shift) - 1)]) for k in range(count))
            value = point.dot(factors, range(copy.start + begin, copy.start + begin + count))
            cells[copy.column] = add(cells[copy.column], mul(weight, value))
            weight = mul(weight, zeta)
    return cells, rows
