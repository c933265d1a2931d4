"""The documents hang together: links lead somewhere, everything is in the index, Python blocks are Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docpages import ROOT, pages, run_python

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


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
            if page.name != "api.md":  # shows signatures
                compile(text, str(page), "exec")


def test_pages_under_docs_are_all_in_the_index() -> None:
    folder = ROOT / "docs"
    index = (folder / "README.md").read_text()
    names = [str(path.relative_to(folder)) for path in folder.rglob("*.md") if path != folder / "README.md"]
    assert [name for name in names if f"({name})" not in index] == []


def test_page_imports_are_of_names_that_exist(tmp_path: Path) -> None:
    imports = re.findall(
        r"^(?:from concordat\S* import .*|import concordat.*)$",
        "\n".join(page.read_text() for page in pages()),
        re.MULTILINE,
    )
    done = run_python("\n".join(sorted(set(imports))), tmp_path)
    assert done.returncode == 0, done.stderr
