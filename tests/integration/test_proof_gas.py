"""Gas of a proof's check is exact: bounds are asserted, and the page says what is measured."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRANSACTION_CAP = 1 << 24
"""Most gas of a transaction (EIP-7825)."""

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def single(monkeypatch_module: pytest.MonkeyPatch) -> dict[str, Any]:
    """Figures of a proof of one inference."""
    monkeypatch_module.syspath_prepend(str(ROOT / "benchmarks"))
    measured: dict[str, Any] = import_module("proof_gas").measure((1,))["logistic"]["1"]
    return measured


@pytest.fixture(scope="module")
def monkeypatch_module() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    sys.modules.pop("proof_gas", None)


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
