"""Tensors with the batch on another axis: rewritten to have it in front, as onnxruntime computes them; or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import Tolerance, import_onnx
from concordat.graph.onnx.evaluate import evaluate
from concordat.graph.onnx.reader import read_onnx
from concordat.graph.onnx.rewrite import rewrite
from concordat.primitives.errors import ModelError

onnxruntime = pytest.importorskip("onnxruntime")

STEPS, WIDTH, HIDDEN = 5, 4, 3
GENERATOR = np.random.default_rng(21)
ROWS = GENERATOR.uniform(-2, 2, size=(120, STEPS * WIDTH)).round(3)


def drawn(*shape: int) -> Any:
    return GENERATOR.normal(size=shape).astype(np.float32)


CONSTANTS: dict[str, Any] = {
    "w": drawn(1, 4 * HIDDEN, WIDTH),
    "r": drawn(1, 4 * HIDDEN, HIDDEN),
    "b": drawn(1, 8 * HIDDEN),
    "zero": np.zeros((1, 1, HIDDEN), np.float32),
    "some": drawn(1, 1, HIDDEN),
    "v": drawn(HIDDEN, 6),
    "g": drawn(HIDDEN),
    "a0": np.array([0]),
    "a1": np.array([1]),
    "a2": np.array([2]),
    "a3": np.array([3]),
    "last": np.array(-1),
    "pick": np.array([0, 2]),
    "one": np.array([1]),
    "four": np.array([4]),
    "flat": np.array([0, -1]),
    "bias": drawn(HIDDEN),
}


def n(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def network(*nodes: Any, states: str = "") -> bytes:
    """Sequences, batch first, through an LSTM (``y0``: all states, ``h``: the last), then through `nodes` to ``y``."""
    cell = [
        n("Transpose", "x", "t", perm=[1, 0, 2]),
        helper.make_node("LSTM", ["t", "w", "r", "b", *states.split(" ")], ["y0", "h", "c"], hidden_size=HIDDEN),
    ]
    every = [*cell, *nodes]
    used = {name for node in every for name in node.input}
    graph = helper.make_graph(
        every,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", STEPS, WIDTH])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(array, name) for name, array in CONSTANTS.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


FORMS: dict[str, bytes] = {
    "last-state-squeezed": network(n("Squeeze", "h a0", "s"), n("MatMul", "s v", "y")),
    "last-step-picked": network(
        n("Squeeze", "y0 a1", "s"), n("Gather", "s last", "p", axis=0), n("MatMul", "p v", "y")
    ),
    "all-steps-turned-back": network(
        n("Squeeze", "y0 a1", "s"), n("Transpose", "s", "q", perm=[1, 0, 2]), n("Reshape", "q flat", "y")
    ),
    "dense-before-turning-back": network(
        n("Squeeze", "y0 a1", "s"), n("MatMul", "s v", "m"), n("Relu", "m", "p"),
        n("Transpose", "p", "q", perm=[1, 0, 2]), n("Reshape", "q flat", "y"),
    ),
    "elementwise-and-norm": network(
        n("Squeeze", "y0 a1", "s"), n("Add", "s bias", "e"), n("LayerNormalization", "e g", "k", axis=-1),
        n("Mul", "k s", "j"), n("Softmax", "j", "i", axis=2), n("Transpose", "i", "q", perm=[1, 2, 0]),
        n("Reshape", "q flat", "y"),
    ),
    "mean-over-steps": network(n("Squeeze", "y0 a1", "s"), n("ReduceMean", "s", "y", axes=[0], keepdims=0)),
    "steps-picked-and-joined": network(
        n("Squeeze", "y0 a1", "s"), n("Gather", "s pick", "p", axis=0), n("Slice", "s one four a0", "u"),
        n("Concat", "p u", "f", axis=0), n("Transpose", "f", "q", perm=[1, 0, 2]), n("Reshape", "q flat", "y"),
    ),
    "unsqueezed": network(
        n("Squeeze", "h a0", "s"), n("Unsqueeze", "s a0", "u"), n("Tanh", "u", "o"), n("Squeeze", "o a0", "y")
    ),
    "constant-states": network(n("Squeeze", "h a0", "y"), states=" zero zero"),
    "cell-state": network(n("Squeeze", "c a0", "y")),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_batch_on_another_axis_means_what_onnxruntime_computes(name: str) -> None:
    feeds = {"x": ROWS.astype(np.float32).reshape(-1, STEPS, WIDTH)}
    single = {"x": feeds["x"][:1]} if name == "constant-states" else feeds  # its states are those of one row
    (truth,) = onnxruntime.InferenceSession(FORMS[name]).run(["y"], single)
    found = evaluate(rewrite(read_onnx(FORMS[name])), feeds)["y"]
    np.testing.assert_allclose(found[: len(truth)], truth, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in FORMS if name != "constant-states"])
def test_batch_on_another_axis_is_imported_and_stays_near(name: str) -> None:
    imported = import_onnx(FORMS[name], calibration=ROWS[:80], tolerance=Tolerance(agreement=0.95))
    assert fidelity(imported, FORMS[name], ROWS[80:]).error <= 2e-3


@pytest.mark.parametrize(
    ("data", "op"),
    [
        (network(n("Squeeze", "y0 a1", "s"), n("Gather", "s last", "y", axis=1)), "Gather"),
        (network(n("Squeeze", "y0 a1", "s"), n("Softmax", "s", "y", axis=1)), "Softmax"),
        (network(n("Squeeze", "y0 a1", "s"), n("ReduceMean", "s", "y", axes=[1])), "ReduceMean"),
        (network(n("Squeeze", "y0 a1", "s"), n("Reshape", "s flat", "y")), "Reshape"),
        (network(n("Squeeze", "y0 a2", "y")), "Squeeze"),
    ],
)
def test_operator_along_a_batch_that_is_not_in_front_is_refused_by_name(data: bytes, op: str) -> None:
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=ROWS)
    assert caught.value.fields["op"] == op


def test_output_with_the_batch_elsewhere_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        import_onnx(network(n("Squeeze", "y0 a1", "y")), calibration=ROWS)
    assert "batch as axis 1" in caught.value.message
