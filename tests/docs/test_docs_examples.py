"""The programs under examples/ run, and the links between the documents lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docpages import ROOT, environment, missing_for_demo, pages, run_python

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TESTED = {"buy_a_decision.py", "catch_a_cheat.py", "verify_offline.py"}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


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


def anchors(page: Path) -> set[str]:
    """Names under which GitHub links to a page's headings."""
    headings = _HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_links_inside_the_repository_lead_to_files_and_headings(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", prose)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and target.suffix == ".md" and heading not in anchors(target)):
            broken.append(link)
    assert not broken


def test_page_python_blocks_are_python_that_compiles() -> None:
    for page in pages():
        for text in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if "reference" not in page.parts:
                compile(text, str(page), "exec")


def test_explanations_and_guides_are_all_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    documents = [path for path in (ROOT / "docs").rglob("*.md") if path != ROOT / "docs" / "README.md"]
    missing = [str(path.relative_to(ROOT / "docs")) for path in documents]
    assert not [name for name in missing if f"({name})" not in index]


def test_bundle_reference_python_block_uses_names_that_exist(tmp_path: Path) -> None:
    imports = re.findall(
        r"^(?:from concordat\S* import .*|import concordat.*)$",
        "\n".join(page.read_text() for page in pages()),
        re.MULTILINE,
    )
    done = run_python("\n".join(sorted(set(imports))), tmp_path)
    assert done.returncode == 0, done.stderr
