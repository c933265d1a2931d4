"""The keeper: does what anybody may do so that nobody has to wait for anybody.

Pays delivered orders whose window has passed, refunds orders nobody delivered, ends disputes whose mover fell silent,
and returns bonds of disputes that were overtaken.
"""

from __future__ import annotations

from typing import Any

from concordat.node.feed import Feed
from concordat.node.outbox import Outbox
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import Address, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import (
    Accepted,
    ChildPicked,
    ChildrenRevealed,
    DisputeClosed,
    DisputeLost,
    DisputeOpened,
    LeafRevealed,
)
from concordat.protocol.ledger import Ledger
from concordat.protocol.messages import CloseDispute, Expire, Finalize, Message, TimeOut
from concordat.protocol.order import Order, OrderState, OrderStatus
from concordat.storage.journal import Journal

__all__ = ["Keeper"]


class Keeper:
    """One keeper's node.

    Parameters
    ----------
    ledger, journal : Ledger, Journal
        Where orders live, where the node remembers.
    outbox : Outbox
        Sends as the keeper's account.
    """

    def __init__(self, ledger: Ledger, journal: Journal, outbox: Outbox) -> None:
        self.ledger = ledger
        self.journal = journal
        self.outbox = outbox
        self._feed = Feed(ledger, journal)

    def step(self) -> int:
        """Look at new events and at every open order and dispute."""
        for placed in self._feed.read():
            self._note(placed.event)
        now = self.ledger.now()
        done = sum(self._tend_order(key, body, now) for key, _, body in self.journal.items("order", "open"))
        done += sum(self._tend_dispute(key, body, now) for key, _, body in self.journal.items("dispute", "open"))
        self._feed.settle()
        return done

    def _note(self, event: object) -> None:
        if isinstance(event, Accepted):
            if self.journal.item("order", to_hex(event.order_id)) is None:
                self.journal.set_item("order", to_hex(event.order_id), "open", {"order": to_wire(event.order)})
        elif isinstance(event, DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed):
            key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
            known = self.journal.item("dispute", key)
            if known is None or (known[0] == "open" and known[1]["deadline"] < event.deadline):
                self.journal.set_item("dispute", key, "open", {"deadline": event.deadline})
        elif isinstance(event, DisputeLost | DisputeClosed):
            key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
            if (known := self.journal.item("dispute", key)) and known[0] == "open":
                self.journal.set_item("dispute", key, "over")

    def _tend_order(self, key: str, body: dict[str, Any], now: int) -> int:
        order = from_wire(Order, body["order"])
        state = self.ledger.state(OrderId(from_hex(key)))
        if state.status.terminal:
            self.journal.set_item("order", key, "closed")
            return 1
        message = self._due(order, state, now)
        return self._send(f"{type(message).__name__.lower()}:{key}:{state.until}", message) if message else 0

    @staticmethod
    def _due(order: Order, state: OrderState, now: int) -> Message | None:
        if state.status is OrderStatus.FUNDED and now > order.deliver_by:
            return Expire(order=order)
        if state.status is OrderStatus.DELIVERED and now >= state.until and not state.open_disputes:
            return Finalize(order=order)
        return None

    def _tend_dispute(self, key: str, body: dict[str, Any], now: int) -> int:
        order_key, challenger_key = key.split(":")
        item = self.journal.item("order", order_key)
        if item is None:
            return 0
        order, challenger = from_wire(Order, item[1]["order"]), Address(from_hex(challenger_key, length=20))
        status = self.ledger.state(OrderId(from_hex(order_key))).status
        if status is OrderStatus.SLASHED:
            self._send(f"close:{key}", CloseDispute(order=order, challenger=challenger))
            self.journal.set_item("dispute", key, "over")
            return 1
        if status is OrderStatus.DELIVERED and now > body["deadline"]:
            return self._send(f"timeout:{key}:{body['deadline']}", TimeOut(order=order, challenger=challenger))
        return 0

    def _send(self, intent: str, message: Message) -> int:
        """Carry it out; somebody else may have been faster, which is as good."""
        try:
            return 1 if self.outbox.send(intent, message) is not None else 0
        except ProtocolError:
            return 1
