"""Choosing a class: ArgMax, ArgMin, and ZipMap (which only names the scores)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def _argmin(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return _argmax(node, [-inputs[0]])


def _lower_argmin(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return _lower_argmax(lowering, node, [lowering.numbers(node, values[0]).affine(-1.0, 0.0)])


OPERATORS = {
    "ArgMax": Operator(evaluate=_argmax, lower=_lower_argmax),
    "ArgMin": Operator(evaluate=_argmin, lower=_lower_argmin),
    "ZipMap": Operator(evaluate=_zip_map, lower=_lower_zip_map),
}
