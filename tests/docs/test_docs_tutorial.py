"""The tutorial works as printed: every command is run, in order, and says what the page says it says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from docpages import ROOT, environment, missing_for_demo

pytestmark = pytest.mark.chain
TUTORIAL = ROOT / "docs" / "tutorials" / "first-decision.md"
DONE_BEFORE = ("make setup", ". .venv/bin/activate")
"""What whoever runs the tests has done already."""
START = "concordat up"
"""Runs on in the first terminal; awaited until it says how to stop it."""
MARK = "=== end of step"
_FENCE = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One command of the tutorial."""

    command: str
    expected: str


def steps() -> list[Step]:
    """Every command with what is printed below it, in order; Python blocks as one command each."""
    found: list[Step] = []
    for kind, text in _FENCE.findall(TUTORIAL.read_text()):
        if kind == "python":
            found.append(Step(f"python - <<'PYTHON'\n{text}PYTHON", ""))
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            command = [lines[0], *(line[2:] for line in lines[1:] if line.startswith("> "))]
            shown = [line for line in lines[1:] if not line.startswith("> ")]
            found.append(Step("\n".join(command), "\n".join(shown)))
    return found


def script(wanted: list[Step]) -> str:
    """One shell script that runs the steps and marks where each ends, keeping the exit code for the next."""
    parts = []
    for step in wanted:
        if step.command == START:
            wait = 'while read -r line <&9; do echo "$line"; [[ $line == *Ctrl-C* ]] && break; done'
            body = f"exec 9< <({START} 2>&1); {wait}"
        else:
            body = f"(exit $code)\n{step.command}"
        parts.append(f"{{ {body}\n}} 2>&1\ncode=$?\necho '{MARK}'\n")
    return "code=0\n" + "".join(parts)


def matches(expected: str, printed: str) -> bool:
    """Whether something was printed as the page shows it: white space apart, with the ellipsis for anything."""
    wanted = re.escape(" ".join(expected.split())).replace("…", ".*")
    return not expected or re.fullmatch(wanted, " ".join(printed.split())) is not None


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each step printed."""
    if missing := missing_for_demo():
        pytest.skip(missing)
    clone = tmp_path_factory.mktemp("clone")
    for name in ("examples", "docs"):
        (clone / name).symlink_to(ROOT / name)
    wanted = [step for step in steps() if step.command not in DONE_BEFORE]
    shell = subprocess.Popen(
        ["bash"], cwd=clone, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = shell.communicate(script(wanted), timeout=400)
    finally:
        end_market(clone / "first" / "market", shell.pid)
    return [part.strip("\n") for part in output.split(MARK)][: len(wanted)]


def end_market(home: Path, session: int) -> None:
    """End what a broken tutorial left behind."""
    running = home / "running.json"
    if running.exists():
        os.kill(json.loads(running.read_text())["pid"], signal.SIGTERM)
    else:
        try:
            os.killpg(session, signal.SIGTERM)
        except ProcessLookupError:
            return


def test_tutorial_steps_when_run_in_order_print_what_the_page_shows(printed: list[str]) -> None:
    wanted = [step for step in steps() if step.command not in DONE_BEFORE]
    assert len(printed) == len(wanted)
    for step, output in zip(wanted, printed, strict=True):
        told = f"$ {step.command}\n{output}\n--- but the page shows\n{step.expected}"
        assert matches(step.expected, output), told
        assert "Traceback" not in output, f"$ {step.command}\n{output}"


def test_tutorial_from_python_sees_the_order_that_was_bought(printed: list[str]) -> None:
    wanted = [step for step in steps() if step.command not in DONE_BEFORE]
    outputs = [out for step, out in zip(wanted, printed, strict=True) if step.command.startswith("python - ")]
    assert len(outputs) == 1
    assert re.match(r"PAID 1 \(.*\nPAID 1 \(", outputs[0])
    assert "Wallet(name='client'" in outputs[0]
