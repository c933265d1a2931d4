"""The compiled executor against the numpy one, bit for bit: outputs, single rows, and traces."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements, unpack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.ir import Comparison, Graph, Op
from concordat.testing.graphs import random_graph, random_input

native = pytest.importorskip("concordat_native")
pytestmark = pytest.mark.native

ROWS = 13
"""More than two tiles of six, and an odd one."""


def rows_for(graph: Graph, seed: int) -> Any:
    node = graph.nodes[0]
    return np.array(
        [unpack_elements(random_input(graph, 1000 * seed + row), node.out_type, node.n) for row in range(ROWS)]
    )


def assert_twins_agree(graph: Graph, rows: Any) -> None:
    """Batches (with any instructions), single rows and traces equal the numpy executor's."""
    expected = run_outputs(graph, rows, reference=True)
    for tier in ("plain", "avx2"):
        program = native.Program(graph.to_bytes(), tier=tier)
        np.testing.assert_array_equal(program.run_outputs(rows, threads=1), expected)
    program = native.Program(graph.to_bytes())
    np.testing.assert_array_equal(program.run_outputs(rows, threads=1), expected)
    for row in rows[:3]:
        words = pack_elements(row, graph.nodes[0].out_type)
        assert program.trace(words) == run(graph, words, reference=True).trace
    np.testing.assert_array_equal(program.run_one(rows[0]), expected[0])


@pytest.mark.parametrize("seed", range(400))
def test_program_of_any_operations_equals_numpy(seed: int) -> None:
    graph = random_graph(seed, max_nodes=16)
    assert_twins_agree(graph, rows_for(graph, seed))


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.INPUT])
@pytest.mark.parametrize("seed", range(10))
def test_program_of_one_operation_equals_numpy(op: Op, seed: int) -> None:
    graph = random_graph(seed, ops=[op], max_nodes=5, max_elements=200)
    assert_twins_agree(graph, rows_for(graph, seed))


