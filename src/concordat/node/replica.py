"""The replica: a member of the pool that comes to the results of others' orders by itself when it is drawn.

A seat goes through ``drawn → computed → committed → revealed`` (or ``missed``, ``elsewhere``, ``over``), all in the
journal. The salt of a commitment is written down before the commitment leaves: who cannot reveal loses a ticket. Where
a replica disagrees with what was delivered, a challenger shows why (`concordat.node.challenger`); so run one beside it.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any, TypeAlias

from concordat.client.public import PublicData
from concordat.graph.execute import run
from concordat.graph.intervals import validate
from concordat.graph.trace import trace_tree
from concordat.node.feed import Feed
from concordat.node.outbox import Outbox
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import CorruptionError, InputError, NotFoundError, ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import Accepted, Cancelled, Expired, Paid, Slashed
from concordat.protocol.evidence import EvidenceKind, kinds_named
from concordat.protocol.execution import carried_output
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.openings import ResultHeader
from concordat.protocol.order import Order
from concordat.protocol.panel_events import (
    PanelDrawn,
    ReplicaSlashed,
    RevealsOpened,
    SeatCommitted,
    SeatRevealed,
    SeatSettled,
)
from concordat.protocol.panel_messages import CommitSeat, JoinPool, RevealSeat
from concordat.protocol.replication import seat_digest
from concordat.storage.journal import Journal

__all__ = ["Replica"]

LOOK_AGAIN = 5
"""Seconds after which something is looked at again for which an input or an event is missing."""
ACTIVE = ("drawn", "computed", "committed")
"""Stages in which there is something to do, now or later."""
SEAT_EVENTS: TypeAlias = SeatCommitted | SeatRevealed | SeatSettled | ReplicaSlashed
"""Events about one seat."""
_PAST = frozenset({"NoSeat", "TooLate", "WrongStatus", "BadReveal", "NotMember"})
"""Refusals that last."""


class Replica:
    """One replica's node.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where orders live, where the node remembers, where models and inputs are read.
    outbox : Outbox
        Sends as the replica's account.
    """

    def __init__(self, ledger: Ledger, journal: Journal, public: PublicData, outbox: Outbox) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.outbox = outbox
        self._feed = Feed(ledger, journal, "replica")
        self._turns = Turns()

    @property
    def address(self) -> Address:
        """The replica's account."""
        return self.outbox.sender

    def join(self, tickets: int) -> bool:
        """Be a member of the pool with at least so many tickets; whether anything had to be done for it.

        Raises
        ------
        ProtocolError
            If the free balance does not cover the stake, or the member has left and is still bound.
        """
        missing = tickets - self.ledger.member(self.address).tickets
        if missing <= 0:
            return False
        self.ledger.send(JoinPool(tickets=missing), sender=self.address)
        return True

    def step(self) -> int:
        """Look at new events, take every seat one step further; returns how many things were done."""
        self._feed.take(self._note, undo=self._undo)
        if not self.journal.has("seat", *ACTIVE):
            return 0
        now = self.ledger.now()
        waiting = self.journal.items("seat", *ACTIVE, due=now)
        return sum(self._turns.take(key, partial(self._advance, key, stage, body)) for key, stage, body in waiting)

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event, block = placed.event, placed.block
        if isinstance(event, Accepted):
            if EvidenceKind.REPLICATED in kinds_named(event.order.evidence):
                self.journal.set_item("order", to_hex(event.order_id), "known", {"order": to_wire(event.order)})
        elif isinstance(event, PanelDrawn):
            if self.address in event.replicas:
                self._note_draw(event, block)
        elif isinstance(event, RevealsOpened | Paid | Expired | Cancelled | Slashed):
            self._note_order(event, block)
        elif isinstance(event, SEAT_EVENTS) and event.replica == self.address:
            self._note_seat(event, block)

    def _note_draw(self, event: PanelDrawn, block: int) -> None:
        """A salt once drawn stays: what was committed with it may still be on its way."""
        key = to_hex(event.order_id)
        known = self.journal.item("seat", key)
        body = {**(known[1] if known else {}), "commit_by": event.commit_by, "from": block, "open": False}
        stage = "computed" if "salt" in body else "drawn"
        self.journal.set_item("seat", key, stage, body, due=0, block=block)

    def _note_order(self, event: RevealsOpened | Paid | Expired | Cancelled | Slashed, block: int) -> None:
        """From now on reveals are taken: the result is delivered, or never will be."""
        key = to_hex(event.order_id)
        item = self.journal.item("seat", key)
        if item is not None:
            self.journal.set_item("seat", key, item[0], {**item[1], "open": True}, due=0, block=block)

    def _note_seat(self, event: SEAT_EVENTS, block: int) -> None:
        key = to_hex(event.order_id)
        item = self.journal.item("seat", key)
        if item is None:
            return
        stage, body = item
        if isinstance(event, SeatCommitted):
            stage = "committed" if "salt" in body and event.digest == self._digest(key, body) else "elsewhere"
        elif isinstance(event, SeatRevealed):
            stage, body = "revealed", {**body, "agrees": event.agrees}
        else:
            stage = "over"
        self.journal.set_item("seat", key, stage, body, due=0, block=block)
        self.outbox.settle(key)

    def _undo(self, block: int) -> int:
        """What blocks that are gone said of a seat is read again from its draw on; its salt stays."""
        first = block
        for key, _, body in self.journal.touched("seat", block):
            self.journal.set_item("seat", key, "forgotten", {**body, "open": False})
            first = min(first, body["from"])
        return first

    # -- a seat ------------------------------------------------------------------------------------------------------

    def _advance(self, key: str, stage: str, body: dict[str, Any]) -> int:
        if stage == "committed":
            return self._reveal(key, body)
        if self.ledger.now() > body["commit_by"]:
            self.journal.set_item("seat", key, "missed")
            return 1
        return self._compute(key, body) if stage == "drawn" else self._commit(key, body)

    def _order(self, key: str) -> Order:
        item = self.journal.item("order", key)
        assert item is not None, "an order is accepted before anybody is drawn for it"
        return from_wire(Order, item[1]["order"])

    def execute(self, order: Order) -> tuple[Bytes32, Bytes32]:
        """Run the model on an order's input: root of the trace, hash of what a submission carries of the output."""
        graph = self.public.graph(order.model)
        validate(graph)
        execution = run(graph, self.public.opening(order.input, graph.input_depth).words)
        root = trace_tree(graph, execution.trace).root
        return root, keccak256(carried_output(root, execution.output))

    def _compute(self, key: str, body: dict[str, Any]) -> int:
        """Execute, and write the result down with the salt that will hide it."""
        try:
            root, output_hash = self.execute(self._order(key))
        except (NotFoundError, CorruptionError):
            self.journal.set_item("seat", key, "drawn", due=self.ledger.now() + LOOK_AGAIN)
            return 0
        except InputError:
            self.journal.set_item("seat", key, "missed")  # nothing can be said about such a program or input
            return 1
        found = {
            "trace_root": to_hex(root),
            "output_hash": to_hex(output_hash),
            "salt": to_hex(secrets.token_bytes(32)),
        }
        self.journal.set_item("seat", key, "computed", {**body, **found})
        return 1

    def _commit(self, key: str, body: dict[str, Any]) -> int:
        order = OrderId(from_hex(key))
        return self._send(f"commit:{key}", CommitSeat(order_id=order, digest=self._digest(key, body)), key, "computed")

    def _reveal(self, key: str, body: dict[str, Any]) -> int:
        if not body["open"]:
            self.journal.set_item("seat", key, "committed", due=self.ledger.now() + LOOK_AGAIN)
            return 0
        message = RevealSeat(
            order=self._order(key), header=_header(body), salt=Bytes32(from_hex(body["salt"], length=32))
        )
        return self._send(f"reveal:{key}", message, key, "committed")

    def _send(self, intent: str, message: CommitSeat | RevealSeat, key: str, stage: str) -> int:
        """Only the event takes a seat further: a receipt may be of a block that is gone before anybody read it."""
        try:
            self.outbox.send(intent, message, again=True)
        except ProtocolError as error:
            if error.code not in _PAST:
                raise
            self.journal.set_item("seat", key, "missed")
            return 1
        self.journal.set_item("seat", key, stage, due=self.ledger.now() + LOOK_AGAIN)
        return 1

    def _digest(self, key: str, body: dict[str, Any]) -> Bytes32:
        return seat_digest(OrderId(from_hex(key)), self.address, _header(body), from_hex(body["salt"]))


def _header(body: dict[str, Any]) -> ResultHeader:
    return ResultHeader(
        trace_root=Bytes32(from_hex(body["trace_root"])), output_hash=Bytes32(from_hex(body["output_hash"]))
    )
