"""Tree ensembles as integer blocks: exact on the grid, with gaps, and in the documented pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.execute import run_outputs
from concordat.graph.fidelity import fidelity
from concordat.graph.ir import Op
from concordat.graph.onnx import import_onnx

pytest.importorskip("onnxruntime")


NODE_LISTS = (
    "treeids",
    "nodeids",
    "featureids",
    "modes",
    "values",
    "truenodeids",
    "falsenodeids",
    "missing_value_tracks_true",
)


def forest(
    generator: np.random.Generator,
    trees: int,
    depth: int,
    *,
    modes: tuple[str, ...] = ("BRANCH_LEQ",),
    gaps: bool = False,
) -> dict[str, Any]:
    """Attributes of a random full forest over three features."""
    lists: dict[str, list[Any]] = {f"nodes_{name}": [] for name in NODE_LISTS}
    lists |= {f"target_{name}": [] for name in ("ids", "treeids", "nodeids", "weights")}
    for tree in range(trees):
        inner = (1 << depth) - 1
        for node in range(2 * inner + 1):
            leaf = node >= inner
            lists["nodes_treeids"].append(tree)
            lists["nodes_nodeids"].append(node)
            lists["nodes_featureids"].append(0 if leaf else int(generator.integers(3)))
            lists["nodes_modes"].append("LEAF" if leaf else str(generator.choice(modes)))
            lists["nodes_values"].append(0.0 if leaf else round(float(generator.normal()), 1))
            lists["nodes_truenodeids"].append(0 if leaf else 2 * node + 1)
            lists["nodes_falsenodeids"].append(0 if leaf else 2 * node + 2)
            lists["nodes_missing_value_tracks_true"].append(int(gaps and not leaf and generator.random() < 0.5))
            if leaf:
                lists["target_ids"].append(int(generator.integers(2)))
                lists["target_treeids"].append(tree)
                lists["target_nodeids"].append(node)
                lists["target_weights"].append(float(generator.normal()))
    if not gaps:
        del lists["nodes_missing_value_tracks_true"]
    return {**lists, "n_targets": 2}


def regressor(attributes: dict[str, Any], *before: Any) -> bytes:
    name = before[-1].output[0] if before else "x"
    node = helper.make_node("TreeEnsembleRegressor", [name], ["y"], domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph(
        [*before, node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_empty_tensor_value_info("y")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return data


def modern(generator: np.random.Generator, trees: int, depth: int) -> bytes:
    """The newer operator: full trees of inner nodes, leaves in their own lists; gaps have branches."""
    inner = (1 << depth) - 1
    total, leaves = trees * inner, trees * (inner + 1)
    children = [[tree * inner + node for node in range(inner)] for tree in range(trees)]
    true, false, leaf = [], [], []
    for tree in range(trees):
        for node in range(inner):
            at_end = 2 * node + 1 >= inner
            base = tree * (inner + 1) - inner if at_end else children[tree][0]
            true.append(base + 2 * node + 1)
            false.append(base + 2 * node + 2)
            leaf.append(int(at_end))
    attributes = {
        "n_targets": 2,
        "tree_roots": [tree * inner for tree in range(trees)],
        "nodes_featureids": generator.integers(3, size=total).tolist(),
        "nodes_modes": numpy_helper.from_array(generator.integers(4, size=total).astype(np.uint8)),
        "nodes_splits": numpy_helper.from_array(generator.normal(size=total).round(1).astype(np.float32)),
        "nodes_truenodeids": true,
        "nodes_falsenodeids": false,
        "nodes_trueleafs": leaf,
        "nodes_falseleafs": leaf,
        "nodes_missing_value_tracks_true": generator.integers(2, size=total).tolist(),
        "leaf_targetids": generator.integers(2, size=leaves).tolist(),
        "leaf_weights": numpy_helper.from_array(generator.normal(size=leaves).astype(np.float32)),
    }
    graph = helper.make_graph(
        [helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_empty_tensor_value_info("y")],
    )
    data: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 5)], ir_version=10
    ).SerializeToString()
    return data


def grid(generator: np.random.Generator, count: int = 400) -> Any:
    """Rows on the very grid that thresholds lie on, so that ties are common."""
    return generator.normal(size=(count, 3)).round(1)


@pytest.mark.parametrize("seed", range(6))
def test_forest_on_grid_rows_is_exact(seed: int) -> None:
    generator = np.random.default_rng(seed)
    modes = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")[: 1 + seed % 4]
    data = regressor(forest(generator, 1 + seed, 1 + seed % 4, modes=modes))
    rows = grid(generator)
    imported = import_onnx(data, calibration=rows)
    assert fidelity(imported, data, rows).error < 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_forest_behind_a_scaler_is_exact_in_single_precision(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scale, offset = generator.normal(size=3).tolist(), generator.normal(size=3).tolist()
    scaler = helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", scale=scale, offset=offset)
    attributes = forest(generator, 5, 3)
    rows = grid(generator)
    scaled = ((rows.astype(np.float32) - np.float32(offset)) * np.float32(scale)).astype(np.float32)
    inner = [i for i, mode in enumerate(attributes["nodes_modes"]) if mode != "LEAF"]
    for i in inner:  # thresholds that are hit exactly, negative scales included
        attributes["nodes_values"][i] = float(scaled[generator.integers(len(rows)), attributes["nodes_featureids"][i]])
    data = regressor(attributes, scaler)
    imported = import_onnx(data, calibration=rows)
    assert fidelity(imported, data, rows).error < 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_gaps_take_the_branch_that_the_trees_say(seed: int) -> None:
    generator = np.random.default_rng(seed)
    data = regressor(forest(generator, 4, 3, gaps=True))
    rows = grid(generator)
    rows[generator.random(rows.shape) < 0.3] = np.nan
    imported = import_onnx(data, calibration=rows)
    assert all(column.missing for column in imported.schema.columns)  # type: ignore[union-attr]
    assert fidelity(imported, data, rows).error < 1e-6


def test_gaps_filled_by_an_imputer_take_its_value() -> None:
    generator = np.random.default_rng(9)
    imputer = helper.make_node(
        "Imputer",
        ["x"],
        ["s"],
        domain="ai.onnx.ml",
        imputed_value_floats=[0.123, -0.77, 3.3],
        replaced_value_float=float("nan"),
    )
    data = regressor(forest(generator, 6, 4), imputer)
    rows = grid(generator)
    rows[generator.random(rows.shape) < 0.3] = np.nan
    imported = import_onnx(data, calibration=rows)
    assert fidelity(imported, data, rows).error < 1e-6


def test_trees_are_laid_out_in_the_documented_pattern() -> None:
    generator = np.random.default_rng(3)
    imported = import_onnx(regressor(forest(generator, 7, 3)), calibration=grid(generator))
    ops = [node.op for node in imported.graph.nodes[:7]]
    assert ops == [Op.INPUT, Op.GATHER, Op.SELECT, Op.MATMUL, Op.SELECT, Op.MATMUL, Op.SUM]
    tested, bits, votes, reached, given, score = imported.graph.nodes[1:7]
    assert (tested.n, bits.n, votes.n, reached.n, given.n, score.n) == (49, 49, 56, 56, 14, 2)
    assert (votes.k, given.k, score.k) == (7, 8, 7)


def test_wide_trees_are_cut_into_rows_of_256() -> None:
    generator = np.random.default_rng(4)
    data = regressor(forest(generator, 2, 9))
    rows = grid(generator)
    imported = import_onnx(data, calibration=rows)
    assert max(node.k for node in imported.graph.nodes) <= 256
    assert fidelity(imported, data, rows).error < 1e-6


def test_trees_of_one_leaf_give_a_constant() -> None:
    generator = np.random.default_rng(2)
    imported = import_onnx(regressor(forest(generator, 3, 0)), calibration=grid(generator))
    outputs = run_outputs(imported.graph, imported.schema.encode(grid(generator, 5)))
    assert len(np.unique(outputs, axis=0)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_newer_tree_operator_is_exact(seed: int) -> None:
    generator = np.random.default_rng(seed)
    data = modern(generator, 1 + 2 * seed, 1 + seed)
    rows = grid(generator)
    rows[generator.random(rows.shape) < 0.2] = np.nan
    imported = import_onnx(data, calibration=rows)
    assert fidelity(imported, data, rows).error < 1e-6


def test_trees_on_computed_numbers_stay_near_the_floats() -> None:
    generator = np.random.default_rng(8)
    matrix = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(np.eye(3, dtype=np.float32) + 0.3))
    product = helper.make_node("MatMul", ["x", "w"], ["h"])
    attributes = forest(generator, 3, 3)
    attributes["nodes_values"] = [value + 0.0503 for value in attributes["nodes_values"]]
    data = regressor(attributes, matrix, product)
    rows = grid(generator)
    imported = import_onnx(data, calibration=rows)
    assert fidelity(imported, data, rows).error < 1e-6
