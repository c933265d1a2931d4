"""Operators that move elements without computing: reshape, slice by index, concatenate, cast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import MAX_ROW_ELEMENTS, Operator
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import InputView, LabelView, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "check_size", "valid_indices"]

_CASTS: dict[int, Any] = {1: np.float32, 11: np.float64, 6: np.int32, 7: np.int64, 9: np.bool_, 2: np.uint8, 3: np.int8}
_TEXT = 8


def check_size(node: OnnxNode, shape: Sequence[int]) -> None:
    """Refuse an array before it is made, if one of its rows would be too large.

    Raises
    ------
    ModelError
        Naming the operator.
    """
    if math.prod(shape[1:]) > MAX_ROW_ELEMENTS:
        raise node.refuse("a row of its output is too large", code="ModelTooLarge")


def _identity(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [inputs[0]]


def _lower_identity(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [values[0]]


def _cast(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    target = int(node.attributes["to"])
    if target == _TEXT and inputs[0].dtype == object:
        return [inputs[0]]
    if target not in _CASTS or inputs[0].dtype == object:
        raise node.refuse(f"no cast to element type {target} here")
    return [inputs[0].astype(_CASTS[target])]


def _lower_cast(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    value, target = values[0], int(node.attributes["to"])
    if isinstance(value, LabelView) or target in (1, 11):
        return [value]
    constant = lowering.samples[node.outputs[0]]
    if target == 9 and constant.size and (constant == constant.flat[0]).all():
        return [np.full(constant.shape[1:], constant.flat[0])]  # a sum of probabilities is never zero
    if target in (6, 7) and isinstance(value, InputView) and lowering.whole_numbers(node.inputs[0]):
        return [value]
    raise node.refuse(f"no cast of computed numbers to element type {target}", code="UnsupportedOperator")


def _reshape(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    data, shape = inputs[0], [int(d) for d in inputs[1].ravel()]
    if len(shape) > 8:
        raise node.refuse("more than eight dimensions")
    batch = len(data)
    if shape and shape[0] == 1 and batch != 1:
        shape[0] = batch  # exported for one row
    shape = [data.shape[i] if d == 0 else d for i, d in enumerate(shape)]
    result = data.reshape(shape)
    if len(result) != batch:
        raise node.refuse("it mixes the rows of a batch")
    return [result]


def _flatten(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    if int(node.attributes.get("axis", 1)) != 1:
        raise node.refuse("it mixes the rows of a batch")
    return [inputs[0].reshape(len(inputs[0]), -1)]


def _squeeze(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    data = inputs[0]
    axes = _axes(node, inputs, [i for i in range(1, data.ndim) if data.shape[i] == 1])
    kept = [d for i, d in enumerate(data.shape) if i not in axes]
    if any(data.shape[i] != 1 for i in axes) or 0 in axes:
        raise node.refuse("it squeezes an axis that is not one long")
    return [data.reshape(kept)]


def _unsqueeze(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    data = inputs[0]
    axes = sorted(axis % (data.ndim + 1) for axis in _axes(node, inputs, []))
    if not axes or 0 in axes or len(axes) > 4:
        raise node.refuse("it adds an axis in front of the batch")
    for axis in axes:
        data = np.expand_dims(data, axis)
    return [data]


def _order(node: OnnxNode, dimensions: int) -> tuple[int, ...]:
    order = tuple(int(axis) for axis in node.attributes.get("perm", range(dimensions)[::-1]))
    if sorted(order) != list(range(dimensions)):
        raise node.refuse(f"{order} is no order of {dimensions} axes")
    return order


def _transpose(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.transpose(inputs[0], _order(node, inputs[0].ndim))]


def _lower_transpose(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view, shape = lowering.numbers(node, values[0]), lowering.row_shape(node.inputs[0])
    order = _order(node, len(shape) + 1)
    if order[0] != 0:
        raise node.refuse("it moves the batch from the front", code="UnsupportedOperator")
    return [view.take(np.transpose(np.arange(view.n).reshape(shape), [axis - 1 for axis in order[1:]]))]


def _axes(node: OnnxNode, inputs: Sequence[Array], default: list[int]) -> list[int]:
    given = node.attributes.get("axes")
    if given is None and len(inputs) > 1 and inputs[1].size:
        given = inputs[1].ravel().tolist()
    return default if given is None else [int(a) % inputs[0].ndim if a < 0 else int(a) for a in given]


def _concat(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    axis = int(node.attributes["axis"]) % inputs[0].ndim
    check_size(node, (1, sum(array.size // max(len(array) if axis else 1, 1) for array in inputs)))
    if len({array.dtype for array in inputs}) > 1:
        raise node.refuse("it joins tensors of different types")
    return [np.concatenate(inputs, axis=axis)]


def _lower_concat(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    shapes = [lowering.samples[name].shape[1:] for name in node.inputs]
    if int(node.attributes["axis"]) % (len(shapes[0]) + 1) == 0:
        raise node.refuse("it joins rows of a batch", code="UnsupportedOperator")
    starts = np.cumsum([0, *(math.prod(shape) for shape in shapes)])
    places = [start + np.arange(math.prod(shape)).reshape(shape) for start, shape in zip(starts, shapes, strict=False)]
    axis = int(node.attributes["axis"]) % (len(shapes[0]) + 1) - 1
    return [lowering.join(node, values).take(np.concatenate(places, axis=axis))]


def valid_indices(node: OnnxNode, indices: Array, size: int) -> Array:
    """Indices from the start of an axis; negative ones count from its end.

    Raises
    ------
    ModelError
        Naming the operator, if one is outside.
    """
    if indices.dtype.kind != "i" or (indices.size and not -size <= indices.min() <= indices.max() < size):
        raise node.refuse(f"an index is outside its axis of {size}")
    return indices % size


def _extract(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    data, indices = inputs
    last = valid_indices(node, indices.ravel(), data.shape[-1])
    if data.ndim == 1:
        return [data[last].reshape(-1, 1)]  # onnxruntime: one row; only reshaped afterwards
    check_size(node, (1, math.prod(data.shape[1:-1]) * last.size))
    return [data[..., last]]


def _lower_extract(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    data, indices = values
    if isinstance(indices, LabelView) and isinstance(data, np.ndarray):
        names = data.ravel().tolist()
        return [LabelView(region=indices.region, classes=tuple(names[int(place)] for place in indices.classes))]
    if not isinstance(data, InputView | RegionView) or not isinstance(indices, np.ndarray):
        raise node.refuse("only constant indices have an integer form", code="UnsupportedOperator")
    return [data.take(indices.ravel())]


def _feature_vector(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    columns = [array.reshape(len(array), -1) for array in inputs]
    check_size(node, (1, sum(array.shape[1] for array in columns)))
    return [np.concatenate(columns, axis=1).astype(np.float32)]


def _lower_feature_vector(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [lowering.join(node, values)]


OPERATORS = {
    "ArrayFeatureExtractor": Operator(evaluate=_extract, lower=_lower_extract),
    "Cast": Operator(evaluate=_cast, lower=_lower_cast),
    "Concat": Operator(evaluate=_concat, lower=_lower_concat),
    "Dropout": Operator(evaluate=_identity, lower=_lower_identity),
    "FeatureVectorizer": Operator(evaluate=_feature_vector, lower=_lower_feature_vector),
    "Flatten": Operator(evaluate=_flatten, lower=_lower_identity),
    "Identity": Operator(evaluate=_identity, lower=_lower_identity),
    "Reshape": Operator(evaluate=_reshape, lower=_lower_identity),
    "Squeeze": Operator(evaluate=_squeeze, lower=_lower_identity),
    "Transpose": Operator(evaluate=_transpose, lower=_lower_transpose),
    "Unsqueeze": Operator(evaluate=_unsqueeze, lower=_lower_identity),
}
