"""Hostile and broken ONNX files: each ends in a typed error with a hint, in bounded time and memory."""

from __future__ import annotations

import contextlib
import random
import resource
import time
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.onnx import ImportedModel, import_onnx
from concordat.graph.onnx.wire import MAX_MESSAGES, count_messages
from concordat.primitives.errors import ConcordatError, ModelError, SchemaError

ROWS = np.random.default_rng(0).normal(size=(40, 4)).round(3)


def tensor(name: str, values: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)


def model(
    nodes: list[Any],
    constants: list[TensorProto] | None = None,
    *,
    width: int = 4,
    opset: int = 18,
    output: str = "y",
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, [None, width])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        constants or [],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets)


def dense() -> onnx.ModelProto:
    weights = np.arange(8, dtype=np.float32).reshape(4, 2) / 7 - 0.5
    return model(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"], name="rectify")],
        [tensor("w", weights)],
    )


TREE: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.25, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "target_ids": [0, 0],
    "target_treeids": [0, 0],
    "target_nodeids": [1, 2],
    "target_weights": [1.0, -1.0],
    "n_targets": 1,
}


def tree(**changes: Any) -> onnx.ModelProto:
    attributes = {**TREE, **changes}
    return model([helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **attributes)])


def refused(proto: onnx.ModelProto | bytes, rows: Any = ROWS, **options: Any) -> ModelError:
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=rows, **options)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Softmax", "MatMul"])
@pytest.mark.parametrize("more", [["z"], [""], ["", "z"]])
def test_operator_with_more_outputs_than_it_has_is_refused_by_name(op: str, more: list[str]) -> None:
    inputs = ["x", "w"] if op == "MatMul" else ["h"]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node(op, inputs, ["y", *more], name="greedy")]
    error = refused(model(nodes, [tensor("w", np.ones((4, 2)))]))
    assert (error.code, error.fields["op"], error.fields["node"]) == ("BadOperator", op, "greedy")
    assert f"{1 + len(more)} outputs" in error.message


def test_sound_models_are_imported() -> None:
    assert isinstance(import_onnx(dense().SerializeToString(), calibration=ROWS), ImportedModel)
    assert isinstance(import_onnx(tree().SerializeToString(), calibration=ROWS), ImportedModel)


# -- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x00" * 64, b"\xff" * 64, b"PK\x03\x04" + bytes(60)])
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    assert refused(data).hint


def test_model_cut_off_anywhere_is_refused() -> None:
    data = dense().SerializeToString()
    for length in range(0, len(data) - 12, 3):
        refused(data[:length])


@pytest.mark.parametrize("make", [dense, tree])
def test_model_with_flipped_bytes_is_imported_or_refused(make: Any) -> None:
    data, generator = make().SerializeToString(), random.Random(7)
    for _ in range(250):
        damaged = bytearray(data)
        for _ in range(generator.choice((1, 1, 2, 5))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        with contextlib.suppress(ConcordatError):
            import_onnx(bytes(damaged), calibration=ROWS)


def test_length_that_claims_two_gigabytes_is_refused() -> None:
    assert refused(b"\x3a\xff\xff\xff\xff\x07" + b"\x0a\x00" * 10).code == "NotOnnx"


def test_bomb_of_empty_nodes_is_counted_before_it_is_built() -> None:
    bomb = b"\x0a\x00" * (4 << 20)
    length = len(bomb)
    varint = bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14 & 0x7F | 0x80, length >> 21])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.monotonic()
    assert refused(b"\x3a" + varint + bomb).code == "ModelTooLarge"
    assert time.monotonic() - begin < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_messages_nested_without_end_are_refused() -> None:
    inner = b""
    for _ in range(200):
        inner = b"\x0a" + _varint(len(inner) + 4) + b"\x2a" + _varint(len(inner)) + inner
    with pytest.raises(ModelError):
        count_messages(b"\x3a" + _varint(len(inner)) + inner)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_count_of_a_sound_model_is_small() -> None:
    assert 0 < count_messages(dense().SerializeToString()) < MAX_MESSAGES


