"""Reading the chain for people: what steps cost, who holds what."""

from __future__ import annotations

from typing import Any

from concordat.chain.answers import quantity
from concordat.chain.ledger import EvmLedger
from concordat.client.evm import GIFT
from concordat.node.embedded import EmbeddedMarket
from concordat.primitives.encoding import to_hex
from concordat.primitives.units import OrderId, show_usd
from concordat.protocol.events import (
    Accepted,
    ChildPicked,
    ChildrenRevealed,
    Delivered,
    DisputeOpened,
    FindCommitted,
    FraudProven,
    LeafRevealed,
    Paid,
)
from concordat.protocol.ledger import Placed

__all__ = ["GasBook", "wallet_rows"]

MOVES = (DisputeOpened, ChildrenRevealed, ChildPicked, LeafRevealed)
SETTLING = (Accepted, Delivered, Paid)


class GasBook:
    """What the steps of a story cost, read from transaction receipts."""

    def __init__(self, market: EmbeddedMarket) -> None:
        self._ledger = market.backend.ledger
        self._notes: list[tuple[str, int, int]] = []

    def note(self, what: str, order: OrderId) -> None:
        """All transactions that carried an order from offer to payment."""
        self._add(what, [placed for placed in self._of(order) if isinstance(placed.event, SETTLING)])

    def note_last(self, what: str, kind: type[Any], order: OrderId) -> None:
        """The transaction of one event."""
        self._add(what, [placed for placed in self._of(order) if isinstance(placed.event, kind)])

    def note_dispute(self, what: str, order: OrderId) -> None:
        """All transactions of a dispute, the commitment to the find included."""
        found = [placed for placed in self._of(order) if isinstance(placed.event, (*MOVES, FraudProven))]
        proven = next(placed for placed in found if isinstance(placed.event, FraudProven))
        events = self._ledger.events()
        commit = [p for p in events if isinstance(p.event, FindCommitted) and p.block < proven.block][-1:]
        self._add(what, [*found, *commit])

    def dispute_moves(self, order: OrderId) -> int:
        """How often the provider had to reveal."""
        return sum(isinstance(placed.event, ChildrenRevealed) for placed in self._of(order))

    def rows(self) -> list[tuple[str, ...]]:
        """For a table."""
        return [(what, str(count), f"{gas:,}") for what, count, gas in self._notes]

    def data(self) -> list[dict[str, Any]]:
        """For programs."""
        return [{"step": what, "transactions": count, "gas": gas} for what, count, gas in self._notes]

    def _of(self, order: OrderId) -> list[Placed]:
        return [p for p in self._ledger.events() if getattr(p.event, "order_id", None) == order]

    def _add(self, what: str, events: list[Placed]) -> None:
        transactions = {placed.transaction for placed in events}
        self._notes.append((what, len(transactions), sum(map(self._gas, transactions))))

    def _gas(self, transaction: bytes) -> int:
        assert isinstance(self._ledger, EvmLedger)
        receipt = self._ledger.endpoint.call("eth_getTransactionReceipt", to_hex(transaction))
        return quantity(receipt["gasUsed"])


def wallet_rows(market: EmbeddedMarket, names: list[str]) -> list[tuple[str, ...]]:
    """Balances of accounts, and how they changed since each got its gift."""
    rows: list[tuple[str, ...]] = []
    for name in names:
        wallet = market.network.wallet(name)
        change = wallet.tokens + wallet.free + wallet.locked - GIFT
        sign = "+" if change > 0 else ""
        cells = (show_usd(wallet.tokens), show_usd(wallet.free), show_usd(wallet.locked), sign + show_usd(change))
        rows.append((name, *cells))
    return rows
