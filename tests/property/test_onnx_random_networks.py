"""Random transformers and recurrent networks: both executors agree bit for bit, within intervals, near the floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concordat.graph.elements import pack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.intervals import validate
from concordat.graph.onnx import ImportedModel, Tolerance, import_onnx
from concordat.primitives.native import rust
from concordat.testing.interpreter import interpret
from concordat.testing.sequences import recurrent, transformer

SEEDS = st.integers(0, 2**16 - 1)
LOOSE = Tolerance(agreement=0.9, error=0.02)


def checked(imported: ImportedModel, rows: Any) -> None:
    """Twins agree on outputs and traces, and every element lies in its node's interval."""
    graph, grid = imported.graph, imported.schema.encode(rows)
    expected = run_outputs(graph, grid, reference=True)
    words = pack_elements(grid[0], graph.nodes[0].out_type)
    execution = run(graph, words, reference=True)
    for index, interval in enumerate(validate(graph)):
        elements = execution.elements(index)
        assert interval.low <= elements.min()
        assert elements.max() <= interval.high
    if rust is not None:
        np.testing.assert_array_equal(run_outputs(graph, grid), expected)
        assert run(graph, words).trace == execution.trace


@settings(max_examples=12, deadline=None)
@given(
    seed=SEEDS,
    length=st.integers(2, 9),
    heads=st.integers(1, 4),
    size=st.integers(2, 6),
    hidden=st.integers(3, 40),
    layers=st.integers(1, 2),
    tokens=st.sampled_from([0, 7, 60]),
    masked=st.booleans(),
    spelt_out=st.booleans(),
)
def test_transformer_of_any_shape_runs_alike_and_stays_near(seed: int, heads: int, size: int, **options: Any) -> None:
    width = max(heads * size, 4 * heads)  # a normalised row of two numbers is a sign, and has no near
    data = transformer(seed=seed, heads=heads, width=width, **options)
    random = np.random.default_rng(seed)
    if options["tokens"]:
        rows = random.integers(0, options["tokens"], size=(64, options["length"]))
    else:
        rows = random.uniform(-2, 2, size=(64, options["length"] * width)).round(2)
    checked(import_onnx(data, calibration=rows, tolerance=LOOSE), rows[:5])


@settings(max_examples=12, deadline=None)
@given(
    seed=SEEDS,
    kind=st.sampled_from(["LSTM", "GRU", "RNN"]),
    length=st.integers(1, 9),
    width=st.integers(1, 7),
    hidden=st.integers(1, 12),
    direction=st.sampled_from(["forward", "reverse", "bidirectional"]),
    reset_after=st.booleans(),
    whole=st.booleans(),
)
def test_recurrent_network_of_any_shape_runs_alike_and_stays_near(seed: int, **options: Any) -> None:
    data = recurrent(seed=seed, **options)
    rows = np.random.default_rng(seed).uniform(-2, 2, size=(64, options["length"] * options["width"])).round(2)
    checked(import_onnx(data, calibration=rows, tolerance=LOOSE), rows[:5])


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_trace_equals_the_naive_interpreters(kind: str) -> None:
    rows = np.random.default_rng(1).uniform(-2, 2, size=(40, 6)).round(2)
    imported = import_onnx(recurrent(kind, length=3, width=2, hidden=3), calibration=rows)
    graph = imported.graph
    words = imported.schema.encode_one(rows[0])
    assert run(graph, words, reference=True).trace == interpret(graph.to_bytes(), words)[: 32 * graph.trace_words]
