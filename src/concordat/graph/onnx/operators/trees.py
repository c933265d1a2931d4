"""TreeEnsembleClassifier, TreeEnsembleRegressor, and the newer TreeEnsemble.

Two classes follow onnxruntime: one raw score per row; if no leaf is negative it is a probability and the second class
needs more than a half; else it is a margin and the second class needs more than zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.ensemble import Ensemble, read_ensemble
from concordat.graph.onnx.ensemble_v5 import read_ensemble_v5
from concordat.graph.onnx.operators.activations import softmax_rows
from concordat.graph.onnx.operators.dense import class_labels, post_transform
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.tree_blocks import lower_ensemble
from concordat.graph.onnx.views import Floats, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "routes_missing"]

_LABELS = ("classlabels_int64s", "classlabels_strings")


def routes_missing(node: OnnxNode) -> bool:
    """Whether the trees were grown with a branch for missing values."""
    return any(node.attributes.get("nodes_missing_value_tracks_true") or ())


def _read(node: OnnxNode, columns: int) -> tuple[Ensemble, Floats]:
    """Trees and base values of any of the operators."""
    if node.op == "TreeEnsemble":
        ensemble = read_ensemble_v5(node)
    elif node.op == "TreeEnsembleClassifier":
        labels = class_labels(node, _LABELS)
        binary = len(labels) == 2
        if binary and any(node.attributes.get("class_ids", ())):
            raise node.refuse("two classes with a score each have no integer form", code="UnsupportedOperator")
        ensemble = read_ensemble(node, "class", 1 if binary else len(labels))
    else:
        ensemble = read_ensemble(node, "target", int(node.attributes.get("n_targets", 1)))
    base = np.array(node.attributes.get("base_values") or [0.0] * ensemble.targets, dtype=np.float64)
    if len(base) != ensemble.targets or not np.isfinite(base).all():
        raise node.refuse(f"it has {len(base)} base values for {ensemble.targets} scores")
    if ensemble.feature.min() < 0 or ensemble.feature[ensemble.mode >= 0].max(initial=0) >= columns:
        raise node.refuse(f"a tree tests a feature beyond the {columns} there are")
    return ensemble, base


def _factor(node: OnnxNode, ensemble: Ensemble) -> float:
    aggregate = node.attributes.get("aggregate_function", "SUM")
    if aggregate not in ("SUM", "AVERAGE", 0, 1):
        raise node.refuse(f"no integer form of the aggregate {aggregate!r}", code="UnsupportedOperator")
    return 1.0 / len(ensemble.roots) if aggregate in ("AVERAGE", 0) else 1.0


def _raw(node: OnnxNode, rows: Array) -> tuple[Ensemble, Floats]:
    ensemble, base = _read(node, rows.shape[1])
    return ensemble, ensemble.scores(rows) * _factor(node, ensemble) + base


def _regressor(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    scores: Array = _raw(node, inputs[0])[1].astype(np.float32)
    kind = post_transform(node)
    if kind == "LOGISTIC":
        scores = curves.logistic(scores)
    return [softmax_rows(scores) if kind == "SOFTMAX" else scores]


def _classifier(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    ensemble, raw = _raw(node, inputs[0])
    scores: Array = raw
    labels, kind = class_labels(node, _LABELS), post_transform(node)
    known = np.empty(len(labels), dtype=object if isinstance(labels[0], str) else np.int64)
    known[:] = labels
    if len(labels) > 2:
        chosen = scores.argmax(axis=1)
        scores = {"NONE": lambda s: s, "SOFTMAX": softmax_rows, "LOGISTIC": curves.logistic}[kind](scores)
    else:
        probability = bool((ensemble.weights >= 0).all())
        chosen = (scores[:, 0] > (0.5 if probability else 0.0)).astype(np.int64)
        if not probability and kind == "LOGISTIC":
            scores, probability = curves.logistic(scores), True
        scores = np.hstack([1.0 - scores if probability else -scores, scores])
    return [known[chosen], scores.astype(np.float32)]


def _lower_raw(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> tuple[Ensemble, RegionView]:
    view = lowering.numbers(node, values[0])
    ensemble, base = _read(node, view.n)
    sums = lower_ensemble(lowering, node, ensemble, view)
    return ensemble, sums.affine(_factor(node, ensemble), base)


def _lower_regressor(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [lowering.transformed(_lower_raw(lowering, node, values)[1], post_transform(node))]


def _lower_classifier(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    ensemble, scores = _lower_raw(lowering, node, values)
    labels, kind = class_labels(node, _LABELS), post_transform(node)
    reach = float(np.abs(_raw(node, lowering.samples[node.inputs[0]])[1]).max())
    if len(labels) > 2:
        return [lowering.greatest(scores, reach, labels), lowering.transformed(scores, kind)]
    probability = bool((ensemble.weights >= 0).all())
    pair = RegionView.join([scores.affine(-1.0, 1.0 if probability else 0.0), scores])
    label = lowering.greatest(pair, reach, labels)
    return [label, pair if probability or kind == "NONE" else lowering.transformed(pair, "LOGISTIC")]


OPERATORS = {
    "TreeEnsemble": Operator(evaluate=_regressor, lower=_lower_regressor),
    "TreeEnsembleClassifier": Operator(evaluate=_classifier, lower=_lower_classifier),
    "TreeEnsembleRegressor": Operator(evaluate=_regressor, lower=_lower_regressor),
}
