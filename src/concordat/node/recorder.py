"""The recorder: writes every paid order into the transparency log, and the log's checkpoints onto the chain.

The order of records, and each one's sequence, is the order of the chain, so anybody can tell whether one was left out.
The salts of a record are drawn once, kept in the journal, and disclosed with the output they belong to.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from concordat.client.public import PublicData
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import Accepted, Delivered, Paid
from concordat.protocol.execution import Result
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.order import Order
from concordat.protocol.record import DecisionRecord, RecordSalts, record_decision
from concordat.protocol.verification import placements_of
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog

__all__ = ["Recorder"]


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
        Blocks a payment must be old before it is recorded: a log cannot take an entry back.
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
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.log = log
        self._anchor = anchor
        self._depth = depth

    def step(self) -> int:
        """Record what was paid since the last step; returns how many records were written."""
        last = self.ledger.head() - self._depth
        cursor = self.journal.cursor("recorder") or {"next": 0}
        if last < cursor["next"]:
            return self._post()
        events = self.ledger.events(start=cursor["next"], end=last)
        for placed in events:
            self._note(placed)
        records = [self._record(placed) for placed in events if isinstance(placed.event, Paid)]
        self.log.append_all(records)
        for record in records:
            self._disclose(record.order_id)
        self.journal.set_cursor("recorder", {"next": last + 1})
        return len(records) + self._post()

    def _note(self, placed: Placed) -> None:
        event = placed.event
        if isinstance(event, Accepted):
            self._merge(event.order_id, {"order": to_wire(event.order)}, placed)
        elif isinstance(event, Delivered):
            result = Result(trace_root=event.trace_root, output=event.output)
            self._merge(event.order_id, {"result": to_wire(result)}, placed)
        elif isinstance(event, Paid):
            salts = {"output": to_hex(secrets.token_bytes(32)), "evidence": to_hex(secrets.token_bytes(32))}
            self._merge(event.order_id, {"salts": salts}, placed)

    def _merge(self, order: OrderId, news: dict[str, object], placed: Placed) -> None:
        """Add to what is known of an order; what is known already stays (salts are drawn once)."""
        item = self.journal.item("decision", to_hex(order))
        known = item[1] if item else {"places": []}
        place = {"block": placed.block, "index": placed.index}
        places = known["places"] if place in known["places"] else [*known["places"], place]
        merged = {**news, **known, "places": places}
        if merged != known:
            self.journal.set_item("decision", to_hex(order), "known", merged)

    def _record(self, paid: Placed) -> DecisionRecord:
        event = paid.event
        assert isinstance(event, Paid)
        item = self.journal.item("decision", to_hex(event.order_id))
        assert item is not None
        body = item[1]
        blocks = sorted({place["block"] for place in body["places"]})
        events = [placed for block in blocks for placed in self.ledger.events(start=block, end=block)]
        order = from_wire(Order, body["order"])
        return record_decision(
            domain=self.ledger.domain,
            order=order,
            result=from_wire(Result, body["result"]),
            gathered=event.gathered,
            settlement=placements_of(events, event.order_id),
            sequence=self._sequence(event, order),
            salts=from_wire(RecordSalts, body["salts"]),
        )

    def _sequence(self, event: Paid, order: Order) -> int:
        logged = self.log.find(event.order_id)
        if logged is not None:
            return logged.record.sequence
        key = f"sequence:{to_hex(event.order_id)}"
        fixed = self.journal.cursor(key)
        if fixed is None:
            line = f"line:{to_hex(order.model)}:{to_hex(order.provider)}"
            latest = self.journal.cursor(line) or {"next": 0}
            fixed = {"sequence": latest["next"]}
            with self.journal.write(key) as db:
                self.journal.put_cursor(db, line, {"next": latest["next"] + 1})
                self.journal.put_cursor(db, key, fixed)
        return int(fixed["sequence"])

    def _disclose(self, order: OrderId) -> None:
        item = self.journal.item("decision", to_hex(order))
        assert item is not None
        self.public.put_salts(order, from_wire(RecordSalts, item[1]["salts"]))

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
