"""The guide on effects runs as it stands, and the rules name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python
from test_docs_prose import defined_tests

from concordat.protocol.refusals import REFUSALS, refusal

GUIDE = ROOT / "docs" / "guides" / "effects.md"
RULES = (ROOT / "docs" / "explain" / "effects.md").read_text()


@pytest.mark.chain
def test_guide_on_effects_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = blocks(GUIDE, "python")
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    first, middle, last = done.stdout.split("\n")[:3]
    said, applied, value, in_force = map(int, middle.split())
    assert (first, last) == ("7", "7")
    assert said == applied
    assert value == in_force == max(min(said, 307), -293)


def test_rules_of_effects_name_only_tests_that_exist() -> None:
    named = set(re.findall(r"`((?:test|invariant)_\w+)`", RULES))
    assert len(named) > 25
    assert named - defined_tests() == set()


def test_rules_of_effects_name_only_refusals_that_are_known() -> None:
    named = set(re.findall(r"\(`([A-Z]\w+)`", RULES)) - {"PoolSource"}
    assert len(named) > 12
    assert [code for code in named if code not in REFUSALS and refusal(code).message.startswith("The contract")] == []
