"""The programs under examples/ run and do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from docpages import ROOT, environment, missing_for_demo

pytestmark = pytest.mark.chain
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TESTED = {"buy_a_decision.py", "catch_a_cheat.py", "verify_offline.py"}


def run_example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / name), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)


def test_example_programs_are_all_tested_and_named_in_the_index() -> None:
    assert {path.name for path in EXAMPLES} == TESTED
    index = (ROOT / "docs" / "README.md").read_text()
    assert all(name in index for name in TESTED)


@pytest.mark.parametrize("url", ["memory://", "anvil://"])
def test_example_catch_a_cheat_ends_with_the_cheat_slashed(url: str) -> None:
    if missing := missing_for_demo():
        pytest.skip(missing)
    done = run_example("catch_a_cheat.py", url)
    assert done.returncode == 0, done.stderr
    assert "OrderSlashed" in done.stdout
    assert "client $1.00, challenger $1.00, burned $0.50" in done.stdout


def test_example_buy_a_decision_leaves_files_that_verify_offline_accepts(tmp_path: Path) -> None:
    if missing := missing_for_demo():
        pytest.skip(missing)
    bought = run_example("buy_a_decision.py", "memory://", str(tmp_path))
    assert bought.returncode == 0, bought.stderr
    verified = run_example("verify_offline.py", str(tmp_path / "decision.json"), str(tmp_path / "trust.toml"))
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count(" pass ") == 12
    assert "VERIFIED" in verified.stdout
