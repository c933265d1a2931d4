"""The seven shapes of models on which proof systems are compared, with weights drawn at random: nothing is trained."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.ir import Graph
from concordat.graph.onnx import import_onnx

__all__ = ["ANCHORS", "WEAKER", "anchor"]

WEAKER = {
    "queries": -1,
    "log_domain": -1,
    "hub_queries": -1,
    "hub_log_domain": -1,
    "weight_queries": -1,
    "weight_audits": -20,
    "weight_log_domain": -1,
    "weight_tail": 400,
    "input_queries": -1,
    "input_log_domain": -1,
    "grinding": -1,
}
"""How each number of the parameters is made worth less."""

_Floats = npt.NDArray[np.float32]


@cache
def anchor(letter: str) -> Graph:
    """The integer graph of one of the shapes, by its letter."""
    onnx, rows = ANCHORS[letter]()
    return import_onnx(onnx, calibration=rows).graph


def _file(nodes: list[Any], constants: dict[str, _Floats], shape: Sequence[int], outputs: int) -> bytes:
    graph = helper.make_graph(
        nodes,
        "anchor",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], outputs])],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def _drawn(*shape: int, scale: float = 0.1) -> _Floats:
    return np.random.default_rng(shape).normal(size=shape, scale=scale).astype(np.float32)


def _rows(*shape: int) -> _Floats:
    return np.random.default_rng(1).uniform(size=(64, *shape)).round(2).astype(np.float32)


def _dense(*widths: int, last: str = "") -> tuple[bytes, _Floats]:
    """Dense layers with rectifiers between them."""
    nodes, constants, at = [], {}, "input"
    for layer, (a, b) in enumerate(pairwise(widths)):
        constants[f"w{layer}"], constants[f"b{layer}"] = _drawn(a, b, scale=(2 / a) ** 0.5), _drawn(b)
        sums, final = f"sums{layer}", layer == len(widths) - 2
        nodes.append(
            helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], ["output" if final and not last else sums])
        )
        at = f"active{layer}"
        if not final or last:
            nodes.append(helper.make_node(last if final else "Relu", [sums], ["output" if final else at]))
    return _file(nodes, constants, [1, widths[0]], widths[-1]), _rows(widths[0])


def _images() -> tuple[bytes, _Floats]:
    """Two convolutions with pools, two dense layers."""
    constants = {
        "w0": _drawn(6, 1, 5, 5),
        "b0": _drawn(6),
        "w1": _drawn(16, 6, 5, 5),
        "b1": _drawn(16),
        "w2": _drawn(256, 64),
        "b2": _drawn(64),
        "w3": _drawn(64, 10),
        "b3": _drawn(10),
    }
    nodes, at = [], "input"
    for layer in range(2):
        nodes += [
            helper.make_node("Conv", [at, f"w{layer}", f"b{layer}"], [f"sums{layer}"], kernel_shape=[5, 5]),
            helper.make_node("Relu", [f"sums{layer}"], [f"active{layer}"]),
            helper.make_node("MaxPool", [f"active{layer}"], [f"pooled{layer}"], kernel_shape=[2, 2], strides=[2, 2]),
        ]
        at = f"pooled{layer}"
    nodes += [
        helper.make_node("Flatten", [at], ["flat"]),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["sums2"]),
        helper.make_node("Relu", ["sums2"], ["active2"]),
        helper.make_node("Gemm", ["active2", "w3", "b3"], ["output"]),
    ]
    return _file(nodes, constants, [1, 1, 28, 28], 10), _rows(1, 28, 28)


def _trees(*, forest: bool) -> tuple[bytes, _Floats]:
    """Trees grown on noise."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    rows = _rows(30)
    classes = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0.8).astype(np.int64)
    tree = DecisionTreeClassifier(max_depth=5, random_state=0)
    model = RandomForestClassifier(10, max_depth=4, random_state=0) if forest else tree
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, classes)
        made = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    return made.SerializeToString(), rows


ANCHORS: dict[str, Callable[[], tuple[bytes, _Floats]]] = {
    "a": lambda: _dense(30, 1, last="Sigmoid"),
    "b": lambda: _dense(30, 64, 64, 1),
    "c": lambda: _dense(784, 128, 10),
    "d": _images,
    "e": lambda: _dense(784, 784, 512, 10),
    "f": lambda: _trees(forest=False),
    "g": lambda: _trees(forest=True),
}
"""Logistic regression, two networks, a convolutional one, a network of a million weights, a tree, a forest."""
