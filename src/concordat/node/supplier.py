"""The supplier: a provider's answers to demands, for parts of large outputs and for private results to be opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from concordat.client.offer import Offer
from concordat.client.private import result_salt
from concordat.graph.openings import TraceView, output_opening
from concordat.node.outbox import Outbox
from concordat.node.turns import Turns
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.wire import from_wire
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.demand import part_words
from concordat.protocol.events import DemandClosed, Demanded, ResultOpened, Supplied
from concordat.protocol.evidence import is_private
from concordat.protocol.execution import Result, carried_output
from concordat.protocol.ledger import Placed
from concordat.protocol.messages import (
    OPENING_PART,
    Message,
    OpenResult,
    ResultHeader,
    ResultOpening,
    Supply,
)
from concordat.storage.journal import Journal

__all__ = ["Supplier"]

LOOK_AGAIN = 5
"""Seconds after which an answer is looked at again, if no event has come of it."""
_TOO_LATE = ("TooLate", "NoDemand", "WrongStatus", "AlreadyOpened")

Trace = tuple[bytes, MerkleTree]


class Supplier:
    """Answers demands about one provider's deliveries.

    Parameters
    ----------
    journal, outbox : Journal, Outbox
        The provider's.
    offer : callable
        Offer in the body of an item.
    trace : callable
        Memory and tree behind a delivered result; `NotFoundError` if they cannot be had.
    model : callable
        The commitment behind a model id.
    """

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        offer: Callable[[dict[str, Any]], Offer],
        trace: Callable[[Offer, Result], Trace],
        model: Callable[[bytes], ModelCommitment],
    ) -> None:
        self._journal, self._outbox = journal, outbox
        self._offer, self._trace, self._model = offer, trace, model
        self._turns = Turns()

    def note(self, placed: Placed) -> None:
        """Take an event about a demand to the journal, if it is about an order of ours."""
        event = placed.event
        if not isinstance(event, Demanded | Supplied | ResultOpened | DemandClosed):
            return
        order = to_hex(event.order_id)
        part = OPENING_PART if isinstance(event, ResultOpened) else event.part
        key = f"{order}:{part}"
        if isinstance(event, Demanded):
            if self._journal.item("offer", order) is not None:
                self._journal.set_item("demand", key, "open", {"from": placed.block}, due=0, block=placed.block)
        else:
            self._journal.set_item("demand", key, "over", block=placed.block)

    def end(self, order: str, block: int) -> None:
        """The order has come to its end."""
        for key, _, _ in self._journal.items("demand", "open"):
            if key.startswith(order):
                self._journal.set_item("demand", key, "over", block=block)

    def undo(self, block: int) -> int:
        """Forget what that block and later ones said; returns the block from which events are needed again."""
        first = block
        for key, _, body in self._journal.touched("demand", block):
            self._journal.set_item("demand", key, "over")  # unless it is made again
            first = min(first, body["from"])
        return first

    @property
    def waits(self) -> bool:
        """Whether an answer is due."""
        return self._journal.has("demand", "open")

    def step(self, now: int) -> int:
        """Answer what is demanded; returns how many answers were given."""
        waiting = self._journal.items("demand", "open", due=now)
        return sum(self._turns.take(key, partial(self._answer, key, now)) for key, _, _ in waiting)

    def _answer(self, key: str, now: int) -> int:
        order_key, part = key.split(":")
        item = self._journal.item("offer", order_key)
        assert item is not None, "demands are noted for offers that were taken"
        message = self._message(self._offer(item[1]), from_wire(Result, item[1]["result"]), int(part))
        try:
            self._outbox.send(f"supply:{key}", message, again=True)
        except ProtocolError as error:
            if error.code not in _TOO_LATE:
                raise
            self._journal.set_item("demand", key, "over")
            return 1
        self._journal.set_item("demand", key, "open", due=now + LOOK_AGAIN)  # the event ends it
        return 1

    def _message(self, offer: Offer, result: Result, part: int) -> Message:
        trace, tree = self._trace(offer, result)
        model = self._model(offer.order.model)
        carried = carried_output(tree.root, b"".join(output_opening(model, trace, tree).words))
        if part == OPENING_PART:
            header = ResultHeader(trace_root=result.trace_root, output_hash=result.output_hash)
            opening = ResultOpening(salt=result_salt(offer.opening), trace_root=tree.root, output=carried)
            return OpenResult(order=offer.order, header=header, opening=opening)
        first, count = part_words(model, part)
        words = TraceView(words=trace, tree=tree).opening(first, count)
        hashed = keccak256(carried) if is_private(offer.order.evidence) else result.output_hash
        header = ResultHeader(trace_root=tree.root, output_hash=hashed)
        return Supply(order=offer.order, header=header, model=model, part=part, words=words)
