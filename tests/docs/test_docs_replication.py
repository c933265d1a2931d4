"""The guide on replication and quotes runs as it stands, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from docpages import ROOT, blocks, run_python

from concordat.cli.main import main
from concordat.protocol.ledger import Parameters

GUIDE = ROOT / "docs" / "guides" / "replication-and-quotes.md"


@pytest.mark.chain
def test_guide_on_replication_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = blocks(GUIDE, "python")
    said = [line.rpartition("#")[2].strip() for line in program.splitlines() if "print(" in line]
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == said


def test_guide_on_replication_names_only_commands_and_options_that_exist() -> None:
    text = GUIDE.read_text()
    named = set(re.findall(r"concordat (order|pool|node|up) (\w+)?", text))
    assert len(named) > 7
    for noun, verb in named:
        command = main.commands[noun]
        if isinstance(command, click.Group):
            assert verb in command.commands
    known = {option for command in _commands(main) for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(--[a-z][a-z-]+)", text)) - known == set()


def _commands(group: click.Group) -> list[click.Command]:
    found: list[click.Command] = []
    for command in group.commands.values():
        found += _commands(command) if isinstance(command, click.Group) else [command]
    return found


def test_guide_on_replication_tells_the_default_clocks_and_stakes() -> None:
    text, p = GUIDE.read_text(), Parameters()
    assert f"twice the {p.commit_time} s" in text
    assert f"{p.reveal_time} s more" in text
    assert f"tickets of ${p.ticket // 10**6}" in text
    assert f"free after {p.unbonding // 86_400} days" in text
