"""A market of processes in a temporary home, a client of it, and a watch that times what is seen on chain."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from concordat.chain.events import Read
from concordat.chain.ledger import EvmLedger
from concordat.client.connect import connect_home
from concordat.client.home import Home
from concordat.client.network import Network
from concordat.client.placed import PlacedOrder
from concordat.client.registry import PublishedModel
from concordat.node.supervisor import NodeSpec, Supervisor
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import OrderId, Seconds, usd
from concordat.protocol.events import Delivered, Paid
from concordat.protocol.evidence import FraudProvable, Native
from concordat.storage.sql.schema import Table
from concordat.testing.small import small_model

__all__ = ["Shop", "Watch", "open_shop", "write_history"]

ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}
PRICE = usd("0.05")
LOOK_SECONDS = 0.01
"""Between two looks at the chain."""
BLOCK_SECONDS = 0.25
"""Between two blocks while payments are waited for."""
PATIENCE_SECONDS = 60.0
"""How long the last payment is waited for."""


class Shop:
    """One client's view of a market.

    Parameters
    ----------
    network : Network
        Connection to it.
    model : PublishedModel
        What is bought.
    """

    def __init__(self, network: Network, model: PublishedModel) -> None:
        ledger = network.orders.ledger
        assert isinstance(ledger, EvmLedger), "the market is on a chain"
        self.ledger, self.network, self.model = ledger, network, model
        self._providers = [link.address for link in network.providers()]

    def place(self, number: int, window: Seconds) -> PlacedOrder:
        """The order of that number: providers in turn, native execution and challenge windows in turn."""
        turn, provider = divmod(number, len(self._providers))
        return self.network.orders.place(
            self.model,
            ROW,
            pay=PRICE,
            evidence=FraudProvable() if turn % 2 else Native(),
            window=window,
            provider=self._providers[provider],
        )


ITEM = Table(name="item", key="kind", columns=("kind", "key", "stage", "body", "due", "block"))
KINDS = {
    "provider": [("offer", "closed")],
    "challenger": [("delivery", "over")],
    "keeper": [("order", "closed"), ("decision", "recorded")],
}
"""What a node's journal holds of an order that is over."""


def write_history(home: Home, node: NodeSpec, orders: int) -> None:
    """Fill a node's journal with orders that are over."""
    body = json.dumps({"order": {"price": int(PRICE), "filling": "x" * 300}})
    journal = home.open_journal(node.name)
    with journal.write("history") as database:
        for kind, stage in KINDS[node.role]:
            names = (to_hex(keccak256(b"%d" % number)) for number in range(orders))
            database.insert(ITEM, ((kind, name, stage, body, 0, 0) for name in names))
    journal.close()


@contextmanager
def open_shop(providers: int, history: int = 0) -> Iterator[Shop]:
    """A running market, seen by a client, with a small model published in it; its nodes may have a past."""
    with tempfile.TemporaryDirectory(prefix="concordat-market-") as folder:
        names = [f"provider-{number + 1}" for number in range(providers)]
        nodes = [NodeSpec(role="provider", name=name) for name in names]
        nodes += [NodeSpec(role=role, name=role) for role in ("challenger", "keeper")]
        home = Home(Path(folder))
        if history:
            for node in nodes:
                write_history(home, node, history)
        supervisor = Supervisor(home, tuple(nodes))
        try:
            supervisor.start()
            url = json.loads(home.running.read_text())["url"]
            with connect_home(home, url) as network:
                model = network.registry.publish(small_model(), signer="lender")
                assert isinstance(model, PublishedModel)
                yield Shop(network, model)
        finally:
            supervisor.stop()


class Watch:
    """Notes when deliveries and payments are first seen on chain; a thread of its own looks."""

    def __init__(self, ledger: EvmLedger) -> None:
        self._ledger = ledger
        self.delivered: dict[OrderId, float] = {}
        """When each order's delivery was seen."""
        self.paid: dict[OrderId, float] = {}
        """When each order's payment was seen."""
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self, orders: Sequence[OrderId], *, paid: bool) -> float:
        """When the last of some orders was delivered, or paid.

        Raises
        ------
        TimeoutError
            If that takes too long.
        """
        seen = self.paid if paid else self.delivered
        end = time.perf_counter() + PATIENCE_SECONDS
        while not self._saw(seen, orders):
            if time.perf_counter() > end:
                missing = sum(order not in seen for order in orders)
                raise TimeoutError(f"{missing} of {len(orders)} orders are not through after {PATIENCE_SECONDS:g} s.")
        return max(seen[order] for order in orders)

    def _saw(self, seen: dict[OrderId, float], orders: Sequence[OrderId]) -> bool:
        """Whether all of them are there within one block's time."""
        with self._news:
            return self._news.wait_for(lambda: all(order in seen for order in orders), BLOCK_SECONDS)

    def _look(self) -> None:
        follower = self._ledger.follower()
        while not self._stop.wait(LOOK_SECONDS):
            for step in follower.poll():
                events = [placed.event for placed in self._ledger.placed(step.logs)] if isinstance(step, Read) else []
                now = time.perf_counter()
                with self._news:
                    for event in events:
                        if isinstance(event, Delivered):
                            self.delivered.setdefault(event.order_id, now)
                        elif isinstance(event, Paid):
                            self.paid.setdefault(event.order_id, now)
                    self._news.notify_all()
