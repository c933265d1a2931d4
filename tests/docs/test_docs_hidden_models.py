"""The guide on hidden models runs as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python

from concordat.chain.anvil import find_anvil
from concordat.primitives.errors import ConfigurationError

GUIDE = ROOT / "docs" / "guides" / "hidden-models.md"


@pytest.mark.chain
def test_program_of_the_guide_on_hidden_models_runs_as_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    try:
        find_anvil()
    except ConfigurationError as error:
        pytest.skip(error.message)
    (program,) = blocks(GUIDE, "python")
    found = run_python(program, tmp_path)
    assert found.returncode == 0, found.stderr
    public, answer, verdict, forged, renewed = found.stdout.splitlines()
    assert public.startswith("public: ")
    assert answer in ("answer: 0", "answer: 1")
    assert verdict.startswith("VERIFIED")
    assert "13" in forged
    assert not forged.startswith("VERIFIED")
    assert renewed.startswith("version 2")
    assert "the same weights" in renewed
