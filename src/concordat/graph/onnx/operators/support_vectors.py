"""SVMClassifier and SVMRegressor.

As in onnxruntime: one score for each pair of classes, whose sign is a vote; the class with most votes, the first on a
tie. Two classes give the score and its opposite, or, if trained with ``probability=True``, Platt's sigmoid of it. The
probabilities of more classes come from an iteration that has no integer form.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.kernels import KERNELS, Kernel, fine_dense
from concordat.graph.onnx.operators.dense import class_labels
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, LabelView, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_LABELS = ("classlabels_ints", "classlabels_strings")


def _numbers(node: OnnxNode, name: str) -> Floats:
    values = np.array(node.attributes.get(name, ()), dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise node.refuse(f"a number of its {name} is not finite", code="NotFinite")
    return values


def _kernel(node: OnnxNode, columns: int) -> Kernel:
    vectors = _numbers(node, "support_vectors")
    if not vectors.size or vectors.size % columns:
        raise node.refuse(f"{vectors.size} numbers are no support vectors of {columns} columns")
    kind = str(node.attributes.get("kernel_type", "LINEAR"))
    parameters = _numbers(node, "kernel_params")
    if kind not in KERNELS or len(parameters) not in (0, 3):
        raise node.refuse(f"no kernel {kind} with {len(parameters)} parameters", code="UnsupportedOperator")
    if node.attributes.get("post_transform", "NONE") != "NONE":
        raise node.refuse("its scores are transformed", code="UnsupportedOperator")
    gamma, add, degree = parameters if len(parameters) else (0.0, 0.0, 0.0)
    return Kernel(kind=kind, gamma=gamma, add=add, degree=degree, vectors=vectors.reshape(-1, columns))


def _regression(node: OnnxNode, columns: int) -> tuple[Kernel, Floats, float]:
    kernel, weights, rho = _kernel(node, columns), _numbers(node, "coefficients"), _numbers(node, "rho")
    if len(weights) != len(kernel.vectors) or len(rho) != 1 or node.attributes.get("one_class", 0):
        raise node.refuse(f"{len(weights)} coefficients for {len(kernel.vectors)} support vectors, or one class")
    return kernel, weights, float(rho[0])


def _regressor(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    kernel, weights, rho = _regression(node, inputs[0].shape[-1])
    return [(kernel.values(inputs[0]) @ weights + rho).astype(np.float32).reshape(-1, 1)]


def _lower_regressor(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = lowering.numbers(node, values[0])
    kernel, weights, rho = _regression(node, view.n)
    return [fine_dense(lowering, kernel.lower(lowering, node, view), weights[:, None], np.array([rho]))]


# -- classes ---------------------------------------------------------------------------------------------------------


def _classification(node: OnnxNode, columns: int) -> tuple[Kernel, Floats, Floats]:
    """Kernel, weights of each pair's score, shape (vectors, pairs), and their summands."""
    kernel, rho = _kernel(node, columns), _numbers(node, "rho")
    counts = [int(count) for count in node.attributes.get("vectors_per_class", ())]
    classes, total = len(counts), len(kernel.vectors)
    pairs = list(combinations(range(classes), 2))
    coefficients = _numbers(node, "coefficients")
    fits = classes >= 2 and min(counts) >= 0 and sum(counts) == total and coefficients.size == (classes - 1) * total
    if not fits or len(rho) != len(pairs) or len(class_labels(node, _LABELS)) != classes:
        raise node.refuse(f"its lists do not describe {classes} classes")
    table, starts = coefficients.reshape(classes - 1, total), np.cumsum([0, *counts])
    weights = np.zeros((total, len(pairs)))
    for place, (i, j) in enumerate(pairs):
        first, second = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
        weights[first, place], weights[second, place] = table[j - 1, first], table[i, second]
    return kernel, weights, rho


def _platt(node: OnnxNode, classes: int) -> tuple[float, float] | None:
    """Factor and summand of the probability's logit, if there is one."""
    a, b = _numbers(node, "prob_a"), _numbers(node, "prob_b")
    if not a.size and not b.size:
        return None
    if classes != 2 or len(a) != 1 or len(b) != 1:
        raise node.refuse(
            "probabilities of more than two classes are found by iteration",
            code="UnsupportedOperator",
            hint="Train with SVC(probability=False): the labels are the same.",
        )
    return float(a[0]), float(b[0])


def _classifier(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    kernel, weights, rho = _classification(node, inputs[0].shape[-1])
    labels = class_labels(node, _LABELS)
    scores = kernel.values(inputs[0]) @ weights + rho
    known = np.empty(len(labels), dtype=object if isinstance(labels[0], str) else np.int64)
    known[:] = labels
    ballots, constant = _ballots(len(labels))
    chosen = ((scores > 0) @ ballots + constant).argmax(axis=1)
    platt = _platt(node, len(labels))
    if platt is not None:
        share = curves.logistic(-(platt[0] * scores + platt[1]))
        scores = np.hstack([share, 1.0 - share])
    elif len(labels) == 2:
        scores = np.hstack([-scores, scores])
    return [known[chosen], scores.astype(np.float32)]


def _ballots(classes: int) -> tuple[Floats, Floats]:
    """Votes as ``bits @ matrix + constant``: a pair's bit is a vote for its first class, else for its second."""
    pairs = list(combinations(range(classes), 2))
    matrix, constant = np.zeros((len(pairs), classes)), np.zeros(classes)
    for place, (i, j) in enumerate(pairs):
        matrix[place, i], matrix[place, j] = 1, -1
        constant[j] += 1
    return matrix, constant


def _lower_classifier(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = lowering.numbers(node, values[0])
    kernel, weights, rho = _classification(node, view.n)
    labels = class_labels(node, _LABELS)
    platt = _platt(node, len(labels))
    scores = fine_dense(lowering, kernel.lower(lowering, node, view), weights, rho)
    builder = lowering.builder
    bits = lowering.above(scores, np.zeros(scores.n)).region
    if len(labels) > 2:
        ballots, constant = (x.astype(np.int64) for x in _ballots(len(labels)))
        votes = builder.affine(builder.matmul(bits, ballots.T), c=builder.weights(constant))
        return [LabelView(region=builder.argmax(votes), classes=labels), scores]
    label = LabelView(region=builder.affine(bits, m0=-1, add=1), classes=labels)
    if platt is None:
        return [label, RegionView.join([scores.affine(-1.0, 0.0), scores])]
    share = curves.sigmoid(lowering, scores.affine(-platt[0], -platt[1]))
    return [label, RegionView.join([share, share.affine(-1.0, 1.0)])]


OPERATORS = {
    "SVMClassifier": Operator(evaluate=_classifier, lower=_lower_classifier),
    "SVMRegressor": Operator(evaluate=_regressor, lower=_lower_regressor),
}