# -- constants -------------------------------------------------------------------------------------------------------


def test_weights_in_another_file_are_refused() -> None:
    proto = dense()
    weights = proto.graph.initializer[0]
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="/etc/passwd")
    error = refused(proto)
    assert error.code == "ExternalData"
    assert "one file" in error.hint


@pytest.mark.parametrize("dims", [[1 << 31, 1 << 31], [1 << 25], [-4, 2], [4, 3], [0, 1 << 62]])
def test_shape_that_the_data_do_not_fill_is_refused(dims: list[int]) -> None:
    proto = dense()
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend(dims)
    assert refused(proto).code in ("ModelTooLarge", "NotOnnx", "BadOperator")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weight_that_is_not_finite_is_refused(value: float) -> None:
    weights = np.ones((4, 2))
    weights[1, 1] = value
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [tensor("w", weights)])
    assert refused(proto).code == "NotFinite"
    linear = helper.make_node(
        "LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=[1.0, value, 0.0, 0.0], intercepts=[0.0]
    )
    assert refused(model([linear])).code == "NotFinite"


def test_weights_that_overflow_on_real_rows_are_refused() -> None:
    proto = model(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Mul", ["h", "h"], ["y"])],
        [tensor("w", np.full((4, 1), 1e30))],
    )
    assert refused(proto).code == "NotFinite"


def test_text_input_that_nothing_encodes_is_refused() -> None:
    proto = model([helper.make_node("Identity", ["x"], ["y"])], width=1, kind=TensorProto.STRING)
    assert "OneHotEncoder" in refused(proto, {"x": ["a", "b"]}).hint


# -- structure -------------------------------------------------------------------------------------------------------


def test_cycle_is_refused() -> None:
    proto = model([helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])], output="b")
    assert refused(proto).code == "BadOrder"


def test_node_that_reads_itself_is_refused() -> None:
    assert refused(model([helper.make_node("Relu", ["y"], ["y"])])).code == "BadOrder"


def test_two_tensors_of_one_name_are_refused() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["y"])]
    assert refused(model(nodes)).code == "DuplicateName"
    proto = dense()
    proto.graph.initializer.append(proto.graph.initializer[0])
    assert refused(proto).code == "DuplicateName"


def test_output_that_nothing_makes_is_refused() -> None:
    assert refused(model([helper.make_node("Relu", ["x"], ["z"])])).code == "NotOnnx"


@pytest.mark.parametrize(
    ("op", "domain"),
    [("Einsum", ""), ("Relu", "com.evil"), ("DictVectorizer", "ai.onnx.ml")],
)
def test_unknown_operator_is_refused_by_name(op: str, domain: str) -> None:
    proto = model([helper.make_node(op, ["x"], ["y"], name="culprit", domain=domain)])
    error = refused(proto)
    assert error.code == "UnsupportedOperator"
    assert op in error.message
    assert "culprit" in error.message


def test_old_and_undeclared_opsets_are_refused() -> None:
    proto = dense()
    proto.opset_import[0].version = 5
    assert refused(proto).code == "OldOpset"
    del proto.opset_import[:]
    assert refused(proto).code == "NotOnnx"
    proto = tree()
    proto.opset_import[1].version = 99
    assert refused(proto).code == "NewOpset"


def test_control_flow_functions_and_sparse_weights_are_refused() -> None:
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["b"])], "b", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    assert refused(model([node])).code == "UnsupportedOperator"
    proto = dense()
    proto.functions.append(helper.make_function("d", "f", [], [], [], [helper.make_opsetid("", 18)]))
    assert refused(proto).code == "Unsupported"
    proto = dense()
    proto.graph.sparse_initializer.add()
    assert refused(proto).code == "Unsupported"


def test_graph_of_too_many_nodes_is_refused() -> None:
    nodes = [helper.make_node("Relu", ["x" if i == 0 else f"t{i}"], [f"t{i + 1}"]) for i in range(5_000)]
    assert refused(model(nodes, output="t5000")).code == "ModelTooLarge"


# -- growth ----------------------------------------------------------------------------------------------------------


