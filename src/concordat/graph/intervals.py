"""Validation: shows that no honest execution of a program overflows or reads what is not there.

For every node an interval that holds all its elements is computed from the intervals of the regions it reads and from
the actual weights. Checks, in this order:

1. An operand in the trace lies before the node's own start, in regions of the operand's own type.
2. An operand in the weights lies inside them; a table is there from ``lo`` to ``hi``, whatever selects the entry.
3. Sums in any order, products, and every step of AFFINE stay within ``±2**62``.
4. What is stored fits its type.

Elements at or past a region's ``n`` are zero, so a read that reaches them has zero in its interval.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concordat.graph.elements import WORD, ElementType, Integers
from concordat.graph.ir import Graph, Node, Op, Operand, Space
from concordat.primitives.errors import ModelError

__all__ = [
    "LIMIT",
    "MAX_ELEMENTS",
    "MAX_READ",
    "MAX_WORK",
    "Analysis",
    "Interval",
    "distinct_elements",
    "element_indexes",
    "validate",
]

LIMIT = 1 << 62
"""Greatest magnitude of an intermediate."""
MAX_ELEMENTS = 1 << 24
"""Most elements of all regions together."""
MAX_WORK = 1 << 30
"""Most elements read by all nodes together."""
MAX_READ = 1 << 24
"""Most distinct rows times K that one operand of one node may deliver."""


class Interval(NamedTuple):
    """All whole numbers from `low` to `high`."""

    low: int
    high: int

    @property
    def magnitude(self) -> int:
        """Greatest absolute value in it."""
        return max(abs(self.low), abs(self.high))

    def union(self, other: Interval) -> Interval:
        """Smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def clamp(self, lo: int, hi: int) -> Interval:
        """Image under ``min(max(x, lo), hi)``."""
        return Interval(min(max(self.low, lo), hi), min(max(self.high, lo), hi))

    def times(self, other: Interval) -> Interval:
        """Smallest interval that holds all products."""
        products = [x * y for x in self for y in other]
        return Interval(min(products), max(products))


_ZERO = Interval(0, 0)


def validate(graph: Graph) -> tuple[Interval, ...]:
    """Interval of every node of a program that cannot overflow or read out of bounds.

    Returns
    -------
    tuple of Interval
        One per node.

    Raises
    ------
    ModelError
        Naming the node: ``BadReference``, ``Overflow``, ``OutOfType`` or ``ProgramSize``.
    """
    analysis = Analysis(graph.weights)
    for node in graph.nodes:
        analysis.append(node)
    return tuple(analysis.intervals)


def element_indexes(node: Node, operand: Operand) -> Integers:
    """Index of the first element that each output element reads from an operand, shape (n,)."""
    rows, columns = np.divmod(np.arange(node.n, dtype=np.int64), node.cols)
    return np.asarray(operand.base + rows * operand.row + columns * operand.col)


def distinct_elements(node: Node, operand: Operand) -> int:
    """How many elements an executor reads from an operand; what does not vary along rows or columns counts once."""
    rows, rest = divmod(node.n, node.cols)
    if rows and rest:
        return node.n * max(node.k, 1)
    along_rows = max(rows, 1) if operand.row else 1
    along_columns = min(node.n, node.cols) if operand.col else 1
    return along_rows * along_columns * max(node.k, 1)


