"""The respondent: a provider's side of disputes, answered from the trace, move by move.

What has been revealed and picked so far is noted from the ledger's events alone, so a provider that was away, or whose
moves a re-organisation threw out, knows what it owes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from concordat.client.offer import Offer
from concordat.graph.dissection import node_in_question, revealed_children
from concordat.node.outbox import Outbox
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Address, Bytes32
from concordat.primitives.wire import from_wire
from concordat.protocol.events import (
    ChildPicked,
    ChildrenRevealed,
    DisputeClosed,
    DisputeLost,
    DisputeOpened,
    LeafRevealed,
)
from concordat.protocol.execution import Result
from concordat.protocol.ledger import Placed
from concordat.protocol.messages import Message, Reveal, RevealLeaf
from concordat.storage.journal import Journal

__all__ = ["Respondent"]

LOOK_AGAIN = 5
"""Seconds after which something that was sent is looked at again, if no event has come of it."""

Trace = tuple[bytes, MerkleTree]


class Respondent:
    """Answers disputes about one provider's deliveries.

    Parameters
    ----------
    journal, outbox : Journal, Outbox
        The provider's.
    offer : callable
        Offer in the body of an item.
    trace : callable
        Claimed memory and tree behind a delivered result; `NotFoundError` if they cannot be had.
    """

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        offer: Callable[[dict[str, Any]], Offer],
        trace: Callable[[Offer, Result], Trace],
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._offer = offer
        self._trace = trace
        self._turns = Turns()

    def note(self, placed: Placed) -> None:
        """Take an event of a dispute to the journal, if it is about an order of ours."""
        event = placed.event
        if isinstance(event, DisputeOpened):
            if self._journal.item("offer", to_hex(event.order_id)) is not None:
                body = {"picks": [], "from": placed.block, "last": [placed.block, placed.index]}
                key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
                self._journal.set_item("dispute", key, "mine to move", body, due=0, block=placed.block)
        elif isinstance(event, ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost | DisputeClosed):
            self._note_move(event, [placed.block, placed.index])

    def _note_move(
        self, event: ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost | DisputeClosed, place: list[int]
    ) -> None:
        key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
        known = self._journal.item("dispute", key)
        if known is None or known[0] == "over" or place <= known[1]["last"]:
            return
        stage, body = "theirs to move", {**known[1], "last": place}
        if isinstance(event, ChildPicked):
            stage, body["picks"] = "mine to move", [*body["picks"], event.index]
        elif isinstance(event, DisputeLost | DisputeClosed):
            stage = "over"
        self._journal.set_item("dispute", key, stage, body, due=0, block=place[0])

    def end(self, order: str, block: int) -> None:
        """The order has come to its end, and every dispute about it."""
        for key, _, _ in self._journal.items("dispute", "mine to move", "theirs to move"):
            if key.startswith(order):
                self._journal.set_item("dispute", key, "over", block=block)

    def undo(self, block: int) -> int:
        """Forget moves in that block and later ones; returns the block from which events are needed again."""
        first = block
        for key, _, body in self._journal.touched("dispute", block):
            self._journal.set_item("dispute", key, "over")  # unless it is opened again
            first = min(first, body["from"])
        return first

    @property
    def waits(self) -> bool:
        """Whether a move is ours."""
        return self._journal.has("dispute", "mine to move")

    def step(self, now: int) -> int:
        """Answer whatever waits for an answer; returns how many moves were made."""
        waiting = self._journal.items("dispute", "mine to move", due=now)
        return sum(self._turns.take(key, partial(self._move, key, body, now)) for key, _, body in waiting)

    def _move(self, key: str, body: dict[str, Any], now: int) -> int:
        order_key, challenger_key = key.split(":")
        item = self._journal.item("offer", order_key)
        assert item is not None, "disputes are noted for offers that were taken"
        offer, result = self._offer(item[1]), from_wire(Result, item[1]["result"])
        trace, tree = self._trace(offer, result)
        challenger = Address(from_hex(challenger_key, length=20))
        height, index = node_in_question(tree.depth, body["picks"])
        message: Message
        if height == 0:
            word = Bytes32(trace[32 * index : 32 * index + 32].ljust(32, b"\0"))
            message = RevealLeaf(order=offer.order, challenger=challenger, word=word)
        else:
            children = revealed_children(tree, body["picks"])
            message = Reveal(order=offer.order, challenger=challenger, children=children)
        try:
            self._outbox.send(f"answer:{key}:{len(body['picks'])}", message, again=True)
        except ProtocolError as error:
            if error.code not in ("TooLate", "NoDispute"):
                raise
            self._journal.set_item("dispute", key, "over")
            return 1
        self._journal.set_item("dispute", key, "mine to move", due=now + LOOK_AGAIN)  # the event makes it theirs
        return 1
