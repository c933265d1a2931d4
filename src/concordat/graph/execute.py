"""The executor: an input and a program in, the whole trace out.

:func:`run` with ``reference=True`` is the numpy executor below, which defines the fast twin (`native/`); without it the
twin runs where it is compiled. Both only run programs that validation accepts, so 64-bit arithmetic is exact.

Shapes in comments: B inputs side by side, R rows and C columns of a node's output, K elements of a row. An axis along
which an operand does not vary has length 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from concordat.graph.elements import WORD, ElementType, Integers, unpack_elements
from concordat.graph.intervals import Interval, distinct_elements, element_indexes, validate
from concordat.graph.ir import Comparison, Graph, Node, Op, Operand, Space
from concordat.primitives.errors import InputError
from concordat.primitives.native import rust

__all__ = ["Execution", "check_input", "run", "run_outputs"]

_BATCH_ELEMENTS = 1 << 23
_EXACT_FLOAT = 1 << 53
_COMPARE: dict[int, Callable[[Any, Any], Any]] = {
    Comparison.GREATER_EQUAL: np.greater_equal,
    Comparison.GREATER: np.greater,
    Comparison.EQUAL: np.equal,
    Comparison.LESS_EQUAL: np.less_equal,
    Comparison.LESS: np.less,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run of a program."""

    graph: Graph
    """The program."""
    trace: bytes = field(repr=False)
    """Words up to the last that holds an element; those after it are zero."""

    @property
    def output(self) -> bytes:
        """Words of the output region."""
        node = self.graph.output
        return self.trace[node.start * WORD : (node.start + node.words) * WORD]

    def elements(self, node: int) -> Integers:
        """Elements of a node's region, shape (n,)."""
        region = self.graph.nodes[node]
        words = self.trace[region.start * WORD : (region.start + region.words) * WORD]
        return unpack_elements(words, region.out_type, region.n)


def run(graph: Graph, input_words: bytes, *, reference: bool = False) -> Execution:
    """Execute a program on one input.

    Parameters
    ----------
    graph : Graph
    input_words : bytes
        Packed elements of the input; what fills up the last word is zero.
    reference : bool
        Use the numpy executor even where the compiled twin is.

    Raises
    ------
    ModelError
        If validation refuses the program.
    InputError
        If the input has the wrong length or something after its last element.
    """
    _validated(graph)
    check_input(graph, input_words)
    if rust is not None and not reference:
        trace: bytes = _twin(graph).trace(input_words)
        return Execution(graph=graph, trace=trace[: graph.trace_words * WORD])
    node = graph.nodes[0]
    inputs = unpack_elements(input_words, node.out_type, node.n)
    return Execution(graph=graph, trace=_Memory(graph, inputs[None, :]).execute().tobytes())


def check_input(graph: Graph, input_words: bytes) -> None:
    """Raise `InputError` unless these are packed elements of the program's input, with zeros behind them."""
    node = graph.nodes[0]
    if len(input_words) != node.words * WORD:
        raise InputError(f"The input has {len(input_words)} bytes, not {node.words * WORD}.", code="InputLength")
    if any(input_words[node.n * node.out_type.bytes :]):
        raise InputError("There is something after the last element of the input.", code="InputPadding")


