"""Elementwise arithmetic. With a constant it only changes what the integers are worth; between tensors it is a node."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.elements import ElementType
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.normalise import lower_share
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.operators.shapes import check_size
from concordat.graph.onnx.quantise import as_region, decision_grid, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import InputView, RegionView, Value, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_FACTOR = 1 << 22


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


def _spread(lowering: Lowering, node: OnnxNode, place: int, view: View) -> View:
    """The view repeated as broadcasting to the node's output asks."""
    shape = lowering.samples[node.inputs[place]].shape[1:]
    target = lowering.samples[node.outputs[0]].shape[1:]
    if math.prod(target) == view.n:
        return view
    return view.take(np.broadcast_to(np.arange(view.n).reshape(shape), target).ravel())


def _lower_sum(sign: int) -> Callable[[Lowering, OnnxNode, Sequence[Value]], list[Value]]:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        x, y = values
        if isinstance(x, np.ndarray):
            view = _spread(lowering, node, 1, lowering.numbers(node, y))
            return [view.affine(sign, per_element(lowering, node, x))]
        left = _spread(lowering, node, 0, lowering.numbers(node, x))
        if isinstance(y, np.ndarray):
            return [left.affine(1.0, sign * per_element(lowering, node, y))]
        right = _spread(lowering, node, 1, lowering.numbers(node, y))
        a = decision_grid(lowering, as_region(lowering, left), lowering.reach(node.outputs[0]))
        b = rescale(lowering, as_region(lowering, right), float(a.scale[0]))
        return [RegionView.of(lowering.builder.affine(a.region, c=b.region, m1=sign), a.scale)]

    return lower


def _lower_product(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    x, y = values
    if isinstance(x, np.ndarray):
        x, y = y, x
    view = lowering.numbers(node, x)
    if isinstance(y, np.ndarray):
        place = 0 if x is values[0] else 1
        return [_spread(lowering, node, place, view).affine(per_element(lowering, node, y), 0.0)]
    other = _spread(lowering, node, 1, lowering.numbers(node, y))
    a = _wide(lowering, _spread(lowering, node, 0, view), node.inputs[0])
    b = _wide(lowering, other, node.inputs[1])
    product = lowering.builder.affine(a.region, b=b.region)
    return [RegionView.of(product, a.scale * b.scale)]


def _wide(lowering: Lowering, view: View, name: str) -> RegionView:
    """A factor of a product: 23 bits, so that the product leaves room to be rescaled; zero worth zero."""
    reach = lowering.reach(name) * 4
    return rescale(lowering, as_region(lowering, view), reach / _FACTOR, lo=-_FACTOR, hi=_FACTOR)


def _lower_quotient(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    x, y = values
    if isinstance(y, np.ndarray):
        divisor = per_element(lowering, node, y)
        if (divisor == 0).any():
            raise node.refuse("it divides by a constant zero")
        return [_spread(lowering, node, 0, lowering.numbers(node, x)).affine(1.0 / divisor, 0.0)]
    return [lower_share(lowering, node, values)]


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


def _lower_not(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    value = values[0]
    if isinstance(value, np.ndarray):
        return [np.logical_not(value)]
    if isinstance(value, InputView | RegionView):
        return [value.affine(-1.0, 1.0)]
    raise node.refuse("it negates a class", code="UnsupportedOperator")


OPERATORS = {
    "Abs": Operator(evaluate=_unary(np.abs), lower=_lower_absolute),
    "Add": Operator(evaluate=_binary(np.add), lower=_lower_sum(1)),
    "Div": Operator(evaluate=_binary(np.divide), lower=_lower_quotient),
    "Mul": Operator(evaluate=_binary(np.multiply), lower=_lower_product),
    "Neg": Operator(evaluate=_unary(np.negative), lower=_lower_negative),
    "Not": Operator(evaluate=_unary(np.logical_not), lower=_lower_not),
    "Sub": Operator(evaluate=_binary(np.subtract), lower=_lower_sum(-1)),
}
