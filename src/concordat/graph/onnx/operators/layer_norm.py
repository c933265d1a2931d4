"""LayerNormalization, and the standardisation that models spell out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.standardise import standardise
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_EPSILON = 1e-5


def _axes(node: OnnxNode, dimensions: int) -> tuple[int, ...]:
    """Axes of the whole tensor over which is normalised."""
    if node.op == "LayerNormalization":
        found = tuple(range(int(node.attributes.get("axis", -1)) % dimensions, dimensions))
    else:
        found = tuple(sorted({int(axis) % dimensions for axis in node.attributes["axes"]}))
    if not found or 0 in found:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    return found


def _epsilon(node: OnnxNode) -> float:
    value = float(node.attributes.get("epsilon", _EPSILON))
    if not 0 <= value < 1e6:
        raise node.refuse(f"its epsilon is {value}")
    return value


def _standard(node: OnnxNode, x: Array) -> Array:
    axes = _axes(node, x.ndim)
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = np.square(centred).mean(axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + x.dtype.type(_epsilon(node))))


def _standardise(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    """``Standardise``: what a model spelt out (`concordat.graph.onnx.patterns`)."""
    count = math.prod(inputs[0].shape[axis] for axis in _axes(node, inputs[0].ndim))
    if any(share is not None and abs(share * count - 1) > 1e-4 for share in node.attributes["shares"]):
        raise node.refuse(f"it takes the mean of {count} numbers by another factor than one over them")
    return [_standard(node, inputs[0])]


def _layer_norm(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    if len([name for name in node.outputs if name]) > 1:
        raise node.refuse("its mean and deviation are outputs", code="UnsupportedOperator")
    found = _standard(node, inputs[0]) * inputs[1]
    return [found + inputs[2] if len(inputs) > 2 and inputs[2].size else found]


def _lower_standardise(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [_lower_standard(lowering, node, values[0])]


def _lower_standard(lowering: Lowering, node: OnnxNode, value: Value) -> RegionView:
    view = as_region(lowering, lowering.numbers(node, value))
    shape = lowering.row_shape(node.inputs[0])
    axes = [axis - 1 for axis in _axes(node, len(shape) + 1)]
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    places = np.transpose(np.arange(view.n).reshape(shape), kept + axes).ravel()
    rows = math.prod(shape[axis] for axis in kept)
    sample = lowering.samples[node.inputs[0]].reshape(-1, view.n)[:, places].astype(np.float64)
    found = standardise(lowering, view.take(places), sample.reshape(len(sample), rows, -1), _epsilon(node))
    return found.take(np.argsort(places, kind="stable"))


def _lower_layer_norm(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    shape = lowering.row_shape(node.inputs[0])
    constants = [value for value in values[1:] if isinstance(value, np.ndarray)]
    if len(constants) != len(values) - 1:
        raise node.refuse("its scale is computed", code="UnsupportedOperator")
    scale, *rest = (np.broadcast_to(c.astype(np.float64), shape).ravel() for c in constants if c.size)
    return [_lower_standard(lowering, node, values[0]).affine(scale, rest[0] if rest else 0.0)]


OPERATORS = {
    "LayerNormalization": Operator(evaluate=_layer_norm, lower=_lower_layer_norm),
    "Standardise": Operator(evaluate=_standardise, lower=_lower_standardise),
}
