"""The naysayer: replays what providers claim to have proven, and shows the step that fails.

A challenger has one. A claim goes through ``seen → honest`` or ``seen → wrong → shown | lost``, or is ``over`` because
its order has ended. Everything that is read lies on the chain: the order in its acceptance, the relation in the
transaction that had it admitted, the proof in the one that posted the claim, or in a blob beside it. A blob that holds
something else than its claim says is shown to the court. Where nobody claims, nothing is done.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import Any, Protocol, runtime_checkable

from concordat.chain.disclosure import refutation, root_refutation
from concordat.client.public import PublicData, hidden_model
from concordat.node.outbox import Outbox
from concordat.node.recent import Recent
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import NotFoundError, ProtocolError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.claim_events import ClaimPosted, RelationAdmitted
from concordat.protocol.claim_messages import (
    ROOT_STEP,
    CommitProofFind,
    Posted,
    RefuteRoot,
    RefuteStep,
    ShowHalf,
    claim_find_digest,
)
from concordat.protocol.events import Cancelled, Expired, Paid, Slashed
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import Message
from concordat.protocol.order import Order, OrderStatus
from concordat.storage.journal import Journal
from concordat.zk.hidden import claimed_statement
from concordat.zk.statement import Statement
from concordat.zk.steps import Step, find_failing_step

__all__ = ["ClaimReader", "ClaimedLedger", "Naysayer"]

_log = logging.getLogger("concordat.node")
ACTIVE = ("seen", "wrong")
"""Stages in which there is something to do, now or later."""
DATA = 4
"""Data of claims kept at hand."""
LOOK_AGAIN = 5
"""Seconds after which something is looked at again for which data or an event is missing."""
OPEN = (OrderStatus.FUNDED, OrderStatus.DELIVERED)
"""States of an order in which a claim about it can be refuted."""


class ClaimReader(Protocol):
    """Reads what was posted."""

    @property
    def takes_blobs(self) -> bool:
        """Whether data can travel in blobs."""
        ...

    def data(self, posted: Posted, transaction: bytes) -> bytes:
        """Data of a claim; `NotFoundError` if it cannot be had, ``BlobMismatch`` if its blob holds something else."""
        ...

    def blob(self, posted: Posted, transaction: bytes) -> bytes:
        """The blob of a claim; `NotFoundError` if it cannot be had."""
        ...

    def relation(self, digest: bytes, transaction: bytes) -> bytes:
        """A relation that was admitted; `NotFoundError` if it cannot be had."""
        ...


@runtime_checkable
class ClaimedLedger(Protocol):
    """A ledger on which claims are posted."""

    @property
    def claims(self) -> ClaimReader:
        """Reads them."""
        ...


class Naysayer:
    """One challenger's eye on claims.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where claims live, where the challenger remembers (it notes accepted orders there), where models are read that
        the chain's endpoint has forgotten.
    outbox : Outbox
        Sends as the challenger's account.
    """

    def __init__(self, ledger: Ledger, journal: Journal, public: PublicData, outbox: Outbox) -> None:
        self._ledger, self._journal, self._public, self._outbox = ledger, journal, public, outbox
        self._turns = Turns()
        self._data: Recent[bytes, bytes] = Recent(DATA)
        self._statements: Recent[bytes, Statement] = Recent(DATA)

    def step(self, now: int) -> int:
        """Take every claim one step further."""
        if not self._journal.has("posted", *ACTIVE):
            return 0
        waiting = self._journal.items("posted", *ACTIVE, due=now)
        return sum(self._turns.take(key, partial(self._advance, key, stage, body, now)) for key, stage, body in waiting)

    # -- events ------------------------------------------------------------------------------------------------------

    def note(self, placed: Placed) -> None:
        """Take an event about claims to the journal."""
        event, block = placed.event, placed.block
        if isinstance(event, RelationAdmitted):
            body = {"transaction": to_hex(placed.transaction), "from": block}
            self._journal.set_item("relation", to_hex(event.relation), "admitted", body, block=block)
        elif isinstance(event, ClaimPosted):
            self._note_claim(event, placed)
        elif isinstance(event, Paid | Slashed | Cancelled | Expired):
            mine = isinstance(event, Slashed) and event.challenger == self._outbox.sender
            self._end(to_hex(event.order_id), block, "shown" if mine else "over")

    def _note_claim(self, event: ClaimPosted, placed: Placed) -> None:
        """A salt once drawn stays: what was committed with it may still be on its way."""
        key = f"{to_hex(event.order_id)}:{to_hex(keccak256(event.posted.output))}"
        known = self._journal.item("posted", key)
        body = {
            "posted": to_wire(event.posted),
            "transaction": to_hex(placed.transaction),
            "salt": known[1]["salt"] if known else to_hex(secrets.token_bytes(32)),
            "from": placed.block,
        }
        self._journal.set_item("posted", key, "seen", body, due=0, block=placed.block)

    def _end(self, order: str, block: int, end: str) -> None:
        claims = [item for item in self._journal.items("posted", *ACTIVE) if item[0].startswith(order)]
        for key, stage, _ in claims:
            self._journal.set_item("posted", key, end if stage == "wrong" else "over", block=block)
        if claims:
            self._outbox.settle(order)

    def undo(self, block: int) -> int:
        """Forget what that block and later ones said; returns the block from which events are needed again."""
        first = block
        for kind in ("posted", "relation"):
            for key, _, body in self._journal.touched(kind, block):
                self._journal.set_item(kind, key, "gone")  # unless it is there again
                first = min(first, body["from"])
        return first

    # -- judging -----------------------------------------------------------------------------------------------------

    def _advance(self, key: str, stage: str, body: dict[str, Any], now: int) -> int:
        name = OrderId(from_hex(key.partition(":")[0]))
        item, state = self._journal.item("order", to_hex(name)), self._ledger.state(name)
        if item is None or state.status not in OPEN:
            return self._wait(key, stage, now)
        order, posted = from_wire(Order, item[1]["order"]), from_wire(Posted, body["posted"])
        try:
            if stage == "seen":
                return self._judge(key, body, order, name, posted)
            messages = self._messages(key, body, order, name, posted)
        except NotFoundError as error:
            if "missing" not in body:
                _log.error("claim %s: %s", key, error.message)
            self._journal.set_item("posted", key, stage, {**body, "missing": error.code}, due=now + LOOK_AGAIN)
            return 0
        except VerificationError as error:
            return self._give_up(key, body, error.code)
        return self._refute(key, body, name, messages, now)

    def _wait(self, key: str, stage: str, now: int) -> int:
        self._journal.set_item("posted", key, stage, due=now + LOOK_AGAIN)
        return 0

    def _give_up(self, key: str, body: dict[str, Any], code: str) -> int:
        """What nobody can do anything about, and somebody should look at."""
        _log.error("claim %s cannot be judged: %s", key, code, extra={"event": "unjudged", "fields": {"code": code}})
        self._journal.set_item("posted", key, "lost", {**body, "reason": code})
        return 1

    def _read(self, posted: Posted, body: dict[str, Any]) -> bytes:
        reader, transaction = self._reader(), from_hex(body["transaction"])
        return self._data.get(posted.root + posted.blob, lambda: reader.data(posted, transaction))

    def _reader(self) -> ClaimReader:
        assert isinstance(self._ledger, ClaimedLedger), "claims are events of ledgers on which they can be read"
        return self._ledger.claims

    def _statement(self, key: str, order: Order, name: OrderId, posted: Posted) -> Statement:
        """What the claim's proof has to show."""

        def read() -> Statement:
            item = self._journal.item("relation", to_hex(posted.relation))
            if item is None or item[0] != "admitted":
                raise NotFoundError("The relation of a claim is not admitted.", code="ClaimDataMissing")
            try:
                relation = self._reader().relation(posted.relation, from_hex(item[1]["transaction"]))
            except NotFoundError:  # the publisher may have shown it as well; it is the order's, or the statement fails
                relation = hidden_model(self._public, order.model).relation.encode()
            return claimed_statement(order, name, self._ledger.domain, posted.head, relation, posted.output)

        return self._statements.get(key.encode(), read)

    def _judge(self, key: str, body: dict[str, Any], order: Order, name: OrderId, posted: Posted) -> int:
        found = self._failing(key, body, order, name, posted)
        if found is None:
            self._journal.set_item("posted", key, "honest")
        else:
            self._journal.set_item("posted", key, "wrong", {**body, "step": found[0], "index": found[1]})
        return 1

    def _failing(
        self, key: str, body: dict[str, Any], order: Order, name: OrderId, posted: Posted
    ) -> tuple[int, int] | None:
        """The step that fails, and which of its kind."""
        try:
            data = self._read(posted, body)
        except VerificationError as error:
            if error.code != "BlobMismatch":
                raise
            return ROOT_STEP, 0
        found = find_failing_step(self._statement(key, order, name, posted), data)
        return (int(found[0]), found[1]) if found is not None else None

    # -- showing -----------------------------------------------------------------------------------------------------

    def _messages(
        self, key: str, body: dict[str, Any], order: Order, name: OrderId, posted: Posted
    ) -> tuple[ShowHalf | None, RefuteStep | RefuteRoot]:
        """What refutes the claim, and what is to be shown before."""
        salt, step = from_hex(body["salt"]), body["step"]
        if step == ROOT_STEP:
            return root_refutation(order, posted, self._reader().blob(posted, from_hex(body["transaction"])), salt)
        statement, data = self._statement(key, order, name, posted), self._read(posted, body)
        return None, refutation(order, posted, statement, data, Step(step), body["index"], salt)

    def _refute(
        self,
        key: str,
        body: dict[str, Any],
        name: OrderId,
        messages: tuple[ShowHalf | None, RefuteStep | RefuteRoot],
        now: int,
    ) -> int:
        (half, message), step, index = messages, body["step"], body["index"]
        digest = claim_find_digest(name, step, index, self._outbox.sender, message.salt)
        before: dict[str, Message] = {f"find:{key}:{step}:{index}": CommitProofFind(digest=digest)}
        if half is not None:
            before[f"half:{key}"] = half
        for intent, early in before.items():
            if self._outbox.send(intent, early) is not None:
                return 1
        try:
            self._outbox.send(f"refute:{key}", message, again=True)
        except ProtocolError as error:
            if error.code in ("FindNotCommitted", "HalfNotShown"):  # a re-organisation took it
                for intent, early in before.items():
                    self._outbox.send(intent, early, again=True)
                return 1
            if error.code == "WrongStatus":
                return self._wait(key, "wrong", now)  # the order has just ended
            return self._give_up(key, body, error.code)
        return 1 + self._wait(key, "wrong", now)  # the event ends it
