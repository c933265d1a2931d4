"""Writing programs: lays out regions and weights, and picks types from intervals.

A :class:`Ref` is a rows × cols view of elements in the trace or the weights; a vector has one row. Every operation
takes references and returns one to a new region, stored in the smallest type that holds its interval unless `out_type`
says otherwise. Rows longer than 256 are cut up here. ::

    builder = GraphBuilder()
    x = builder.input(30, ElementType.I16)
    hidden = builder.affine(builder.matmul(x, w1), c=builder.weights(b1), shift=8, lo=0, hi=32767)
    graph = builder.build(builder.argmax(builder.matmul(hidden, w2)))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from concordat.graph.elements import WORD, ElementType, Integers, align, pack_elements, words_needed
from concordat.graph.intervals import Analysis, Interval, validate
from concordat.graph.ir import ABSENT, MAX_ROW, Comparison, Graph, Node, Op, Operand, Space, fill_gaps
from concordat.primitives.errors import ModelError

__all__ = ["GraphBuilder", "Ref"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A rows × cols view: element ``(r, c)`` has index ``base + r * row + c * col`` from word `start`."""

    space: Space
    """Trace or weights."""
    type: ElementType
    """How the elements are stored."""
    start: int
    """First word of the block."""
    rows: int
    """Rows of the view."""
    cols: int
    """Columns of the view."""
    base: int = 0
    """Index of element (0, 0)."""
    row: int
    """Step from row to row."""
    col: int = 1
    """Step from column to column."""
    interval: Interval
    """Every element lies in it."""

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, cols)``."""
        return self.rows, self.cols

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.rows * self.cols

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie row after row without gaps."""
        return (self.col == 1 or self.cols == 1) and (self.row == self.cols or self.rows == 1)

    def indexes(self) -> Integers:
        """Index of each element from word `start`, shape (rows, cols)."""
        rows, columns = np.arange(self.rows, dtype=np.int64)[:, None], np.arange(self.cols, dtype=np.int64)[None, :]
        return np.asarray(self.base + rows * self.row + columns * self.col)

    def reshape(self, rows: int, cols: int) -> Ref:
        """The same elements in the same order in another shape; the view must be contiguous."""
        if not self.contiguous or rows * cols != self.size:
            raise ModelError(f"A {self.rows} × {self.cols} view cannot be read as {rows} × {cols}.", code="BadShape")
        return replace(self, rows=rows, cols=cols, row=cols, col=1)

    def transpose(self) -> Ref:
        """Rows as columns."""
        return replace(self, rows=self.cols, cols=self.rows, row=self.col, col=self.row)

    def part(self, *, rows: slice = slice(None), cols: slice = slice(None)) -> Ref:
        """Some rows and columns, by slices with a positive step."""
        chosen_rows, chosen_cols = range(self.rows)[rows], range(self.cols)[cols]
        if not (chosen_rows and chosen_cols and chosen_rows.step > 0 and chosen_cols.step > 0):
            raise ModelError("A part of a view has at least one element, in rising order.", code="BadShape")
        return replace(
            self,
            rows=len(chosen_rows),
            cols=len(chosen_cols),
            base=self.base + chosen_rows.start * self.row + chosen_cols.start * self.col,
            row=self.row * chosen_rows.step,
            col=self.col * chosen_cols.step,
        )

    def operand(self, *, row: int = 0, col: int = 0) -> Operand:
        """Operand that starts at element (0, 0), with the steps of the node that reads it."""
        return Operand(space=self.space, type=self.type, start=self.start, base=self.base, row=row, col=col)

    def spread(self, rows: int, cols: int) -> Operand:
        """Operand of an elementwise node of that shape; a single row or column is repeated."""
        if self.rows not in (1, rows) or self.cols not in (1, cols):
            raise ModelError(f"{self.rows} × {self.cols} does not spread to {rows} × {cols}.", code="BadShape")
        return self.operand(row=self.row if self.rows > 1 else 0, col=self.col if self.cols > 1 else 0)


