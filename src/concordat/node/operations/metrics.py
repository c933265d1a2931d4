"""What a node counts, in the form that Prometheus reads: one registry for a process.

Counters follow from the events that the node logs, gauges from a look at chain and journal when they are asked for. No
label holds anything but fixed words of this program: no address, order, model or error text.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from concordat.node.operations.logs import ROOT
from concordat.node.operations.sight import ChainSight, Lookout, StoreSight

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""What the text is called on the web."""
_CHALLENGES = {"disputed": "opened", "shown": "won", "lost": "lost"}
"""Stages of a challenger's deliveries, and what became of its challenges."""
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class Metrics(logging.Handler):
    """Counts what is logged below ``concordat``; tells Prometheus about that and about a look at chain and journal.

    Parameters
    ----------
    lookout : Lookout
        Looks when somebody asks.
    clock : callable
        Wall clock, for the age of blocks.
    """

    def __init__(self, lookout: Lookout, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(level=logging.DEBUG)
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self.transactions = self._counter("transactions", "Messages sent, by what came of them.", "action", "outcome")
        self.gas = self._counter("gas_used", "Gas that the node's transactions used.", "action")
        self.seen = self._counter("market_events", "Events of the market that the node read.", "kind")
        self.reorganisations = self._counter("reorganisations", "Times that blocks which were read were gone.")
        self.endpoint_errors = self._counter("endpoint_errors", "Requests that the endpoint failed.", "code")
        self.step_failures = self._counter("step_failures", "Steps that ended in an error.", "kind")
        self.steps = Histogram(
            "concordat_step_seconds", "How long steps took.", buckets=_SECONDS, registry=self.registry
        )
        self.next_blocks: dict[str, tuple[int, int]] = {}
        """Next block that each feed reads, and how many of the newest it leaves out."""
        self._next_lock = threading.Lock()
        self.registry.register(_Gauges(self, lookout, clock))

    def attach(self) -> Metrics:
        """Count from now on."""
        logging.getLogger(ROOT).addHandler(self)
        return self

    def detach(self) -> None:
        """Count no more."""
        logging.getLogger(ROOT).removeHandler(self)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one event."""
        act = _COUNTED.get(getattr(record, "event", ""))
        if act is not None:
            act(self, getattr(record, "fields", {}))

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"concordat_{name}", told, labels, registry=self.registry)

    def _sent(self, fields: Mapping[str, Any]) -> None:
        self.transactions.labels(fields["action"], "done").inc()
        self.gas.labels(fields["action"]).inc(fields["gas"])

    def _refused(self, fields: Mapping[str, Any]) -> None:
        self.transactions.labels(fields["action"], "refused").inc()

    def _market(self, fields: Mapping[str, Any]) -> None:
        self.seen.labels(fields["kind"]).inc()

    def _gone(self, fields: Mapping[str, Any]) -> None:
        self.reorganisations.inc()

    def _endpoint(self, fields: Mapping[str, Any]) -> None:
        self.endpoint_errors.labels(fields["code"]).inc()

    def _failed(self, fields: Mapping[str, Any]) -> None:
        self.step_failures.labels(fields["kind"]).inc()

    def _looked(self, fields: Mapping[str, Any]) -> None:
        with self._next_lock:
            self.next_blocks = {**self.next_blocks, fields["feed"]: (fields["block"], fields["blocks"])}


_COUNTED: dict[str, Callable[[Metrics, Mapping[str, Any]], None]] = {
    "sent": Metrics._sent,
    "refused": Metrics._refused,
    "market": Metrics._market,
    "reorganised": Metrics._gone,
    "endpoint": Metrics._endpoint,
    "failed": Metrics._failed,
    "looked": Metrics._looked,
}
"""Events that are counted; names as the nodes log them."""


class _Gauges(Collector):
    """What a look shows, made anew whenever it is asked for."""

    def __init__(self, metrics: Metrics, lookout: Lookout, clock: Callable[[], float]) -> None:
        self._metrics, self._lookout, self._clock = metrics, lookout, clock

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing to be asked in advance: registering must not ask the chain."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All gauges."""
        sight = self._lookout.look()
        up = GaugeMetricFamily(
            "concordat_up", "Whether it answers: the chain's endpoint, the journal.", labels=["part"]
        )
        up.add_metric(["chain"], int(sight.chain is not None))
        up.add_metric(["journal"], int(sight.store is not None))
        yield up
        if sight.chain is not None:
            yield from self._of_chain(sight.chain)
        if sight.store is not None:
            yield from self._of_store(sight.store)

    def _of_chain(self, chain: ChainSight) -> Iterator[GaugeMetricFamily]:
        money = GaugeMetricFamily(
            "concordat_money_base_units",
            "The account's settlement tokens, in the token's base units: free and locked in the vault, and outside.",
            labels=["where"],
        )
        for where, amount in (
            ("free", chain.balance.free),
            ("locked", chain.balance.locked),
            ("outside", chain.tokens),
        ):
            money.add_metric([where], amount)
        yield money
        yield GaugeMetricFamily("concordat_coin_wei", "The chain's coin that the account holds for gas.", chain.coin)
        yield GaugeMetricFamily("concordat_head_block", "Latest block of the endpoint.", chain.head)
        age = max(0.0, self._clock() - chain.head_time)
        yield GaugeMetricFamily("concordat_head_age_seconds", "Age of that block by this machine's clock.", age)
        lag = GaugeMetricFamily(
            "concordat_blocks_behind",
            "Blocks that each feed has yet to read, besides those it leaves for their finality.",
            labels=["feed"],
        )
        for feed, (after, left_out) in sorted(self._metrics.next_blocks.items()):
            lag.add_metric([feed], max(0, chain.head + 1 - left_out - after))
        yield lag

    def _of_store(self, store: StoreSight) -> Iterator[GaugeMetricFamily]:
        items = GaugeMetricFamily(
            "concordat_items",
            "What the journal holds: offers, orders, deliveries, disputes …",
            labels=["kind", "stage"],
        )
        challenges: dict[str, int] = dict.fromkeys(_CHALLENGES.values(), 0)
        for (kind, stage), number in sorted(store.items.items()):
            items.add_metric([kind, stage], number)
            if kind in ("delivery", "posted") and stage in _CHALLENGES:
                challenges[_CHALLENGES[stage]] += number
        yield items
        outcome = GaugeMetricFamily("concordat_challenges", "Challenges of this node by state.", labels=["state"])
        for state, number in challenges.items():
            outcome.add_metric([state], number)
        yield outcome
        yield GaugeMetricFamily(
            "concordat_receipts_waiting",
            "Transactions written down and not known to be in.",
            store.intents.get("planned", 0),
        )
        depth = sum(store.items.values()) + sum(store.intents.values())
        yield GaugeMetricFamily("concordat_journal_rows", "Items and intents in the journal.", depth)
