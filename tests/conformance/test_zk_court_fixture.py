"""The claims that Solidity tests put before the proof court are what the script makes."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "contracts" / "test" / "zk_court" / "fixture"


def test_committed_claims_compared_with_their_script_are_the_same() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_claim_fixture.py"))["fixture"]()
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == made
    assert sum(map(len, made.values())) < 200_000
