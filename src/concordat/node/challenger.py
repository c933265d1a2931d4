"""The challenger: re-executes what others deliver, from public data only, and shows what is wrong.

A delivery goes through ``seen → honest`` or ``seen → wrong → (committed | disputed) → shown | lost``. With the claimed
trace at hand a single transaction proves the fraud; a withheld trace is dissected down to the word that differs.
"""

from __future__ import annotations

import secrets
from typing import Any

from concordat.client.public import PublicData
from concordat.graph.dissection import Dissection
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.graph.trace import ElementFault, commit, element_proof, find_fault, output_proof
from concordat.node.feed import Feed
from concordat.node.outbox import Outbox
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import InputError, NotFoundError, ProtocolError, StorageError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import (
    Accepted,
    ChildPicked,
    ChildrenRevealed,
    Delivered,
    DisputeLost,
    DisputeOpened,
    LeafRevealed,
)
from concordat.protocol.ledger import Ledger
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
        self._feed = Feed(ledger, journal)
        self._graphs: dict[bytes, Graph] = {}

    def step(self) -> int:
        """Look at new events, check new deliveries, take every challenge one step further."""
        for placed in self._feed.read():
            self._note(placed.event, to_hex(placed.transaction))
        done = 0
        for key, stage, body in self.journal.items("delivery"):
            if stage in ("seen", "wrong", "committed", "disputed"):
                done += self._advance(key, stage, body)
        self._feed.settle()
        return done

    def _note(self, event: object, move: str) -> None:
        if isinstance(event, Accepted):
            if self.journal.item("order", to_hex(event.order_id)) is None:
                self.journal.set_item("order", to_hex(event.order_id), "known", {"order": to_wire(event.order)})
        elif isinstance(event, Delivered):
            key = to_hex(event.order_id)
            if self.journal.item("delivery", key) is None:
                body = {"trace_root": to_hex(event.trace_root), "output": to_hex(event.output)}
                self.journal.set_item("delivery", key, "seen", body)
        elif (
            isinstance(event, DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost)
            and event.challenger == self.outbox.sender
        ):
            self._note_move(event, move)

    def _note_move(
        self, event: DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost, move: str
    ) -> None:
        """Take in one move; the feed may show it again, and its transaction tells."""
        key = to_hex(event.order_id)
        item = self.journal.item("delivery", key)
        if item is None or item[0] not in ("wrong", "disputed") or move in item[1].get("moves", []):
            return
        _, body = item
        rows, picks = body.get("rows", []), body.get("picks", [])
        change: dict[str, Any] = {}
        if isinstance(event, DisputeLost):
            self.journal.set_item("delivery", key, "lost")
            return
        if isinstance(event, ChildrenRevealed) and len(rows) == len(picks):
            change = {"rows": [*rows, [to_hex(child) for child in event.children]]}
        elif isinstance(event, ChildPicked) and len(picks) < len(rows):
            change = {"picks": [*picks, event.index]}
        elif isinstance(event, LeafRevealed):
            change = {"leaf": to_hex(event.word)}
        if change or isinstance(event, DisputeOpened):
            deadline = max(event.deadline, body.get("deadline", 0))
            moves = [*body.get("moves", []), move]
            self.journal.set_item("delivery", key, "disputed", {**body, **change, "deadline": deadline, "moves": moves})

    # -- checking ----------------------------------------------------------------------------------------------------

    def _advance(self, key: str, stage: str, body: dict[str, Any]) -> int:
        name = OrderId(from_hex(key))
        if self.ledger.state(name).status is not OrderStatus.DELIVERED:
            self.journal.set_item("delivery", key, "over")
            return 1
        order = self._order(key)
        if order is None:
            return 0
        if stage == "seen":
            return self._check(key, body, order)
        if stage == "disputed":
            return self._dispute(key, body, order)
        return self._show(key, body, order)

    def _order(self, key: str) -> Order | None:
        item = self.journal.item("order", key)
        return from_wire(Order, item[1]["order"]) if item else None

    def _honest(self, order: Order) -> Execution | None:
        """The honest execution; ``None`` while the public data is not there."""
        try:
            if order.model not in self._graphs:
                self._graphs[order.model] = self.public.graph(order.model)
            graph = self._graphs[order.model]
            return run(graph, self.public.opening(order.input, graph.input_depth).words)
        except (NotFoundError, StorageError, InputError):
            return None

    def _check(self, key: str, body: dict[str, Any], order: Order) -> int:
        honest = self._honest(order)
        if honest is None:
            return 0
        if commit(honest) == from_hex(body["trace_root"]) and honest.output == from_hex(body["output"]):
            self.journal.set_item("delivery", key, "honest")
        else:
            self.journal.set_item("delivery", key, "wrong", {**body, "salt": to_hex(secrets.token_bytes(32))})
        return 1

    # -- showing -----------------------------------------------------------------------------------------------------

    def _show(self, key: str, body: dict[str, Any], order: Order) -> int:
        proof = self._proof(body, order)
        if proof is None:
            return self._open(key, body, order)
        return self._prove(key, body, order, proof)

    def _proof(self, body: dict[str, Any], order: Order) -> ElementProof | OutputProof | None:
        """A one-transaction proof from the published trace; ``None`` if the trace is withheld."""
        honest = self._honest(order)
        if honest is None:
            return None
        root, output = Bytes32(from_hex(body["trace_root"])), from_hex(body["output"])
        if commit(honest) == root:
            claimed = honest.trace
        else:
            try:
                claimed = self.public.trace(root, honest.graph)[0]
            except NotFoundError:
                return None
        opening = self.public.opening(order.input, honest.graph.input_depth)
        fault = find_fault(honest.graph, claimed, opening.words, honest=honest)
        if isinstance(fault, ElementFault):
            return element_proof(honest.graph, claimed, fault.node, fault.element, opening.words, opening.salt)
        return output_proof(honest.graph, claimed, output)

    def _prove(self, key: str, body: dict[str, Any], order: Order, proof: ElementProof | OutputProof) -> int:
        name, salt = OrderId(from_hex(key)), Bytes32(from_hex(body["salt"]))
        digest = find_digest(name, proof.tile, self.outbox.sender, salt)
        kind = ProveOutput if isinstance(proof, OutputProof) else ProveElement
        try:
            if not self.outbox.done(f"find:{key}"):
                self.outbox.send(f"find:{key}", CommitFind(digest=digest))
                return 1
            header, model = self._header(body), self.public.commitment(order.model)
            shown: Message = kind(order=order, header=header, model=model, proof=proof, salt=salt)  # type: ignore[arg-type]
            self.outbox.send(f"prove:{key}", shown)
        except ProtocolError as error:
            return self._lose(key, body, error)
        self.journal.set_item("delivery", key, "shown")
        return 1

    def _lose(self, key: str, body: dict[str, Any], error: ProtocolError) -> int:
        self.journal.set_item("delivery", key, "lost", {**body, "reason": error.code})
        return 1

    def _header(self, body: dict[str, Any]) -> ResultHeader:
        return ResultHeader(
            trace_root=Bytes32(from_hex(body["trace_root"])), output_hash=keccak256(from_hex(body["output"]))
        )

    # -- dissecting --------------------------------------------------------------------------------------------------

    def _open(self, key: str, body: dict[str, Any], order: Order) -> int:
        model = self.public.commitment(order.model)
        try:
            self.outbox.send(f"open:{key}", OpenDispute(order=order, header=self._header(body), model=model))
        except ProtocolError as error:
            return self._lose(key, body, error)
        return 1

    def _dispute(self, key: str, body: dict[str, Any], order: Order) -> int:
        rows, picks = body.get("rows", []), body.get("picks", [])
        if len(rows) > len(picks):
            return self._pick(key, body, order)
        if "leaf" in body:
            dissection = self._dissection(body, order)
            if dissection is None:
                return 0
            return self._prove(key, body, order, dissection.proof(from_hex(body["leaf"])))
        if self.ledger.now() > body["deadline"]:
            return self._time_out(key, order)
        return 0

    def _time_out(self, key: str, order: Order) -> int:
        try:
            self.outbox.send(f"timeout:{key}", TimeOut(order=order, challenger=self.outbox.sender))
        except ProtocolError:
            return 0
        self.journal.set_item("delivery", key, "shown")
        return 1

    def _dissection(self, body: dict[str, Any], order: Order) -> Dissection | None:
        honest = self._honest(order)
        if honest is None:
            return None
        opening = self.public.opening(order.input, honest.graph.input_depth)
        dissection = Dissection(honest.graph, honest.trace, opening.words, opening.salt)
        for row in body.get("rows", []):
            dissection = dissection.descend([Bytes32(from_hex(child)) for child in row])
        return dissection

    def _pick(self, key: str, body: dict[str, Any], order: Order) -> int:
        dissection = self._dissection(body, order)
        if dissection is None:
            return 0
        message = Pick(order=order, children=dissection.rows[-1], index=dissection.picks[-1])
        try:
            self.outbox.send(f"pick:{key}:{len(dissection.picks) - 1}", message)
        except ProtocolError as error:
            return self._lose(key, body, error)
        return 1
