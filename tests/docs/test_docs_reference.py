"""The reference is fresh and leaves nothing out: commands, exit codes, settings, error codes, events."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from docpages import ROOT, environment

from concordat.chain.contracts import contract, packaged
from concordat.cli.main import main
from concordat.cli.settings import ENVIRONMENT, Settings
from concordat.primitives import errors
from concordat.protocol.refusals import REFUSALS

REFERENCE = ROOT / "docs" / "reference"
SOURCES = sorted((ROOT / "src" / "concordat").rglob("*.py"))
NOT_FOR_USERS = {"CONCORDAT_COMPLETE"}
"""Variables that the shell's completion sets for itself."""


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def commands(group: click.Group, path: str = "concordat") -> list[str]:
    found = []
    for name, command in group.commands.items():
        found.append(f"{path} {name}")
        if isinstance(command, click.Group):
            found += commands(command, f"{path} {name}")
    return found


def test_reference_made_anew_equals_what_is_committed() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_reference.py", "--check"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_reference_of_commands_has_every_command_and_option() -> None:
    text = page("cli.md")
    assert [path for path in commands(main) if f"\n## {path}\n" not in text] == []
    options = {option for path in commands(main) for option in re.findall(r"--[a-z-]+", helped(path))}
    assert {option for option in options if option not in text} == set()


def helped(path: str) -> str:
    return CliRunner().invoke(main, [*path.split()[1:], "--help"], catch_exceptions=False).output


@pytest.mark.parametrize("path", commands(main))
def test_command_help_teaches_what_it_does(path: str) -> None:
    command: click.Command = main
    for name in path.split()[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help
    assert command.help.rstrip(".")[0].isupper()
    silent = [o.name for o in command.params if isinstance(o, click.Option) and not (o.help or o.type.name == "choice")]
    assert not silent


def test_reference_of_settings_has_every_setting_and_variable() -> None:
    text = page("settings.md")
    wanted = [field.name for field in dataclasses.fields(Settings)] + list(ENVIRONMENT)
    assert [name for name in wanted if f"`{name}`" not in text] == []


def test_environment_variables_in_the_sources_are_all_documented() -> None:
    named = {name for path in SOURCES for name in re.findall(r"CONCORDAT_[A-Z_]+", path.read_text())} - NOT_FOR_USERS
    told = page("settings.md")
    assert {name for name in named if f"`{name}`" not in told and f"`{name}<NAME>`" not in told} == set()


def test_reference_of_errors_has_every_class_and_every_code_in_the_sources() -> None:
    text = page("errors.md")
    written = {code for path in SOURCES for code in re.findall(r"""\bcode=["']([A-Z]\w+)["']""", path.read_text())}
    wanted = written | set(REFUSALS) | {name for name in errors.__all__ if name.endswith("Error")}
    assert {name for name in wanted if f"| `{name}` |" not in text} == set()


def test_reference_of_errors_says_something_about_each() -> None:
    rows = [line.strip("|\n ").split(" | ") for line in page("errors.md").splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows if len(row) < 3 or not row[2].strip()] == []


def test_reference_of_events_has_every_event_of_every_contract() -> None:
    text = page("events.md")
    for name in packaged():
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        events = [entry.name for entry in contract(name)._events.values()]
        assert [event for event in events if f"`{event}(" not in section] == []


@pytest.mark.parametrize("name", ["Market", "Vault", "Court"])
def test_reference_of_our_contracts_explains_every_function_event_and_error(name: str) -> None:
    for document in ("contracts.md", "events.md"):
        section = page(document).partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        silent = [line for line in section.splitlines() if line.startswith("| `") and "| inherited |" in line]
        assert [line for line in silent if not line.startswith("| `SafeERC20")] == []


def test_exit_codes_in_the_sources_are_all_documented() -> None:
    table = page("cli.md").partition("## Exit codes")[2].partition("\n## ")[0]
    documented = set(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE)))
    text = "".join(path.read_text() for path in SOURCES if "cli" in path.parts)
    used = set(map(int, re.findall(r"\bexit\((\d+)\b", text)))
    assert used <= documented
    assert {0, 1, 2, 3, 130} == documented
