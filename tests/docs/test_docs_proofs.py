"""The guide on proofs runs as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python

GUIDE = ROOT / "docs" / "guides" / "proofs.md"


def test_program_of_the_proofs_guide_runs_as_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    (program,) = blocks(GUIDE, "python")
    found = run_python(program, tmp_path)
    assert found.returncode == 0, found.stderr
    bits, answer = found.stdout.splitlines()
    assert int(bits.split()[0]) >= 100
    assert answer.startswith(("approved: True", "approved: False"))
