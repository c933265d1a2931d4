"""Sigmoid, tanh and softmax: the curves of `concordat.graph.onnx.curves`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.functions import log_shares
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "softmax_rows"]

_MASK = -1e4
"""Logits that never rise above it are masked."""
_NOTHING = 32.0


def _sigmoid(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [curves.logistic(inputs[0]).astype(inputs[0].dtype)]


def _tanh(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.tanh(inputs[0])]


def _lower_curve(curve: Callable[..., RegionView]) -> Callable[[Lowering, OnnxNode, Sequence[Value]], list[Value]]:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        view = lowering.numbers(node, values[0])
        return [curve(lowering, view, hidden=lowering.feeds_product(node.outputs[0]))]

    return lower


def softmax_rows(x: Array, axis: int = -1) -> Array:
    """Softmax along one axis, in the array's own precision."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _softmax(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [softmax_rows(inputs[0], _axis(node, inputs[0].shape))]


def _axis(node: OnnxNode, shape: Sequence[int]) -> int:
    axis = int(node.attributes.get("axis", -1)) % len(shape)
    if node.attributes.get("flattened") and any(size != 1 for size in shape[axis + 1 :]):
        raise node.refuse("before opset 13 it runs over all axes after its own", code="UnsupportedOperator")
    if axis == 0:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    return axis


def _log_softmax(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, axis = inputs[0], _axis(node, inputs[0].shape)
    below = x - x.max(axis=axis, keepdims=True)
    return [below - np.log(np.exp(below).sum(axis=axis, keepdims=True))]


def _lower_softmax(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    shape = lowering.row_shape(node.inputs[0])
    axis = _axis(node, (1, *shape)) - 1
    places = np.moveaxis(np.arange(view.n).reshape(shape), axis, -1)
    rows = view.n // shape[axis]
    if rows == 1:
        return [curves.softmax(lowering, view)]
    logits, reach = _unmasked(lowering, node.inputs[0], view)
    shares = curves.softmax(lowering, logits.take(places), rows, reach)
    return [shares.take(np.argsort(places.ravel(), kind="stable"))]


def _unmasked(lowering: Lowering, name: str, view: RegionView) -> tuple[RegionView, float]:
    """Logits in which a mask's huge negative numbers are just small enough to give nothing, and what they reach."""
    low, high = lowering.bounds(name)
    masked = high <= _MASK
    reach = 2.0 * max(float(np.abs(np.where(masked, 0.0, np.maximum(np.abs(low), np.abs(high)))).max()), 1.0)
    if not masked.any():
        return view, 2.0 * reach
    scale = np.where(masked, 0.0, view.scale)
    return replace(view, scale=scale, offset=np.where(masked, -2.0 * reach - _NOTHING, view.offset)), 4.0 * reach


def _lower_log_softmax(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    shape = lowering.row_shape(node.inputs[0])
    axis = _axis(node, (1, *shape)) - 1
    places = np.moveaxis(np.arange(view.n).reshape(shape), axis, -1)
    found = log_shares(lowering, view.take(places), view.n // shape[axis])
    return [found.take(np.argsort(places.ravel(), kind="stable"))]


OPERATORS = {
    "LogSoftmax": Operator(evaluate=_log_softmax, lower=_lower_log_softmax),
    "Sigmoid": Operator(evaluate=_sigmoid, lower=_lower_curve(curves.sigmoid)),
    "Softmax": Operator(evaluate=_softmax, lower=_lower_softmax),
    "Tanh": Operator(evaluate=_tanh, lower=_lower_curve(curves.tanh)),
}
