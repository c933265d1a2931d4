"""The guide on operations runs; its commands, and those of the files for deployment, are ones that exist."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docpages import ROOT, blocks, run_python

from concordat.cli.main import main
from concordat.cli.settings import ENVIRONMENT, KEY_PREFIX
from concordat.node.operations.logs import FIELDS
from concordat.node.operations.metrics import Metrics
from concordat.node.operations.sight import ChainSight, Lookout
from concordat.storage.journal import Journal

GUIDE = ROOT / "docs" / "guides" / "operations.md"
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\bconcordat_\w+")


@pytest.mark.chain
def test_guide_on_operations_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = blocks(GUIDE, "python")
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"# ((?:True|2) .*|True)$", program, re.MULTILINE)
    assert done.stdout.splitlines() == said == ["True 0", "True True", "True", "2 PAID"]


def commands_in(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("concordat "):
            yield shlex.split(line)[1:]


def unit_commands() -> Iterator[list[str]]:
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        unit = configparser.RawConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read_string(path.read_text())
        words = shlex.split(unit["Service"]["ExecStart"])
        if words[0] == "/bin/sh":
            words = shlex.split(words[2].removeprefix("exec ").replace("$(date -u +%%Y%%m%%dT%%H%%M%%SZ)", "now"))
        assert words[0].endswith("/concordat")
        yield [word.replace("%i", "provider") for word in words[1:] if not word.startswith("$")]


def container_commands() -> Iterator[list[str]]:
    text = (DEPLOY / "compose.yaml").read_text() + (DEPLOY / "Containerfile").read_text()
    lists = [json.loads(found) for found in re.findall(r'(?:command: |test: |CMD )(\[".*?"\])', text)]
    for words in lists:
        words = words[1:] if words[0] == "CMD" else words
        yield words[1:] if words[0] == "concordat" else words


def parsed(words: list[str]) -> None:
    """Let Click read a whole command line without carrying it out."""
    context: click.Context | None = None
    command: click.Command = main
    while True:
        context = command.make_context(command.name, list(words), parent=context)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        assert rest, f"{words}: a group without a command"
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command = found


@pytest.mark.parametrize("source", ["guide", "units", "containers"])
def test_commands_of_guide_units_and_containers_exist_with_their_options(source: str, tmp_path: Path) -> None:
    bash = "\n".join(blocks(GUIDE, "bash")).replace("deployment.json", str(ROOT / "pyproject.toml"))
    found = list(
        {"guide": lambda: commands_in(bash), "units": unit_commands, "containers": container_commands}[source]()
    )
    assert len(found) >= {"guide": 12, "units": 2, "containers": 6}[source]
    for words in found:
        if words != ["--help"]:
            parsed(["--home", str(tmp_path), *words])


def test_variables_of_units_and_containers_are_settings() -> None:
    text = "".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    named = set(re.findall(r"CONCORDAT_[A-Z_]+", text))
    assert {name for name in named if name not in ENVIRONMENT} == {KEY_PREFIX, "CONCORDAT_NODE_OPTIONS"}


def test_metrics_of_guide_and_alerts_are_the_ones_that_nodes_have() -> None:
    chain = ChainSight(chain_id=1, head=1, head_time=1, coin=1)
    made = Metrics(Lookout(lambda: chain, Journal(None))).text().decode()
    had = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (concordat_\w+)", made, re.MULTILINE)}
    had = {name for name in had if not name.endswith("_created")}
    named = {name.removesuffix("_total") for name in METRIC.findall(GUIDE.read_text())}
    assert named == had
    alerts = {
        name.removesuffix("_total") for name in METRIC.findall((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    }
    assert alerts <= had


def test_guide_names_every_field_of_a_log_line() -> None:
    told = GUIDE.read_text()
    assert [field for field in FIELDS if f"`{field}`" not in told] == []
