"""Gas of a proof's check is exact: bounds are asserted, and the page says what is measured."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.blobs import BLOB_BYTES

ROOT = Path(__file__).resolve().parents[2]
TRANSACTION_CAP = 1 << 24
"""Most gas of a transaction (EIP-7825)."""

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def measured(monkeypatch_module: pytest.MonkeyPatch) -> dict[str, Any]:
    """Figures of proofs of one inference."""
    monkeypatch_module.syspath_prepend(str(ROOT / "benchmarks"))
    found: dict[str, Any] = import_module("proof_gas").measure((1,), ("f",))
    return found


@pytest.fixture(scope="module")
def single(measured: dict[str, Any]) -> dict[str, Any]:
    """Figures of the model for loans."""
    found: dict[str, Any] = measured["logistic"]["1"]
    return found


@pytest.fixture(scope="module")
def monkeypatch_module() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    for name in ("proof_gas", "_networks"):
        sys.modules.pop(name, None)


def test_proof_of_a_small_model_fits_a_transaction(single: dict[str, Any]) -> None:
    assert single["gas"] <= 10_500_000 < TRANSACTION_CAP
    assert single["soundness_bits"] >= 100


def test_page_says_what_a_proof_costs(single: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for what, key in (
        ("one transaction", "gas"),
        ("its execution", "execution_gas"),
        ("its proof", "calldata_proof_gas"),
    ):
        row = re.search(rf"^\| {what}[^|]*\| ([\d,]+) \|", page, re.MULTILINE)
        assert row is not None, what
        assert float(row[1].replace(",", "")) == pytest.approx(single[key], rel=0.02), what


def test_page_says_what_a_tree_costs_and_its_claim_fits_a_blob(measured: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    tree, keys = measured["cases"]["f"], ("gas", "execution_gas", "calldata_proof_gas", "relation_bytes", "proof_bytes")
    row = re.search(r"^\| f decision tree \|(.*)\|$", page, re.MULTILINE)
    assert row is not None
    said = [float(cell.replace(",", "")) for cell in row[1].split("|")]
    assert said == pytest.approx([tree[key] for key in (*keys, "claim_bytes")], rel=0.02)
    assert tree["claim_bytes"] <= BLOB_BYTES
