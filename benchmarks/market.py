"""Orders end to end through a market of processes, as ``concordat up`` runs it, on the embedded chain.

Chain, providers, challenger and keeper are processes of their own in a temporary home. A client with several threads
signs orders and hands them in at the providers' HTTP doors; every second one is settled by native execution, the others
by a window in which the challenger checks them. The clock runs from the first offer to the last PAID. Decision latency
is measured for one order at a time, from before it is signed to the moment at which its delivery is seen on chain.

    python benchmarks/market.py            in words
    python benchmarks/market.py --json     one object
    python benchmarks/market.py --providers 1 --history 1000000
                                           with a million orders that are over in every node's journal

All processes share this machine, so the figures say how fast *it* is with whatever else it does: compare runs on the
same machine only, and mind the load that is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from _shop import Shop, Watch, open_shop
from concordat.client.placed import PlacedOrder
from concordat.primitives.native import rust
from concordat.primitives.units import Seconds
from concordat.protocol.bundle import Bundle
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import ChainFacts
from concordat.verify import verify

__all__ = ["main", "measure", "percentile"]

VERIFY_MS = 5.0
"""Milliseconds that the verification of a bundle may take."""


# -- what is measured --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Many orders at once."""

    orders: int
    """How many."""
    orders_per_s: float
    """From the first offer to the last payment, the last window included."""
    offers_per_s: float
    """As the client handed them in."""
    deliveries_per_s: float
    """From the first offer to the last delivery."""


def throughput(shop: Shop, watch: Watch, *, orders: int, threads: int, window: Seconds) -> Throughput:
    """Hand in orders as fast as the threads can, and see them paid."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        placed = list(pool.map(lambda number: shop.place(number, window).id, range(orders)))
    offered = time.perf_counter()
    delivered, paid = watch.wait(placed, paid=False), watch.wait(placed, paid=True)
    return Throughput(
        orders=orders,
        orders_per_s=orders / (paid - began),
        offers_per_s=orders / (offered - began),
        deliveries_per_s=orders / (delivered - began),
    )


def latencies(shop: Shop, watch: Watch, *, orders: int, window: Seconds) -> tuple[list[float], list[PlacedOrder]]:
    """Milliseconds from offer to delivery of one order after another, and the orders."""
    taken, placed = [], []
    for number in range(orders):
        began = time.perf_counter()
        order = shop.place(number, window)
        taken.append(1e3 * (watch.wait([order.id], paid=False) - began))
        placed.append(order)
    return taken, placed


def verification(shop: Shop, placed: Sequence[PlacedOrder], rounds: int = 5) -> tuple[float, float]:
    """Median milliseconds to verify a bundle, without and with running the model again.

    Everything else is checked: sixteen numbered checks with log, trust root and what the chain said of the order.
    """
    records = shop.network.records
    trust = records.trust_root()
    times: dict[bool, list[float]] = {False: [], True: []}
    for order in placed:
        bundle, facts = anchored(shop, order, trust)
        for rerun in times:
            data = (bundle if rerun else replace(bundle, program=None)).encode()
            for _ in range(rounds):
                began = time.perf_counter()
                report = verify(data, trust, endpoint_facts=facts)
                times[rerun].append(1e3 * (time.perf_counter() - began))
                if report.failed or (rerun and not report.ok):
                    raise RuntimeError(f"A bundle does not verify: {report.verdict}")
    return statistics.median(times[False]), statistics.median(times[True])


def anchored(shop: Shop, order: PlacedOrder, trust: TrustRoot, tries: int = 100) -> tuple[Bundle, ChainFacts]:
    """An order's bundle and what the chain says of it, once a checkpoint that contains it stands on chain."""
    for _ in range(tries):
        bundle = order.wait("recorded").bundle
        facts = shop.network.records.facts(bundle)
        if verify(bundle.encode(), trust, endpoint_facts=facts).ok:
            break
        order.orders.pump()
    return bundle, facts


def percentile(values: Sequence[float], share: float) -> float:
    """Smallest of the values that at least that share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-int(share * 1000) * len(ordered) // 1000) - 1, 0)]


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """All figures; progress goes to the standard error."""
    before, window = os.getloadavg(), Seconds(asked.window)
    runs: dict[str, Throughput] = {}
    figures: dict[str, Any] = {}
    for providers in asked.providers:
        print(f"{providers} provider process(es), {asked.orders} orders …", file=sys.stderr)
        with open_shop(providers, asked.history) as shop, Watch(shop.ledger) as watch:
            taken, placed = latencies(shop, watch, orders=asked.singles, window=window)
            runs[str(providers)] = throughput(shop, watch, orders=asked.orders, threads=asked.threads, window=window)
            if not figures:
                without, again = verification(shop, placed[: asked.bundles])
                figures = {
                    "decision_latency_p50_ms": percentile(taken, 0.5),
                    "decision_latency_p99_ms": percentile(taken, 0.99),
                    "verify_ms": without,
                    "verify_with_rerun_ms": again,
                }
    return {
        "orders_per_s": {providers: run.orders_per_s for providers, run in runs.items()},
        "deliveries_per_s": {providers: run.deliveries_per_s for providers, run in runs.items()},
        "offers_per_s": {providers: run.offers_per_s for providers, run in runs.items()},
        **figures,
        "orders": asked.orders,
        "historical_orders": asked.history,
        "client_threads": asked.threads,
        "share_native": 0.5,
        "window_s": window,
        "native_twins": rust is not None,
        "cores": os.cpu_count(),
        "load_before": before[0],
        "load_after": os.getloadavg()[0],
    }


# -- the end -----------------------------------------------------------------------------------------------------------


def show(figures: dict[str, Any]) -> str:
    """In words."""
    lines = [
        f"{rate:6.1f} orders/s with {providers} provider process(es), half native, half after a window of "
        f"{figures['window_s']} s ({figures['deliveries_per_s'][providers]:.1f} deliveries/s)"
        for providers, rate in figures["orders_per_s"].items()
    ]
    lines += [
        f"{figures['decision_latency_p50_ms']:6.0f} ms from offer to decision, one order at a time (median; "
        f"99th percentile {figures['decision_latency_p99_ms']:.0f} ms)",
        f"{figures['verify_ms']:6.2f} ms to verify a bundle (at most {VERIFY_MS:g}); "
        f"{figures['verify_with_rerun_ms']:.2f} ms with the model run again",
        f"       on {figures['cores']} cores that chain, nodes and client share; load {figures['load_before']:.1f} "
        f"before, {figures['load_after']:.1f} after",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--providers", type=int, nargs="+", default=[1, 2, 4, 8], help="provider processes, one run for each"
    )
    parser.add_argument("--orders", type=int, default=200, help="orders of a run")
    parser.add_argument("--history", type=int, default=0, help="orders that are over in each node's journal before")
    parser.add_argument("--threads", type=int, default=4, help="threads of the client")
    parser.add_argument("--singles", type=int, default=40, help="orders that are placed one at a time")
    parser.add_argument("--bundles", type=int, default=10, help="bundles that are verified")
    parser.add_argument("--window", type=int, default=1, help="seconds of the challenge window")
    asked = parser.parse_args()
    figures = measure(asked)
    print(json.dumps(figures, indent=1) if asked.json else show(figures))
    if figures["verify_ms"] > VERIFY_MS:
        print(f"missed: verify_ms is {figures['verify_ms']:.2f}, at most {VERIFY_MS:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
