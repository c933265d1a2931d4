"""Choosing a class: ArgMax, comparisons with a constant, and ZipMap (which only names the scores)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Value

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


def _greater(negate: bool) -> Callable[[OnnxNode, Sequence[Array]], list[Array]]:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        return [(inputs[0] <= inputs[1]) if negate else (inputs[0] > inputs[1])]

    return evaluate


def _lower_greater(negate: bool) -> Callable[[Lowering, OnnxNode, Sequence[Value]], list[Value]]:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        view, constant = lowering.numbers(node, values[0]), values[1]
        if not isinstance(constant, np.ndarray) or constant.size not in (1, view.n):
            raise node.refuse("only a comparison with a constant has an integer form", code="UnsupportedOperator")
        above = lowering.above(view, np.broadcast_to(constant.astype(np.float64).ravel(), (view.n,)))
        return [above.affine(-1.0, 1.0) if negate else above]

    return lower


OPERATORS = {
    "ArgMax": Operator(evaluate=_argmax, lower=_lower_argmax),
    "Greater": Operator(evaluate=_greater(False), lower=_lower_greater(False)),
    "LessOrEqual": Operator(evaluate=_greater(True), lower=_lower_greater(True)),
    "ZipMap": Operator(evaluate=_zip_map, lower=_lower_zip_map),
}