class Analysis:
    """Intervals of a growing list of nodes.

    Parameters
    ----------
    weights : bytes or bytearray
        Packed weights; a bytearray may grow between calls.
    """

    def __init__(self, weights: bytes | bytearray) -> None:
        self.weights = weights
        self.intervals: list[Interval] = []
        self._nodes: list[Node] = []
        self._starts: list[int] = []
        self._elements = 0
        self._work = 0

    def append(self, node: Node) -> Interval:
        """Check the next node and return its interval."""
        self._elements += node.n
        interval = self.interval(node)
        if not node.out_type.holds(*interval):
            raise self._error(node, "OutOfType", f"[{interval.low}, {interval.high}] does not fit {node.out_type.name}")
        self._nodes.append(node)
        self._starts.append(node.start)
        self.intervals.append(interval)
        return interval

    def interval(self, node: Node) -> Interval:
        """Interval of what the next node would compute, whether or not its type holds it."""
        if max(self._elements, node.n) > MAX_ELEMENTS:
            raise self._error(node, "ProgramSize", f"the program has more than {MAX_ELEMENTS} elements")
        self._spend(node, node.n * max(node.k, 1))
        if max(distinct_elements(node, operand) for operand in node.operands) > MAX_READ:
            raise self._error(node, "ProgramSize", f"it reads more than {MAX_READ} elements of one operand")
        return _RULES[node.op](self, node)

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, node: Node, operand: Operand, extra: int) -> Interval:
        """Interval of all elements that an operand can deliver, `extra` after each first one included."""
        first, last = operand.base, operand.base + _furthest(node, operand) + extra
        if operand.space is Space.WEIGHTS:
            values = self._weights(node, operand, first, last)
            return Interval(int(values.min()), int(values.max()))
        return self._region_hull(node, operand, first, last)

    def _region_hull(self, node: Node, operand: Operand, first: int, last: int) -> Interval:
        per_word = operand.type.per_word
        if operand.start + last // per_word >= node.start:
            raise self._error(node, "BadReference", "it reads at or after its own start")
        at = operand.start * per_word
        low = bisect_right(self._starts, operand.start + first // per_word) - 1
        high = bisect_right(self._starts, operand.start + last // per_word)
        self._spend(node, high - low)
        hull: Interval | None = None
        for place in range(low, high):
            part = self._region_part(node, operand.type, place, at + first, at + last)
            hull = part if hull is None else hull.union(part)
        assert hull is not None  # a region begins at leaf 0, so every leaf is in one
        return hull

    def _region_part(self, node: Node, kind: ElementType, place: int, first: int, last: int) -> Interval:
        """Interval of elements ``first … last`` (counted from leaf 0) as far as they lie in one region."""
        region = self._nodes[place]
        if region.out_type is not kind:
            raise self._error(node, "BadReference", f"it reads node {place} as {kind.name}, not {region.out_type.name}")
        begin, end = region.start * kind.per_word, (region.start + region.leaves) * kind.per_word
        if max(first, begin) >= begin + region.n:
            return _ZERO
        inside = min(last, end - 1) < begin + region.n
        return self.intervals[place] if inside else self.intervals[place].union(_ZERO)

    def _weights(self, node: Node, operand: Operand, first: int, last: int) -> Integers:
        """Weights ``first … last`` of an operand, as 64-bit integers."""
        kind = operand.type
        begin = operand.start * WORD + first * kind.bytes
        if (operand.start + last // kind.per_word + 1) * WORD > len(self.weights):
            raise self._error(node, "BadReference", "it reads past the weights")
        self._spend(node, last - first + 1)
        values = np.frombuffer(self.weights, dtype=kind.dtype, count=last - first + 1, offset=begin)
        return values.astype(np.int64)

    def _weight_elements(self, node: Node, operand: Operand) -> Integers:
        """The weight that each output element reads, shape (n,)."""
        last = operand.base + _furthest(node, operand)
        values = self._weights(node, operand, operand.base, last)
        return values[element_indexes(node, operand) - operand.base]

    # -- the operations ----------------------------------------------------------------------------------------------

    def _input(self, node: Node) -> Interval:
        return Interval(node.out_type.minimum, node.out_type.maximum)

    def _matmul(self, node: Node) -> Interval:
        a, b = node.a, node.b
        if a.space is Space.WEIGHTS:
            a, b = b, a
        factor = self.read(node, a, node.k - 1)
        if b.space is Space.WEIGHTS:
            return self._weighted_sums(node, factor, b)
        return self._sum_of(node, factor.times(self.read(node, b, node.k - 1)))

    def _weighted_sums(self, node: Node, factor: Interval, operand: Operand) -> Interval:
        """Exact interval of the sums of weights times factors that are each anywhere in an interval."""
        values = self._weights(node, operand, operand.base, operand.base + _furthest(node, operand) + node.k - 1)
        starts = element_indexes(node, operand) - operand.base
        magnitude = max(abs(int(values.min())), abs(int(values.max()))) * node.k
        terms: _Array = values.astype(_exact(magnitude * max(factor.magnitude, 1)))
        gains, losses = (_window_sums(part, starts, node.k) for part in (np.maximum(terms, 0), np.minimum(terms, 0)))
        # A sum broken off anywhere, in any order, is a sum in which the other factors are zero.
        self._bound(node, _weighted(factor.union(_ZERO), gains, losses))
        return _weighted(factor, gains, losses)

    def _affine(self, node: Node) -> Interval:
        a, b, c = (self._elements_of(node, operand) for operand in node.operands)
        b = b or (1, 1)
        c = c or (0, 0)
        size_a, size_b, size_c = (max(_magnitude(x) for x in pair) for pair in (a or (0, 0), b, c))
        half = 1 << node.shift >> 1
        size = max(abs(node.m0), 1) * size_a * size_b + abs(node.m1) * size_c + abs(node.add) + half
        dtype = _exact(size)
        product = self._step(node, _times(_as(a or (0, 0), dtype), _as(b, dtype)))
        scaled = self._step(node, _times(product, _as((node.m0, node.m0), dtype)))
        other = self._step(node, _times(_as(c, dtype), _as((node.m1, node.m1), dtype)))
        low, high = self._step(node, (scaled[0] + other[0], scaled[1] + other[1]))
        low, high = self._step(node, (low + node.add, high + node.add))
        low, high = self._step(node, (low + half, high + half))
        whole = Interval(int(low.min()) >> node.shift, int(high.max()) >> node.shift)
        return whole.clamp(node.lo, node.hi)

    def _elements_of(self, node: Node, operand: Operand) -> _Bounds | None:
        """Lower and upper bound of what each output element reads: exact for weights, else one for all."""
        if not operand.present:
            return None
        if operand.space is Space.WEIGHTS:
            values = self._weight_elements(node, operand)
            return values, values
        interval = self.read(node, operand, 0)
        return interval.low, interval.high

    def _table(self, node: Node) -> Interval:
        chosen = self.read(node, node.a, 0).clamp(node.lo, node.hi)
        self.read(node, node.b, node.hi - node.lo)
        first = node.b.base + chosen.low - node.lo
        last = node.b.base + _furthest(node, node.b) + chosen.high - node.lo
        values = self._weights(node, node.b, first, last)
        return Interval(int(values.min()), int(values.max()))

    def _select(self, node: Node) -> Interval:
        self.read(node, node.a, 0)
        if node.b.present:
            self.read(node, node.b, 0)
        chosen = self.read(node, node.c, 0) if node.c.present else Interval(1, 1)
        return chosen.union(_ZERO)

    def _max(self, node: Node) -> Interval:
        return self.read(node, node.a, node.k - 1)

    def _sum(self, node: Node) -> Interval:
        return self._sum_of(node, self.read(node, node.a, node.k - 1))

    def _sum_of(self, node: Node, term: Interval) -> Interval:
        self._bound(node, Interval(node.k * min(term.low, 0), node.k * max(term.high, 0)))
        return Interval(node.k * term.low, node.k * term.high)

    def _argmax(self, node: Node) -> Interval:
        self.read(node, node.a, node.k - 1)
        return Interval(0, node.k - 1)

    def _gather(self, node: Node) -> Interval:
        operand, kind = node.a, node.a.type
        places = element_indexes(node, operand) + self._gather_offsets(node)
        first, last = int(places.min()), int(places.max())
        if first < 0:
            raise self._error(node, "BadReference", "it gathers from before its operand")
        if operand.space is Space.WEIGHTS:
            values = self._weights(node, operand, first, last)[places - first]
            return Interval(int(values.min()), int(values.max()))
        if operand.start + last // kind.per_word >= node.start:
            raise self._error(node, "BadReference", "it reads at or after its own start")
        return self._gathered_regions(node, kind, places + operand.start * kind.per_word)

    def _gather_offsets(self, node: Node) -> Integers:
        offsets = self._weight_elements(node, node.b)
        if max(abs(int(offsets.min())), abs(int(offsets.max()))) >= 1 << 33:
            raise self._error(node, "BadReference", "it gathers from outside its memory")
        return offsets

    def _gathered_regions(self, node: Node, kind: ElementType, places: Integers) -> Interval:
        """Interval of the elements at some places (counted from leaf 0), region by region."""
        places = np.sort(places)
        leaves = places // kind.per_word
        begin = bisect_right(self._starts, int(leaves[0])) - 1
        starts = np.array(self._starts[begin : bisect_right(self._starts, int(leaves[-1]))])
        self._spend(node, len(starts))
        owners = np.searchsorted(starts, leaves, side="right") - 1
        heads = np.flatnonzero(np.diff(owners, prepend=-1))
        tails = np.append(heads[1:] - 1, len(owners) - 1)
        ends = zip(owners[heads].tolist(), places[heads].tolist(), places[tails].tolist(), strict=True)
        parts = [self._region_part(node, kind, begin + owner, low, high) for owner, low, high in ends]
        return Interval(min(part.low for part in parts), max(part.high for part in parts))

    # -- refusing ----------------------------------------------------------------------------------------------------

    def _step(self, node: Node, bounds: _Arrays) -> _Arrays:
        self._bound(node, Interval(int(bounds[0].min()), int(bounds[1].max())))
        return bounds

    def _bound(self, node: Node, interval: Interval) -> None:
        if interval.magnitude > LIMIT:
            raise self._error(node, "Overflow", f"an intermediate can reach {interval.low} or {interval.high}")

    def _spend(self, node: Node, elements: int) -> None:
        self._work += elements
        if self._work > MAX_WORK:
            raise self._error(node, "ProgramSize", f"the program reads more than {MAX_WORK} elements")

    def _error(self, node: Node, code: str, problem: str) -> ModelError:
        place = len(self._nodes)
        return ModelError(f"Node {place} ({node.op.name}): {problem}.", code=code, node=place, op=node.op.name)


_RULES = {
    Op.INPUT: Analysis._input,
    Op.MATMUL: Analysis._matmul,
    Op.AFFINE: Analysis._affine,
    Op.TABLE: Analysis._table,
    Op.SELECT: Analysis._select,
    Op.MAX: Analysis._max,
    Op.SUM: Analysis._sum,
    Op.ARGMAX: Analysis._argmax,
    Op.GATHER: Analysis._gather,
}

_Array = NDArray[Any]
_Arrays = tuple[_Array, _Array]
_Bounds = tuple[Any, Any]


def _furthest(node: Node, operand: Operand) -> int:
    """Greatest index that an output element starts to read at, counted from the operand's base."""
    rows, columns = divmod(node.n - 1, node.cols)
    full = (rows - 1) * operand.row + (node.cols - 1) * operand.col if rows else 0
    return max(full, rows * operand.row + columns * operand.col)


def _exact(magnitude: int) -> Any:
    """Number type in which values up to a magnitude are exact: 64-bit integers, else Python's."""
    return np.int64 if magnitude <= LIMIT else object


def _magnitude(values: Any) -> int:
    array = np.asarray(values)
    return max(abs(int(array.min())), abs(int(array.max())))


def _as(bounds: _Bounds, dtype: Any) -> _Arrays:
    low, high = (np.atleast_1d(np.asarray(x)).astype(dtype) for x in bounds)
    return low, high


def _times(x: _Arrays, y: _Arrays) -> _Arrays:
    products = [p * q for p in x for q in y]
    low, high = products[0], products[0]
    for product in products[1:]:
        low, high = np.minimum(low, product), np.maximum(high, product)
    return low, high


def _window_sums(terms: _Array, starts: Integers, width: int) -> _Array:
    """Sums of `width` neighbours. Prefix sums may wrap around 64 bits; their differences are right all the same."""
    prefix = np.concatenate([np.zeros(1, dtype=terms.dtype), np.cumsum(terms)])
    return np.asarray(prefix[starts + width] - prefix[starts])


def _weighted(factor: Interval, gains: _Array, losses: _Array) -> Interval:
    """Interval of sums whose weights add up to `gains` where positive and to `losses` where negative."""
    low, high = (np.asarray(x).astype(gains.dtype) for x in factor)
    return Interval(int((low * gains + high * losses).min()), int((high * gains + low * losses).max()))
