"""Models that proofs are measured on: ONNX files made here, always the same ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from concordat.testing.sequences import transformer
from concordat.testing.vision import train

__all__ = ["CASES", "Network", "drawn"]

Floats = NDArray[np.float32]
SCALE = 2
"""Decimals of the table's columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A model to be proven."""

    what: str
    """In words."""
    onnx: bytes = field(repr=False)
    """The file: one input, one output."""
    rows: Floats = field(repr=False)
    """Rows that the importer sees, and of which the first are proven."""
    matrices: bytes | None = field(default=None, repr=False)
    """The same trees as matrix products, for those who know no trees."""
    bits: int = 8
    """Width of the dense weights."""


def table() -> tuple[Floats, NDArray[np.int64]]:
    """Thirty measurements of 569 biopsies, standardised, and what they turned out to be."""
    data = load_breast_cancer()
    return StandardScaler().fit_transform(data.data).round(SCALE).astype(np.float32), data.target


def digits() -> tuple[Floats, NDArray[np.int64]]:
    """Handwritten digits, blown up from 8 × 8 to 28 × 28 pixels and flat, and what they are."""
    data = load_digits()
    images = data.images / 16
    at = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    low = np.minimum(at.astype(int), 6)
    mix = np.zeros((28, 8))
    mix[np.arange(28), low], mix[np.arange(28), low + 1] = 1 - (at - low), at - low
    return (mix @ images @ mix.T).reshape(len(images), -1).round(SCALE).astype(np.float32), data.target


def serialise(
    nodes: list[Any], constants: dict[str, Any], shape: Sequence[int | str], outputs: int, name: str = "model"
) -> bytes:
    """A file from ``input`` to ``output``."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], outputs])],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def dense(widths: Sequence[int], layers: Sequence[tuple[Any, Any]], rows: Floats) -> Network:
    """Dense layers, each of weights (inputs, outputs) and biases, with rectifiers between them."""
    nodes, constants, at, last = [], {}, "input", len(layers) - 1
    for layer, (weights, biases) in enumerate(layers):
        constants[f"w{layer}"], constants[f"b{layer}"] = weights.astype(np.float32), biases.astype(np.float32)
        sums = "output" if layer == last else f"sums{layer}"
        nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], [sums]))
        if layer < last:
            at = f"active{layer}"
            nodes.append(helper.make_node("Relu", [sums], [at]))
    count = sum(a * b for a, b in pairwise(widths))
    return Network(
        what=f"network {'-'.join(map(str, widths))}, {count:,} weights",
        onnx=serialise(nodes, constants, [1, widths[0]], widths[-1]),
        rows=rows,
    )


def drawn(widths: Sequence[int], *, seed: int = 7) -> Network:
    """Dense layers of random weights, scaled so that activations keep their size, and random rows."""
    random = np.random.default_rng(seed)
    layers = [
        (random.normal(size=(a, b), scale=np.sqrt(2 / a)), random.normal(size=b, scale=0.1))
        for a, b in pairwise(widths)
    ]
    return dense(widths, layers, random.uniform(size=(256, widths[0])).round(SCALE).astype(np.float32))


def trained(hidden: Sequence[int], rows: Floats, classes: NDArray[np.int64], epochs: int) -> Network:
    """Dense layers after a few epochs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPClassifier(hidden, max_iter=epochs, random_state=0).fit(rows, classes)
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    return dense([rows.shape[1], *hidden, layers[-1][0].shape[1]], layers, rows)


def logistic() -> Network:
    """A trained logistic regression."""
    rows, classes = table()
    model = LogisticRegression(max_iter=1_000).fit(rows, classes)
    constants = {"w": model.coef_.astype(np.float32), "b": model.intercept_.astype(np.float32)}
    nodes = [
        helper.make_node("Gemm", ["input", "w", "b"], ["logit"], transB=1),
        helper.make_node("Sigmoid", ["logit"], ["output"]),
    ]
    return Network(what="logistic regression 30-1", onnx=serialise(nodes, constants, [1, 30], 1), rows=rows)