def layers(random: Any, widths: list[int], reach: int, kind: ElementType) -> Graph:
    """Dense layers with weights up to `reach`, each sum brought back to `kind`."""
    builder = GraphBuilder()
    at = builder.input(widths[0], kind)
    for inputs, outputs in pairwise(widths):
        sums = builder.matmul(at, random.integers(-reach, reach + 1, size=(outputs, inputs)))
        most = min((1 << 61) // sums.interval.magnitude, 1 << 20)
        shift = max((most * sums.interval.magnitude).bit_length() - 8 * kind.bytes - 2, 0)
        factors = builder.weights(random.integers(max(most // 2, 1), most + 1, size=outputs))
        summands = builder.weights(random.integers(-999, 999, size=outputs))
        at = builder.affine(sums, b=factors, c=summands, shift=shift, lo=0, hi=kind.maximum, out_type=kind)
    return builder.build(at)


@pytest.mark.parametrize("reach", [1, 127, 3000, 32767, 100_000])
@pytest.mark.parametrize("kind", [ElementType.I8, ElementType.I16, ElementType.I32])
@pytest.mark.parametrize("widths", [[3, 1], [30, 64, 17, 1], [300, 49, 33], [785, 5]])
def test_program_of_dense_layers_equals_numpy(widths: list[int], kind: ElementType, reach: int) -> None:
    random = np.random.default_rng(reach)
    graph = layers(random, widths, reach, kind)
    assert set(native.Program(graph.to_bytes()).steps) <= {"dense", "weighted", "rescale", "pointwise"}
    rows = random.integers(kind.minimum, kind.maximum, size=(ROWS, widths[0]), endpoint=True)
    rows[0], rows[1] = kind.minimum, kind.maximum
    assert_twins_agree(graph, rows)


Path = dict[int, bool]
"""Numbers of the inner nodes on a leaf's path, and what their comparisons must give."""


def grow(random: Random, depth: int, inner: list[tuple[int, int]], path: Path) -> list[Path]:
    """Leaves of a random tree; its inner nodes (feature, threshold) are appended."""
    if len(path) == depth or (path and random.random() < 0.2):
        return [path]
    node = len(inner)
    inner.append((random.randrange(6), random.randint(-20, 20)))
    return [leaf for taken in (True, False) for leaf in grow(random, depth, inner, {**path, node: taken})]


def forest(seed: int, trees: int, depth: int, targets: int, kind: ElementType, spoil: str = "") -> Graph:
    """Trees as arithmetic: comparisons, votes of the comparisons for leaves, and sums of the leaves reached."""
    random = Random(seed)
    inner: list[tuple[int, int]] = []
    leaves = [leaf for _ in range(trees) for leaf in grow(random, depth, inner, {})]
    path = np.zeros((len(leaves), len(inner)), dtype=np.int64)
    for place, leaf in enumerate(leaves):
        for node, taken in leaf.items():
            path[place, node] = 1 if taken else -1
    needed = (path == 1).sum(axis=1)
    if spoil == "any path":
        path = np.array([[random.randint(-1, 1) for _ in inner] for _ in leaves])
    elif spoil == "fewer votes":
        needed[random.randrange(len(leaves))] -= 1
    elif spoil == "more votes":
        needed[random.randrange(len(leaves))] += 1
    elif spoil == "a leaf twice":
        path[0], needed[0] = path[-1], needed[-1]
    elif spoil == "double weight":
        path[0] *= 2
    values = np.array([random.randint(-(1 << 20), 1 << 20) for _ in range(targets * len(leaves))])
    builder = GraphBuilder()
    tested = builder.gather(builder.input(6, kind), [feature for feature, _ in inner])
    bits = builder.select(tested, Comparison.LESS_EQUAL, builder.weights([bound for _, bound in inner]))
    reached = builder.select(builder.matmul(bits, path), Comparison.EQUAL, builder.weights(needed))
    return builder.build(builder.matmul(reached, values.reshape(targets, len(leaves))))


def tree_rows(seed: int) -> Any:
    return np.random.default_rng(seed).integers(-22, 23, size=(4 * ROWS, 6))


@pytest.mark.parametrize("kind", [ElementType.I8, ElementType.I32, ElementType.I64])
@pytest.mark.parametrize(("trees", "depth", "targets"), [(1, 1, 1), (1, 6, 3), (9, 3, 1), (10, 5, 4), (40, 4, 2)])
def test_program_of_trees_equals_numpy(trees: int, depth: int, targets: int, kind: ElementType) -> None:
    graph = forest(trees, trees, depth, targets, kind)
    assert native.Program(graph.to_bytes()).steps == ["forest"]
    assert_twins_agree(graph, tree_rows(depth))


@pytest.mark.parametrize("spoil", ["any path", "fewer votes", "more votes", "a leaf twice", "double weight"])
@pytest.mark.parametrize("seed", range(6))
def test_program_that_only_looks_like_trees_equals_numpy(spoil: str, seed: int) -> None:
    graph = forest(seed, 1 + seed, 3, 2, ElementType.I16, spoil)
    assert_twins_agree(graph, tree_rows(seed))


def test_batch_on_several_threads_equals_one_thread() -> None:
    graph = layers(np.random.default_rng(0), [30, 64, 10], 127, ElementType.I16)
    program = native.Program(graph.to_bytes())
    rows = np.random.default_rng(1).integers(-32768, 32768, size=(777, 30))
    np.testing.assert_array_equal(program.run_outputs(rows, threads=3), program.run_outputs(rows, threads=1))


def test_batch_of_no_rows_gives_no_rows() -> None:
    graph = layers(np.random.default_rng(0), [3, 2], 127, ElementType.I16)
    assert native.Program(graph.to_bytes()).run_outputs(np.zeros((0, 3), dtype=np.int64)).shape == (0, 2)


def test_batch_that_is_not_contiguous_equals_a_copy() -> None:
    graph = layers(np.random.default_rng(0), [30, 4], 127, ElementType.I16)
    program = native.Program(graph.to_bytes())
    wide = np.random.default_rng(1).integers(-500, 500, size=(9, 60))
    np.testing.assert_array_equal(program.run_outputs(wide[:, ::2]), program.run_outputs(wide[:, ::2].copy()))


@pytest.mark.parametrize("rows", [np.zeros((2, 4)), np.array([[0, 0, 1 << 15]]), np.array([[-(1 << 15) - 1, 0, 0]])])
def test_batch_of_wrong_inputs_is_refused(rows: Any) -> None:
    graph = layers(np.random.default_rng(0), [3, 2], 127, ElementType.I16)
    with pytest.raises(ValueError, match="an input"):
        native.Program(graph.to_bytes()).run_outputs(rows.astype(np.int64))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_program_is_refused_or_runs_and_python_agrees(seed: int) -> None:
    """Bytes that the compiled reader takes, the Python one takes; nothing panics."""
    random = Random(seed)
    graph = random_graph(seed)
    data = graph.to_bytes()
    for _ in range(50):
        damaged = bytearray(data)
        for _ in range(random.randint(1, 3)):
            damaged[random.randrange(len(data))] = random.choice([0, 1, 2, 128, 255, random.randrange(256)])
        if random.random() < 0.1:
            del damaged[random.randrange(len(data)) :]
        try:
            program = native.Program(bytes(damaged))
        except ValueError:
            continue
        taken = Graph.from_bytes(bytes(damaged))
        program.run_outputs(np.zeros((1, taken.input_elements), dtype=np.int64))
        assert len(program.trace(bytes(32 * taken.nodes[0].words))) == 32 * taken.trace_words
