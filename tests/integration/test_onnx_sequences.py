"""Transformers and recurrent networks as integers, judged by onnxruntime on rows that calibration has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from concordat.graph.elements import pack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.fidelity import FidelityReport, fidelity
from concordat.graph.onnx import ImportedModel, import_onnx
from concordat.primitives.errors import ModelError
from concordat.primitives.native import rust
from concordat.testing.sequences import recurrent, transformer

pytest.importorskip("onnxruntime")

TRANSFORMERS: dict[str, dict[str, Any]] = {
    "tokens": {},
    "masked": {"masked": True},
    "spelt-out": {"masked": True, "spelt_out": True},
    "two-layers": {"length": 16, "width": 32, "heads": 4, "hidden": 128, "layers": 2, "classes": 7},
    "one-head": {"heads": 1, "length": 5, "width": 12},
    "numbers": {"tokens": 0},
    "large-vocabulary": {"tokens": 5_000, "width": 8, "length": 6},
}
CELLS: dict[str, dict[str, Any]] = {
    "lstm": {"kind": "LSTM"},
    "lstm-both-whole": {"kind": "LSTM", "direction": "bidirectional", "whole": True},
    "lstm-long": {"kind": "LSTM", "length": 60, "hidden": 24},
    "gru": {"kind": "GRU"},
    "gru-after-reverse": {"kind": "GRU", "reset_after": True, "direction": "reverse"},
    "gru-both": {"kind": "GRU", "reset_after": True, "direction": "bidirectional", "whole": True},
    "rnn": {"kind": "RNN", "whole": True},
}


def tokens(options: dict[str, Any], rows: int) -> Any:
    """Random tokens, every one possible; or numbers in a fixed range, if the network reads those."""
    length, count = options.get("length", 8), options.get("tokens", 50)
    random = np.random.default_rng(3)
    if not count:
        return random.uniform(-2, 2, size=(rows, length * options.get("width", 16))).round(3)
    return random.integers(0, count, size=(rows, length))


def judged(data: bytes, rows: Any) -> tuple[ImportedModel, FidelityReport]:
    half = len(rows) // 2
    imported = import_onnx(data, calibration=rows[:half])
    return imported, fidelity(imported, data, rows[half:])


def assert_twins_agree(imported: ImportedModel, rows: Any) -> None:
    grid = imported.schema.encode(rows)
    expected = run_outputs(imported.graph, grid, reference=True)
    words = pack_elements(grid[0], imported.graph.nodes[0].out_type)
    if rust is not None:
        np.testing.assert_array_equal(run_outputs(imported.graph, grid), expected)
        assert run(imported.graph, words).trace == run(imported.graph, words, reference=True).trace


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformer_on_held_out_rows_agrees_with_onnxruntime(name: str) -> None:
    rows = tokens(TRANSFORMERS[name], 400)
    imported, report = judged(transformer(**TRANSFORMERS[name]), rows)
    assert report.agreement >= 0.995, report.lines()
    assert report.error <= 1e-3, report.lines()
    assert_twins_agree(imported, rows[-7:])


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_network_on_held_out_rows_agrees_with_onnxruntime(name: str) -> None:
    options = CELLS[name]
    rows = np.random.default_rng(4).uniform(-2, 2, size=(300, options.get("length", 12) * 5)).round(3)
    imported, report = judged(recurrent(**options), rows)
    assert report.agreement >= 0.99, report.lines()
    assert report.error <= 1e-3, report.lines()
    assert_twins_agree(imported, rows[-5:])


def test_embedding_index_takes_its_range_from_the_table() -> None:
    imported = import_onnx(transformer(tokens=50), calibration=tokens({"tokens": 20}, 60))
    assert {(c.minimum, c.maximum) for c in imported.schema.columns} == {(0, 49)}  # type: ignore[union-attr]


def test_embedding_with_an_index_beyond_its_table_is_refused() -> None:
    wider = {f"x{place}": {"step": "1", "minimum": "0", "maximum": "50"} for place in range(8)}
    with pytest.raises(ModelError) as caught:
        import_onnx(transformer(tokens=50), calibration=tokens({}, 60), schema=wider)
    assert caught.value.fields["op"] == "Gather"
    assert "0 to 50" in caught.value.message


@pytest.mark.parametrize(
    "change", [{"clip": 1.0}, {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, {"input_forget": 1}]
)
def test_recurrent_cell_with_an_unknown_rule_is_refused_by_name(change: dict[str, Any]) -> None:
    import onnx

    proto = onnx.load_from_string(recurrent("LSTM"))
    cell = next(node for node in proto.graph.node if node.op_type == "LSTM")
    cell.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in change.items())
    with pytest.raises(ModelError) as caught:
        import_onnx(proto.SerializeToString(), calibration=np.zeros((30, 60)) + np.arange(30)[:, None] / 100)
    assert (caught.value.code, caught.value.fields["op"]) == ("UnsupportedOperator", "LSTM")


def test_recurrent_cell_along_the_batch_is_refused_by_name() -> None:
    import onnx

    proto = onnx.load_from_string(recurrent("GRU"))
    turned = next(node for node in proto.graph.node if node.op_type == "Transpose")
    turned.attribute[0].CopyFrom(onnx.helper.make_attribute("perm", [0, 1, 2]))
    with pytest.raises(ModelError) as caught:
        import_onnx(proto.SerializeToString(), calibration=np.zeros((30, 60)) + np.arange(30)[:, None] / 100)
    assert caught.value.fields["op"] == "GRU"
    assert "batch" in caught.value.message
