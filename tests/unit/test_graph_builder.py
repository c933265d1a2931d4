"""The builder: views, types from intervals, shared weights, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.execute import run_outputs
from concordat.graph.ir import Comparison, Op
from concordat.primitives.errors import ModelError

I8, I16, I32, I64 = ElementType


def _builder(n: int = 12) -> tuple[GraphBuilder, object]:
    builder = GraphBuilder()
    return builder, builder.input(n, I8)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.reshape(3, 4),
        lambda x: x.reshape(3, 4).transpose(),
        lambda x: x.reshape(3, 4).part(rows=slice(1, None)),
        lambda x: x.reshape(3, 4).part(cols=slice(1, 4, 2)),
        lambda x: x.reshape(3, 4).part(rows=slice(0, 3, 2), cols=slice(2, 4)).transpose(),
        lambda x: x.part(cols=slice(5, 11)).reshape(2, 3),
        lambda x: x.reshape(12, 1),
    ],
)
def test_view_of_a_region_is_that_of_numpy(view):
    class Array:
        """The same methods on a numpy array."""

        def __init__(self, values):
            self.values = values

        def reshape(self, rows, cols):
            return Array(self.values.reshape(rows, cols))

        def transpose(self):
            return Array(self.values.T)

        def part(self, rows=slice(None), cols=slice(None)):
            return Array(self.values[rows, cols])

    builder, x = _builder()
    seen, expected = view(x), view(Array(np.arange(1, 13).reshape(1, 12))).values
    assert seen.shape == expected.shape
    graph = builder.build(seen)
    assert run_outputs(graph, np.arange(1, 13)[None]).tolist() == [expected.ravel().tolist()]


def test_result_takes_the_smallest_type_that_holds_its_interval():
    builder, x = _builder()
    assert builder.affine(x, shift=1).type is I8
    assert builder.affine(x, add=1).type is I16
    assert builder.sum(x).type is I16
    assert builder.matmul(x, np.full((1, 12), 127)).type is I32
    assert builder.affine(x, m0=1 << 30).type is I64
    assert builder.affine(x, m0=1 << 30, lo=0, hi=100).type is I8
    assert builder.sum(x, out_type=I64).type is I64


def test_affine_without_bounds_saturates_in_the_type_asked_for():
    builder, x = _builder(2)
    graph = builder.build(builder.affine(x, m0=2, out_type=I8))
    assert run_outputs(graph, [[127, -128]]).tolist() == [[127, -128]]


def test_equal_weights_are_stored_once_and_aligned():
    builder, _ = _builder()
    first = builder.weights([1, 2, 3])
    assert builder.weights([1, 2, 3]) == first
    large = builder.weights(np.zeros((20, 32), dtype=int), I8)
    assert large.start == 16
    assert builder.weights([[1], [2], [3]]).start == first.start


def test_rows_and_columns_spread_over_an_elementwise_result():
    builder, x = _builder()
    y = builder.affine(x.reshape(3, 4), b=builder.weights([[1], [2], [3]]), c=builder.weights([10, 20, 30, 40]))
    values = np.arange(12)
    expected = values.reshape(3, 4) * [[1], [2], [3]] + [10, 20, 30, 40]
    assert run_outputs(builder.build(y), values[None]).tolist() == [expected.ravel().tolist()]


def test_output_that_is_no_whole_region_is_copied_to_one():
    builder, x = _builder()
    graph = builder.build(x.part(cols=slice(3, 5)))
    assert [node.op for node in graph.nodes] == [Op.INPUT, Op.AFFINE]
    assert graph.output_elements == 2
    builder, x = _builder()
    assert len(builder.build(x).nodes) == 1


def test_output_may_be_a_region_in_the_middle():
    builder, x = _builder(2)
    middle = builder.affine(x, add=1)
    builder.affine(middle, add=1)
    assert run_outputs(builder.build(middle), [[1, 2]]).tolist() == [[2, 3]]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda b, x: b.input(3, I8),
        lambda b, x: x.reshape(5, 2),
        lambda b, x: x.reshape(3, 4).transpose().reshape(1, 12),
        lambda b, x: x.part(cols=slice(12, None)),
        lambda b, x: x.part(cols=slice(None, None, -1)),
        lambda b, x: b.weights([]),
        lambda b, x: b.weights(np.zeros((2, 2, 2), dtype=int)),
        lambda b, x: b.matmul(x, [[1, 2]]),
        lambda b, x: b.affine(x, c=b.weights([1, 2])),
        lambda b, x: b.table(x, [[1, 2], [3, 4]], lo=0),
        lambda b, x: b.gather(x, [12]),
        lambda b, x: b.gather(x, [-1]),
        lambda b, x: b.concatenate([x, x.reshape(3, 4)], axis=1),
        lambda b, x: b.select(x, Comparison.LESS, x.reshape(3, 4).part(cols=slice(0, 2))),
        lambda b, x: b.affine(x, lo=1, hi=0),
        lambda b, x: b.affine(x, shift=63),
    ],
)
def test_misuse_of_the_builder_is_refused(misuse):
    builder, x = _builder()
    with pytest.raises(ModelError):
        misuse(builder, x)


def test_program_without_an_input_is_refused():
    builder = GraphBuilder()
    with pytest.raises(ModelError):
        builder.build(builder.weights([1]))


def test_long_matmul_row_is_covered_exactly_whatever_its_length():
    rng = np.random.default_rng(0)
    for length in [257, 258, 511, 512, 513, 1023, 1312, 2999]:
        builder = GraphBuilder()
        graph = builder.build(builder.matmul(builder.input(length, I8), rng.integers(-9, 10, (1, length))))
        product = next(node for node in graph.nodes if node.op is Op.MATMUL)
        assert (product.n - 1) * product.a.col + product.k == length
