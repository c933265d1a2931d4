"""Products: MatMul of rows and constants or of two activations, Gemm, and the linear models of ai.onnx.ml."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.activations import softmax_rows
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.operators.shapes import check_size
from concordat.graph.onnx.products import dense_rows, matrix_products, narrow_rows, narrow_whole
from concordat.graph.onnx.quantise import as_region, dense, narrow
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "class_labels", "post_transform"]


def _matmul(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, y = inputs
    if x.dtype.kind != "f" or y.dtype.kind != "f":
        raise node.refuse("only floats are multiplied")
    batch = math.prod(np.broadcast_shapes(x.shape[:-2], y.shape[:-2]))
    check_size(node, (1, batch * x.shape[-2] * y.shape[-1] // max(len(x), len(y))))
    return [np.asarray(np.matmul(x, y))]


def _lower_matmul(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    left, right = values
    shapes = [lowering.row_shape(name) for name in node.inputs]
    if isinstance(right, np.ndarray) and right.ndim == 2:
        return [_rows_times_constant(lowering, node, left, right.astype(np.float64), shapes[0])]
    if isinstance(left, np.ndarray) and left.ndim == 2 and len(shapes[1]) == 2:
        return [_constant_times_columns(lowering, node, left.astype(np.float64), right, shapes[1])]
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return [_constant_batch(lowering, node, values)]
    a, b = (narrow_whole(lowering, lowering.numbers(node, v), n) for v, n in zip(values, node.inputs, strict=True))
    places = [np.arange(math.prod(shape)).reshape(shape) for shape in shapes]
    if min(len(shape) for shape in shapes) < 2:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    spread = [np.broadcast_to(p, (*batch, *p.shape[-2:])).reshape(-1, *p.shape[-2:]) for p in places]
    return [matrix_products(lowering, a, b, spread[0], spread[1])]


def _rows_times_constant(
    lowering: Lowering, node: OnnxNode, value: Value, weights: Floats, shape: Sequence[int]
) -> RegionView:
    view = lowering.numbers(node, value)
    if math.prod(shape[:-1]) == 1:
        return dense(
            lowering, narrow(lowering, view, node.inputs[0]), weights, np.zeros(weights.shape[1]), node.inputs[1]
        )
    rows = narrow_rows(lowering, view, node.inputs[0], shape[-1])
    return dense_rows(lowering, rows, weights, np.zeros(weights.shape[1]))


def _constant_times_columns(
    lowering: Lowering, node: OnnxNode, weights: Floats, value: Value, shape: Sequence[int]
) -> RegionView:
    """``weights @ columns`` as ``(rows @ weights.T).T`` of the transposed rows."""
    count, width = shape
    turned = np.arange(count * width).reshape(shape).T.ravel()
    low, high = (side[turned] for side in lowering.bounds(node.inputs[1]))
    view = as_region(lowering, lowering.numbers(node, value)).take(turned)
    rows = narrow_rows(lowering, view, node.inputs[1], count, (low, high))
    product = dense_rows(lowering, rows, weights.T, np.zeros(len(weights)))
    return product.take(np.arange(product.n).reshape(width, len(weights)).T)


def _constant_batch(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> RegionView:
    """A product with one constant matrix for each matrix of a batch (a weight matrix per head)."""
    at = 0 if isinstance(values[1], np.ndarray) else 1
    constant = values[1 - at]
    assert isinstance(constant, np.ndarray)  # by the choice of `at`
    shape = lowering.row_shape(node.inputs[at])
    deep = constant.ndim - len(shape)
    if deep > 1 or (deep == 1 and len(constant) != 1) or (at == 1 and len(shape) < 2):
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    view = narrow_whole(lowering, lowering.numbers(node, values[at]), node.inputs[at])
    matrix = constant.reshape(constant.shape[max(constant.ndim - len(shape), 0) :]).astype(np.float64)
    unit = max(float(np.abs(matrix).max()), 1e-12) / lowering.precision.weights.maximum
    stored = RegionView.of(lowering.builder.weights(np.rint(matrix / unit).astype(np.int64).reshape(1, -1)), unit)
    shapes = (shape, matrix.shape) if at == 0 else (matrix.shape, shape)
    places = [np.arange(math.prod(s)).reshape(s) for s in shapes]
    batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    left, right = (np.broadcast_to(p, (*batch, *p.shape[-2:])).reshape(-1, *p.shape[-2:]) for p in places)
    a, b = (view, stored) if at == 0 else (stored, view)
    return matrix_products(lowering, a, b, left, right)


def _constant(node: OnnxNode, value: Value) -> Floats:
    if isinstance(value, RegionView) and not value.scale.any():
        return value.offset  # a tensor times zero
    if not isinstance(value, np.ndarray):
        raise node.refuse("its weights are computed", code="UnsupportedOperator")
    return value.astype(np.float64)


def _gemm(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, weights = inputs[0], inputs[1]
    if node.attributes.get("transA", 0) or x.ndim != 2 or weights.ndim != 2:
        raise node.refuse("its first input is transposed or no row")
    weights = weights.T if node.attributes.get("transB", 0) else weights
    result = x.dtype.type(node.attributes.get("alpha", 1.0)) * (x @ weights)
    if len(inputs) > 2 and inputs[2].size:
        result = result + x.dtype.type(node.attributes.get("beta", 1.0)) * inputs[2]
    return [result]


def _lower_gemm(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    alpha = float(node.attributes.get("alpha", 1.0))
    weights = _constant(node, values[1]) * alpha
    weights = weights.T if node.attributes.get("transB", 0) else weights
    bias = np.zeros(weights.shape[1])
    if len(values) > 2 and node.inputs[2]:
        constant = _constant(node, values[2]) * float(node.attributes.get("beta", 1.0))
        bias = bias + constant.reshape(-1)
    view = narrow(lowering, lowering.numbers(node, values[0]), node.inputs[0])
    return [dense(lowering, view, weights, bias, "" if alpha != 1.0 else node.inputs[1])]


def _coefficients(node: OnnxNode, columns: int) -> tuple[Array, Array]:
    """Weights, shape (targets, columns), and intercepts of a linear model."""
    coefficients = np.array(node.attributes.get("coefficients", ()), dtype=np.float32)
    targets = coefficients.size // max(columns, 1)
    intercepts = np.array(node.attributes.get("intercepts") or [0.0] * targets, dtype=np.float32)
    if not targets or coefficients.size != targets * columns or intercepts.size != targets:
        raise node.refuse(f"{coefficients.size} coefficients do not fit {columns} columns")
    if not np.isfinite(coefficients).all() or not np.isfinite(intercepts).all():
        raise node.refuse("a coefficient is not a finite number", code="NotFinite")
    return coefficients.reshape(targets, columns), intercepts


def post_transform(node: OnnxNode) -> str:
    """The transformation of the raw scores."""
    given = node.attributes.get("post_transform", "NONE")
    kind = ("NONE", "SOFTMAX", "LOGISTIC")[given] if given in (0, 1, 2) else str(given)
    if kind not in ("NONE", "LOGISTIC", "SOFTMAX"):
        raise node.refuse(f"no integer form of the post-transform {kind}", code="UnsupportedOperator")
    return kind


def _transformed(node: OnnxNode, scores: Array) -> Array:
    kind = post_transform(node)
    if kind == "LOGISTIC":
        return curves.logistic(scores).astype(scores.dtype)
    return softmax_rows(scores) if kind == "SOFTMAX" else scores


def _linear_scores(node: OnnxNode, x: Array) -> Array:
    weights, intercepts = _coefficients(node, x.shape[1])
    return np.asarray(x.astype(np.float32) @ weights.T + intercepts)


def _regressor(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [_transformed(node, _linear_scores(node, inputs[0]))]


def _lower_scores(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> RegionView:
    view = narrow(lowering, lowering.numbers(node, values[0]), node.inputs[0])
    weights, intercepts = (x.astype(np.float64) for x in _coefficients(node, view.n))
    if len(weights) == 2 and np.array_equal(weights[0], -weights[1]) and intercepts[0] == -intercepts[1]:
        margin = dense(lowering, view, weights[1:].T, intercepts[1:])
        return RegionView.join([margin.affine(-1.0, 0.0), margin])
    return dense(lowering, view, weights.T, intercepts)


def _lower_regressor(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [lowering.transformed(_lower_scores(lowering, node, values), post_transform(node))]


def class_labels(node: OnnxNode, names: Sequence[str]) -> tuple[str | int, ...]:
    """Class labels of a classifier: whole numbers or words."""
    for name in names:
        if node.attributes.get(name):
            return tuple(node.attributes[name])
    raise node.refuse("it names no classes")


_LABELS = ("classlabels_ints", "classlabels_strings")


def _classifier(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    scores = _linear_scores(node, inputs[0])
    labels = class_labels(node, _LABELS)
    if scores.shape[1] != len(labels) or scores.shape[1] < 2:
        raise node.refuse(f"it has {scores.shape[1]} scores for {len(labels)} classes")
    known = np.empty(len(labels), dtype=object if isinstance(labels[0], str) else np.int64)
    known[:] = labels
    return [known[scores.argmax(axis=1)], _transformed(node, scores)]


def _lower_classifier(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    scores = _lower_scores(lowering, node, values)
    bound = _score_bound(lowering, node)
    label = lowering.greatest(scores, bound, class_labels(node, _LABELS))
    return [label, lowering.transformed(scores, post_transform(node))]


def _score_bound(lowering: Lowering, node: OnnxNode) -> float:
    """Largest raw score on the calibration rows."""
    return float(np.abs(_linear_scores(node, lowering.samples[node.inputs[0]])).max())


OPERATORS = {
    "Gemm": Operator(evaluate=_gemm, lower=_lower_gemm),
    "LinearClassifier": Operator(evaluate=_classifier, lower=_lower_classifier),
    "LinearRegressor": Operator(evaluate=_regressor, lower=_lower_regressor),
    "MatMul": Operator(evaluate=_matmul, lower=_lower_matmul),
}
