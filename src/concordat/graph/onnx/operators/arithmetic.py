"""Elementwise arithmetic. With a constant it only changes what the integers are worth; between tensors it is a node."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.elements import ElementType
from concordat.graph.onnx.blend import blend_images, gate_channels, gates_channels, same_images
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.elementwise import plus, product, wide, wide_tensor
from concordat.graph.onnx.operators.functions import lower_reciprocal
from concordat.graph.onnx.operators.normalise import lower_share, shares_its_sum
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.operators.shapes import check_size
from concordat.graph.onnx.quantise import as_region, decision_grid
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "per_element", "repeated", "spread_view"]


def _binary(function: Callable[[Array, Array], Any]) -> Callable[[OnnxNode, Sequence[Array]], list[Array]]:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        x, y = inputs
        shape = np.broadcast_shapes(x.shape, y.shape)
        check_size(node, shape)
        if x.dtype != y.dtype or x.dtype.kind not in "fi":
            raise node.refuse("its inputs are of different types, or no numbers")
        return [np.asarray(function(x, y), dtype=x.dtype)]

    return evaluate


def _unary(function: Callable[[Array], Any]) -> Callable[[OnnxNode, Sequence[Array]], list[Array]]:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        return [np.asarray(function(inputs[0]))]

    return evaluate


def per_element(lowering: Lowering, node: OnnxNode, constant: Array) -> Any:
    """A constant as one number per element of the node's output row."""
    shape = lowering.samples[node.outputs[0]].shape
    if constant.ndim == len(shape) and constant.ndim and constant.shape[0] != 1:
        raise node.refuse("a constant of it reaches across the rows of a batch")
    return np.broadcast_to(constant.astype(np.float64), (1, *shape[1:])).ravel()


def spread_view(lowering: Lowering, node: OnnxNode, place: int, view: View) -> View:
    """The view repeated as broadcasting to the node's output asks."""
    shape, target = lowering.row_shape(node.inputs[place]), lowering.row_shape(node.outputs[0])
    if math.prod(target) == view.n:
        return view
    return view.take(np.broadcast_to(np.arange(view.n).reshape(shape), target).ravel())


def repeated(lowering: Lowering, node: OnnxNode, place: int, view: RegionView) -> RegionView:
    """An operand repeated as broadcasting to the node's output asks."""
    found = spread_view(lowering, node, place, view)
    assert isinstance(found, RegionView)  # a part of a region
    return found


def _lower_sum(sign: int) -> Callable[[Lowering, OnnxNode, Sequence[Value]], list[Value]]:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        x, y = values
        if isinstance(x, np.ndarray):
            view = spread_view(lowering, node, 1, lowering.numbers(node, y))
            return [view.affine(sign, per_element(lowering, node, x))]
        if isinstance(y, np.ndarray):
            left = spread_view(lowering, node, 0, lowering.numbers(node, x))
            return [left.affine(1.0, sign * per_element(lowering, node, y))]
        if same_images(lowering, node):
            return [blend_images(lowering, node, [lowering.numbers(node, value) for value in values], sign)]
        pair = [as_region(lowering, lowering.numbers(node, value)) for value in values]
        a, b = (repeated(lowering, node, place, view) for place, view in enumerate(pair))
        reach = max(lowering.reach(name) for name in (*node.inputs, node.outputs[0]))
        return [plus(lowering, a, b, sign, reach)]

    return lower


def _lower_product(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    x, y = values
    if isinstance(x, np.ndarray):
        x, y = y, x
    view = lowering.numbers(node, x)
    if isinstance(y, np.ndarray):
        place = 0 if x is values[0] else 1
        return [spread_view(lowering, node, place, view).affine(per_element(lowering, node, y), 0.0)]
    views = [lowering.numbers(node, value) for value in values]
    gate = gates_channels(lowering, node)
    if gate is not None:
        return [gate_channels(lowering, node, views, gate)]
    if same_images(lowering, node):
        return [blend_images(lowering, node, views, None)]
    factors = []
    for at, (value, name) in enumerate(zip(values, node.inputs, strict=True)):
        factor = wide_tensor(lowering, lowering.numbers(node, value), name)
        factors.append(repeated(lowering, node, at, factor))
    return [product(lowering, *factors)]


def _lower_quotient(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    x, y = values
    if isinstance(y, np.ndarray):
        divisor = per_element(lowering, node, y)
        if (divisor == 0).any():
            raise node.refuse("it divides by a constant zero")
        return [spread_view(lowering, node, 0, lowering.numbers(node, x)).affine(1.0 / divisor, 0.0)]
    if not isinstance(x, np.ndarray) and shares_its_sum(lowering, node, values):
        return [lower_share(lowering, node, values)]
    inverse = lower_reciprocal(lowering, node, y, node.inputs[1])
    if isinstance(x, np.ndarray):
        return [repeated(lowering, node, 1, inverse).affine(per_element(lowering, node, x), 0.0)]
    smallest, greatest = (np.abs(side) for side in lowering.bounds(node.inputs[1]))
    b = wide(lowering, inverse, 1.0 / min(float(smallest.min()), float(greatest.min())))
    a = wide_tensor(lowering, lowering.numbers(node, x), node.inputs[0])
    return [product(lowering, repeated(lowering, node, 0, a), repeated(lowering, node, 1, b))]


def _lower_negative(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [lowering.numbers(node, values[0]).affine(-1.0, 0.0)]


def _lower_absolute(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = lowering.numbers(node, values[0])
    if isinstance(view, RegionView) and view.region in lowering.curves:
        return [view]  # a probability is its own absolute value
    grid = decision_grid(lowering, as_region(lowering, view), lowering.reach(node.inputs[0]))
    positive = lowering.builder.affine(grid.region, lo=0, out_type=ElementType.I32)
    negative = lowering.builder.affine(grid.region, m0=-1, lo=0, out_type=ElementType.I32)
    return [RegionView.of(lowering.builder.affine(positive, c=negative), grid.scale)]


OPERATORS = {
    "Abs": Operator(evaluate=_unary(np.abs), lower=_lower_absolute),
    "Add": Operator(evaluate=_binary(np.add), lower=_lower_sum(1)),
    "Div": Operator(evaluate=_binary(np.divide), lower=_lower_quotient),
    "Mul": Operator(evaluate=_binary(np.multiply), lower=_lower_product),
    "Neg": Operator(evaluate=_unary(np.negative), lower=_lower_negative),
    "Sub": Operator(evaluate=_binary(np.subtract), lower=_lower_sum(-1)),
}
