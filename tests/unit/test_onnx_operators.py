"""Operators one by one: the numpy meaning against onnxruntime, and the integer form against both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import Tolerance, import_onnx
from concordat.graph.onnx.evaluate import evaluate
from concordat.graph.onnx.reader import read_onnx

onnxruntime = pytest.importorskip("onnxruntime")

GENERATOR = np.random.default_rng(5)
ROWS = GENERATOR.normal(scale=2.0, size=(300, 6)).round(4)
W = GENERATOR.normal(size=(6, 5)).astype(np.float32)
V = GENERATOR.normal(size=(5, 3)).astype(np.float32)
B = GENERATOR.normal(size=5).astype(np.float32)


def network(*nodes: Any, outputs: tuple[str, ...] = ("y",), **constants: Any) -> bytes:
    arrays = {"w": W, "v": V, "b": B, **constants}
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 6])],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items() if name in used],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return data


LEARNING = ("Scaler", "Normalizer", "Binarizer", "ArrayFeatureExtractor", "FeatureVectorizer")


def n(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    domain = (
        "ai.onnx.ml"
        if op in ("Scaler", "Normalizer", "Binarizer", "ArrayFeatureExtractor", "FeatureVectorizer")
        else ""
    )
    return helper.make_node(op, inputs.split(), outputs.split(), domain=domain, **attributes)


def f(*values: float) -> Any:
    return np.array(values, dtype=np.float32)


NETWORKS: dict[str, bytes] = {
    "matmul": network(n("MatMul", "x w", "y")),
    "gemm": network(n("Gemm", "x w b", "y", alpha=0.5, beta=2.0)),
    "gemm-transposed": network(n("Gemm", "x t b", "y", transB=1), t=W.T.copy()),
    "dense-relu": network(n("Gemm", "x w b", "h"), n("Relu", "h", "r"), n("MatMul", "r v", "y")),
    "dense-leaky": network(n("Gemm", "x w b", "h"), n("LeakyRelu", "h", "r", alpha=0.1), n("MatMul", "r v", "y")),
    "dense-clip": network(
        n("Gemm", "x w b", "h"), n("Clip", "h lo hi", "r"), n("MatMul", "r v", "y"), lo=np.float32(-1), hi=np.float32(6)
    ),
    "dense-sigmoid": network(n("Gemm", "x w b", "h"), n("Sigmoid", "h", "r"), n("MatMul", "r v", "y")),
    "dense-tanh": network(n("Gemm", "x w b", "h"), n("Tanh", "h", "r"), n("MatMul", "r v", "y")),
    "softmax": network(n("MatMul", "x w", "h"), n("Softmax", "h", "y", axis=1)),
    "softmax-label": network(
        n("MatMul", "x w", "h"), n("Softmax", "h", "y", axis=-1), n("ArgMax", "y", "l", axis=1), outputs=("l", "y")
    ),
    "sigmoid-output": network(n("MatMul", "x w", "h"), n("Sigmoid", "h", "y")),
    "tanh-output": network(n("MatMul", "x w", "h"), n("Tanh", "h", "y")),
    "spelt-out-sigmoid": network(
        n("MatMul", "x w", "h"), n("Neg", "h", "n"), n("Exp", "n", "e"), n("Add", "e one", "s"),
        n("Reciprocal", "s", "y"),
        one=np.float32(1),
    ),
    "arithmetic": network(
        n("Sub", "x m", "c"), n("Div", "c d", "s"), n("Mul", "s k", "t"), n("Add", "t x", "y"),
        m=f(0, 1, 2, 3, 4, 5), d=f(1, 2, 3, 4, 5, 6), k=np.float32(0.5),
    ),
    "constant-minus": network(n("MatMul", "x w", "h"), n("Sub", "one h", "y"), one=np.float32(1)),
    "two-branches": network(n("MatMul", "x w", "h"), n("Relu", "h", "p"), n("Sub", "h p", "y")),
    "product": network(n("MatMul", "x w", "h"), n("Mul", "h h", "y")),
    "absolute": network(n("MatMul", "x w", "h"), n("Abs", "h", "y")),
    "concat-mixed": network(
        n("MatMul", "x w", "h"), n("Relu", "h", "r"), n("Concat", "x r", "c", axis=1), n("MatMul", "c u", "y"),
        u=GENERATOR.normal(size=(11, 2)).astype(np.float32),
    ),
    "gather": network(n("Gather", "x i", "g", axis=1), n("MatMul", "g v", "y"), i=np.array([5, 0, 0, 2, -2])),
    "extract": network(n("ArrayFeatureExtractor", "x i", "g"), n("MatMul", "g v", "y"), i=np.array([5, 0, 0, 2, 1])),
    "reshapes": network(
        n("Reshape", "x s", "a"), n("Flatten", "a", "b2"), n("Unsqueeze", "b2 one", "c"), n("Squeeze", "c one", "d"),
        n("Identity", "d", "e"), n("MatMul", "e w", "y"), s=np.array([-1, 2, 3]), one=np.array([1]),
    ),
    "scaler": network(n("Scaler", "x", "s", offset=[1.0] * 6, scale=[0.5, 1, 2, 3, 4, 5.0]), n("MatMul", "s w", "y")),
    "normalizer-l2": network(n("Normalizer", "x", "s", norm="L2"), n("MatMul", "s w", "y")),
    "normalizer-l1": network(n("Abs", "x", "p"), n("Normalizer", "p", "s", norm="L1"), n("MatMul", "s w", "y")),
    "binarizer": network(n("Binarizer", "x", "s", threshold=0.25), n("MatMul", "s w", "y")),
    "comparison": network(
        n("Greater", "x k", "g"), n("Not", "g", "h"), n("Cast", "h", "s", to=1), n("MatMul", "s w", "y"), k=f(0.3),
    ),
    "feature-vector": network(
        n("Scaler", "x", "s", offset=[1.0], scale=[0.5]), n("FeatureVectorizer", "x s", "c", inputdimensions=[6, 6]),
        n("MatMul", "c u", "y"), u=GENERATOR.normal(size=(12, 2)).astype(np.float32),
    ),
    "opposites-label": network(
        n("MatMul", "x u", "h"), n("Neg", "h", "g"), n("Concat", "g h", "y", axis=1), n("ArgMax", "y", "l", axis=1),
        outputs=("l", "y"), u=W[:, :1].copy(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_numpy_meaning_of_operators_matches_onnxruntime(name: str) -> None:
    model = read_onnx(NETWORKS[name])
    feeds = {"x": ROWS.astype(np.float32)}
    expected = onnxruntime.InferenceSession(NETWORKS[name]).run(list(model.outputs), feeds)
    if name == "spelt-out-sigmoid":
        from concordat.graph.onnx.rewrite import rewrite

        model = rewrite(model)
    found = evaluate(model, feeds)
    for output, truth in zip(model.outputs, expected, strict=True):
        np.testing.assert_allclose(found[output].reshape(truth.shape), truth, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_integer_form_of_operators_stays_near_onnxruntime(name: str) -> None:
    data = NETWORKS[name]
    imported = import_onnx(data, calibration=ROWS[:200], bits=16)
    report = fidelity(imported, data, ROWS[200:])
    assert report.error < 2e-3, report.lines()
    assert report.agreement >= 0.99, report.lines()


@pytest.mark.parametrize(("bits", "limit"), [(8, 0.1), (16, 0.001)])
def test_wider_weights_are_more_faithful(bits: Any, limit: float) -> None:
    data = NETWORKS["dense-tanh"]
    imported = import_onnx(data, calibration=ROWS, bits=bits, tolerance=Tolerance(agreement=0.0, error=1.0))
    assert imported.weight_bits == bits
    assert limit / 1000 < fidelity(imported, data, ROWS).error < limit


def test_pixels_become_one_run_of_narrow_elements() -> None:
    rows = np.random.default_rng(1).integers(0, 17, size=(80, 784)).astype(np.float64)
    weights = np.random.default_rng(2).normal(size=(784, 10)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1, 28, 28])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(weights, "w")],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    imported = import_onnx(data, calibration=rows.reshape(80, 1, 28, 28))
    assert imported.schema.element_type.name == "I8"
    assert imported.schema.names[783] == "x783"
    assert len(imported.graph.nodes) <= 5
    report = fidelity(imported, data, rows)
    assert report.agreement >= 0.99
    assert report.error < 1e-3
