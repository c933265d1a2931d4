"""The guide on standards runs as it stands; the rules of reputation name tests that exist and figures that are so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docpages import ROOT, blocks, run_python
from test_docs_prose import defined_tests

from concordat.primitives.units import usd
from concordat.testing.rings import BLAME_WEIGHS_ITS_FEE, OPEN_ORDERS_IGNORED, PRICE_AS_WEIGHT, SOUND, Ring

GUIDE = ROOT / "docs" / "guides" / "standards.md"
RULES = (ROOT / "docs" / "explain" / "reputation.md").read_text()
STRATEGIES = {
    "one big wash, then everything at once": [("wash", usd(1000)), ("rob", 50)],
    "a hundred small washes by a hundred clients": [("wash", usd(1), 100, 100), ("rob", 100)],
    "slow and steady for a year": [("wash", usd(10), 5, 5), ("wait", 30)] * 12 + [("rob", 10)],
    "rob a little, wash again": [("wash", usd(100)), ("rob", 1, 50), ("wait", 8)] * 20,
    "another name after every robbery": [("wash", usd(100)), ("rob", 5), ("reappear",)] * 10,
    "never more than a tenth": [("wash", usd(100)), *[("rob", 1, 10), ("wait", 8)] * 40],
}


@pytest.mark.chain
def test_guide_on_standards_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = blocks(GUIDE, "python")
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    expected = ["score 9000 from 1", "validated 100 settled", "verified small", "minted True"]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize(("page", "least"), [(RULES, 16), (GUIDE.read_text(), 10)])
def test_pages_on_standards_name_only_tests_that_exist(page: str, least: int) -> None:
    named = set(re.findall(r"`((?:test|invariant)_\w+)`", page))
    assert len(named) >= least
    assert named - defined_tests() == set()


def test_table_of_rings_is_what_rings_make() -> None:
    for name, steps in STRATEGIES.items():
        cells = [f"| {name}"]
        for rule in (SOUND, PRICE_AS_WEIGHT, OPEN_ORDERS_IGNORED, BLAME_WEIGHS_ITS_FEE):
            ring = Ring(rule)
            for step, *arguments in steps:
                getattr(ring, step)(*arguments)
            cells.append(f"{ring.burned / 10**6:,.2f} / {ring.taken / 10**6:,.2f}")
        assert " | ".join(cells) + " |" in RULES