def lenet() -> Network:
    """Two convolutions with pools, two dense layers, trained for a moment."""
    rows, classes = digits()
    images = rows.reshape(-1, 28, 28)
    model = train(images, classes, hidden=(64,), epochs=4)
    constants = {f"w{at}": array for at, array in enumerate(model.weights)}
    constants |= {f"b{at}": array for at, array in enumerate(model.biases)}
    halves: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    patches: dict[str, Any] = {"kernel_shape": [5, 5], "strides": [1, 1]}  # some readers insist on the default stride
    nodes, at = [], "input"
    for layer in range(2):
        nodes += [
            helper.make_node("Conv", [at, f"w{layer}", f"b{layer}"], [f"sums{layer}"], **patches),
            helper.make_node("Relu", [f"sums{layer}"], [f"active{layer}"]),
            helper.make_node("MaxPool", [f"active{layer}"], [f"pooled{layer}"], **halves),
        ]
        at = f"pooled{layer}"
    nodes += [
        helper.make_node("Flatten", [at], ["flat"]),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["sums2"], transB=1),
        helper.make_node("Relu", ["sums2"], ["active2"]),
        helper.make_node("Gemm", ["active2", "w3", "b3"], ["output"], transB=1),
    ]
    count = sum(array.size for array in model.weights)
    return Network(
        what=f"LeNet-like, 1 × 28 × 28, {count:,} weights",
        onnx=serialise(nodes, constants, [1, 1, 28, 28], 10),
        rows=images[:, None],
    )


def paths(tree: Any, columns: int) -> tuple[Floats, ...]:
    """A tree as matrices: what each node reads, its threshold, the leaves' paths, their lengths, what leaves say."""
    inner, leaves = np.flatnonzero(tree.children_left >= 0), np.flatnonzero(tree.children_left < 0)
    reads = np.zeros((len(inner), columns), np.float32)
    reads[np.arange(len(inner)), tree.feature[inner]] = 1
    turns, rights = np.zeros((len(leaves), len(inner)), np.float32), np.zeros(len(leaves), np.float32)
    for number, leaf in enumerate(leaves):
        at = leaf
        while at:
            left = np.flatnonzero(tree.children_left[inner] == at)
            parent = left[0] if len(left) else np.flatnonzero(tree.children_right[inner] == at)[0]
            turns[number, parent] = 1 if len(left) else -1
            rights[number] += len(left)
            at = inner[parent]
    values = tree.value[leaves, 0]
    return reads, tree.threshold[inner].astype(np.float32), turns, rights, values[:, 1] / values.sum(axis=1)


def trees(what: str, model: Any) -> Network:
    """Trained trees, and as matrix products: a leaf is reached if every decision on its path is taken."""
    rows, classes = table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, classes)
    grown = [paths(tree.tree_, rows.shape[1]) for tree in getattr(model, "estimators_", [model])]
    reads, thresholds = np.concatenate([g[0] for g in grown]), np.concatenate([g[1] for g in grown])
    turns = np.zeros((sum(len(g[3]) for g in grown), len(thresholds)), np.float32)
    row = column = 0
    for _, _, part, _, _ in grown:
        turns[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    constants = {
        "reads": reads.T.copy(),
        "thresholds": thresholds,
        "turns": turns.T.copy(),
        "missing": (np.concatenate([g[3] for g in grown]) - 1).astype(np.float32),
        "says": (np.concatenate([g[4] for g in grown]) / len(grown)).astype(np.float32)[:, None],
    }
    nodes = [
        helper.make_node("MatMul", ["input", "reads"], ["read"]),
        helper.make_node("LessOrEqual", ["read", "thresholds"], ["is"]),
        helper.make_node("Cast", ["is"], ["taken"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["taken", "turns"], ["matches"]),
        helper.make_node("Sub", ["matches", "missing"], ["spare"]),
        helper.make_node("Relu", ["spare"], ["reached"]),
        helper.make_node("MatMul", ["reached", "says"], ["output"]),
    ]
    exported = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    matrices = serialise(nodes, constants, [1, 30], 1)
    return Network(what=what, onnx=exported.SerializeToString(), rows=rows, matrices=matrices)


def attention() -> Network:
    """A transformer block, random weights: 8 positions of 32 numbers, layer normalisation, two heads, GELU, softmax."""
    length, width, hidden = 8, 32, 64
    rows = np.random.default_rng(7).normal(size=(200, length, width)).round(SCALE).astype(np.float32)
    file = transformer(length=length, width=width, heads=2, hidden=hidden, tokens=0)
    return Network(what=f"transformer block, {length} × {width}", onnx=file, rows=rows)


CASES: dict[str, Callable[[], Network]] = {
    "a": logistic,
    "b": lambda: trained([64, 64], *table(), epochs=40),
    "c": lambda: trained([128], *digits(), epochs=10),
    "d": lenet,
    "e": lambda: trained([784, 512], *digits(), epochs=6),
    "f": lambda: trees("decision tree, depth 5", DecisionTreeClassifier(max_depth=5, random_state=0)),
    "g": lambda: trees("forest of 10 trees, depth 4", RandomForestClassifier(10, max_depth=4, random_state=0)),
    "h": attention,
}
"""The cases by letter."""