def test_row_that_doubles_thirty_times_is_refused() -> None:
    nodes = [helper.make_node("Concat", [f"t{i}", f"t{i}"], [f"t{i + 1}"], axis=1) for i in range(30)]
    nodes[0].input[:] = ["x", "x"]
    assert refused(model(nodes, output="t30")).code == "ModelTooLarge"


@pytest.mark.parametrize(
    ("node", "constant"),
    [
        (helper.make_node("MatMul", ["x", "w"], ["y"]), np.ones((4, 1 << 21), dtype=np.float32)),
        (helper.make_node("Add", ["x", "w"], ["y"]), np.ones((1, 1 << 21, 1), dtype=np.float32)),
        (helper.make_node("Gather", ["x", "w"], ["y"], axis=1), np.zeros(1 << 21, dtype=np.int64)),
        (
            helper.make_node("ArrayFeatureExtractor", ["x", "w"], ["y"], domain="ai.onnx.ml"),
            np.zeros(1 << 21, np.int64),
        ),
    ],
)
def test_operator_that_blows_up_a_row_is_refused(node: Any, constant: Any) -> None:
    proto = model([node], [numpy_helper.from_array(constant, "w")])
    assert refused(proto).code == "ModelTooLarge"


def test_constant_that_reaches_across_a_batch_is_refused() -> None:
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], [tensor("w", np.ones((40, 4)))])
    assert refused(proto).hint is not None


def test_output_of_too_many_numbers_is_refused() -> None:
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [tensor("w", np.ones((4, 20_000)))])
    assert refused(proto).code == "OutputTooLarge"


# -- trees -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes_truenodeids": [0, 0, 0]},
        {"nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [1, 0, 0]},
        {"nodes_truenodeids": [9, 0, 0]},
        {"nodes_nodeids": [0, 1, 1]},
        {"nodes_featureids": [9, 0, 0]},
        {"nodes_featureids": [-1, 0, 0]},
        {"nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_MAYBE"]},
        {"nodes_modes": ["BRANCH_LEQ", "LEAF"]},
        {"nodes_values": [float("nan"), 0.0, 0.0]},
        {"nodes_values": [0.5]},
        {"target_weights": [float("inf"), 0.0]},
        {"target_nodeids": [0, 2]},
        {"target_ids": [0, 7]},
        {"n_targets": 1 << 40},
        {"base_values": [1.0, 2.0]},
        {"aggregate_function": "MIN"},
        {"post_transform": "PROBIT"},
        {"nodes_missing_value_tracks_true": [1]},
        {"nodes_treeids": [0, 0, 1]},
    ],
)
def test_lists_that_are_no_forest_are_refused(changes: dict[str, Any]) -> None:
    assert "TreeEnsembleRegressor" in refused(tree(**changes)).message


def test_tree_of_unbounded_depth_is_refused() -> None:
    depth = 400
    inner, leaves = list(range(depth)), list(range(depth, 2 * depth + 1))
    count = len(inner) + len(leaves)
    error = refused(
        tree(
            nodes_treeids=[0] * count,
            nodes_nodeids=list(range(count)),
            nodes_featureids=[0] * count,
            nodes_modes=["BRANCH_LEQ"] * depth + ["LEAF"] * len(leaves),
            nodes_values=[float(i) for i in range(count)],
            nodes_truenodeids=[*inner[1:], leaves[0], *([0] * len(leaves))],
            nodes_falsenodeids=[*leaves[1:], *([0] * len(leaves))],
            target_ids=[0] * len(leaves),
            target_treeids=[0] * len(leaves),
            target_nodeids=leaves,
            target_weights=[1.0] * len(leaves),
        )
    )
    assert "deeper" in error.message


def modern(**changes: Any) -> onnx.ModelProto:
    attributes: dict[str, Any] = {
        "n_targets": 1,
        "tree_roots": [0],
        "nodes_featureids": [1],
        "nodes_modes": np.array([0], dtype=np.uint8),
        "nodes_splits": np.array([0.25], dtype=np.float32),
        "nodes_truenodeids": [0],
        "nodes_falsenodeids": [1],
        "nodes_trueleafs": [1],
        "nodes_falseleafs": [1],
        "leaf_targetids": [0, 0],
        "leaf_weights": np.array([1.0, -1.0], dtype=np.float32),
        **changes,
    }
    packed = {k: numpy_helper.from_array(v) if isinstance(v, np.ndarray) else v for k, v in attributes.items()}
    proto = model([helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **packed)])
    proto.opset_import[1].version = 5
    return proto


