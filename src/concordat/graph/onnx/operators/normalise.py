"""Dividing a row by its own size: ReduceSum, Normalizer, and the quotient of a tensor by its row's sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region, decision_grid, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "lower_share"]

_LENGTH = 1 << 23


def _reduce_sum(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    axes = inputs[1].ravel().tolist() if len(inputs) > 1 and inputs[1].size else node.attributes.get("axes")
    if inputs[0].ndim != 2 or axes is None or [int(axis) % 2 for axis in axes] != [1]:
        raise node.refuse("only the columns of a row are summed")
    return [inputs[0].sum(axis=1, keepdims=bool(node.attributes.get("keepdims", 1)))]


def _lower_reduce_sum(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    total = lowering.builder.sum(grid.region)
    lowering.totals[total] = view
    return [RegionView.of(total, grid.scale[0])]


def lower_share(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> RegionView:
    """A quotient of two tensors, which has an integer form if the second is the sum of the first's row."""
    view, total = (as_region(lowering, lowering.numbers(node, value)) for value in values)
    parts = lowering.totals.get(total.region)
    if parts is None or not parts.same_integers(view) or not np.array_equal(parts.scale, view.scale):
        raise node.refuse(
            "only a division by a constant, or by the sum of the row, has an integer form", code="UnsupportedOperator"
        )
    return _share(lowering, node, view)


def _share(lowering: Lowering, node: OnnxNode, view: RegionView) -> RegionView:
    """Each element of a row of positive numbers over their sum."""
    kind, logits = lowering.curves.get(view.region, ("", view))
    if kind == "softmax" or _complementary(view):
        return view
    if kind == "sigmoid":
        return curves.softmax(lowering, curves.log_sigmoid(lowering, logits.take(view.index)))
    sums = lowering.samples[node.inputs[0]].astype(np.float64).sum(axis=1)
    if (lowering.samples[node.inputs[0]] < 0).any() or sums.min() <= 0:
        raise node.refuse("a row with numbers of both signs has no share", code="UnsupportedOperator")
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    return curves.ratio_to_sum(lowering, grid, float(sums.min()) / 2, float(sums.max()) * 2)


def _complementary(view: RegionView) -> bool:
    """Whether it is ``[1 - p, p]`` or ``[p, 1 - p]``, which add up to one already."""
    return (
        view.n == 2
        and view.index[0] == view.index[1]
        and bool(np.isclose(view.scale.sum(), 0, atol=1e-15))
        and bool(np.isclose(view.offset.sum(), 1))
    )


def _normalizer(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0].astype(np.float32)
    norm = node.attributes.get("norm", "MAX")
    if norm not in ("L1", "L2", "MAX") or x.ndim != 2:
        raise node.refuse(f"no norm {norm!r} of such a tensor")
    order = {"L1": 1, "L2": 2, "MAX": np.inf}[norm]
    size = np.linalg.norm(x, ord=order, axis=1, keepdims=True)
    return [np.where(size == 0, x, x / np.where(size == 0, 1, size)).astype(np.float32)]


def _lower_normalizer(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    norm = node.attributes.get("norm", "MAX")
    if norm == "L1":
        return [_share(lowering, node, view)]
    squares = np.square(lowering.samples[node.inputs[0]].astype(np.float64)).sum(axis=1)
    if norm != "L2" or squares.min() <= 0:
        raise node.refuse(
            "only the norms L1 and L2 of rows that are not zero have an integer form", code="UnsupportedOperator"
        )
    grid = rescale(lowering, view, 2 * lowering.reach(node.inputs[0]) / _LENGTH, lo=-_LENGTH, hi=_LENGTH)
    return [curves.ratio_to_length(lowering, grid, float(squares.min()) / 4, float(squares.max()) * 4)]


OPERATORS = {
    "Normalizer": Operator(evaluate=_normalizer, lower=_lower_normalizer),
    "ReduceSum": Operator(evaluate=_reduce_sum, lower=_lower_reduce_sum),
}
