"""The guide on commitments runs as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python

GUIDE = ROOT / "docs" / "guides" / "commitments.md"


def test_program_of_the_commitments_guide_runs_as_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    (program,) = blocks(GUIDE, "python")
    found = run_python(program, tmp_path)
    assert found.returncode == 0, found.stderr
    spent, rotated = found.stdout.splitlines()
    assert spent.startswith("CommitmentSpent after ")
    assert rotated.endswith(f"{int(spent.split()[2])} proofs to go")