@pytest.mark.parametrize(
    "changes",
    [
        {"tree_roots": [0, 0]},
        {"tree_roots": [5]},
        {"nodes_trueleafs": [0]},
        {"nodes_truenodeids": [9]},
        {"nodes_falsenodeids": [-1]},
        {"nodes_modes": np.array([6], dtype=np.uint8)},
        {"nodes_modes": [0]},
        {"nodes_splits": np.array([0.5, 0.5], dtype=np.float32)},
        {"leaf_targetids": [0, 1]},
        {"leaf_weights": np.array([1.0], dtype=np.float32)},
        {"n_targets": 0},
        {"aggregate_function": 2},
        {"post_transform": 4},
    ],
)
def test_newer_tree_lists_that_are_no_forest_are_refused(changes: dict[str, Any]) -> None:
    assert isinstance(import_onnx(modern().SerializeToString(), calibration=ROWS), ImportedModel)
    assert "TreeEnsemble" in refused(modern(**changes)).message


# -- attributes and calibration --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Softmax", ["x"], ["y"], axis=0),
        helper.make_node("ArgMax", ["x"], ["y"], axis=0),
        helper.make_node("Flatten", ["x"], ["y"], axis=0),
        helper.make_node("Concat", ["x", "x"], ["y"], axis=0),
        helper.make_node("Concat", ["x", "x"], ["y"]),
        helper.make_node("Cast", ["x"], ["y"], to=8),
        helper.make_node("Cast", ["x"], ["y"]),
        helper.make_node("LeakyRelu", ["x"], ["y"], alpha="steep"),
        helper.make_node("Gemm", ["x"], ["y"]),
        helper.make_node("Add", ["x"], ["y"]),
        helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[1.0], scale=[1.0, 2.0, 3.0]),
        helper.make_node("Imputer", ["x"], ["y"], domain="ai.onnx.ml", imputed_value_floats=[1.0, 2.0]),
        helper.make_node("OneHotEncoder", ["x"], ["y"], domain="ai.onnx.ml"),
        helper.make_node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=[1.0], intercepts=[0.0]),
        helper.make_node("LinearClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml", coefficients=[1.0] * 8),
        helper.make_node("Reciprocal", ["x"], ["y"]),
        helper.make_node("MatMul", ["x", "x"], ["y"]),
    ],
    ids=lambda node: node.op_type,
)
def test_operator_with_attributes_that_do_not_fit_is_refused_by_name(node: Any) -> None:
    assert node.op_type in refused(model([node])).message


@pytest.mark.parametrize(
    "rows", [np.zeros((0, 4)), np.zeros((3, 5)), np.zeros((3, 4, 2)), [], "rows", {"x0": [1.0]}, 7]
)
def test_calibration_rows_that_do_not_fit_are_refused(rows: Any) -> None:
    with pytest.raises((SchemaError, ModelError)):
        import_onnx(dense().SerializeToString(), calibration=rows)


def test_calibration_rows_without_any_number_are_refused() -> None:
    with pytest.raises(SchemaError):
        import_onnx(dense().SerializeToString(), calibration=np.full((5, 4), np.nan))
    with pytest.raises(SchemaError):
        import_onnx(dense().SerializeToString(), calibration=[["a", "b", "c", "d"]] * 3)


def test_tolerance_that_no_precision_keeps_is_refused_and_names_the_operator() -> None:
    from concordat.graph.onnx import Tolerance

    error = refused(dense(), tolerance=Tolerance(error=1e-12))
    assert error.code == "ToleranceMissed"
    assert "MatMul" in error.message or "Relu" in error.message


def test_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        import_onnx("/nowhere/model.onnx", calibration=ROWS)
