"""The guide on payloads runs as it stands, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from docpages import ROOT, blocks, run_python

from concordat.cli.main import main

GUIDE = ROOT / "docs" / "guides" / "payloads.md"


@pytest.mark.chain
def test_guide_on_payloads_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = blocks(GUIDE, "python")
    said = [line.rpartition("#")[2].partition("–")[0].strip() for line in program.splitlines() if "print(" in line]
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == said


def test_guide_on_payloads_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"`concordat (\w+) (\w+)", GUIDE.read_text()))
    assert len(named) > 6
    for noun, verb in named - {("verify", "left")}:
        group = main.commands[noun]
        assert isinstance(group, click.Group), noun
        assert verb in group.commands
