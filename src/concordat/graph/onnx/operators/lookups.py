"""Look-ups by a computed index: embeddings (a row of a constant matrix for each index), and one-hot products.

For each output column one table lies in the weights; the index selects the entry. Tables of more than 4,096 entries
are cut up: each piece is looked up by the same index and kept where the index falls into it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.ir import MAX_TABLE, Comparison, Op
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.layout import matrix
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.operators.shapes import check_size, valid_indices
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, InputView, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "lower_embedding"]

_MOST = 1 << 16
"""Most rows of an embedding."""


def lower_embedding(lowering: Lowering, node: OnnxNode, table: Floats, value: Value, *, wrap: bool) -> RegionView:
    """Row ``index`` of a table for each index, where the indices are columns of the input.

    Parameters
    ----------
    lowering : Lowering
    node : OnnxNode
    table : array, shape (entries, width)
    value : Value
        The indices.
    wrap : bool
        Whether negative indices count from the end; else everything outside the table gives zeros.
    """
    low, high = _index_range(lowering, node, value)
    if high - low >= _MOST:
        raise node.refuse(f"its index may be anything from {low} to {high}", code="UnsupportedOperator")
    entries = np.arange(low, high + 1)
    if wrap and not (-len(table) <= low <= high < len(table)):
        raise node.refuse(
            f"its index may be anything from {low} to {high}, but there are {len(table)} entries",
            hint="Declare the column's minimum and maximum: schema={'x': {'minimum': '0', 'maximum': '…'}}.",
        )
    inside = (entries >= -len(table) if wrap else entries >= 0) & (entries < len(table))
    rows = np.where(inside[:, None], table[np.where(inside, entries, 0)], 0.0)
    kind = lowering.precision.activations
    scale = np.maximum(np.abs(rows).max(axis=0), 1e-12) / kind.maximum
    steps = np.rint(rows / scale).astype(np.int64)
    indices = _indices(lowering, node, value)
    found = _looked_up(lowering, indices, steps, low)
    return RegionView.of(found.reshape(1, found.size), np.tile(scale, indices.rows))


def _index_range(lowering: Lowering, node: OnnxNode, value: Value) -> tuple[int, int]:
    if not isinstance(value, InputView) or any(table is not None for table in value.tables):
        raise node.refuse("its index is no plain column of the input", code="UnsupportedOperator")
    if (value.slope != 1).any() or value.offset.any() or lowering.may_be_missing(value.columns).any():
        raise node.refuse("its index is no whole number as it comes in", code="UnsupportedOperator")
    low, high = lowering.grid_bounds(value.columns)
    return int(low.min()), int(high.max())


def _indices(lowering: Lowering, node: OnnxNode, value: Value) -> Ref:
    """The indices as a column."""
    assert isinstance(value, InputView)  # by `_index_range`
    ones = np.ones(value.n)
    plain = RegionView(region=lowering.input, index=value.columns, scale=ones, offset=0 * ones)
    return matrix(lowering.builder, plain, value.n, 1)


def _looked_up(lowering: Lowering, indices: Ref, steps: Floats, low: int) -> Ref:
    """Rows of whole numbers, one for each index, shape (indices, width)."""
    builder = lowering.builder
    total: Ref | None = None
    for begin in range(0, len(steps), MAX_TABLE):
        piece = steps[begin : begin + MAX_TABLE]
        first = low + begin
        found = _table(lowering, indices, piece, first)
        if len(steps) > MAX_TABLE:
            last = first + len(piece) - 1
            clamped = builder.affine(indices, lo=first, hi=last)
            found = builder.select(clamped, Comparison.EQUAL, indices, found)
        total = found if total is None else builder.affine(total, c=found)
    assert total is not None  # a table has at least one entry
    return total


def _table(lowering: Lowering, indices: Ref, piece: Floats, first: int) -> Ref:
    block = lowering.builder.weights(piece.T)  # one table per column
    shape = (indices.rows, block.rows)
    return lowering.builder.emit(
        Op.TABLE,
        shape,
        None,
        a=indices.spread(*shape),
        b=block.operand(col=block.cols),
        lo=first,
        hi=first + block.cols - 1,
    )


# -- one-hot ---------------------------------------------------------------------------------------------------------


def _one_hot_rows(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    """``OneHotRows``: what a rewritten product of a one-hot encoding with a matrix means."""
    index, table = inputs
    check_size(node, (1, math.prod(index.shape[1:]) * table.shape[1]))
    inside = (index >= 0) & (index < len(table))
    return [np.where(inside[..., None], table[np.where(inside, index, 0).astype(np.int64)], table.dtype.type(0))]


def _lower_one_hot_rows(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    index, table = values
    if not isinstance(table, np.ndarray):
        raise node.refuse("its table is computed", code="UnsupportedOperator")
    return [lower_embedding(lowering, node, table.astype(np.float64), index, wrap=False)]


def _one_hot(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    index, depth, ends = inputs
    if int(node.attributes.get("axis", -1)) % (index.ndim + 1) != index.ndim or depth.size != 1 or ends.size != 2:
        raise node.refuse("only a last axis of constant length is added", code="UnsupportedOperator")
    count = int(depth.ravel()[0])
    check_size(node, (1, math.prod(index.shape[1:]) * max(count, 1)))
    whole = index.astype(np.int64)
    return [np.where(np.where(whole < 0, whole + count, whole)[..., None] == np.arange(count), ends[1], ends[0])]


def _lower_one_hot(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    index, depth, ends = values
    if not isinstance(depth, np.ndarray) or not isinstance(ends, np.ndarray):
        raise node.refuse("its length is computed", code="UnsupportedOperator")
    low, high = _index_range(lowering, node, index)
    count = int(depth.ravel()[0])
    if low < 0 or high - low >= _MOST:
        raise node.refuse(f"its index may be anything from {low} to {high}", code="UnsupportedOperator")
    rows = lower_embedding(lowering, node, np.eye(count), index, wrap=False)
    off, on = (float(end) for end in ends.ravel())
    return [rows.affine(on - off, off)]


# -- Gather ----------------------------------------------------------------------------------------------------------


def _gather(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    data, indices = inputs
    axis = int(node.attributes.get("axis", 0)) % data.ndim
    check_size(node, data.shape[:axis] + indices.shape + data.shape[axis + 1 :])
    return [np.take(data, valid_indices(node, indices, data.shape[axis]), axis=axis)]


def _lower_gather(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    data, indices = values
    axis = int(node.attributes.get("axis", 0))
    if isinstance(data, np.ndarray):
        if data.ndim != 2 or axis % data.ndim:
            raise node.refuse("only rows of a matrix are looked up", code="UnsupportedOperator")
        return [lower_embedding(lowering, node, data.astype(np.float64), indices, wrap=True)]
    if not isinstance(data, InputView | RegionView) or not isinstance(indices, np.ndarray):
        raise node.refuse(
            "only constant indices, or rows of a constant, have an integer form", code="UnsupportedOperator"
        )
    shape = lowering.row_shape(node.inputs[0])
    axis = axis % (len(shape) + 1) - 1
    if axis < 0:
        raise node.refuse("it picks rows of a batch", code="UnsupportedOperator")
    places = np.take(np.arange(data.n).reshape(shape), indices % shape[axis], axis=axis)
    return [data.take(places)]


OPERATORS = {
    "Gather": Operator(evaluate=_gather, lower=_lower_gather),
    "OneHot": Operator(evaluate=_one_hot, lower=_lower_one_hot),
    "OneHotRows": Operator(evaluate=_one_hot_rows, lower=_lower_one_hot_rows),
}
