"""The recorder: writes every paid order into the transparency log, and the log's checkpoints onto the chain.

The order of records, and each one's sequence, is the order of the chain, so anybody can tell whether one was left out.
The salts of a record are drawn once, kept in the journal, and disclosed with the output they belong to.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

from concordat.client.public import PublicData
from concordat.node.feed import Feed
from concordat.node.gravedigger import Gravedigger
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import EndpointError, ProtocolError
from concordat.primitives.units import Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import Accepted, Delivered, Paid
from concordat.protocol.execution import Result
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.order import Order
from concordat.protocol.record import DecisionRecord, Placement, RecordSalts, record_decision
from concordat.protocol.verification import placements_of
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog
from concordat.storage.spool import Spool

__all__ = ["FINAL_DEPTH", "Recorder", "record_depth"]

FINAL_DEPTH = 64
"""Blocks after which a payment counts as final: two epochs of Ethereum."""
MOST_AT_ONCE = 256
"""Records appended under one checkpoint."""

_log = logging.getLogger("concordat.node")


def record_depth(*, development: bool) -> int:
    """Blocks a payment must be old before it is recorded: none on a chain of one's own, where nobody waits for more."""
    return 0 if development else FINAL_DEPTH


class Recorder:
    """Keeps one log.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where orders are settled, where the node remembers, where salts are disclosed.
    log : TransparencyLog
        What it writes; it is the log's only writer.
    anchor : callable, optional
        Posts size and root of the log on chain; called after new records.
    depth : int
        Blocks that must lie on a payment's before it is recorded, since a log cannot take an entry back.
    requests : Spool, optional
        Where clients ask for erasure.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        public: PublicData,
        log: TransparencyLog,
        *,
        anchor: Callable[[int, bytes], None] | None = None,
        depth: int = 0,
        requests: Spool | None = None,
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.log = log
        self._anchor = anchor
        self._feed = Feed(ledger, journal, "recorder", confirmations=depth)
        self._gravedigger = Gravedigger(ledger, journal, public, log, requests) if requests is not None else None

    def step(self) -> int:
        """Record what was paid since the last step; returns how many records were written."""
        self._feed.take(self._note, undo=self._undo)
        done = self._append()
        if self._gravedigger is not None:
            done += self._gravedigger.step()
        return done + self._post()

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event = placed.event
        if isinstance(event, Accepted):
            self._merge(placed, event.order_id, {"order": to_wire(event.order)})
        elif isinstance(event, Delivered):
            result = Result(trace_root=event.trace_root, output=event.output)
            self._merge(placed, event.order_id, {"result": to_wire(result)})
        elif isinstance(event, Paid):
            paid = {"block": placed.block, "index": placed.index, "gathered": event.gathered}
            self._merge(placed, event.order_id, {"paid": paid})

    def _merge(self, placed: Placed, order: OrderId, news: dict[str, Any]) -> None:
        """Add to what is known of an order; salts are drawn once."""
        stage, body = self.journal.item("decision", to_hex(order)) or ("known", {"places": [], "salts": _draw()})
        if stage == "erased":
            return
        body = {**body, **news, "places": [*body["places"], *map(to_wire, placements_of([placed], order))]}
        if "paid" in news and stage == "known":
            stage = "paid"
        self.journal.set_item("decision", to_hex(order), stage, body, block=placed.block)

    def _undo(self, block: int) -> int:
        """What is recorded stays recorded; anything else is read again."""
        for key, stage, body in self.journal.touched("decision", block):
            if stage == "erased":
                continue
            if stage == "recorded":
                _log.error("%s was recorded, but its payment is gone: raise the recorder's depth", key)
            places = [place for place in body["places"] if place["block"] < block]
            kept = {name: value for name, value in body.items() if name != "paid"}
            self.journal.set_item("decision", key, "known" if stage == "paid" else stage, {**kept, "places": places})
        return block

    # -- records -----------------------------------------------------------------------------------------------------

    def _append(self) -> int:
        """Record the oldest payments that are not yet."""
        waiting = [(key, body) for key, _, body in self.journal.items("decision", "paid")]
        if not waiting:
            return 0
        waiting = sorted(waiting, key=lambda item: (item[1]["paid"]["block"], item[1]["paid"]["index"]))[:MOST_AT_ONCE]
        lengths: dict[tuple[bytes, bytes], int] = {}
        fresh = []
        for key, body in waiting:
            if self.log.find(OrderId(from_hex(key))) is None:
                fresh.append(self._record(key, body, self._next_sequence(key, body, lengths)))
        if fresh:
            self.log.append_all(fresh)
        for key, body in waiting:
            self._disclose(key, body)
        with self.journal.write("recorded"):
            for key, _ in waiting:
                self.journal.set_item("decision", key, "recorded")
        return len(waiting)

    def _next_sequence(self, key: str, body: dict[str, Any], lengths: dict[tuple[bytes, bytes], int]) -> int:
        """The next sequence of the order's model and provider; `lengths` are those reached so far."""
        if "order" not in body or "result" not in body:
            raise EndpointError(f"The endpoint left out events of order {key}.", code="EndpointGarbage")
        order = from_wire(Order, body["order"])
        line = order.model, order.provider
        sequence = lengths.setdefault(line, self.log.next_sequence(self.ledger.domain, order.model, order.provider))
        lengths[line] += 1
        return sequence

    def _disclose(self, key: str, body: dict[str, Any]) -> None:
        """Make the salts public if they are the record's: a new journal has drawn others, which open nothing."""
        entry = self.log.find(OrderId(from_hex(key)))
        known = "order" in body and "result" in body
        if entry is not None and known and self._record(key, body, entry.record.sequence) == entry.record:
            self.public.put_salts(from_hex(key), from_wire(RecordSalts, body["salts"]))

    def _record(self, key: str, body: dict[str, Any], sequence: int) -> DecisionRecord:
        return record_decision(
            domain=self.ledger.domain,
            order=from_wire(Order, body["order"]),
            result=from_wire(Result, body["result"]),
            gathered=body["paid"]["gathered"],
            settlement=[from_wire(Placement, place) for place in body["places"]],
            sequence=sequence,
            salts=from_wire(RecordSalts, body["salts"]),
        )

    # -- anchors -----------------------------------------------------------------------------------------------------

    def _post(self) -> int:
        """Anchor the log's checkpoint if it grew since the last anchor."""
        if self._anchor is None or not self.log.size:
            return 0
        posted = self.journal.cursor("anchor") or {"size": 0}
        if posted["size"] >= self.log.size:
            return 0
        checkpoint = self.log.checkpoint
        try:
            self._anchor(checkpoint.size, checkpoint.root)
        except ProtocolError as error:
            if error.code != "NotGrowing":
                raise
        self.journal.set_cursor("anchor", {"size": checkpoint.size, "root": to_hex(Bytes32(checkpoint.root))})
        return 1

    def anchored(self) -> tuple[int, bytes] | None:
        """Size and root last anchored."""
        cursor = self.journal.cursor("anchor")
        return (cursor["size"], from_hex(cursor["root"])) if cursor else None


def _draw() -> dict[str, str]:
    return {"output": to_hex(secrets.token_bytes(32)), "evidence": to_hex(secrets.token_bytes(32))}
