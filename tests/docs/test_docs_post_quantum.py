"""The guide on post-quantum keys works as printed, and names tests that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from docpages import ROOT, environment, missing_for_demo
from test_docs_prose import defined_tests
from test_docs_tutorial import MARK, Step, end_market, matches, script

GUIDE = (ROOT / "docs" / "guides" / "post-quantum.md").read_text()


def steps() -> list[Step]:
    """Every command of the guide with what is printed below it."""
    found = []
    for text in re.findall(r"^```console\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            found.append(Step(command, expected))
    return found


@pytest.mark.chain
@pytest.mark.slow
def test_guide_on_post_quantum_keys_prints_what_the_page_shows(tmp_path: Path) -> None:
    if missing := missing_for_demo():
        pytest.skip(missing)
    wanted = steps()
    shell = subprocess.Popen(
        ["bash"], cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = shell.communicate(script(wanted), timeout=400)
    finally:
        end_market(tmp_path / "market", shell.pid)
    printed = [part.strip("\n") for part in output.split(MARK)][: len(wanted)]
    assert len(printed) == len(wanted)
    for step, said in zip(wanted, printed, strict=True):
        told = f"$ {step.command}\n{said}\n--- but the page shows\n{step.expected}"
        assert matches(step.expected, said), told
        assert "Traceback" not in said, told


def test_guide_on_post_quantum_keys_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", GUIDE))
    assert len(named) >= 9
    assert named - defined_tests() == set()