def run_outputs(graph: Graph, inputs: ArrayLike, *, reference: bool = False) -> Integers:
    """Outputs of many inputs.

    Parameters
    ----------
    graph : Graph
    inputs : array-like of int, shape (B, input elements)
    reference : bool
        Use the numpy executor even where the compiled twin is.

    Returns
    -------
    array of int64, shape (B, output elements)
    """
    _validated(graph)
    kind, values = graph.nodes[0].out_type, np.asarray(inputs)
    if values.ndim != 2 or values.shape[1] != graph.input_elements or values.dtype.kind not in "iub":
        raise InputError(
            f"Inputs of shape {values.shape} and type {values.dtype} are not rows of {graph.input_elements} integers.",
            code="InputLength",
        )
    if values.size and not kind.holds(int(values.min()), int(values.max())):
        raise InputError(f"An input element does not fit {kind.name}.", code="BadElement")
    rows = np.ascontiguousarray(values, dtype=np.int64)
    if rust is not None and not reference:
        return np.asarray(_twin(graph).run_outputs(rows), dtype=np.int64)
    step = max(_BATCH_ELEMENTS // _elements_at_once(graph), 1)
    found = [_Memory(graph, rows[at : at + step]).outputs() for at in range(0, len(rows), step)]
    return np.concatenate(found) if found else np.zeros((0, graph.output_elements), dtype=np.int64)


def _elements_at_once(graph: Graph) -> int:
    """64-bit numbers that one row of a batch takes."""
    operands = [(node, operand) for node in graph.nodes for operand in node.operands if operand.space is Space.TRACE]
    reads = [distinct_elements(node, operand) for node, operand in operands]
    return max([graph.trace_words * WORD // 8, *reads])


@lru_cache(maxsize=16)
def _validated(graph: Graph) -> tuple[Interval, ...]:
    return validate(graph)


@lru_cache(maxsize=16)
def _twin(graph: Graph) -> Any:
    assert rust is not None  # asked by the callers
    return rust.Program(graph.to_bytes())


_Array = NDArray[Any]


class _Memory:
    """The traces of several inputs, filled node by node."""

    def __init__(self, graph: Graph, inputs: Integers) -> None:
        self._graph = graph
        self._inputs = inputs  # (B, n)
        self._bytes = np.zeros((len(inputs), graph.trace_words * WORD), dtype=np.uint8)
        self._trace = {kind: self._bytes.view(kind.dtype) for kind in ElementType}
        weights = np.frombuffer(graph.weights, dtype=np.uint8)[None, :]
        self._weights = {kind: weights.view(kind.dtype) for kind in ElementType}

    def execute(self) -> _Array:
        """Fill all regions; returns the bytes, shape (B, trace bytes)."""
        for node in self._graph.nodes:
            values = _RULES[node.op](self, node)
            first = node.start * node.out_type.per_word
            shape = (len(self._bytes), *_grid(node))
            self._trace[node.out_type][:, first : first + node.n] = np.broadcast_to(values, shape).reshape(-1, node.n)
        return self._bytes

    def outputs(self) -> Integers:
        """Elements of the output regions, shape (B, output elements)."""
        self.execute()
        node = self._graph.output
        first = node.start * node.out_type.per_word
        return self._trace[node.out_type][:, first : first + node.n].astype(np.int64)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _block(self, operand: Operand) -> _Array:
        """All elements from an operand's first word on, shape (B or 1, elements)."""
        memory = self._trace if operand.space is Space.TRACE else self._weights
        return memory[operand.type][:, operand.start * operand.type.per_word :]

    def _read(self, node: Node, operand: Operand) -> Integers:
        """Elements of an operand, shape (B or 1, R or 1, C or 1, K)."""
        block, width = self._block(operand), max(node.k, 1)
        if _ragged(node):
            places = element_indexes(node, operand)[:, None] + np.arange(width)
            return block[:, places][:, None].astype(np.int64)
        rows, columns = _grid(node)
        inner, size = block[:, operand.base :], operand.type.bytes
        shape = (len(block), rows if operand.row else 1, columns if operand.col else 1, width)
        steps = (inner.strides[0], operand.row * size, operand.col * size, size)
        # SAFETY: validation has shown that the greatest index of the grid lies inside the memory.
        return as_strided(inner, shape, steps, writeable=False).astype(np.int64)

    def _single(self, node: Node, operand: Operand, absent: int = 0) -> Integers:
        """The one element of an operand that each output element reads, shape (B or 1, R or 1, C or 1)."""
        return self._read(node, operand)[..., 0] if operand.present else np.full((1, 1, 1), absent, dtype=np.int64)

    def _pick(self, node: Node, operand: Operand, offsets: Integers) -> Integers:
        """Elements at offsets of shape (B or 1, n) from where each output element starts to read."""
        block = self._block(operand)
        places = element_indexes(node, operand) + offsets
        picked = block[:, places[0]] if len(places) == 1 else np.take_along_axis(_spread(block, places), places, axis=1)
        return picked.astype(np.int64).reshape(-1, *_grid(node))

    def _flat(self, node: Node, values: Integers) -> Integers:
        """Values of shape (B or 1, R or 1, C or 1) as (B or 1, n)."""
        return np.broadcast_to(values, (len(values), *_grid(node))).reshape(len(values), node.n)

    # -- the operations: each returns (B or 1, R or 1, C or 1) -------------------------------------------------------

    def _input(self, node: Node) -> Integers:
        return self._inputs[:, :, None]

    def _matmul(self, node: Node) -> Integers:
        a, b = self._read(node, node.a), self._read(node, node.b)
        if _greatest(a) * _greatest(b) * node.k < _EXACT_FLOAT:  # then doubles hold every partial sum
            return np.asarray(_dot(a.astype(np.float64), b.astype(np.float64)), dtype=np.int64)
        return np.asarray(_dot(a, b))

    def _affine(self, node: Node) -> Integers:
        a, b, c = self._single(node, node.a), self._single(node, node.b, absent=1), self._single(node, node.c)
        half = 1 << node.shift >> 1
        value = node.m0 * a * b + node.m1 * c + node.add
        return np.asarray(np.clip((value + half) >> node.shift, node.lo, node.hi))

    def _table(self, node: Node) -> Integers:
        chosen = np.clip(self._single(node, node.a), node.lo, node.hi) - node.lo
        return self._pick(node, node.b, self._flat(node, chosen))

    def _select(self, node: Node) -> Integers:
        a, b = self._single(node, node.a), self._single(node, node.b, absent=node.add)
        return np.where(_COMPARE[node.flags](a, b), self._single(node, node.c, absent=1), 0)

    def _max(self, node: Node) -> Integers:
        return np.asarray(self._read(node, node.a).max(axis=-1))

    def _sum(self, node: Node) -> Integers:
        return np.asarray(self._read(node, node.a).sum(axis=-1))

    def _argmax(self, node: Node) -> Integers:
        return np.asarray(self._read(node, node.a).argmax(axis=-1))  # the first of equals

    def _gather(self, node: Node) -> Integers:
        return self._pick(node, node.a, self._flat(node, self._single(node, node.b)))


_RULES: dict[Op, Callable[[_Memory, Node], Integers]] = {
    Op.INPUT: _Memory._input,
    Op.MATMUL: _Memory._matmul,
    Op.AFFINE: _Memory._affine,
    Op.TABLE: _Memory._table,
    Op.SELECT: _Memory._select,
    Op.MAX: _Memory._max,
    Op.SUM: _Memory._sum,
    Op.ARGMAX: _Memory._argmax,
    Op.GATHER: _Memory._gather,
}


def _ragged(node: Node) -> bool:
    """Whether the last of several rows is not full."""
    return node.n > node.cols and node.n % node.cols != 0


def _grid(node: Node) -> tuple[int, int]:
    """Rows and columns of the output; a ragged one is taken as a single row."""
    return (1, node.n) if _ragged(node) or node.n <= node.cols else (node.n // node.cols, node.cols)


def _greatest(values: Integers) -> int:
    return max(-int(values.min()), int(values.max()))


def _spread(block: _Array, places: Integers) -> _Array:
    return np.broadcast_to(block, (len(places), block.shape[1]))


def _dot(a: _Array, b: _Array) -> _Array:
    """``sum_k a[…, k] * b[…, k]`` of (B or 1, R or 1, C or 1, K) arrays, as matrix products where they are."""
    if a.shape[2] == 1 and b.shape[1] == 1:  # a varies along rows only, b along columns only
        rows, columns = a[:, :, 0], b[:, 0]  # (B, R, K), (B, C, K)
        if len(b) == 1:
            flat = rows.reshape(-1, a.shape[3]) @ columns[0].T  # (B R, C)
            return np.asarray(flat.reshape(len(a), a.shape[1], -1))
        return np.asarray(rows @ columns.swapaxes(1, 2))
    if a.shape[1] == 1 and len(b) == 1:  # one product for each column
        product = a[:, 0].swapaxes(0, 1) @ b[0].transpose(1, 2, 0)  # (C, B, K) @ (C, K, R)
        return np.asarray(product.transpose(1, 2, 0))
    if a.shape[2] == 1 and len(b) == 1:  # one product for each row
        product = a[:, :, 0].swapaxes(0, 1) @ b[0].swapaxes(1, 2)  # (R, B, K) @ (R, K, C)
        return np.asarray(product.swapaxes(0, 1))
    return np.asarray(np.einsum("...k,...k->...", a, b))
