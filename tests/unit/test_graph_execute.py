"""Laws of the operations, and what the executor does with inputs."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.ir import MAX_SHIFT, Comparison, Graph
from concordat.primitives.errors import InputError, ModelError
from concordat.testing.graphs import random_graph, random_input
from concordat.testing.interpreter import interpret

I8, I16, I32, I64 = ElementType
BYTES = np.arange(-128, 128)
BOTH = pytest.mark.parametrize("reference", [True, False], ids=["numpy", "default"])


def _outputs(graph: Graph, *rows: list[int], reference: bool = True) -> list[list[int]]:
    return run_outputs(graph, np.array(rows), reference=reference).tolist()


@pytest.mark.parametrize("shift", [*range(12), 31, MAX_SHIFT - 1])
@BOTH
def test_affine_rounds_half_up_for_every_byte(shift, reference):
    builder = GraphBuilder()
    x = builder.input(256, I8)
    factor = 1 << min(max(shift - 3, 0), 54)
    graph = builder.build(builder.affine(x, m0=factor, shift=shift, out_type=I64))
    exact = [floor(Fraction(int(x) * factor, 1 << shift) + Fraction(1, 2)) for x in BYTES]
    # Without a shift nothing is rounded, and floor(x + 1/2) is x.
    assert _outputs(graph, BYTES, reference=reference) == [exact]


@BOTH
def test_affine_is_the_formula_on_exact_numbers(reference):
    builder = GraphBuilder()
    x = builder.input(6, I16)
    a, b = x.part(cols=slice(0, 3)), x.part(cols=slice(3, 6))
    y = builder.affine(a, b=b, c=builder.weights([5, -6, 7]), m0=-77, m1=1001, add=12345, shift=7, lo=-50000, hi=90000)
    graph = builder.build(y)
    rows = np.random.default_rng(1).integers(-32768, 32768, (50, 6))
    expected = [
        [
            min(max((-77 * int(r[i]) * int(r[i + 3]) + 1001 * c + 12345 + 64) >> 7, -50000), 90000)
            for i, c in enumerate([5, -6, 7])
        ]
        for r in rows
    ]
    assert _outputs(graph, *rows, reference=reference) == expected


@pytest.mark.parametrize(
    ("length", "outputs", "rows"), [(1, 1, 1), (30, 7, 1), (256, 3, 2), (257, 5, 1), (1312, 4, 1), (700, 3, 2)]
)
@BOTH
def test_matmul_of_any_length_is_the_matrix_product(length, outputs, rows, reference):
    rng = np.random.default_rng(length)
    weights = rng.integers(-128, 128, (outputs, length))
    builder = GraphBuilder()
    x = builder.input(rows * length, I8).reshape(rows, length)
    y = builder.matmul(x, weights)
    assert y.shape == (rows, outputs)
    inputs = rng.integers(-128, 128, (3, rows * length))
    expected = inputs.reshape(3, rows, length) @ weights.T
    assert _outputs(builder.build(y), *inputs, reference=reference) == expected.reshape(3, -1).tolist()


@BOTH
def test_matmul_of_two_activations_is_the_matrix_product(reference):
    rng = np.random.default_rng(7)
    builder = GraphBuilder()
    x = builder.input(2 * 300 + 3 * 300, I8)
    a = x.part(cols=slice(0, 600)).reshape(2, 300)
    b = x.part(cols=slice(600, 1500)).reshape(3, 300)
    graph = builder.build(builder.matmul(a, b))
    row = rng.integers(-128, 128, 1500)
    assert _outputs(graph, row, reference=reference) == [
        (row[:600].reshape(2, 300) @ row[600:].reshape(3, 300).T).ravel().tolist()
    ]


@BOTH
def test_matmul_beyond_doubles_is_still_exact(reference):
    builder = GraphBuilder()
    x = builder.input(2, I32)
    graph = builder.build(builder.matmul(x, [[(1 << 29) + 1, 3]]))
    rows = [[-(1 << 31), (1 << 31) - 1], [(1 << 31) - 1, 1]]
    assert _outputs(graph, *rows, reference=reference) == [[x * ((1 << 29) + 1) + 3 * y] for x, y in rows]


@BOTH
def test_argmax_of_a_tie_is_the_first(reference):
    builder = GraphBuilder()
    graph = builder.build(builder.argmax(builder.input(4, I8)))
    rows = [[1, 1, 1, 1], [0, 5, 5, 1], [-128, -128, -128, -127], [-3, -1, -2, -1]]
    assert _outputs(graph, *rows, reference=reference) == [[0], [1], [3], [1]]


@BOTH
def test_max_and_sum_of_long_rows_are_those_of_numpy(reference):
    rows = np.random.default_rng(2).integers(-128, 128, (4, 2 * 1313))
    for reduce, expected in (("max", rows.reshape(4, 2, -1).max(-1)), ("sum", rows.reshape(4, 2, -1).sum(-1))):
        builder = GraphBuilder()
        x = builder.input(2 * 1313, I8).reshape(2, 1313)
        assert _outputs(builder.build(getattr(builder, reduce)(x)), *rows, reference=reference) == expected.tolist()


@pytest.mark.parametrize("comparison", list(Comparison))
@BOTH
def test_select_compares_as_python_does(comparison, reference):
    test = {
        Comparison.GREATER_EQUAL: lambda a, b: a >= b,
        Comparison.GREATER: lambda a, b: a > b,
        Comparison.EQUAL: lambda a, b: a == b,
        Comparison.LESS_EQUAL: lambda a, b: a <= b,
        Comparison.LESS: lambda a, b: a < b,
    }[comparison]
    builder = GraphBuilder()
    x = builder.input(256, I8)
    flags = builder.select(x, comparison, -3)
    chosen = builder.select(x, comparison, builder.weights([5]), c=x)
    graph = builder.build(builder.concatenate([flags, chosen]))
    expected = [int(test(v, -3)) for v in BYTES.tolist()] + [v if test(v, 5) else 0 for v in BYTES.tolist()]
    assert _outputs(graph, BYTES, reference=reference) == [expected]


@BOTH
def test_table_clamps_what_selects_the_entry(reference):
    entries = [[9, 8, 7, 6], [-1, -2, -3, -4]]
    builder = GraphBuilder()
    x = builder.input(4, I8).reshape(2, 2)
    graph = builder.build(builder.table(x, entries, lo=-1))
    assert _outputs(graph, [-128, -1, 0, 127], [2, 2, 3, 1], reference=reference) == [[9, -1, 8, -4], [6, -4, 6, -3]]


@BOTH
def test_gather_transposes_and_concatenates(reference):
    builder = GraphBuilder()
    x = builder.input(6, I8).reshape(2, 3)
    wide = builder.affine(x, m0=1000)
    y = builder.concatenate([builder.contiguous(x.transpose()).reshape(1, 6), wide.part(rows=slice(1, 2))])
    assert _outputs(builder.build(y), [1, 2, 3, 4, 5, 6], reference=reference) == [[1, 4, 2, 5, 3, 6, 4000, 5000, 6000]]
    assert _outputs(builder.build(builder.gather(x, [[5, 0], [0, 3]])), [1, 2, 3, 4, 5, 6]) == [[6, 1, 1, 4]]


@pytest.mark.parametrize("seed", range(20))
def test_outputs_of_a_batch_are_those_of_each_row(seed):
    graph = random_graph(seed)
    kind = graph.nodes[0].out_type
    rows = np.random.default_rng(seed).integers(-100, 100, (5, graph.input_elements))
    singles = [run(graph, pack_elements(row, kind), reference=True) for row in rows]
    for reference in (True, False):
        found = run_outputs(graph, rows, reference=reference)
        assert found.tolist() == [single.elements(graph.output_node).tolist() for single in singles]
    assert run_outputs(graph, rows[:0]).shape == (0, graph.output_elements)


def test_execution_shows_its_output_and_elements():
    graph = random_graph(11)
    words = random_input(graph, 1)
    execution = run(graph, words, reference=True)
    whole = interpret(graph.to_bytes(), words)
    start = 32 * graph.output.start
    assert execution.output == whole[start : start + 32 * graph.output.words]
    assert len(execution.trace) == 32 * graph.trace_words
    assert pack_elements(execution.elements(0), graph.nodes[0].out_type) == words


@BOTH
def test_input_of_the_wrong_size_or_with_something_in_its_padding_is_refused(reference):
    builder = GraphBuilder()
    graph = builder.build(builder.input(3, I8))
    for words in (b"", bytes(31), bytes(64), bytes(3) + b"\1" + bytes(28)):
        with pytest.raises(InputError):
            run(graph, words, reference=reference)
    for rows in ([1, 2, 3], [[1, 2]], [[1, 2, 128]], [[0.0, 1.0, 2.0]]):
        with pytest.raises(InputError):
            run_outputs(graph, rows, reference=reference)


@BOTH
def test_program_that_validation_refuses_is_not_run(reference):
    builder = GraphBuilder()
    x = builder.input(1, I64)
    with pytest.raises(ModelError, match="intermediate"):
        builder.affine(x, m0=2)
    graph = builder.build(x)
    assert run(graph, pack_elements([7], I64), reference=reference).output == pack_elements([7], I64)
