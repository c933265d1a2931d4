"""The accuser: shows which replicas were wrong, where their trace can be had.

Replicas that agree with a false result name its trace; whoever has that can take their stake, long after the order has
ended. A claim goes through ``seen → honest`` or ``seen → wrong → over``.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from concordat.client.public import PublicData
from concordat.graph.execute import Execution, run
from concordat.graph.trace import ElementFault, commit, element_proof, find_fault, output_proof
from concordat.node.feed import Feed
from concordat.node.outbox import Outbox
from concordat.node.recent import Recent
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import CorruptionError, InputError, NotFoundError, ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import Accepted, Delivered
from concordat.protocol.evidence import EvidenceKind, kinds_named
from concordat.protocol.execution import carried_output
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import CommitFind, find_digest
from concordat.protocol.openings import ElementProof, OutputProof, ResultHeader
from concordat.protocol.order import Order
from concordat.protocol.panel_events import ReplicaSlashed, SeatRevealed
from concordat.protocol.panel_messages import ConvictElement, ConvictOutput
from concordat.protocol.replication import seat_id
from concordat.storage.journal import Journal

__all__ = ["Accuser"]

RUNS = 8
"""Honest executions kept at hand."""
LOOK_AGAIN = 60
"""Seconds after which something is looked at again for which public data is missing."""
ACTIVE = ("seen", "wrong")
"""Stages in which there is something to do, now or later."""


class Accuser:
    """One accuser's node.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where orders live, where the node remembers, where models, inputs and traces are read.
    outbox : Outbox
        Sends as the accuser's account.
    """

    def __init__(self, ledger: Ledger, journal: Journal, public: PublicData, outbox: Outbox) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.outbox = outbox
        self._feed = Feed(ledger, journal, "accuser")
        self._turns = Turns()
        self._runs: Recent[bytes, tuple[Execution, bytes, Bytes32]] = Recent(RUNS)

    def step(self) -> int:
        """Look at new events, check what replicas revealed, show what is wrong."""
        self._feed.take(self._note, undo=self._undo)
        if not self.journal.has("claim", *ACTIVE):
            return 0
        waiting = self.journal.items("claim", *ACTIVE, due=self.ledger.now())
        return sum(self._turns.take(key, partial(self._advance, key, stage, body)) for key, stage, body in waiting)

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event, block = placed.event, placed.block
        if isinstance(event, Accepted):
            if EvidenceKind.REPLICATED in kinds_named(event.order.evidence):
                self.journal.set_item("order", to_hex(event.order_id), "known", {"order": to_wire(event.order)})
        elif isinstance(event, Delivered):
            body = {"output": to_hex(event.output)}
            self.journal.set_item("delivered", to_hex(event.order_id), "known", body, block=block)
        elif isinstance(event, SeatRevealed):
            self._note_claim(event, block)
        elif isinstance(event, ReplicaSlashed):
            key = f"{to_hex(event.order_id)}:{to_hex(event.replica)}"
            self.journal.set_item("claim", key, "over", block=block)
            self.outbox.settle(key)

    def _note_claim(self, event: SeatRevealed, block: int) -> None:
        """A salt once drawn stays: what was committed with it may still be on its way."""
        key = f"{to_hex(event.order_id)}:{to_hex(event.replica)}"
        known = self.journal.item("claim", key)
        body = {
            "trace_root": to_hex(event.trace_root),
            "output_hash": to_hex(event.output_hash),
            "salt": known[1]["salt"] if known else to_hex(secrets.token_bytes(32)),
            "from": block,
        }
        self.journal.set_item("claim", key, "seen", body, due=0, block=block)

    def _undo(self, block: int) -> int:
        first = block
        for key, _, body in self.journal.touched("claim", block):
            self.journal.set_item("claim", key, "over")  # unless it is revealed again
            first = min(first, body["from"])
        return first

    # -- judging -----------------------------------------------------------------------------------------------------

    def _advance(self, key: str, stage: str, body: dict[str, Any]) -> int:
        order_key, replica_key = key.split(":")
        item = self.journal.item("order", order_key)
        assert item is not None, "an order is accepted before anybody reveals anything about it"
        order, header = from_wire(Order, item[1]["order"]), _header(body)
        honest = self._honest(order)
        if honest is None:
            self.journal.set_item("claim", key, stage, due=self.ledger.now() + LOOK_AGAIN)
            return 0
        execution, _, root = honest
        expected = root, keccak256(carried_output(root, execution.output))
        if expected == (header.trace_root, header.output_hash):
            self.journal.set_item("claim", key, "honest")
            return 1
        proof = self._proof(order_key, order, header, honest)
        if proof is None:
            self.journal.set_item("claim", key, "wrong", due=self.ledger.now() + LOOK_AGAIN)
            return 0
        return self._show(key, order, Address(from_hex(replica_key, length=20)), header, proof, body)

    def _honest(self, order: Order) -> tuple[Execution, bytes, Bytes32] | None:
        """The honest execution, the salt of its input and its root; ``None`` while the public data is not there."""

        def execute() -> tuple[Execution, bytes, Bytes32]:
            graph = self.public.graph(order.model)
            opening = self.public.opening(order.input, graph.input_depth)
            execution = run(graph, opening.words)
            return execution, opening.words + opening.salt, commit(execution)

        try:
            return self._runs.get(order.model + order.input, execute)
        except (NotFoundError, CorruptionError, InputError):
            return None

    def _proof(
        self, key: str, order: Order, header: ResultHeader, honest: tuple[Execution, bytes, Bytes32]
    ) -> ElementProof | OutputProof | None:
        """A proof from the trace that was named; ``None`` if that or the output cannot be had."""
        (execution, opened, root), graph = honest, honest[0].graph
        words, salt = opened[:-32], Bytes32(opened[-32:])
        item = self.journal.item("delivered", key)
        output = from_hex(item[1]["output"]) if item is not None else b""
        said = output if keccak256(output) == header.output_hash else None
        try:
            claimed = execution.trace if root == header.trace_root else self.public.trace(header.trace_root, graph)[0]
        except (NotFoundError, CorruptionError):
            return None
        fault = find_fault(graph, claimed, words, honest=execution)
        if isinstance(fault, ElementFault):
            return element_proof(graph, claimed, fault.node, fault.element, words, salt)
        return output_proof(graph, claimed, said) if said is not None else None

    def _show(
        self,
        key: str,
        order: Order,
        replica: Address,
        header: ResultHeader,
        proof: ElementProof | OutputProof,
        body: dict[str, Any],
    ) -> int:
        salt, name = Bytes32(from_hex(body["salt"])), OrderId(from_hex(key.split(":")[0]))
        find = f"find:{key}:{proof.tile}"
        digest = find_digest(seat_id(name, replica), proof.tile, self.outbox.sender, salt)
        if self.outbox.send(find, CommitFind(digest=digest)) is not None:
            return 1
        model = self.public.commitment(order.model)
        kind = ConvictOutput if isinstance(proof, OutputProof) else ConvictElement
        message = kind(order=order, replica=replica, header=header, model=model, proof=proof, salt=salt)  # type: ignore[arg-type]
        try:
            self.outbox.send(f"convict:{key}", message, again=True)
        except ProtocolError as error:
            if error.code == "FindNotCommitted":
                self.outbox.send(find, CommitFind(digest=digest), again=True)  # a re-organisation took it
                return 1
            self.journal.set_item("claim", key, "over", {**body, "reason": error.code})
            return 1
        self.journal.set_item("claim", key, "wrong", due=self.ledger.now() + LOOK_AGAIN)  # the event ends it
        return 1


def _header(body: dict[str, Any]) -> ResultHeader:
    return ResultHeader(
        trace_root=Bytes32(from_hex(body["trace_root"])), output_hash=Bytes32(from_hex(body["output_hash"]))
    )
