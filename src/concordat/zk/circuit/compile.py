"""From an integer graph to a relation.

Node by node: what is linear stays a combination of cells that are already there, everything else becomes a gadget.
Weights are private: products with them are the product sumcheck's, other uses are copies. Tables, index lists, shapes,
shifts and bounds are the program and are public.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from concordat.graph.intervals import Interval, element_indexes, validate
from concordat.graph.ir import WORD, Comparison, Graph, Node, Op, Operand, Space
from concordat.primitives.errors import ModelError
from concordat.zk.circuit.blocks import Block, Builder, Fill, Part, Value
from concordat.zk.circuit.compiled import Circuit, Disclosure
from concordat.zk.circuit.gadgets import clamp, greatest, is_not_negative, is_zero, once, ranged, requantise
from concordat.zk.circuit.products import matrix_product
from concordat.zk.relation import NOWHERE

__all__ = ["compile_graph"]

_Array = npt.NDArray[np.int64]
_WIDTHS = (8, 10, 12, 13)
_MOST_ENTRIES = 1 << 16
"""Of all tables of a node together: whoever verifies goes through them."""


def compile_graph(graph: Graph, *, batch: int = 1, disclosure: Disclosure | None = None) -> Circuit:
    """The smallest relation of a graph among those with different widths of range tables.

    Raises
    ------
    ModelError
        If validation refuses the program, or a node has no relation (``ProofRange``, ``ProofSize``).
    """
    shown = disclosure or Disclosure()
    made = [_Compiler(graph, batch, shown, width).run() for width in _WIDTHS]
    return min(made, key=lambda circuit: circuit.relation.used_rows * 2 + circuit.relation.lookup_rows * 3)


class _Compiler:
    def __init__(self, graph: Graph, batch: int, disclosure: Disclosure, width: int) -> None:
        self.graph, self.batch, self.disclosure = graph, batch, disclosure
        self.intervals = validate(graph)
        self.builder = Builder(width, batch)
        self.values: list[Value] = []
        self._copies: dict[tuple[int, int, int, int], Value] = {}
        self._delayed: dict[int, Callable[[], Value]] = {}

    def run(self) -> Circuit:
        for place, node in enumerate(self.graph.nodes):
            self.values.append(self._node(place, node))
        self._disclose(self.values[self.graph.output_node])
        slot_bits, group_bits = self._weight_shape()
        taken = self.builder.place(self.values[0])
        count = self.batch * (1 if self.disclosure.kind != "all" else self.graph.output_elements)
        relation = self.builder.finish(slot_bits=slot_bits, group_bits=group_bits, taken=taken, publics=(count,))
        return Circuit(
            graph=self.graph, batch=self.batch, disclosure=self.disclosure, relation=relation, builder=self.builder
        )

    def _disclose(self, output: Value) -> None:
        shape, n = self.disclosure, self.graph.output_elements
        interval = self.intervals[self.graph.output_node]
        shown = output
        if shape.kind in ("element", "threshold"):
            shown = output.at(self._tile(np.array([shape.element]), n))
        if shape.kind == "threshold":
            difference = shown
            difference = Value(
                difference.count, difference.parts, difference.constant - shape.threshold,
                _shifted(difference.fill, -shape.threshold),
            )  # fmt: skip
            inner = Interval(interval.low - shape.threshold, interval.high - shape.threshold)
            shown = is_not_negative(self.builder, difference, inner)
        elif shape.kind == "argmax":
            shown = self._argmax_of(output, 1, n, interval)
        if not shown.parts:
            shown = self.builder.bare(shown)
        self.builder.zero([(1, shown)], public=(-1, 0))

    def _weight_shape(self) -> tuple[int, int]:
        """Bits of a slot and of a group: slots near the longest dot product, rows near 64 at least."""
        inners = [p.inner for p in self.builder.products]
        total = sum(p.inner * p.cols for p in self.builder.products) + sum(map(len, self.builder.copied.values()))
        slot = min(max((max(inners, default=16) - 1).bit_length(), 4), 10)
        wide = max((max(total, 1) // 96).bit_length(), slot)
        return slot, min(max(wide - slot, 0), 4)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _tile(self, indices: _Array, size: int) -> _Array:
        """Indices into one inference's region, for the whole batch."""
        steps = np.arange(self.batch)[:, None] * size
        return np.where(indices[None, :] == NOWHERE, NOWHERE, indices[None, :] + steps).ravel()

    def _read(self, operand: Operand, indices: _Array) -> Value:
        """Elements of an operand at indices counted from its start, for the whole batch."""
        if operand.space is Space.WEIGHTS:
            return self._constants(operand, indices)
        kind = operand.type
        places = operand.start * kind.per_word + indices
        leaves = places // kind.per_word
        nodes = np.array([self.graph.node_at(int(leaf)) for leaf in np.unique(leaves)])
        node_of = nodes[np.searchsorted(np.unique(leaves), leaves)]
        parts: list[Value] = []
        for place in np.unique(nodes):
            region = self.graph.nodes[int(place)]
            local = places - region.start * kind.per_word
            local = np.where((node_of == place) & (local < region.n), local, NOWHERE)
            value = self.values[int(place)]
            if (local == NOWHERE).any() and value.constant:
                value = self.values[int(place)] = self.builder.bare(value)
            parts.append(value.at(self._tile(local, region.n)))
        if len(parts) == 1:
            return parts[0]
        fills = [part.fill for part in parts]
        return Value(
            parts[0].count,
            tuple(p for part in parts for p in part.parts),
            0,
            lambda run: np.sum([fill(run) for fill in fills], axis=0),
        )

    def _weights(self, operand: Operand, first: int, last: int) -> _Array:
        begin = operand.start * WORD + first * operand.type.bytes
        count = last - first + 1
        data = self.graph.weights[begin : begin + count * operand.type.bytes]
        return np.frombuffer(data, dtype=operand.type.dtype, count=count).astype(np.int64)

    def _constants(self, operand: Operand, indices: _Array) -> Value:
        first, last = int(indices.min()), int(indices.max())
        key = (operand.start, int(operand.type), first, last)
        if key not in self._copies:
            self._copies[key] = self.builder.copy(self._weights(operand, first, last), 8 * operand.type.bytes)
        return self._copies[key].at(np.tile(indices - first, self.batch))

    def _bounds(self, operand: Operand, indices: _Array) -> Interval:
        """Interval of what an operand delivers."""
        if operand.space is Space.WEIGHTS:
            values = self._weights(operand, int(indices.min()), int(indices.max()))
            return Interval(int(values.min()), int(values.max()))
        kind = operand.type
        places = operand.start * kind.per_word + indices
        hull: Interval | None = None
        for leaf in np.unique(places // kind.per_word):
            place = self.graph.node_at(int(leaf))
            region = self.graph.nodes[place]
            part = self.intervals[place]
            inside = places[places // kind.per_word == leaf] - region.start * kind.per_word
            if (inside >= region.n).any():
                part = part.union(Interval(0, 0))
            hull = part if hull is None else hull.union(part)
        assert hull is not None
        return hull

    def _first(self, node: Node, operand: Operand) -> Value:
        return self._read(operand, element_indexes(node, operand))

    def _first_bounds(self, node: Node, operand: Operand) -> Interval:
        return self._bounds(operand, element_indexes(node, operand))

    def _elements(self, place: int) -> Fill:
        return once(lambda run: run(place).ravel())

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _node(self, place: int, node: Node) -> Value:
        rules: dict[Op, Callable[[int, Node], Value]] = {
            Op.INPUT: self._input,
            Op.MATMUL: self._matmul,
            Op.AFFINE: self._affine,
            Op.TABLE: self._table,
            Op.SELECT: self._select,
            Op.MAX: self._max,
            Op.SUM: self._sum,
            Op.ARGMAX: self._argmax,
            Op.GATHER: self._gather,
        }
        return rules[node.op](place, node)

    def _input(self, place: int, node: Node) -> Value:
        cells = self.builder.cells(self.batch * node.n, self._elements(place))
        checked = ranged(self.builder, cells.count, self.intervals[place], cells.fill)
        self.builder.equal(cells, checked)
        return cells

    def _matmul(self, place: int, node: Node) -> Value:
        """Left to its reader if that sums its rows; else cells of its own."""
        reader = self._summing_reader(place, node)
        if reader is not None:
            return Value(0, (), 0, self._elements(place))
        return matrix_product(
            self.builder, node, self._block_of, self._weights, self.batch, self._elements(place), summed=False
        )

    def _summing_reader(self, place: int, node: Node) -> Node | None:
        readers = [n for n in self.graph.nodes if any(self._reads(n, operand, place) for operand in n.operands)]
        if len(readers) != 1 or place == self.graph.output_node:
            return None
        reader = readers[0]
        whole = reader.a.start == node.start and reader.a.base == 0 and reader.a.col in (0, reader.k)
        per_row = reader.op is Op.SUM and reader.k == node.cols and reader.n * reader.k == node.n
        strided = reader.n == 1 or max(reader.a.row, reader.a.col) == reader.k
        return reader if whole and per_row and strided else None

    def _reads(self, node: Node, operand: Operand, place: int) -> bool:
        if operand.space is not Space.TRACE:
            return False
        region = self.graph.nodes[place]
        extra = max(node.k, 1) - 1
        indices = element_indexes(node, operand)
        first = operand.start + int(indices.min()) // operand.type.per_word
        last = operand.start + (int(indices.max()) + extra) // operand.type.per_word
        return first < region.start + region.leaves and last >= region.start

    def _block_of(self, operand: Operand, indices: _Array) -> tuple[Block, _Array]:
        """Cells of their own for an operand of a product, and the indices into them for the whole batch."""
        kind = operand.type
        places = operand.start * kind.per_word + indices.ravel()
        homes = {self.graph.node_at(int(leaf)) for leaf in np.unique(places // kind.per_word)}
        if len(homes) == 1:
            place = homes.pop()
            region = self.graph.nodes[place]
            local = places - region.start * kind.per_word
            local = np.where(local < region.n, local, NOWHERE)
            value = self.values[place]
            base, picked = self._single(value)
            if base is not None:
                tiled = self._tile(local, region.n)
                inner = np.where(tiled == NOWHERE, NOWHERE, picked[np.where(tiled == NOWHERE, 0, tiled)])
                return base, inner
            self.values[place] = self.builder.bare(value)
            return self.values[place].parts[0].block, self._tile(local, region.n)
        value = self.builder.bare(self._read(operand, indices.ravel()))
        return value.parts[0].block, np.arange(value.count)

    @staticmethod
    def _single(value: Value) -> tuple[Block | None, _Array]:
        """The one block that a value picks cells of, if there is one."""
        if value.constant == 0 and len(value.parts) == 1 and value.parts[0].coefficient == 1:
            part = value.parts[0]
            return part.block, part.indices if part.indices is not None else np.arange(value.count)
        return None, np.zeros(0, dtype=np.int64)

    def _affine(self, place: int, node: Node) -> Value:
        a = self._first(node, node.a)
        terms: list[tuple[int, Value]] = []
        product = None
        fills: list[tuple[int, Fill]] = []
        if node.b.present:
            b = self._first(node, node.b)
            product = (node.m0, self.builder.row_of(a, b))
            fills.append((node.m0, lambda run: a.fill(run) * b.fill(run)))
        else:
            terms.append((node.m0, a))
            fills.append((node.m0, a.fill))
        if node.c.present:
            c = self._first(node, node.c)
            terms.append((node.m1, c))
            fills.append((node.m1, c.fill))
        exact = once(lambda run: np.sum([m * fill(run) for m, fill in fills], axis=0) + node.add)
        inner = self._affine_bounds(node)
        if not node.shift and inner.low >= node.lo and inner.high <= node.hi:
            return self._linear(terms, product, exact, node.add, a.count)
        if not terms:
            terms.append((0, a))
        return requantise(
            self.builder, terms, product, exact,
            add=node.add, shift=node.shift, bounds=Interval(node.lo, node.hi), inner=inner,
        )  # fmt: skip

    def _affine_bounds(self, node: Node) -> Interval:
        """Interval of what is clamped, element by element where weights take part."""
        low, high = self._element_bounds(node, node.a)
        if node.b.present:
            low_b, high_b = self._element_bounds(node, node.b)
            products = np.stack([low * low_b, low * high_b, high * low_b, high * high_b])
            low, high = products.min(axis=0), products.max(axis=0)
        low, high = (low * node.m0, high * node.m0) if node.m0 >= 0 else (high * node.m0, low * node.m0)
        if node.c.present:
            low_c, high_c = self._element_bounds(node, node.c)
            more = np.stack([low_c * node.m1, high_c * node.m1])
            low, high = low + more.min(axis=0), high + more.max(axis=0)
        half = 1 << (node.shift - 1) if node.shift else 0
        return Interval(
            (int(np.min(low)) + node.add + half) >> node.shift, (int(np.max(high)) + node.add + half) >> node.shift
        )

    def _element_bounds(self, node: Node, operand: Operand) -> tuple[Any, Any]:
        """Bounds of what each element reads: whole numbers of any size, one or one for each element."""
        indices = element_indexes(node, operand)
        if operand.space is Space.WEIGHTS:
            first = int(indices.min())
            values = self._weights(operand, first, int(indices.max()))[indices - first].astype(object)
            return values, values
        bounds = self._bounds(operand, indices)
        return np.array([bounds.low], dtype=object), np.array([bounds.high], dtype=object)

    def _linear(
        self, terms: list[tuple[int, Value]], product: tuple[int, Block] | None, exact: Fill, add: int, count: int
    ) -> Value:
        if product is not None:
            cells = self.builder.cells(count, exact)
            self.builder.zero([*terms, (-1, cells)], product=product, constant=add)
            return cells
        parts = tuple(_times(p, m) for m, value in terms for p in value.parts)
        return Value(count, parts, add + sum(m * value.constant for m, value in terms), exact)

    def _table(self, place: int, node: Node) -> Value:
        bounds = Interval(node.lo, node.hi)
        inner = self._first_bounds(node, node.a)
        key = clamp(self.builder, self._first(node, node.a), bounds, inner)
        reach = inner.clamp(node.lo, node.hi)
        size = reach.high - reach.low + 1
        offsets, which = np.unique(element_indexes(node, node.b).ravel(), return_inverse=True)
        if len(offsets) * size > _MOST_ENTRIES:
            raise ModelError(f"Tables of {len(offsets) * size:,} entries in one node are not proven.", code="ProofSize")
        exact = self._elements(place)
        parts: list[Part] = []
        for number, offset in enumerate(offsets):
            first = int(offset) + reach.low - node.lo
            numbers = self._weights(node.b, first, first + size - 1)
            entries = tuple((reach.low + j, int(y)) for j, y in enumerate(numbers))
            if len(offsets) == 1:
                return self.builder.function(entries, key, exact)
            own = self._tile(np.flatnonzero(which == number), node.n)
            said = self.builder.function(entries, key.at(own), _some(exact, own))
            there = np.full(key.count, NOWHERE)
            there[own] = np.arange(len(own))
            parts += said.at(there).parts
        return Value(key.count, tuple(parts), 0, exact)

    def _select(self, place: int, node: Node) -> Value:
        a, inner = self._first(node, node.a), self._first_bounds(node, node.a)
        other, reach = None, Interval(node.add, node.add)
        if node.b.present:
            other, reach = self._first(node, node.b), self._first_bounds(node, node.b)
        flip = node.flags in (Comparison.LESS_EQUAL, Comparison.LESS)
        strict = int(node.flags in (Comparison.GREATER, Comparison.LESS))
        sign = -1 if flip else 1
        difference = _difference(a, other, node.add, sign, strict if node.flags != Comparison.EQUAL else 0)
        low, high = inner.low - reach.high, inner.high - reach.low
        span = Interval(-high - strict, -low - strict) if flip else Interval(low - strict, high - strict)
        if node.flags == Comparison.EQUAL:
            chosen = is_zero(self.builder, difference)
        else:
            chosen = is_not_negative(self.builder, difference, span)
        if not node.c.present:
            return chosen
        c = self._first(node, node.c)
        result = self.builder.cells(c.count, self._elements(place))
        self.builder.zero([(-1, result)], product=(1, self.builder.row_of(chosen, c)))
        return result

    def _rows_of(self, node: Node) -> tuple[list[Value], Interval]:
        starts = element_indexes(node, node.a)
        values = [self._read(node.a, starts + k) for k in range(node.k)]
        return values, self._bounds(node.a, (starts[:, None] + np.arange(node.k)[None, :]).ravel())

    def _max(self, place: int, node: Node) -> Value:
        values, inner = self._rows_of(node)
        spread = inner.high - inner.low
        while len(values) > 1:
            paired = [greatest(self.builder, x, y, spread) for x, y in zip(values[0::2], values[1::2], strict=False)]
            values = paired + ([values[-1]] if len(values) % 2 else [])
        return values[0]

    def _sum(self, place: int, node: Node) -> Value:
        source = self.graph.node_at(node.a.start) if node.a.space is Space.TRACE else -1
        if source >= 0 and self.values[source].count == 0:
            return matrix_product(
                self.builder, self.graph.nodes[source], self._block_of, self._weights, self.batch,
                self._elements(place), summed=True,
            )  # fmt: skip
        values, _ = self._rows_of(node)
        parts = tuple(p for value in values for p in value.parts)
        return Value(values[0].count, parts, sum(v.constant for v in values), self._elements(place))

    def _argmax(self, place: int, node: Node) -> Value:
        values, inner = self._rows_of(node)
        return self._one_hot(values, inner, self._elements(place))

    def _argmax_of(self, output: Value, rows: int, n: int, inner: Interval) -> Value:
        values = [output.at(self._tile(np.array([k]), n)) for k in range(n)]
        fill = once(lambda run: np.argmax(np.stack([v.fill(run) for v in values]), axis=0))
        return self._one_hot(values, inner, fill)

    def _one_hot(self, values: list[Value], inner: Interval, index: Fill) -> Value:
        """``Σ k * bit[k]``, with one bit set, at the first of the greatest values."""
        builder, count = self.builder, values[0].count
        bits = [builder.bits(count, 1, _hit(index, k)) for k in range(len(values))]
        builder.zero([(1, bit) for bit in bits], constant=-1)
        fills = [value.fill for value in values]
        top = builder.cells(count, once(lambda run: np.max([fill(run) for fill in fills], axis=0)))
        chosen = []
        for bit, value in zip(bits, values, strict=True):
            product = builder.cells(count, _product(bit.fill, value.fill))
            builder.zero([(-1, product)], product=(1, builder.row_of(bit, value)))
            chosen.append(product)
        builder.zero([(-1, top), *((1, value) for value in chosen)])
        size = (inner.high - inner.low + 1).bit_length()
        for k, value in enumerate(values):
            later = bits[k + 1 :]
            slack = builder.bits(count, size, _slack(top.fill, value.fill, [bit.fill for bit in later]))
            builder.zero([(1, top), (-1, value), *((-1, bit) for bit in later), (-1, slack)])
        parts = tuple(_times(p, k) for k, bit in enumerate(bits) for p in bit.parts if k)
        return Value(count, parts, 0, index)

    def _gather(self, place: int, node: Node) -> Value:
        base = element_indexes(node, node.a)
        offsets = element_indexes(node, node.b)
        first, last = int(offsets.min()), int(offsets.max())
        numbers = self._weights(node.b, first, last)
        return self._read(node.a, base + numbers[offsets - first])


def _times(part: Part, factor: int) -> Part:
    return Part(part.coefficient * factor, part.block, part.indices)


def _shifted(fill: Fill, by: int) -> Fill:
    return lambda run: fill(run) + by


def _hit(index: Fill, k: int) -> Fill:
    return lambda run: (index(run) == k).astype(np.int64)


def _product(x: Fill, y: Fill) -> Fill:
    return lambda run: x(run) * y(run)


def _slack(top: Fill, value: Fill, later: list[Fill]) -> Fill:
    return lambda run: top(run) - value(run) - sum(bit(run) for bit in later)


def _difference(a: Value, b: Value | None, constant: int, sign: int, strict: int) -> Value:
    """``sign * (a - b) - strict``, with a number for b where there is none."""
    parts = [_times(p, sign) for p in a.parts]
    offset = sign * a.constant - strict
    if b is None:
        return Value(
            a.count, tuple(parts), offset - sign * constant, lambda run: sign * (a.fill(run) - constant) - strict
        )
    parts += [_times(p, -sign) for p in b.parts]
    return Value(
        a.count, tuple(parts), offset - sign * b.constant, lambda run: sign * (a.fill(run) - b.fill(run)) - strict
    )


def _some(fill: Fill, indices: _Array) -> Fill:
    """Some of the elements."""
    return lambda run: fill(run)[indices]
