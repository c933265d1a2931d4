"""The benchmarks' promises: gas is exact, so its bounds are asserted; times are not, so only that they are measured."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
ROW = re.compile(r"^\|[^|]*\| `(\w+)` \|[^|]*\| ([\d.,]+) \|", re.MULTILINE)
"""A row of the page's table of gas: key and our figure."""

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def load() -> Iterator[Any]:
    """Imports a benchmark as its command line does: with its own folder first."""
    sys.path.insert(0, str(FOLDER))
    yield import_module
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def gas(load: Any) -> ModuleType:
    """benchmarks/gas.py."""
    module: ModuleType = load("gas")
    return module


@pytest.fixture(scope="module")
def figures(gas: ModuleType) -> dict[str, Any]:
    """Everything it measures."""
    measured: dict[str, Any] = gas.measure()
    return measured


def test_gas_of_an_order_from_offer_to_paid_reaches_its_aim(figures: dict[str, Any]) -> None:
    assert figures["order_total_gas"] <= 170_000
    assert figures["order_txs"] == 2
    assert sum(figures["order_steps"].values()) == figures["order_total_gas"]


def test_client_of_an_order_sends_no_transaction_and_holds_no_ether(figures: dict[str, Any]) -> None:
    assert figures["client_txs"] == 0


def test_order_funded_first_is_three_transactions_and_dearer(figures: dict[str, Any]) -> None:
    assert figures["order_funded_first_txs"] == 3
    assert figures["order_funded_first_gas"] > figures["order_total_gas"]


@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_fraud_proof_of_a_product_of_256_stays_under_its_bound(figures: dict[str, Any], kind: str) -> None:
    assert figures[f"fraud_proof_{kind}_gas"] <= figures["fraud_proof_gas"] <= 200_000


def test_program_whose_elements_are_disputed_is_as_deep_as_promised(load: Any, figures: dict[str, Any]) -> None:
    graph, _ = load("_workload").deep_graph()
    assert (graph.trace_depth, graph.program_depth) == (16, 10)
    assert graph.weights_depth >= 17


def test_dissection_of_a_withheld_trace_stays_under_its_bound(figures: dict[str, Any]) -> None:
    parts = figures["withheld_trace_challenger_gas"] + figures["withheld_trace_provider_gas"]
    assert parts == figures["withheld_trace_gas"] <= 700_000
    assert figures["withheld_trace_txs"] == 12


def test_network_of_6k_weights_on_chain_stays_under_its_bound(figures: dict[str, Any]) -> None:
    assert figures["native_weights"] == 6_209
    assert figures["native_mlp_6k_gas"] <= 100_000
    assert figures["native_order_gas"] - figures["native_order_without_model_gas"] == figures["native_mlp_6k_gas"]


def test_record_and_its_inclusion_proof_stay_under_their_bounds(figures: dict[str, Any]) -> None:
    assert figures["record_gas_per_decision_at_1e6"] <= 0.1
    assert figures["inclusion_proof_gas"] <= 15_000


def test_gas_missed_bounds_are_named(gas: ModuleType, figures: dict[str, Any]) -> None:
    too_dear = figures | {"fraud_proof_gas": 200_001, "client_txs": 1}
    assert {"client_txs", "fraud_proof_gas"} <= set(gas.missed(too_dear))
    assert gas.missed(figures) == []


def test_table_of_gas_has_every_figure_and_no_peer_without_one(gas: ModuleType, figures: dict[str, Any]) -> None:
    assert set(gas.FIGURES) <= set(figures)
    assert set(gas.PEERS) <= set(gas.FIGURES)
    assert gas.table(figures).row_count >= len(gas.FIGURES)


def test_page_about_benchmarks_says_what_is_measured(gas: ModuleType, figures: dict[str, Any]) -> None:
    page = dict(ROW.findall((ROOT / "docs" / "benchmarks.md").read_text()))
    assert list(page) == list(gas.FIGURES)
    for key, text in page.items():
        assert float(text.replace(",", "")) == pytest.approx(figures[key], rel=0.02), key


def test_market_benchmark_of_a_few_orders_measures_every_figure(load: Any) -> None:
    market = load("market")
    asked = argparse.Namespace(providers=[2], orders=8, threads=2, singles=4, bundles=2, window=1, history=0)
    figures = market.measure(asked)
    rates = [figures[name]["2"] for name in ("orders_per_s", "deliveries_per_s", "offers_per_s")]
    assert all(rate > 0 for rate in rates)
    assert 0 < figures["decision_latency_p50_ms"] <= figures["decision_latency_p99_ms"]
    assert figures["verify_ms"] > 0


def test_percentile_of_values_is_one_of_them(load: Any) -> None:
    percentile = load("market").percentile
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7
