"""The guide on PostgreSQL runs as it stands: roles, settings, market, program, commands and queries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docpages import ROOT, blocks, environment
from test_docs_prose import defined_tests

from concordat.testing.postgres import PostgresServer

GUIDE = ROOT / "docs" / "guides" / "postgresql.md"
ROLES, QUERIES = blocks(GUIDE, "sql")
UP, COMMANDS = blocks(GUIDE, "console")
PAID = 3


@pytest.fixture(scope="module")
def url(postgres: PostgresServer) -> str:
    """The database that the guide has made."""
    for statement in ROLES.strip().split(";\n"):
        postgres.run(statement.rstrip(";"))
    return (
        postgres.url("market")
        .replace("//concordat:", "//market:")
        .replace(postgres.url().split(":")[2].split("@")[0], "change%20me")
    )


@pytest.fixture(scope="module")
def folder(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the market of the guide runs."""
    folder = tmp_path_factory.mktemp("guide")
    (command,) = re.findall(r"^\$ (.*)$", UP, re.MULTILINE)
    process = subprocess.Popen(
        command.split(), cwd=folder, env=surroundings(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    assert process.poll() is None, "".join(said)
    yield folder
    process.terminate()
    process.wait()


def surroundings(url: str) -> dict[str, str]:
    return environment() | {"CONCORDAT_DATABASE": url, "CONCORDAT_LOG_STORE": url}


@pytest.mark.chain
@pytest.mark.slow
def test_guide_on_postgresql_runs_and_prints_what_it_says(folder: Path, url: str, postgres: PostgresServer) -> None:
    (program,) = blocks(GUIDE, "python")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=surroundings(url), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    expected = re.search(r"It prints `(.*?)`, `(.*?)`, `(.*?)` and `(.*?)`", GUIDE.read_text())
    assert expected is not None
    assert done.stdout.splitlines() == list(expected.groups())
    said = [run(command, folder, url) for command in re.findall(r"^\$ (.*)$", COMMANDS, re.MULTILINE)]
    assert said[0].count(" paid ") == 2
    assert "--after" in said[0]
    assert said[1].count(" paid ") == 3
    assert said[2].count(" payment ") == 3
    assert re.search(r"market_order +3\b", said[3])
    assert "events read" in said[4]
    assert "as in the index" in said[5]
    files = {path.name for path in (folder / "market").rglob("*") if path.suffix == ".db"}
    assert files == set()
    assert not (folder / "market" / "log" / "checkpoint").exists()
    check_queries(postgres)


def run(command: str, folder: Path, url: str) -> str:
    done = subprocess.run(
        command.split(), cwd=folder, env=surroundings(url), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_queries(postgres: PostgresServer) -> None:
    """The queries say that three orders were paid, and that three prices went to a provider."""
    names = postgres.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'concordat_index%'", "market")
    assert len(names) == 1
    name = str(names[0][0])
    assert re.fullmatch(r"concordat_index-31337-[0-9a-f]{8}", name)
    set_path, *queries = [statement for statement in QUERIES.strip().split(";\n") if statement]
    assert set_path.startswith("SET search_path")
    found = [
        postgres.run(re.sub(r"FROM (\w+)", rf'FROM "{name}".\1', query.rstrip(";")), "market") for query in queries
    ]
    assert [row[:2] for row in found[0]] == [[PAID, 3]]
    assert float(str(found[0][0][2])) == 1.5
    assert {row[0]: float(str(row[1])) for row in found[1]}[3] == 1.5


def test_guide_on_postgresql_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", GUIDE.read_text()))
    assert len(named) >= 6
    assert named - defined_tests() == set()


def test_no_password_of_the_guide_is_on_a_command_line() -> None:
    assert "postgresql://" not in UP + COMMANDS
    assert os.environ.get("CONCORDAT_DATABASE") is None
