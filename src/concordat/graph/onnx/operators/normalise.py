"""Dividing a row by its own size: Normalizer, and the quotient of a tensor by its row's sum."""

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

__all__ = ["OPERATORS", "lower_share", "shares_its_sum"]

_LENGTH = 1 << 23


def shares_its_sum(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> bool:
    """Whether a quotient divides a row by its own sum."""
    view, total = values
    if not isinstance(view, RegionView) or not isinstance(total, RegionView):
        return False
    parts = lowering.totals.get(total.region)
    same = parts is not None and parts.same_integers(view) and np.array_equal(parts.scale, view.scale)
    return same and len(lowering.row_shape(node.inputs[0])) == 1


def lower_share(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> RegionView:
    """A quotient of a row of positive numbers and its sum."""
    return _share(lowering, node, as_region(lowering, lowering.numbers(node, values[0])))


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
}
