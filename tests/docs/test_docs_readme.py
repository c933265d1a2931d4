"""The README's example runs as printed, on every kind of ledger it names; its two commands are those of CI."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python

from concordat.chain.anvil import AnvilNode

pytestmark = pytest.mark.chain
README = ROOT / "README.md"


@pytest.fixture(params=["memory://", "anvil://", "http://"])
def url(request: pytest.FixtureRequest, example_folder: Path) -> Iterator[str]:
    """Each kind of ledger that the README names, once the example's needs are known to be there."""
    if request.param != "http://":
        yield request.param
        return
    with AnvilNode() as node:
        yield node.url


def test_readme_example_on_every_kind_of_ledger_prints_a_verified_decision(
    url: str, example_folder: Path, tmp_path: Path
) -> None:
    source = blocks(README, "python")[0]
    assert source.count('"anvil://"') == 1
    shutil.copytree(example_folder, tmp_path, dirs_exist_ok=True)
    done = run_python(source.replace("anvil://", url), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "VERIFIED" in done.stdout
    assert "EvidenceKind.NATIVE" in done.stdout
    assert {"decision.json", "trust.toml"} <= {path.name for path in tmp_path.iterdir()}


def test_readme_example_files_come_from_the_second_block(example_folder: Path, tmp_path: Path) -> None:
    done = run_python(blocks(README, "python")[1], tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in example_folder.iterdir())


def test_readme_example_has_about_the_fifteen_lines_of_its_heading() -> None:
    statements = [line for line in blocks(README, "python")[0].splitlines() if line.strip()]
    assert 12 <= len(statements) <= 18


def test_readme_commands_are_make_demo_and_make_test() -> None:
    commands = [line.split("#")[0].strip() for line in blocks(README, "console")[0].splitlines()]
    assert commands == ["make demo", "make test"]


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    run = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert run == ["exec make test"]


def test_makefile_has_the_commands_of_the_readme_and_both_set_everything_up() -> None:
    rules = dict(re.findall(r"^([a-z-]+):([^\n=]*)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "setup" in rules["demo"].split("##")[0].split()
    assert "setup" in rules["test"].split("##")[0].split()
