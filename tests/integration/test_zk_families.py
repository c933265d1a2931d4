"""Every family of models that is imported has a relation, and none of its sums wraps around."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from concordat.graph.execute import run
from concordat.graph.onnx import import_onnx
from concordat.testing.relations import violations
from concordat.testing.sequences import transformer
from concordat.zk.circuit import compile_graph
from concordat.zk.circuit.ranges import weight_bits
from concordat.zk.circuit.sums import wrapping
from concordat.zk.wellformed import check_relation

TOKENS = 12

FAMILIES: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=500),
    "support vectors": SVC,
    "naive Bayes": GaussianNB,
    "k-means": lambda: KMeans(3, n_init=1, random_state=0),
    "tree": lambda: DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest": lambda: RandomForestClassifier(5, max_depth=4, random_state=0),
    "boosted trees": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
    "network": lambda: MLPClassifier((16,), max_iter=300, random_state=0),
}
BLOCKS: dict[str, dict[str, Any]] = {
    "block": {},
    "two masked blocks": {"layers": 2, "masked": True},
    "spelt-out block": {"spelt_out": True},
    "block of numbers": {"tokens": 0},
}


@cache
def table() -> tuple[Any, Any]:
    data = load_wine()
    return data.data.astype(np.float32), data.target


def check(onnx: bytes, rows: Any) -> None:
    """A relation that holds of an execution, is well formed, and speaks of integers."""
    model = import_onnx(onnx, calibration=rows)
    circuit = compile_graph(model.graph)
    relation = circuit.relation
    check_relation(relation)
    execution = run(model.graph, model.schema.pack(model.schema.encode(rows[:1])))
    columns, publics = circuit.witness([execution]), circuit.publics([execution])
    assert not list(violations(relation, columns, circuit.weights, publics))
    assert wrapping(relation, weight_bits(relation, circuit.weights, range(1, 63))) == ()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAMILIES)
def test_family_of_scikit_learn_has_a_relation_about_integers(name: str) -> None:
    rows, classes = table()
    model = make_pipeline(StandardScaler(), FAMILIES[name]()).fit(rows, classes)
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    exported = to_onnx(model, rows[:1], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    check(exported.SerializeToString(), rows)


@pytest.mark.parametrize("name", BLOCKS)
def test_transformer_has_a_relation_about_integers(name: str) -> None:
    form = {"length": 3, "width": 4, "heads": 2, "hidden": 8, "classes": 2, "tokens": TOKENS} | BLOCKS[name]
    draw = np.random.default_rng(5)
    rows = draw.integers(0, TOKENS, size=(100, 3)) if form["tokens"] else draw.normal(size=(100, 3, 4)).round(2)
    check(transformer(**form), rows if form["tokens"] else rows.astype(np.float32))
