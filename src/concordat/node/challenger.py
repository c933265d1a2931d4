"""The challenger: re-executes what others deliver, from public data only, and shows what is wrong.

What others claim to have proven its naysayer looks at.

A delivery goes through ``seen → honest`` or ``seen → wrong → (disputed) → shown | lost``, or is ``over`` because
somebody else ended it. With the claimed trace at hand a single transaction proves the fraud; a withheld trace is
dissected down to the word that differs.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any, TypeAlias

from concordat.client.offer import InputOpening
from concordat.client.public import PublicData
from concordat.graph.dissection import Dissection
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.graph.trace import ElementFault, commit, element_proof, find_fault, output_proof
from concordat.node.feed import Feed
from concordat.node.naysayer import Naysayer
from concordat.node.outbox import Outbox
from concordat.node.recent import Recent
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import CorruptionError, DisputeError, InputError, NotFoundError, ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import (
    Accepted,
    Cancelled,
    ChildPicked,
    ChildrenRevealed,
    Delivered,
    DisputeLost,
    DisputeOpened,
    LeafRevealed,
    Paid,
    ResultOpened,
    Slashed,
)
from concordat.protocol.evidence import EvidenceKind, is_private, kinds_named
from concordat.protocol.execution import carried_output
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import (
    CommitFind,
    ElementProof,
    Message,
    OpenDispute,
    OutputProof,
    Pick,
    ProveElement,
    ProveOutput,
    ResultHeader,
    TimeOut,
    find_digest,
)
from concordat.protocol.order import Order, OrderStatus
from concordat.storage.journal import Journal

__all__ = ["Challenger"]

GRAPHS, RUNS = 32, 8
"""Programs and honest executions kept at hand."""
LOOK_AGAIN = 5
"""Seconds after which something is looked at again for which public data or an event is missing."""
ACTIVE = ("seen", "wrong", "disputed")
"""Stages in which there is something to do, now or later."""
LATER = frozenset({"FindNotCommitted", "InsufficientFree", "WrongTurn", "NotTimedOut"})
"""Refusals that need not last: a block is missing, or the stake is at risk in other disputes just now."""

Move: TypeAlias = DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost


class Challenger:
    """One challenger's node.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where orders live, where the node remembers, where models, inputs and traces are read.
    outbox : Outbox
        Sends as the challenger's account.
    """

    def __init__(self, ledger: Ledger, journal: Journal, public: PublicData, outbox: Outbox) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.outbox = outbox
        self._feed = Feed(ledger, journal, "challenger")
        self._naysayer = Naysayer(ledger, journal, public, outbox)
        self._turns = Turns()
        self._graphs: Recent[bytes, Graph] = Recent(GRAPHS)
        self._runs: Recent[bytes, tuple[Execution, InputOpening]] = Recent(RUNS)

    def step(self) -> int:
        """Look at new events, check new deliveries, take every challenge one step further."""
        self._feed.take(self._note, undo=self._undo)
        now = self.ledger.now()
        done = self._naysayer.step(now)
        waiting = self.journal.items("delivery", *ACTIVE, due=now)
        return done + sum(
            self._turns.take(key, partial(self._advance, key, stage, body)) for key, stage, body in waiting
        )

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event, block = placed.event, placed.block
        if isinstance(event, Accepted):
            self.journal.set_item("order", to_hex(event.order_id), "known", {"order": to_wire(event.order)})
        elif isinstance(event, Delivered | ResultOpened):
            self._note_delivery(event, [block, placed.index])
        elif isinstance(event, Paid | Slashed | Cancelled):
            mine = isinstance(event, Slashed) and event.challenger == self.outbox.sender
            self._note_end(to_hex(event.order_id), block, "shown" if mine else "over")
        elif isinstance(event, Move) and event.challenger == self.outbox.sender:
            self._note_move(event, [block, placed.index])
        self._naysayer.note(placed)

    def _note_delivery(self, event: Delivered | ResultOpened, place: list[int]) -> None:
        """A salt once drawn stays: what was committed with it may still be on its way. A private result is looked at
        when it is opened, a proven one by the naysayer.
        """
        key = to_hex(event.order_id)
        order = self._order(key)
        if isinstance(event, Delivered) and order is not None and _is_for_others(order.evidence):
            return
        known = self.journal.item("delivery", key)
        body: dict[str, Any] = {
            "trace_root": to_hex(event.trace_root),
            "output": to_hex(event.output),
            "salt": known[1]["salt"] if known else to_hex(secrets.token_bytes(32)),
            "rows": [],
            "picks": [],
            "from": place[0],
            "last": place,
        }
        self.journal.set_item("delivery", key, "seen", body, due=0, block=place[0])

    def _note_end(self, key: str, block: int, end: str) -> None:
        item = self.journal.item("delivery", key)
        if item is not None:
            self.journal.set_item("delivery", key, end if item[0] in ACTIVE else item[0], block=block)
            self.outbox.settle(key)

    def _note_move(self, event: Move, place: list[int]) -> None:
        key = to_hex(event.order_id)
        item = self.journal.item("delivery", key)
        if item is None or item[0] not in ACTIVE or place <= item[1]["last"]:
            return
        body = {**item[1], "last": place}
        if isinstance(event, DisputeLost):
            self.journal.set_item("delivery", key, "lost", body, block=place[0])
            return
        if isinstance(event, ChildrenRevealed):
            body["rows"] = [*body["rows"], [to_hex(child) for child in event.children]]
        elif isinstance(event, ChildPicked):
            body["picks"] = [*body["picks"], event.index]
        elif isinstance(event, LeafRevealed):
            body["leaf"] = to_hex(event.word)
        body["deadline"] = event.deadline
        my_turn = isinstance(event, ChildrenRevealed | LeafRevealed)
        due = 0 if my_turn else event.deadline + 1
        self.journal.set_item("delivery", key, "disputed", body, due=due, block=place[0])

    def _undo(self, block: int) -> int:
        """Deliveries that blocks touched which are gone are checked anew, and their disputes read again."""
        first = block
        for key, _, body in self.journal.touched("delivery", block):
            self.journal.set_item("delivery", key, "over")  # unless it is delivered again
            first = min(first, body["from"])
        return min(first, self._naysayer.undo(block))

    # -- checking ----------------------------------------------------------------------------------------------------

    def _advance(self, key: str, stage: str, body: dict[str, Any]) -> int:
        state = self.ledger.state(OrderId(from_hex(key)))
        order = self._order(key)
        if state.status is not OrderStatus.DELIVERED or order is None:
            return self._wait(key, stage)
        if stage == "seen":
            return self._check(key, body, order)
        if stage == "disputed":
            return self._dispute(key, body, order)
        return self._show(key, body, order)

    def _wait(self, key: str, stage: str) -> int:
        """Look again a little later; an event may come first."""
        self.journal.set_item("delivery", key, stage, due=self.ledger.now() + LOOK_AGAIN)
        return 0

    def _sent(self, key: str, stage: str) -> int:
        """Only the event moves it on: a receipt may be of a block that is gone before anybody read it."""
        self._wait(key, stage)
        return 1

    def _order(self, key: str) -> Order | None:
        item = self.journal.item("order", key)
        return from_wire(Order, item[1]["order"]) if item else None

    def _honest(self, order: Order) -> tuple[Execution, InputOpening] | None:
        """The honest execution and the opened input; ``None`` while the public data is not there."""

        def execute() -> tuple[Execution, InputOpening]:
            graph = self._graphs.get(order.model, lambda: self.public.graph(order.model))
            opening = self.public.opening(order.input, graph.input_depth)
            return run(graph, opening.words), opening

        try:
            return self._runs.get(order.model + order.input, execute)
        except (NotFoundError, CorruptionError, InputError):
            return None

    def _check(self, key: str, body: dict[str, Any], order: Order) -> int:
        honest = self._honest(order)
        if honest is None:
            return self._wait(key, "seen")
        root = commit(honest[0])
        expected = root, carried_output(root, honest[0].output)
        right = expected == (from_hex(body["trace_root"]), from_hex(body["output"]))
        self.journal.set_item("delivery", key, "honest" if right else "wrong")
        return 1

    # -- showing -----------------------------------------------------------------------------------------------------

    def _show(self, key: str, body: dict[str, Any], order: Order) -> int:
        proof = self._proof(body, order)
        if proof is None:
            return self._open(key, body, order)
        return self._prove(key, body, order, proof)

    def _proof(self, body: dict[str, Any], order: Order) -> ElementProof | OutputProof | None:
        """A one-transaction proof from the published trace; ``None`` if the trace is withheld."""
        found = self._honest(order)
        if found is None:
            return None
        (honest, opening), root = found, Bytes32(from_hex(body["trace_root"]))
        if commit(honest) == root:
            return output_proof(honest.graph, honest.trace, from_hex(body["output"]))
        try:
            claimed = self.public.trace(root, honest.graph)[0]
        except (NotFoundError, CorruptionError):
            return None
        fault = find_fault(honest.graph, claimed, opening.words, honest=honest)
        if isinstance(fault, ElementFault):
            return element_proof(honest.graph, claimed, fault.node, fault.element, opening.words, opening.salt)
        return output_proof(honest.graph, claimed, from_hex(body["output"]))

    def _prove(self, key: str, body: dict[str, Any], order: Order, proof: ElementProof | OutputProof) -> int:
        name, salt = OrderId(from_hex(key)), Bytes32(from_hex(body["salt"]))
        find, commitment = f"find:{key}:{proof.tile}", find_digest(name, proof.tile, self.outbox.sender, salt)
        if self.outbox.send(find, CommitFind(digest=commitment)) is not None:
            return 1
        kind = ProveOutput if isinstance(proof, OutputProof) else ProveElement
        header, model = self._header(body), self.public.commitment(order.model)
        shown: Message = kind(order=order, header=header, model=model, proof=proof, salt=salt)  # type: ignore[arg-type]
        try:
            sent = self._send(f"prove:{key}", shown, key, body)
        except DisputeError as error:
            if error.code != "FindNotCommitted":
                raise
            self.outbox.send(find, CommitFind(digest=commitment), again=True)  # a re-organisation took it
            return 1
        return self._sent(key, "disputed" if "leaf" in body else "wrong") if sent else 1

    def _send(self, intent: str, message: Message, key: str, body: dict[str, Any]) -> bool:
        """Carry it out; a refusal that will last ends the challenge."""
        try:
            self.outbox.send(intent, message, again=True)
        except ProtocolError as error:
            if error.code in LATER:
                raise
            self.journal.set_item("delivery", key, "lost", {**body, "reason": error.code})
            return False
        return True

    def _header(self, body: dict[str, Any]) -> ResultHeader:
        return ResultHeader(
            trace_root=Bytes32(from_hex(body["trace_root"])), output_hash=keccak256(from_hex(body["output"]))
        )

    # -- dissecting --------------------------------------------------------------------------------------------------

    def _open(self, key: str, body: dict[str, Any], order: Order) -> int:
        model = self.public.commitment(order.model)
        message = OpenDispute(order=order, header=self._header(body), model=model)
        return self._sent(key, "wrong") if self._send(f"open:{key}", message, key, body) else 1

    def _dispute(self, key: str, body: dict[str, Any], order: Order) -> int:
        dissection = self._dissection(body, order)
        if dissection is None:
            return self._wait(key, "disputed")
        if len(body["rows"]) > len(body["picks"]):
            message = Pick(order=order, children=dissection.rows[-1], index=dissection.picks[-1])
            sent = self._send(f"pick:{key}:{len(dissection.picks) - 1}", message, key, body)
            return self._sent(key, "disputed") if sent else 1
        if "leaf" in body:
            return self._prove(key, body, order, dissection.proof(from_hex(body["leaf"])))
        if self.ledger.now() <= body["deadline"]:
            self.journal.set_item("delivery", key, "disputed", due=body["deadline"] + 1)
            return 0
        sent = self._send(f"timeout:{key}", TimeOut(order=order, challenger=self.outbox.sender), key, body)
        return self._sent(key, "disputed") if sent else 1

    def _dissection(self, body: dict[str, Any], order: Order) -> Dissection | None:
        found = self._honest(order)
        if found is None:
            return None
        honest, opening = found
        dissection = Dissection(honest.graph, honest.trace, opening.words, opening.salt)
        for row in body["rows"]:
            dissection = dissection.descend([Bytes32(from_hex(child)) for child in row])
        return dissection


def _is_for_others(evidence: bytes) -> bool:
    """Whether a delivery under that policy is judged by its client alone, or by what it was proven with."""
    return is_private(evidence) or EvidenceKind.VALIDITY in kinds_named(evidence)