class GraphBuilder:
    """Collects nodes and weights; :meth:`build` makes the graph."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._weights = bytearray()
        self._blocks: dict[bytes, int] = {}
        self._analysis = Analysis(self._weights)
        self._end = 0

    # -- leaves of the expression ------------------------------------------------------------------------------------

    def input(self, n: int, kind: ElementType) -> Ref:
        """The input vector; the first thing to ask for, once."""
        if self._nodes:
            raise ModelError("The input is the first node, and the only one.", code="BadProgram")
        return self.emit(Op.INPUT, (1, n), kind)

    def weights(self, values: ArrayLike, kind: ElementType | None = None) -> Ref:
        """Constants: a vector or a matrix of whole numbers. Equal blocks are stored once.

        Parameters
        ----------
        values : array-like of int, shape (cols,) or (rows, cols)
        kind : ElementType, optional
            The smallest that holds them, if left out.
        """
        array = np.atleast_2d(np.asarray(values))
        if array.ndim != 2 or not array.size:
            raise ModelError(f"Weights have one or two dimensions, not shape {array.shape}.", code="BadShape")
        interval = Interval(int(array.min()), int(array.max()))
        kind = ElementType.holding(*interval) if kind is None else kind
        block = pack_elements(array, kind)
        if block not in self._blocks:
            start = align(len(self._weights) // WORD, len(block) // WORD)
            self._weights += bytes(start * WORD - len(self._weights)) + block
            self._blocks[block] = start
        rows, cols = array.shape
        return Ref(
            space=Space.WEIGHTS,
            type=kind,
            start=self._blocks[block],
            rows=rows,
            cols=cols,
            row=cols,
            interval=interval,
        )

    # -- operations --------------------------------------------------------------------------------------------------

    def matmul(self, a: Ref, weights: ArrayLike | Ref, out_type: ElementType | None = None) -> Ref:
        """``out[r, i] = sum_k a[r, k] * weights[i, k]``, any K.

        Parameters
        ----------
        a : Ref, shape (rows, K)
        weights : array-like of int or Ref, shape (N, K)
            Constants, or another activation (as rows, so the transpose of the usual right-hand side).
        out_type : ElementType, optional
            Of the result; partial sums take what they need.

        Returns
        -------
        Ref, shape (rows, N)
        """
        if not isinstance(weights, Ref) and a.rows == 1 and a.cols > MAX_ROW:
            return self._chunked_matmul(self._rows_contiguous(a), np.atleast_2d(np.asarray(weights)), out_type)
        b = self._rows_contiguous(weights if isinstance(weights, Ref) else self.weights(weights))
        if a.cols != b.cols:
            raise ModelError(f"Rows of {a.cols} and {b.cols} elements have no product.", code="BadShape")
        a = self._rows_contiguous(a)
        cuts = [slice(begin, begin + MAX_ROW) for begin in range(0, a.cols, MAX_ROW)]
        total: Ref | None = None
        for cut in cuts:
            kind = out_type if cut is cuts[-1] and total is None else None
            part = self._matmul_part(a.part(cols=cut), b.part(cols=cut), kind)
            total = (
                part if total is None else self.affine(total, c=part, out_type=out_type if cut is cuts[-1] else None)
            )
        assert total is not None  # a row has at least one element
        return total

    def affine(
        self,
        a: Ref,
        *,
        m0: int = 1,
        b: Ref | None = None,
        c: Ref | None = None,
        m1: int = 1,
        add: int = 0,
        shift: int = 0,
        lo: int | None = None,
        hi: int | None = None,
        out_type: ElementType | None = None,
    ) -> Ref:
        """``clamp(rshift(m0 * a * b + m1 * c + add, shift))`` elementwise; single rows and columns are repeated.

        Without `lo` or `hi` the clamp is at the ends of the result's type (saturation).
        """
        shape = _spread_shape([ref for ref in (a, b, c) if ref is not None])
        fields: dict[str, Any] = {
            "a": a.spread(*shape),
            "b": b.spread(*shape) if b else ABSENT,
            "c": c.spread(*shape) if c else ABSENT,
            "m0": m0,
            "m1": m1 if c else 0,
            "add": add,
            "shift": shift,
        }
        widest = ElementType.I64
        low, high = widest.minimum if lo is None else lo, widest.maximum if hi is None else hi
        if out_type is None:
            out_type = self._smallest_type(Op.AFFINE, shape, {**fields, "lo": low, "hi": high})
        fields |= {"lo": max(low, out_type.minimum), "hi": min(high, out_type.maximum)}
        return self.emit(Op.AFFINE, shape, out_type, **fields)

    def table(self, a: Ref, entries: ArrayLike, lo: int, out_type: ElementType | None = None) -> Ref:
        """Look-up of ``entries[clamp(a) - lo]`` elementwise.

        Parameters
        ----------
        a : Ref
        entries : array-like of int, shape (size,) or (a.cols, size), size <= 4096
            One table for all columns, or one for each.
        lo : int
            What selects entry 0; smaller values do too, and greater ones than ``lo + size - 1`` select the last.
        """
        block = self.weights(entries)
        if block.rows not in (1, a.cols):
            raise ModelError(f"{block.rows} tables for {a.cols} columns.", code="BadShape")
        return self.emit(
            Op.TABLE,
            a.shape,
            out_type,
            a=a.spread(*a.shape),
            b=block.operand(col=block.cols if block.rows > 1 else 0),
            lo=lo,
            hi=lo + block.cols - 1,
        )

    def select(
        self,
        a: Ref,
        comparison: Comparison,
        b: Ref | int,
        c: Ref | None = None,
        out_type: ElementType | None = None,
    ) -> Ref:
        """``c`` (or 1) where ``a`` compares with ``b`` (a reference or a constant), else 0; elementwise."""
        other, constant = (b, 0) if isinstance(b, Ref) else (None, b)
        shape = _spread_shape([ref for ref in (a, other, c) if ref is not None])
        return self.emit(
            Op.SELECT,
            shape,
            out_type,
            flags=int(comparison),
            add=constant,
            a=a.spread(*shape),
            b=other.spread(*shape) if other else ABSENT,
            c=c.spread(*shape) if c else ABSENT,
        )

    def max(self, a: Ref, out_type: ElementType | None = None) -> Ref:
        """Greatest element of each row, shape (rows, 1); any row length."""
        a = self._rows_contiguous(a)
        if a.cols <= MAX_ROW:
            return self.emit(Op.MAX, (a.rows, 1), out_type, k=a.cols, a=a.operand(row=a.row))
        count, width, step = _chunks(a.cols)
        parts = self.emit(Op.MAX, (a.rows, count), None, k=width, a=a.operand(row=a.row, col=step))
        return self.max(parts, out_type)

    def sum(self, a: Ref, out_type: ElementType | None = None) -> Ref:
        """Sum of each row, shape (rows, 1); any row length."""
        a = self._rows_contiguous(a)
        if a.cols <= MAX_ROW:
            return self.emit(Op.SUM, (a.rows, 1), out_type, k=a.cols, a=a.operand(row=a.row))
        whole, rest = divmod(a.cols, MAX_ROW)
        parts = self.emit(Op.SUM, (a.rows, whole), None, k=MAX_ROW, a=a.operand(row=a.row, col=MAX_ROW))
        if not rest:
            return self.sum(parts, out_type)
        remainder = self.sum(a.part(cols=slice(whole * MAX_ROW, None)))
        return self.affine(self.sum(parts), c=remainder, out_type=out_type)

    def argmax(self, a: Ref, out_type: ElementType | None = None) -> Ref:
        """Place of the greatest element of each row (the first, on a tie), shape (rows, 1); rows of at most 256."""
        a = self._rows_contiguous(a)
        if a.cols > MAX_ROW:
            raise ModelError(f"ARGMAX over {a.cols} elements; at most {MAX_ROW}.", code="RowTooLong")
        return self.emit(Op.ARGMAX, (a.rows, 1), out_type, k=a.cols, a=a.operand(row=a.row))

    def gather(self, a: Ref, indexes: ArrayLike, out_type: ElementType | None = None) -> Ref:
        """Elements of a view, by their place in row-major order; the result has the shape of `indexes`."""
        places = np.atleast_2d(np.asarray(indexes, dtype=np.int64))
        if places.size and not (places.min() >= 0 and places.max() < a.size):
            raise ModelError(f"A gather index is outside 0 … {a.size - 1}.", code="BadIndex")
        return self._gather_at(a, (a.indexes() - a.base).ravel()[places], out_type)

    def concatenate(self, parts: Sequence[Ref], axis: int = 1) -> Ref:
        """Views one after another, along rows (axis 0) or columns (axis 1); of differing types, the widest."""
        kind = max(part.type for part in parts)
        moved = [part if (part.type, part.space) == (kind, Space.TRACE) else self.convert(part, kind) for part in parts]
        first = min(moved, key=lambda part: part.start)
        offsets = [part.indexes() + (part.start - first.start) * kind.per_word for part in moved]
        try:
            places = np.concatenate(offsets, axis=axis)
        except ValueError as error:
            shapes = ", ".join(f"{part.rows} × {part.cols}" for part in parts)
            raise ModelError(f"Views of {shapes} cannot be put together.", code="BadShape") from error
        return self._gather_at(replace(first, base=0), places, None)

    def convert(self, a: Ref, kind: ElementType) -> Ref:
        """A contiguous copy in another type (or the same); values outside it saturate."""
        return self.affine(a, out_type=kind)

    def contiguous(self, a: Ref) -> Ref:
        """The view itself if its elements lie row after row, else a copy that does."""
        return a if a.contiguous else self.convert(a, a.type)

    # -- the end -----------------------------------------------------------------------------------------------------

    def build(self, output: Ref) -> Graph:
        """The graph whose output is a view (copied to a region of its own unless it is one already).

        Raises
        ------
        ModelError
            If validation refuses it.
        """
        if not self._nodes:
            raise ModelError("A program without an input.", code="BadProgram")
        place = self._region_of(output)
        if place is None:
            place = self._region_of(self.convert(output, output.type))
        assert place is not None  # a converted view is a region
        nodes = fill_gaps(self._nodes)
        graph = Graph(
            nodes=nodes,
            weights=bytes(self._weights),
            input_elements=nodes[0].n,
            output_node=place,
            output_elements=nodes[place].n,
        )
        validate(graph)
        return graph

    # -- inside ------------------------------------------------------------------------------------------------------

    def emit(
        self, op: Op, shape: tuple[int, int], out_type: ElementType | None, *, n: int | None = None, **fields: Any
    ) -> Ref:
        """Append a node whose region has that shape: what every operation above ends in.

        Parameters
        ----------
        op : Op
            What it does.
        shape : tuple of int
            Rows and columns of its elements.
        out_type : ElementType or None
            How they are stored; the smallest type that holds them if left out.
        n : int, optional
            How many elements there are, if the last row breaks off; the result is then one row.
        **fields
            The node's other fields (operands, ``k``, ``shift`` …), as of `Node`.
        """
        kind = self._smallest_type(op, shape, fields, n) if out_type is None else out_type
        node = self._node(op, shape, kind, fields, n)
        interval = self._analysis.append(node)
        self._nodes.append(node)
        self._end = node.start + node.words
        rows, cols = shape if n is None else (1, n)
        return Ref(space=Space.TRACE, type=kind, start=node.start, rows=rows, cols=cols, row=cols, interval=interval)

    def _node(
        self, op: Op, shape: tuple[int, int], kind: ElementType, fields: dict[str, Any], n: int | None = None
    ) -> Node:
        n = shape[0] * shape[1] if n is None else n
        words = words_needed(n, kind)
        cols = 1 if op is Op.INPUT else shape[1]
        return Node(op=op, out_type=kind, start=align(self._end, words), leaves=words, n=n, cols=cols, **fields)

    def _smallest_type(
        self, op: Op, shape: tuple[int, int], fields: dict[str, Any], n: int | None = None
    ) -> ElementType:
        return ElementType.holding(*self._analysis.interval(self._node(op, shape, ElementType.I64, fields, n)))

    def _region_of(self, ref: Ref) -> int | None:
        """Index of the node whose whole region a view is."""
        if ref.space is not Space.TRACE or not ref.contiguous or ref.base:
            return None
        for place, node in enumerate(self._nodes):
            if node.start == ref.start:
                return place if (node.n, node.out_type) == (ref.size, ref.type) else None
        return None

    def _rows_contiguous(self, a: Ref) -> Ref:
        """A view whose rows are runs of neighbours, as K-wide reads need them."""
        return a if a.col == 1 or a.cols == 1 else self.convert(a, a.type)

    def _matmul_part(self, a: Ref, b: Ref, out_type: ElementType | None) -> Ref:
        return self.emit(
            Op.MATMUL, (a.rows, b.rows), out_type, k=a.cols, a=a.operand(row=a.row), b=b.operand(col=b.row)
        )

    def _chunked_matmul(self, a: Ref, weights: Integers, out_type: ElementType | None) -> Ref:
        """A long row times constants: partial sums side by side, then their sums.

        The chunks are equally far apart and may overlap; in an overlap the later one has zero weights.
        """
        outputs, length = weights.shape
        if length != a.cols:
            raise ModelError(f"Rows of {a.cols} and {length} elements have no product.", code="BadShape")
        count, width, step = _chunks(length)
        cut = np.stack([weights[:, j * step : j * step + width] for j in range(count)], axis=1)
        cut[:, 1:, : width - step] = 0
        block = self.weights(cut.reshape(outputs, count * width), ElementType.holding(*_ends(weights)))
        parts = self.emit(
            Op.MATMUL,
            (outputs, count),
            None,
            k=width,
            a=a.operand(col=step),
            b=block.operand(row=count * width, col=width),
        )
        return self.sum(parts, out_type).reshape(1, outputs)

    def _gather_at(self, a: Ref, offsets: Integers, out_type: ElementType | None) -> Ref:
        """Elements at offsets from a view's base."""
        rows, cols = offsets.shape
        block = self.weights(offsets)
        kind = a.type if out_type is None else out_type
        return self.emit(Op.GATHER, (rows, cols), kind, a=a.operand(), b=block.operand(row=cols, col=1))


def _spread_shape(refs: Sequence[Ref]) -> tuple[int, int]:
    return max(ref.rows for ref in refs), max(ref.cols for ref in refs)


def _ends(values: Integers) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _chunks(length: int) -> tuple[int, int, int]:
    """Number, width and distance of equally spaced chunks of at most 256 that cover a longer row exactly."""
    count = -(-length // MAX_ROW)
    while True:
        for width in range(-(-length // count), MAX_ROW + 1):
            if (length - width) % (count - 1) == 0:
                return count, width, (length - width) // (count - 1)
        count += 1
