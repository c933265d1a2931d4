"""Attacks on the intervals: weights and tables that would make 64-bit arithmetic wrap around."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.execute import run
from concordat.graph.intervals import validate
from concordat.graph.ir import Graph, Op
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ModelError
from concordat.testing.interpreter import interpret
from concordat.testing.sequences import recurrent, transformer

WORDS = np.random.default_rng(2).integers(0, 20, size=(60, 4))
ROWS = np.random.default_rng(3).uniform(-2, 2, size=(60, 8)).round(2)


@pytest.fixture(scope="module")
def graphs() -> list[tuple[Graph, bytes]]:
    """A small transformer and a small LSTM, each with one input."""
    attention = import_onnx(transformer(length=4, width=6, hidden=6, tokens=20, classes=3), calibration=WORDS)
    memory = import_onnx(recurrent("LSTM", length=4, width=2, hidden=3), calibration=ROWS)
    pairs = ((attention, WORDS), (memory, ROWS))
    return [(imported.graph, imported.schema.encode_one(rows[0])) for imported, rows in pairs]


def test_product_of_two_activations_that_could_overflow_is_refused() -> None:
    builder = GraphBuilder()
    wide = builder.input(2, ElementType.I64)
    with pytest.raises(ModelError) as caught:
        builder.matmul(wide, wide)
    assert caught.value.code == "Overflow"


def test_sum_of_squares_that_could_overflow_is_refused() -> None:
    builder = GraphBuilder()
    x = builder.affine(builder.input(256, ElementType.I32), lo=-(2**30), hi=2**30, out_type=ElementType.I32)
    row = x.operand(row=256)
    with pytest.raises(ModelError) as caught:
        builder.emit(Op.MATMUL, (1, 1), None, k=256, a=row, b=row)  # 2**60 each, 256 of them
    assert caught.value.code == "Overflow"


def refusal(graph: Graph) -> str | None:
    """Code with which validation refuses a program, if it does."""
    try:
        validate(graph)
    except ModelError as error:
        return error.code
    return None


def test_weights_blown_up_in_a_published_program_are_refused_or_harmless(graphs: list[tuple[Graph, bytes]]) -> None:
    """Words of the weights at their extremes: the program is refused, or nothing in it wraps around."""
    found = []
    for seed in range(80):
        random = Random(seed)
        graph, words = graphs[seed % 2]
        weights = bytearray(graph.weights)
        for _ in range(random.choice([1, 4, 16])):
            at = 32 * random.randrange(len(weights) // 32)
            weights[at : at + 32] = random.choice([b"\x7f" + b"\xff" * 31, b"\x80" + bytes(31), b"\x7f" * 32])
        changed = replace(graph, weights=bytes(weights))
        found.append(refusal(changed))
        if found[-1] is None:
            expected = interpret(changed.to_bytes(), words)  # unbounded integers
            assert run(changed, words, reference=True).trace == expected[: 32 * changed.trace_words]
    assert set(found) <= {None, "Overflow", "OutOfType", "BadReference"}
    assert found.count(None) < len(found) - 10


def test_every_multiplier_of_a_program_blown_up_is_refused(graphs: list[tuple[Graph, bytes]]) -> None:
    for graph, _ in graphs:
        place = next(i for i, node in enumerate(graph.nodes) if node.op is Op.AFFINE and node.b.present)
        wrong = replace(graph.nodes[place], m0=2**62)
        with pytest.raises(ModelError) as caught:
            validate(replace(graph, nodes=(*graph.nodes[:place], wrong, *graph.nodes[place + 1 :])))
        assert caught.value.code == "Overflow"


@pytest.mark.parametrize("factor", [1e6, 1e12, 1e18])
def test_network_with_weights_beyond_all_ranges_is_refused_or_kept(factor: float) -> None:
    proto = onnx.load_from_string(transformer(length=4, width=6, hidden=6, tokens=20, classes=3))
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.ndim == 2 and array.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array((array * np.float32(factor)).astype(np.float32), tensor.name))
    assert imported_or_refused(proto.SerializeToString()) in (
        None, "NotFinite", "Overflow", "RangeTooWide", "ToleranceMissed",
    )  # fmt: skip


def imported_or_refused(data: bytes) -> str | None:
    """Code with which an import is refused; an imported program passes validation."""
    try:
        imported = import_onnx(data, calibration=WORDS)
    except ModelError as error:
        return error.code
    return refusal(imported.graph)
