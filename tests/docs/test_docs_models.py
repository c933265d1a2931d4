"""The guide on models runs as it stands, and names every operator that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python

from concordat.graph.onnx.operators import INTERNAL, OPERATORS

GUIDE = ROOT / "docs" / "guides" / "models.md"
PROGRAMS = [block for block in blocks(GUIDE, "python") if block.startswith("import numpy")]


@pytest.mark.parametrize("place", range(len(PROGRAMS)))
def test_program_of_the_models_guide_runs_as_it_stands(place: int, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    found = run_python(PROGRAMS[place], tmp_path)
    assert found.returncode == 0, found.stderr
    assert "rows compared with onnxruntime" in found.stdout


def test_models_guide_names_every_operator() -> None:
    text = GUIDE.read_text()
    assert [name for name in OPERATORS if name not in INTERNAL and not re.search(rf"\b{name}\b", text)] == []
