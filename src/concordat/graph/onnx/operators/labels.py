"""Choosing a class: ArgMax, ArgMin, TopK of one, and ZipMap (which only names the scores)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region, decision_grid
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]


def _argmax(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    if x.ndim != 2 or int(node.attributes.get("axis", 0)) % 2 != 1 or node.attributes.get("select_last_index", 0):
        raise node.refuse("only the first greatest column of a row is found")
    return [x.argmax(axis=1, keepdims=bool(node.attributes.get("keepdims", 1)))]


def _lower_argmax(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    return [lowering.greatest(view, lowering.reach(node.inputs[0]), tuple(range(view.n)))]


def _zip_map(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [inputs[0]]


def _lower_zip_map(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [values[0]]


def _argmin(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return _argmax(node, [-inputs[0]])


def _lower_argmin(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return _lower_argmax(lowering, node, [lowering.numbers(node, values[0]).affine(-1.0, 0.0)])


def _top(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, count = inputs
    if x.ndim != 2 or count.size != 1 or int(count.ravel()[0]) != 1 or int(node.attributes.get("axis", -1)) % 2 != 1:
        raise node.refuse(
            "only the one greatest element of a row is found", code="UnsupportedOperator", hint="Export with k=1."
        )
    found = (x if node.attributes.get("largest", 1) else -x).argmax(axis=1)[:, None]
    return [np.take_along_axis(x, found, axis=1), found]


def _lower_top(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    sign = 1.0 if node.attributes.get("largest", 1) else -1.0
    view = as_region(lowering, lowering.numbers(node, values[0])).affine(sign, 0.0)
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    greatest = RegionView.of(lowering.builder.max(grid.region), sign * grid.scale[0])
    return [greatest, lowering.greatest(view, lowering.reach(node.inputs[0]), tuple(range(view.n)))]


OPERATORS = {
    "ArgMax": Operator(evaluate=_argmax, lower=_lower_argmax),
    "ArgMin": Operator(evaluate=_argmin, lower=_lower_argmin),
    "TopK": Operator(evaluate=_top, lower=_lower_top),
    "ZipMap": Operator(evaluate=_zip_map, lower=_lower_zip_map),
}
