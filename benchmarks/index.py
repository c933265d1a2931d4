"""The index of the chain's events: how fast it is built from genesis, and how fast its pages are at any depth.

The past is made up as it is read (`concordat.testing.history`): logs as a node sends them, of orders that were paid,
not delivered, cancelled, slashed and disputed, in blocks of forty orders, read through the same code as a chain's.
Making them up is not counted. Then one catches up by single blocks, as at the head of a chain, and pages are asked for
with several filters at the beginning, in the middle and at the end.

    python benchmarks/index.py                        a million orders, SQLite and PostgreSQL (twenty minutes)
    python benchmarks/index.py --orders 20000 --json  fewer, as one object

PostgreSQL runs beside it on the same machine and writes without waiting for the disk; SQLite waits for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from concordat.client.indexing import ChainIndexer
from concordat.client.search import Search
from concordat.primitives.native import rust
from concordat.primitives.units import OrderId, Timestamp
from concordat.protocol.order import OrderStatus
from concordat.storage.index.chain_index import ChainIndex
from concordat.testing.history import GENESIS, PastChain, PastMarket
from concordat.testing.postgres import PostgresServer, postgres_programs

__all__ = ["main", "measure", "percentile"]

PER_BLOCK = 40
"""Orders accepted in one block."""
STEPS = 50
"""Blocks that are caught up with one by one."""


def percentile(values: list[float], share: float) -> float:
    """Smallest of the values that at least that share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-int(share * 1000) * len(ordered) // 1000) - 1, 0)]


def timed(action: Callable[[], Any]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - began)


def build(market: PastMarket, place: Path | str) -> tuple[dict[str, float], PastChain, Search]:
    """Build the index from genesis, but for the last blocks; figures, the chain and the index."""
    chain = PastChain(market)
    last, chain.newest = chain.newest, chain.newest - STEPS
    index = ChainIndex(place, market.domain, start=1)
    indexer = ChainIndexer(chain, index)
    began = time.perf_counter()
    events = indexer.update(lambda count, block: print(f"\r{count:,} events", end="", file=sys.stderr))
    seconds = time.perf_counter() - began - chain.seconds
    steps = []
    for chain.newest in range(last - STEPS + 1, last + 1):
        spent = chain.seconds
        steps.append(timed(indexer.update) - 1e3 * (chain.seconds - spent))
    print(file=sys.stderr)
    figures = {
        "events": float(events),
        "rebuild_events_per_s": events / seconds,
        "rebuild_orders_per_s": index.counts()["market_order"] / seconds,
        "rebuild_s": seconds,
        "catch_up_block_p50_ms": percentile(steps, 0.5),
        "catch_up_block_p99_ms": percentile(steps, 0.99),
    }
    return figures, chain, Search(lambda: indexer, follow=False)


def pages(market: PastMarket, search: Search, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one page of fifty orders, by what is asked for."""
    draw = random.Random(1)
    blocks = market.orders // market.per_block

    def somewhere() -> dict[str, Any]:
        return {"until": Timestamp(GENESIS + 12 * draw.randrange(1, blocks + 1))}

    def order() -> Any:
        return market.order(draw.randrange(market.orders))

    questions: dict[str, Callable[[], Any]] = {
        "newest": search.orders,
        "anywhere in time": lambda: search.orders(**somewhere()),
        "of a client": lambda: search.orders(client=order().order.client),
        "of a provider, anywhere in time": lambda: search.orders(provider=order().order.provider, **somewhere()),
        "of a model, slashed": lambda: search.orders(model=order().order.model, status=OrderStatus.SLASHED),
        "expired, anywhere in time": lambda: search.orders(status=OrderStatus.EXPIRED, **somewhere()),
        "one order": lambda: search.order(OrderId(order().id)),
        "credits of an account": lambda: search.credits(account=order().order.provider),
    }
    found = {}
    for name, ask in questions.items():
        ask()
        taken = [timed(ask) for _ in range(rounds)]
        found[name] = {"p50_ms": percentile(taken, 0.5), "p99_ms": percentile(taken, 0.99)}
    return found


def walk(search: Search, most: int) -> dict[str, float]:
    """Milliseconds of a page of a thousand, from the newest order back: the first pages and the last ones."""
    taken, after = [], None
    while len(taken) < most:
        began = time.perf_counter()
        page = search.orders(limit=1000, after=after)
        taken.append(1e3 * (time.perf_counter() - began))
        after = page.next
        if after is None:
            break
    tenth = max(len(taken) // 10, 1)
    return {
        "pages": float(len(taken)),
        "first_tenth_p50_ms": percentile(taken[:tenth], 0.5),
        "last_tenth_p50_ms": percentile(taken[-tenth:], 0.5),
    }


@contextmanager
def places(asked: list[str]) -> Iterator[dict[str, Path | str]]:
    """An empty place for each database asked for that is here."""
    with tempfile.TemporaryDirectory(prefix="concordat-index-") as folder:
        found: dict[str, Path | str] = {"sqlite": Path(folder) / "index.db"} if "sqlite" in asked else {}
        if "postgresql" in asked and postgres_programs() is not None:
            with PostgresServer() as server:
                yield {**found, "postgresql": server.new_database()}
        else:
            yield found


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """All figures; progress goes to the standard error."""
    market = PastMarket(orders=asked.orders, per_block=PER_BLOCK)
    before, figures, digests = os.getloadavg(), {}, set()
    with places(asked.databases) as found:
        for name, place in found.items():
            print(f"{name}, {asked.orders:,} orders …", file=sys.stderr)
            built, _, search = build(market, place)
            figures[name] = {**built, "pages": pages(market, search, asked.rounds), "walk": walk(search, 2_000)}
            digests.add(search.index.digest())
            search.close()
    return {
        "databases": figures,
        "orders": asked.orders,
        "same_result": len(digests) == 1,
        "native_twins": rust is not None,
        "cores": os.cpu_count(),
        "load_before": before[0],
        "load_after": os.getloadavg()[0],
    }


def show(figures: dict[str, Any]) -> str:
    """In words."""
    lines = []
    for name, one in figures["databases"].items():
        lines += [
            f"{name}: {figures['orders']:,} orders, {one['events']:,.0f} events",
            f"  {one['rebuild_events_per_s']:9,.0f} events/s ({one['rebuild_orders_per_s']:,.0f} orders/s), "
            "from genesis",
            f"  {one['catch_up_block_p50_ms']:9.1f} ms to catch up with one block (99th percentile "
            f"{one['catch_up_block_p99_ms']:.1f})",
            f"  {one['walk']['first_tenth_p50_ms']:9.1f} ms for a page of 1,000 among the newest, "
            f"{one['walk']['last_tenth_p50_ms']:.1f} ms after {one['walk']['pages']:,.0f} pages",
        ]
        lines += [
            f"  {taken['p50_ms']:9.2f} ms (99th percentile {taken['p99_ms']:.2f}) for a page of 50: {question}"
            for question, taken in one["pages"].items()
        ]
    same = "the same" if figures["same_result"] else "NOT the same"
    lines.append(
        f"{same} result in every database; on {figures['cores']} cores, load {figures['load_before']:.1f} before"
    )
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--orders", type=int, default=1_000_000, help="orders of the past")
    parser.add_argument("--rounds", type=int, default=200, help="pages of each kind")
    parser.add_argument(
        "--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"], help="which"
    )
    asked = parser.parse_args()
    figures = measure(asked)
    print(json.dumps(figures, indent=1) if asked.json else show(figures))
    return 0 if figures["same_result"] else 1


if __name__ == "__main__":
    sys.exit(main())
