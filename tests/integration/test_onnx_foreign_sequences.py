"""Networks nobody here wrote, out of PyPI packages: magika is imported; silero's are refused for what they do.

silero-vad depends on torch, of which nothing is needed: ``pip install --no-deps silero-vad`` runs its tests.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concordat.graph.elements import pack_elements
from concordat.graph.execute import run
from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ModelError
from concordat.primitives.native import rust

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parents[2]
SIDE, PADDING = 1_024, 256
KINDS = ("src/**/*.py", "docs/**/*.md", "contracts/src/**/*.sol", "native/**/*.rs", "contracts/snapshots/*.json",
         "src/**/*.json", "*.toml", "Makefile", "docs/**/*.svg")  # fmt: skip


def packaged(package: str, name: str) -> bytes:
    """A file of an installed package; the test is skipped where there is none."""
    try:
        found = next((path for path in files(package) or () if path.name == name), None)
    except PackageNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"{package} is not installed")
    return Path(str(found.locate())).read_bytes()


def features(data: bytes) -> list[int]:
    """What magika looks at: the first and the last 1,024 bytes, without white space at the ends."""
    head, tail = data[:4_096].lstrip()[:SIDE], data[-4_096:].rstrip()[-SIDE:]
    missing = [PADDING] * (SIDE - len(head)), [PADDING] * (SIDE - len(tail))
    return [*head, *missing[0], *missing[1], *tail]


def texts(count: int) -> Any:
    """Files of this repository, a few of each kind."""
    paths = [path for kind in KINDS for path in sorted(ROOT.glob(kind))[: -(-count // len(KINDS)) + 2]]
    random = np.random.default_rng(0)
    return np.array([features(paths[at].read_bytes()) for at in random.permutation(len(paths))[:count]])


@pytest.mark.slow
def test_magika_is_imported_and_tells_files_apart_as_in_onnxruntime() -> None:
    data, rows = packaged("magika", "model.onnx"), texts(18)
    imported = import_onnx(data, calibration=rows[:12], bits=16)
    assert imported.operators["OneHotRows"] == 1
    assert (imported.operators["Curve"], imported.operators["Standardise"], imported.operators["Conv"]) == (2, 2, 1)
    (column,) = imported.schema.columns
    assert (column.count, column.minimum, column.maximum) == (2 * SIDE, 0, PADDING)  # type: ignore[union-attr]
    report = fidelity(imported, data, rows[12:])
    assert report.agreement == 1.0, report.lines()
    report.check()
    if rust is not None:
        words = pack_elements(imported.schema.encode(rows[:1])[0], imported.graph.nodes[0].out_type)
        assert run(imported.graph, words).trace == run(imported.graph, words, reference=True).trace


@pytest.mark.parametrize(
    ("name", "op", "why"),
    [
        ("silero_vad.onnx", "If", "subgraph"),
        ("silero_vad_16k_op15.onnx", "If", "subgraph"),
        ("silero_vad_half.onnx", "If", "subgraph"),
        ("silero_vad_op18_ifless.onnx", "If", "subgraph"),
        ("silero_vad_16k_sequence.onnx", "LSTM", "runs along the batch"),
        ("silero_vad_openvino_16k.onnx", "LSTM", "batch"),
    ],
)
def test_silero_is_refused_with_the_operator_and_the_reason(name: str, op: str, why: str) -> None:
    data = packaged("silero-vad", name)
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=np.random.default_rng(1).normal(scale=0.1, size=(40, 832)).round(3))
    assert caught.value.code == "UnsupportedOperator"
    assert caught.value.fields["op"] == op
    assert why in caught.value.message
