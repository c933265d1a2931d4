"""Sums, means, extremes and lengths along the axes of a row; ReduceLogSumExp."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.elementwise import row_wise, square
from concordat.graph.onnx.functions import log_total, power
from concordat.graph.onnx.operators.registry import Evaluate, Lower, Operator
from concordat.graph.onnx.quantise import as_region, decision_grid, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "reduced_axes"]

_ROOT_RANGE = 2.0**-28


def reduced_axes(node: OnnxNode, inputs: Sequence[Any], dimensions: int) -> tuple[int, ...]:
    """Axes of the whole tensor that are reduced; never the batch."""
    given = node.attributes.get("axes")
    if given is None and len(inputs) > 1 and isinstance(inputs[1], np.ndarray) and inputs[1].size:
        given = inputs[1].ravel().tolist()
    if given is None and node.attributes.get("noop_with_empty_axes", 0):
        return ()
    axes = range(dimensions) if given is None else [int(axis) for axis in given]
    if any(not -dimensions <= axis < dimensions for axis in axes):
        raise node.refuse(f"an axis is outside {dimensions} dimensions")
    found = tuple(sorted({axis % dimensions for axis in axes}))
    if 0 in found and dimensions > 1:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    return found


def _evaluate(function: Callable[..., Any]) -> Evaluate:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        x = inputs[0]
        keep = bool(node.attributes.get("keepdims", 1))
        axes = _constant_axes(node, inputs)
        return [np.asarray(function(x, axis=axes, keepdims=keep)).astype(x.dtype)]

    return evaluate


def _constant_axes(node: OnnxNode, inputs: Sequence[Array]) -> tuple[int, ...]:
    """Axes of an array that may also be a constant matrix without a batch, whose rows may be summed."""
    if len(inputs) > 1 and inputs[1].size:
        return tuple(int(axis) for axis in inputs[1].ravel().tolist())
    return tuple(node.attributes.get("axes", ())) or reduced_axes(node, inputs, inputs[0].ndim)


def _log_sum_exp(x: Array, axis: tuple[int, ...], keepdims: bool) -> Any:
    top = x.max(axis=axis, keepdims=True)
    total = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


def _rows(
    lowering: Lowering, node: OnnxNode, values: Sequence[Value], view: RegionView | None = None
) -> tuple[RegionView, int]:
    """The tensor (or one of its shape) with the reduced axes last, and how many rows there are."""
    view = as_region(lowering, lowering.numbers(node, values[0])) if view is None else view
    shape = lowering.row_shape(node.inputs[0])
    axes = [axis - 1 for axis in reduced_axes(node, values, len(shape) + 1)]
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    places = np.transpose(np.arange(view.n).reshape(shape), kept + axes)
    return view.take(places), math.prod(shape[axis] for axis in kept)


def _lower_sum(mean: bool) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        view, rows = _rows(lowering, node, values)
        grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
        total = lowering.builder.sum(row_wise(lowering, grid, rows))
        total = total.reshape(1, rows)
        if rows == 1 and not mean:
            lowering.totals[total] = view
        return [RegionView.of(total, grid.scale[0] / (view.n // rows if mean else 1))]

    return lower


def _lower_extreme(sign: int) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        view, rows = _rows(lowering, node, values)
        grid = decision_grid(lowering, view.affine(sign, 0.0), lowering.reach(node.inputs[0]))
        found = lowering.builder.max(row_wise(lowering, grid, rows))
        return [RegionView.of(found.reshape(1, rows), sign * grid.scale[0])]

    return lower


def _squares(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> RegionView:
    squared = square(lowering, node, values[0], node.inputs[0])
    view, rows = _rows(lowering, node, values, decision_grid(lowering, squared, lowering.reach(node.inputs[0]) ** 2))
    return RegionView.of(lowering.builder.sum(row_wise(lowering, view, rows)).reshape(1, rows), view.scale[0])


def _lower_squares(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [_squares(lowering, node, values)]


def _lower_length(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    top = 4.0 * lowering.reach(node.outputs[0]) ** 2
    return [power(lowering, _squares(lowering, node, values), 0.5, top * _ROOT_RANGE, top)]


def _lower_log_sum_exp(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view, rows = _rows(lowering, node, values)
    if not (view.scale == view.scale[0]).all() or view.offset.any():
        view = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    below, logs = log_total(lowering, view, rows)
    unit = float(below.scale[0])
    grid = rescale(lowering, view, unit)
    greatest = lowering.builder.max(row_wise(lowering, grid, rows)).reshape(1, rows)
    logs = rescale(lowering, logs, unit)
    return [RegionView.of(lowering.builder.affine(greatest, c=logs.region), unit)]


def _operator(function: Callable[..., Any], lower: Lower) -> Operator:
    return Operator(evaluate=_evaluate(function), lower=lower)


OPERATORS = {
    "ReduceL2": _operator(lambda x, **k: np.sqrt(np.square(x).sum(**k)), _lower_length),
    "ReduceLogSumExp": _operator(_log_sum_exp, _lower_log_sum_exp),
    "ReduceMax": _operator(np.max, _lower_extreme(1)),
    "ReduceMean": _operator(np.mean, _lower_sum(True)),
    "ReduceMin": _operator(np.min, _lower_extreme(-1)),
    "ReduceSum": _operator(np.sum, _lower_sum(False)),
    "ReduceSumSquare": _operator(lambda x, **k: np.square(x).sum(**k), _lower_squares),
}
