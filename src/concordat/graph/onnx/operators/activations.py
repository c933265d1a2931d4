"""Rectifiers, clamps, and the curves of `concordat.graph.onnx.curves`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.elements import ElementType
from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region, decision_grid, narrow
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "softmax_rows"]


def _relu(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.maximum(inputs[0], np.zeros((), dtype=inputs[0].dtype))]


def _lower_relu(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    if lowering.feeds_product(node.outputs[0]):
        return [narrow(lowering, view, node.outputs[0], floor=0.0)]
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    return [RegionView.of(lowering.builder.affine(grid.region, lo=0, out_type=ElementType.I32), grid.scale)]


def _leaky(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    alpha = x.dtype.type(node.attributes.get("alpha", 0.01))
    return [np.where(x < 0, alpha * x, x)]


def _lower_leaky(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    grid, builder = decision_grid(lowering, view, lowering.reach(node.inputs[0])), lowering.builder
    alpha = round(float(node.attributes.get("alpha", 0.01)) * 2**20)
    positive = builder.affine(grid.region, lo=0, out_type=ElementType.I32)
    negative = builder.affine(grid.region, hi=0, out_type=ElementType.I32)
    bent = builder.affine(negative, m0=alpha, c=positive, m1=1 << 20, shift=20, out_type=ElementType.I32)
    return [RegionView.of(bent, grid.scale)]


def _clip(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    low, high = (float(b.item()) if b is not None else b for b in _clip_bounds(inputs))
    return [np.clip(x, -np.inf if low is None else low, np.inf if high is None else high).astype(x.dtype)]


def _clip_bounds(inputs: Sequence[Array]) -> list[Array | None]:
    return [inputs[i] if len(inputs) > i and inputs[i].size else None for i in (1, 2)]


def _lower_clip(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    if not all(isinstance(bound, np.ndarray) for bound in values[1:]):
        raise node.refuse("its bounds are computed", code="UnsupportedOperator")
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    unit, kind = float(grid.scale[0]), ElementType.I32
    low, high = (None if b is None else int(np.clip(np.rint(float(b.item()) / unit), kind.minimum, kind.maximum))
                 for b in _clip_bounds([np.zeros(1), *values[1:]]))  # type: ignore[list-item]  # fmt: skip
    return [RegionView.of(lowering.builder.affine(grid.region, lo=low, hi=high, out_type=kind), unit)]


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
    axis = int(node.attributes.get("axis", -1)) % inputs[0].ndim
    if axis != inputs[0].ndim - 1 or inputs[0].ndim != 2:
        raise node.refuse("its axis is not the columns of a row")
    return [softmax_rows(inputs[0])]


def _lower_softmax(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [curves.softmax(lowering, as_region(lowering, lowering.numbers(node, values[0])))]


def _exp(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.exp(inputs[0])]


def _reciprocal(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [1 / inputs[0]]


def _lower_exp(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    raise node.refuse("only as a part of 1 / (1 + exp(-x)) has it an integer form", code="UnsupportedOperator")


OPERATORS = {
    "Clip": Operator(evaluate=_clip, lower=_lower_clip),
    "Exp": Operator(evaluate=_exp, lower=_lower_exp),
    "LeakyRelu": Operator(evaluate=_leaky, lower=_lower_leaky),
    "Reciprocal": Operator(evaluate=_reciprocal, lower=_lower_exp),
    "Relu": Operator(evaluate=_relu, lower=_lower_relu),
    "Sigmoid": Operator(evaluate=_sigmoid, lower=_lower_curve(curves.sigmoid)),
    "Softmax": Operator(evaluate=_softmax, lower=_lower_softmax),
    "Tanh": Operator(evaluate=_tanh, lower=_lower_curve(curves.tanh)),
}
