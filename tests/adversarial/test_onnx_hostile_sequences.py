"""Hostile transformers, recurrent networks and support vectors: imported or refused with a hint, never a traceback."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ConcordatError, ModelError
from concordat.testing.sequences import recurrent, transformer

TOKENS = np.random.default_rng(1).integers(0, 9, size=(40, 3))
NUMBERS = np.random.default_rng(2).uniform(-2, 2, size=(40, 6)).round(2)


def network(*nodes: Any, constants: dict[str, Any] | None = None, width: int = 6) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return data


def vectors(**changes: Any) -> bytes:
    """A classifier of three classes with two support vectors each; `changes` replace attributes."""
    attributes: dict[str, Any] = {
        "kernel_type": "RBF",
        "kernel_params": [0.1, 0.0, 3.0],
        "support_vectors": np.arange(36.0).tolist(),
        "coefficients": [0.5] * 12,
        "rho": [0.1, 0.2, 0.3],
        "vectors_per_class": [2, 2, 2],
        "classlabels_ints": [0, 1, 2],
        "post_transform": "NONE",
        **changes,
    }
    kept = {key: value for key, value in attributes.items() if value is not None}
    return network(helper.make_node("SVMClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml", **kept))


MODELS: dict[str, tuple[bytes, Any]] = {
    "transformer": (transformer(length=3, width=4, heads=2, hidden=3, tokens=9, classes=2), TOKENS),
    "spelt-out": (transformer(length=3, width=2, heads=1, hidden=2, tokens=0, classes=2, spelt_out=True), NUMBERS),
    "lstm": (recurrent("LSTM", length=3, width=2, hidden=2), NUMBERS),
    "gru": (recurrent("GRU", length=3, width=2, hidden=2, direction="bidirectional", whole=True), NUMBERS),
    "vectors": (vectors(), NUMBERS),
}


@pytest.mark.parametrize("name", MODELS)
def test_sequence_model_that_is_sound_is_imported(name: str) -> None:
    data, rows = MODELS[name]
    import_onnx(data, calibration=rows)


@pytest.mark.parametrize("name", MODELS)
def test_sequence_model_with_flipped_bytes_is_imported_or_refused(name: str) -> None:
    data, rows = MODELS[name]
    generator = random.Random(9)
    for _ in range(30):
        damaged = bytearray(data)
        for _ in range(generator.choice((1, 1, 2, 5))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        with contextlib.suppress(ConcordatError):
            import_onnx(bytes(damaged), calibration=rows)


@pytest.mark.parametrize("name", MODELS)
def test_sequence_model_with_a_node_robbed_is_imported_or_refused(name: str) -> None:
    data, rows = MODELS[name]
    count = len(onnx.load_from_string(data).graph.node)
    for place in range(0, count, 2):
        for what in ("input", "attribute", "last input"):
            proto = onnx.load_from_string(data)
            node = proto.graph.node[place]
            if what == "last input":
                del node.input[-1]
            else:
                del (node.input if what == "input" else node.attribute)[:1]
            with contextlib.suppress(ConcordatError):
                import_onnx(proto.SerializeToString(), calibration=rows)


@pytest.mark.parametrize("name", MODELS)
def test_sequence_model_with_a_constant_of_another_shape_is_imported_or_refused(name: str) -> None:
    data, rows = MODELS[name]
    count = len(onnx.load_from_string(data).graph.initializer)
    for place in range(0, count, 3):
        for change in (lambda a: a.ravel()[:1], lambda a: a.ravel()[:0], lambda a: np.stack([a, a]), lambda a: a.T):
            proto = onnx.load_from_string(data)
            tensor = proto.graph.initializer[place]
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).copy(), tensor.name))
            with contextlib.suppress(ConcordatError):
                import_onnx(proto.SerializeToString(), calibration=rows)


@pytest.mark.parametrize("op", ["Curve", "OneHotRows", "Standardise"])
def test_operator_that_only_rewriting_writes_is_refused_in_a_file(op: str) -> None:
    with pytest.raises(ModelError) as caught:
        import_onnx(network(helper.make_node(op, ["x"], ["y"], axes=[1], nodes=[1])), calibration=NUMBERS)
    assert (caught.value.code, caught.value.fields["op"]) == ("UnsupportedOperator", op)


@pytest.mark.parametrize(
    "changes",
    [
        {"support_vectors": np.arange(35.0).tolist()},
        {"support_vectors": None},
        {"coefficients": [0.5] * 11},
        {"coefficients": [float("nan")] * 12},
        {"rho": [0.1]},
        {"vectors_per_class": [2, 2, 3]},
        {"vectors_per_class": [1 << 40, 2, 2]},
        {"vectors_per_class": [8, -4, 2]},
        {"kernel_type": "WARP"},
        {"kernel_params": [0.1]},
        {"classlabels_ints": [0, 1]},
        {"post_transform": "PROBIT"},
        {"prob_a": [1.0, 1.0, 1.0], "prob_b": [0.0, 0.0, 0.0]},
        {"kernel_type": "POLY", "kernel_params": [1e30, 0.0, 9.0]},
    ],
)
def test_support_vectors_that_do_not_fit_are_refused_by_name(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        import_onnx(vectors(**changes), calibration=NUMBERS)
    assert caught.value.hint


def test_unrolling_without_end_is_refused_before_it_starts() -> None:
    cell = helper.make_node("RNN", ["t", "w", "r"], ["all", "h"], hidden_size=1)
    data = network(
        helper.make_node("Reshape", ["x", "s"], ["u"]),
        helper.make_node("Transpose", ["u"], ["t"], perm=[1, 0, 2]),
        cell,
        helper.make_node("Transpose", ["h"], ["y"], perm=[1, 0, 2]),
        constants={
            "s": np.array([-1, 4_096, 1]),
            "w": np.ones((1, 1, 1), np.float32),
            "r": np.ones((1, 1, 1), np.float32),
        },
        width=4_096,
    )
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=np.random.default_rng(3).uniform(size=(20, 4_096)).round(2))
    assert (caught.value.code, caught.value.fields["op"]) == ("ModelTooLarge", "RNN")
