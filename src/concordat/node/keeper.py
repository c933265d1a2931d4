"""The keeper: does what anybody may do so that nobody has to wait for anybody.

Pays delivered orders whose window has passed, refunds orders nobody delivered, ends disputes whose mover and demands
whose provider fell silent, and returns bonds of those that were overtaken. Every order, dispute and demand is looked at
when something can be due, not before.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from concordat.node.feed import Feed
from concordat.node.outbox import Outbox
from concordat.node.tending import PanelTender
from concordat.node.turns import Turns
from concordat.primitives.encoding import ZERO32, from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import Address, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import (
    Accepted,
    Cancelled,
    ChildPicked,
    ChildrenRevealed,
    Delivered,
    DemandClosed,
    Demanded,
    DisputeClosed,
    DisputeLost,
    DisputeOpened,
    Event,
    Expired,
    LeafRevealed,
    Paid,
    ResultOpened,
    Slashed,
    Supplied,
)
from concordat.protocol.evidence import EvidenceKind, kinds_named
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import (
    OPENING_PART,
    CloseDemand,
    CloseDispute,
    Expire,
    Finalize,
    Message,
    Prove,
    TimeOut,
    TimeOutDemand,
)
from concordat.protocol.order import Order, OrderState, OrderStatus
from concordat.storage.journal import Journal

__all__ = ["Keeper"]

LOOK_AGAIN = 60
"""Seconds after which something is looked at again that an event should have settled by then."""


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
        self._feed = Feed(ledger, journal, "keeper")
        self._turns = Turns()
        self._panels = PanelTender(ledger, journal, outbox)

    def step(self) -> int:
        """Look at new events, and at every order and dispute where something is due."""
        self._feed.take(self._note, undo=self._undo)
        now, done = self.ledger.now(), 0
        for kind, tend in (("order", self._tend_order), ("dispute", self._tend_dispute), ("demand", self._tend_demand)):
            for key, _, body in self.journal.items(kind, "open", due=now):
                done += self._turns.take(f"{kind} {key}", partial(tend, key, body, now))
        return done + self._panels.step(now)

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event, block = placed.event, placed.block
        self._panels.note(placed)
        if isinstance(event, Accepted):
            body, due = {"order": to_wire(event.order), "from": block}, event.order.deliver_by + 1
            self.journal.set_item("order", to_hex(event.order_id), "open", body, due=due, block=block)
        elif isinstance(event, Delivered):
            self._note_delivery(event, block)
        elif isinstance(event, Paid | Expired | Cancelled | Slashed):
            self._end_order(to_hex(event.order_id), block)
        elif isinstance(event, DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed):
            key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
            known = self.journal.item("dispute", key)
            body = {"deadline": event.deadline, "from": known[1]["from"] if known else block}
            self.journal.set_item("dispute", key, "open", body, due=event.deadline + 1, block=block)
        elif isinstance(event, DisputeLost | DisputeClosed):
            key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
            self.journal.set_item("dispute", key, "over", block=block)
            self.outbox.settle(key)
            if isinstance(event, DisputeLost):
                self._set_due("order", to_hex(event.order_id), event.until, block)
        else:
            self._note_demand(event, block)

    def _note_demand(self, event: Event, block: int) -> None:
        if isinstance(event, Demanded):
            body = {"deadline": event.deadline, "from": block}
            key = f"{to_hex(event.order_id)}:{event.part}"
            self.journal.set_item("demand", key, "open", body, due=event.deadline + 1, block=block)
        elif isinstance(event, Supplied | ResultOpened | DemandClosed):
            part = OPENING_PART if isinstance(event, ResultOpened) else event.part
            self.journal.set_item("demand", f"{to_hex(event.order_id)}:{part}", "over", block=block)
            if not isinstance(event, DemandClosed):
                self._set_due("order", to_hex(event.order_id), event.until, block)

    def _note_delivery(self, event: Delivered, block: int) -> None:
        key = to_hex(event.order_id)
        item = self.journal.item("order", key)
        if item is not None:
            output = {"output": to_hex(event.output)} if _is_proven(item[1]) else {}
            self.journal.set_item("order", key, item[0], {**item[1], **output}, due=event.until, block=block)

    def _set_due(self, kind: str, key: str, due: int, block: int) -> None:
        item = self.journal.item(kind, key)
        if item is not None:
            self.journal.set_item(kind, key, item[0], due=due, block=block)

    def _end_order(self, key: str, block: int) -> None:
        self.journal.set_item("order", key, "closed", block=block)
        self.outbox.settle(key)
        self._panels.wake(key)
        for kind in ("dispute", "demand"):
            for name, _, _ in self.journal.items(kind, "open"):
                if name.startswith(key):
                    self.journal.set_item(kind, name, "open", due=0, block=block)

    def _undo(self, block: int) -> int:
        """What blocks that are gone touched is looked at anew, and disputes are read again from their beginning."""
        first = self._panels.undo(block)
        for kind in ("order", "dispute", "demand"):
            for key, _, body in self.journal.touched(kind, block):
                self.journal.set_item(kind, key, "open", due=0)
                first = min(first, body["from"])
        return first

    # -- what is due -------------------------------------------------------------------------------------------------

    def _tend_order(self, key: str, body: dict[str, Any], now: int) -> int:
        order = from_wire(Order, body["order"])
        state = self.ledger.state(OrderId(from_hex(key)))
        message, due = self._due(order, state, now)
        if isinstance(message, Finalize) and "output" in body and self._collect(key, order, body):
            self.journal.set_item("order", key, "open", due=due)
            return 1
        if message is not None:
            self.outbox.send(f"{type(message).__name__.lower()}:{key}:{state.until}", message, again=True)
        if due is None:
            self.journal.set_item("order", key, "closed")
        else:
            self.journal.set_item("order", key, "open", due=due)
        return int(message is not None)

    def _collect(self, key: str, order: Order, body: dict[str, Any]) -> bool:
        """Have a claim that stood counted as evidence, if its provider has not; false if there is none."""
        message = Prove(
            order=order,
            kind=EvidenceKind.VALIDITY,
            output=from_hex(body["output"]),
            trace_root=ZERO32,
            proof=b"",
        )
        try:
            self.outbox.send(f"prove:{key}", message, again=True)
        except ProtocolError as error:
            return error.code == "WrongStatus"
        return True

    @staticmethod
    def _due(order: Order, state: OrderState, now: int) -> tuple[Message | None, int | None]:
        """What to send now, and when to look again; ``None`` if never."""
        later = now + LOOK_AGAIN
        if state.status is OrderStatus.FUNDED:
            return (Expire(order=order), later) if now > order.deliver_by else (None, order.deliver_by + 1)
        if state.status is OrderStatus.DELIVERED and not state.open_disputes:
            return (Finalize(order=order), later) if now >= state.until else (None, state.until)
        if state.status is OrderStatus.NONE and now > order.accept_by:
            return None, None  # a re-organisation threw it out, and it cannot come back
        return None, later

    def _tend_dispute(self, key: str, body: dict[str, Any], now: int) -> int:
        order, challenger = self._order(key), Address(from_hex(key.partition(":")[2], length=20))
        due, late = TimeOut(order=order, challenger=challenger), CloseDispute(order=order, challenger=challenger)
        return self._tend("dispute", key, body, now, due, late)

    def _tend_demand(self, key: str, body: dict[str, Any], now: int) -> int:
        order, part = self._order(key), int(key.partition(":")[2])
        due, late = TimeOutDemand(order=order, part=part), CloseDemand(order=order, part=part)
        return self._tend("demand", key, body, now, due, late)

    def _order(self, key: str) -> Order:
        item = self.journal.item("order", key.partition(":")[0])
        assert item is not None, "an order is accepted before it is disputed"
        return from_wire(Order, item[1]["order"])

    def _tend(self, kind: str, key: str, body: dict[str, Any], now: int, due: Message, late: Message) -> int:
        """End a dispute or demand whose clock has run out, or give its bond back where the order was slashed."""
        status = self.ledger.state(OrderId(from_hex(key.partition(":")[0]))).status
        if status is OrderStatus.SLASHED:
            return self._close(kind, key, late, now)
        if status.terminal:
            self.journal.set_item(kind, key, "over")
            return 0
        if status is OrderStatus.DELIVERED and now > body["deadline"]:
            self.outbox.send(f"timeout:{key}:{body['deadline']}", due, again=True)
            self.journal.set_item(kind, key, "open", due=now + LOOK_AGAIN)
            return 1
        self.journal.set_item(kind, key, "open", due=max(body["deadline"] + 1, now + LOOK_AGAIN))
        return 0

    def _close(self, kind: str, key: str, message: Message, now: int) -> int:
        """Give the bond back; whose it is may have done so himself."""
        try:
            self.outbox.send(f"close:{key}", message, again=True)
        except ProtocolError as error:
            if error.code not in ("NoDispute", "NoDemand"):
                raise
            self.journal.set_item(kind, key, "over")
            self.outbox.settle(key)
            return 1
        self.journal.set_item(kind, key, "open", due=now + LOOK_AGAIN)  # the event ends it
        return 1


def _is_proven(body: dict[str, Any]) -> bool:
    """Whether the order in the body of an item asks for a proof."""
    return EvidenceKind.VALIDITY in kinds_named(from_wire(Order, body["order"]).evidence)
