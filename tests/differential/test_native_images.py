"""The compiled executor on convolutions: which steps it plans, and that they equal the numpy executor bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.ir import Graph
from concordat.graph.onnx import Tolerance, import_onnx
from concordat.testing.vision import LeNet

native = pytest.importorskip("concordat_native")
pytestmark = pytest.mark.native

ROWS = 7


def lenet(side: int, padding: int, channels: tuple[int, int], seed: int) -> bytes:
    """Random weights in LeNet's shape."""
    random = np.random.default_rng(seed)
    half = (side + 2 * padding - 4) // 2
    flat = channels[1] * ((half + 2 * padding - 4) // 2) ** 2
    shapes = [(channels[0], 1, 5, 5), (channels[1], channels[0], 5, 5), (20, flat), (10, 20)]
    weights = [(random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32) for shape in shapes]
    biases = [random.normal(size=shape[0], scale=0.1).astype(np.float32) for shape in shapes]
    return LeNet(side=side, padding=padding, weights=tuple(weights), biases=tuple(biases)).to_onnx()


def graph_of(data: bytes, side: int, bits: Any = "auto") -> tuple[Graph, Any]:
    rows = np.random.default_rng(1).integers(0, 256, size=(40, 1, side, side)).astype(np.float32)
    model = import_onnx(data, calibration=rows, bits=bits, tolerance=Tolerance(agreement=0.0, error=1.0))
    return model.graph, model.schema.encode(rows[:ROWS].reshape(ROWS, -1))


def assert_twins_agree(graph: Graph, rows: Any) -> None:
    expected = run_outputs(graph, rows, reference=True)
    for tier in ("plain", "avx2", "avx512"):
        program = native.Program(graph.to_bytes(), tier=tier)
        np.testing.assert_array_equal(program.run_outputs(rows, threads=1), expected)
        np.testing.assert_array_equal(program.run_one(rows[0]), expected[0])
    words = pack_elements(rows[0], graph.nodes[0].out_type)
    assert native.Program(graph.to_bytes()).trace(words) == run(graph, words, reference=True).trace


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("side", "padding", "channels"), [(16, 0, (3, 4)), (17, 2, (6, 16)), (20, 1, (17, 33)), (18, 2, (60, 8))]
)
def test_planned_convolutions_equal_numpy(side: int, padding: int, channels: tuple[int, int], bits: int) -> None:
    graph, rows = graph_of(lenet(side, padding, channels, side), side, bits)
    program = native.Program(graph.to_bytes())
    assert "convolution" in program.steps
    assert "pool" in program.steps
    assert_twins_agree(graph, rows)


def test_convolution_of_extremes_equals_numpy() -> None:
    graph, rows = graph_of(lenet(16, 2, (6, 8), 3), 16)
    kind: ElementType = graph.nodes[0].out_type
    for value in (kind.minimum, 0, kind.maximum):
        assert_twins_agree(graph, np.full_like(rows, value))
    assert_twins_agree(graph, np.random.default_rng(0).integers(kind.minimum, kind.maximum, size=rows.shape))


def test_rows_that_share_a_memory_do_not_see_one_another() -> None:
    graph, rows = graph_of(lenet(16, 2, (6, 8), 4), 16)
    program = native.Program(graph.to_bytes())
    alone = np.concatenate([program.run_outputs(rows[[at]], threads=1) for at in range(ROWS)])
    np.testing.assert_array_equal(program.run_outputs(rows, threads=1), alone)
    np.testing.assert_array_equal(program.run_outputs(rows[::-1].copy(), threads=2)[::-1], alone)


@pytest.mark.parametrize("per_element", [False, True])
def test_scaling_of_two_regions_as_one_equals_numpy(per_element: bool) -> None:
    """Regions of one type with a gap between them, read as rows: constants go on where the second begins."""
    random = np.random.default_rng(6)
    builder = GraphBuilder()
    x = builder.input(40, ElementType.I16)
    parts = [builder.matmul(x.part(cols=slice(0, 20)), random.integers(-9, 9, size=(18, 20)), ElementType.I32)]
    parts.append(builder.matmul(x.part(cols=slice(20, 40)), random.integers(-9, 9, size=(18, 20)), ElementType.I32))
    distance = (parts[1].start - parts[0].start) * ElementType.I32.per_word
    rows = replace(parts[0], rows=2, row=distance)
    factors = random.integers(1, 99, size=(2, 18) if per_element else (1, 18))
    graph = builder.build(builder.affine(rows, b=builder.weights(factors), shift=3, out_type=ElementType.I32))
    assert_twins_agree(graph, random.integers(-(1 << 15), 1 << 15, size=(ROWS, 40)))
