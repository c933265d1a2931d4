"""How a provider gathers evidence: which kinds it brings for an order, and what it does for those that take some steps.

Replicas are drawn only after the result is sealed, and the result is delivered only after they have committed; nothing
of it may be seen before. What a contract checks of a delivered result, native execution and the agreement of replicas,
is proven as soon as it can be; so is a claim of a proof once it has stood for the order's window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from concordat.client.offer import Offer
from concordat.graph.evm import encode_native_proof
from concordat.node.outbox import Outbox
from concordat.node.panels import PANEL_EVENTS, PanelBook, PanelView
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import OrderId
from concordat.primitives.wire import from_wire
from concordat.protocol.events import Delivered
from concordat.protocol.evidence import EvidenceKind, decode_policy, kinds_in, replicas_of
from concordat.protocol.execution import Result, commit_result
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import Prove
from concordat.protocol.order import OrderStatus
from concordat.protocol.panel_messages import DrawPanel, SealResult
from concordat.storage.journal import Journal

__all__ = ["Gatherer", "Plan", "plan_for"]

LOOK_AGAIN = 5
"""Seconds after which something is looked at again, if no event has come of it."""
_PROVABLE = (EvidenceKind.NATIVE, EvidenceKind.REPLICATED, EvidenceKind.VALIDITY)
_UNDER_WAY = frozenset({"AlreadyDrawn", "DrawTooEarly", "PoolEmpty", "AlreadySealed", "TooLate"})
"""Refusals of a draw or seal that something else explains; time goes on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which clause of an order's policy a provider means to fulfil."""

    clause: frozenset[EvidenceKind]
    """All of its kinds."""

    @property
    def at_once(self) -> bool:
        """Whether one proof does everything, from offer to payment."""
        return self.clause in ({EvidenceKind.NATIVE}, {EvidenceKind.VALIDITY})

    @property
    def zero_knowledge(self) -> bool:
        """Whether that is a zero-knowledge proof."""
        return self.clause == {EvidenceKind.VALIDITY}

    @property
    def replicated(self) -> bool:
        """Whether replicas must come to the same result."""
        return EvidenceKind.REPLICATED in self.clause

    @property
    def proofs(self) -> tuple[EvidenceKind, ...]:
        """Kinds that are proven of a delivered result."""
        return tuple(kind for kind in _PROVABLE if kind in self.clause)


def plan_for(evidence: bytes, *, native: bool, hidden: bool = False) -> Plan | None:
    """The cheapest clause that a provider can fulfil: without replicas if possible, with few kinds; ``None`` if none.

    Parameters
    ----------
    native : bool
        Whether the contract itself can run the model.
    hidden : bool
        Whether it is a hidden model of this provider's: what it says can be proven, and shown in no other way.
    """
    able = {EvidenceKind.FRAUD_PROVABLE, EvidenceKind.CLIENT_RELEASE, EvidenceKind.REPLICATED}
    able |= {EvidenceKind.NATIVE} if native else set()
    able = {EvidenceKind.VALIDITY} if hidden else able
    fitting = [clause for clause in decode_policy(evidence).clauses if clause <= able]
    if not fitting:
        return None
    return Plan(min(fitting, key=lambda clause: (EvidenceKind.REPLICATED in clause, len(clause), sorted(clause))))


class Gatherer:
    """Brings one provider's evidence.

    Parameters
    ----------
    ledger, journal, outbox : Ledger, Journal, Outbox
        The provider's.
    offer : callable
        Offer in the body of an item.
    plan : callable
        What the provider means to do for an offer.
    claimed_at : callable
        When a claim of an order's output was posted; ``None`` if none was.
    hurry : callable
        Called while a draw waits for a block: a development chain makes none of itself.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        outbox: Outbox,
        offer: Callable[[dict[str, Any]], Offer],
        plan: Callable[[Offer], Plan | None],
        claimed_at: Callable[[str, bytes], int | None],
        *,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger, self._journal, self._outbox = ledger, journal, outbox
        self._offer, self._plan, self._claimed_at, self._hurry = offer, plan, claimed_at, hurry
        self._book = PanelBook(journal, lambda key: journal.item("offer", key) is not None)
        self._turns = Turns()

    # -- events ------------------------------------------------------------------------------------------------------

    def note(self, placed: Placed) -> None:
        """Take an event about evidence to the journal, if it is about an order of ours."""
        event, block = placed.event, placed.block
        self._book.note(placed)
        if isinstance(event, Delivered):
            if self._journal.item("offer", to_hex(event.order_id)) is not None:
                body = {"from": block}
                self._journal.set_item("evidence", to_hex(event.order_id), "open", body, due=0, block=block)
        elif isinstance(event, PANEL_EVENTS):
            self._wake(to_hex(event.order_id), block)

    def _wake(self, key: str, block: int) -> None:
        """What waits for replicas is looked at as soon as there is news of them."""
        if self._journal.item("evidence", key) is not None:
            self._journal.set_item("evidence", key, "open", due=0, block=block)
        item = self._journal.item("offer", key)
        if item is not None and item[0] == "executed":
            self._journal.set_item("offer", key, "executed", due=0)

    def end(self, order: str, block: int) -> None:
        """The order has come to its end."""
        if self._journal.item("evidence", order) is not None:
            self._journal.set_item("evidence", order, "over", block=block)

    def undo(self, block: int) -> int:
        """Forget what that block and later ones said; returns the block from which events are needed again."""
        first = self._book.undo(block)
        for key, _, body in self._journal.touched("evidence", block):
            self._journal.set_item("evidence", key, "over")  # unless it is delivered again
            first = min(first, body["from"])
        return first

    # -- before delivery ---------------------------------------------------------------------------------------------

    def ready(self, key: str, offer: Offer, result: Result, now: int) -> int | None:
        """``None`` when a replicated order's result can be delivered; else when to look again.

        Seals the result and lets the replicas be drawn on the way there.
        """
        panel = self._book.view(key)
        if panel is None:
            commitment = commit_result(
                OrderId(from_hex(key)), offer.order.provider, result.trace_root, result.output_hash
            )
            self._send(f"seal:{key}", SealResult(order=offer.order, result=commitment))
            return now + LOOK_AGAIN
        if panel.commits_over(now):
            return None
        if panel.replicas:
            return panel.commit_by + 1
        if self._ledger.head() >= panel.draw_block:
            self._send(f"draw:{key}:{panel.draw_block}", DrawPanel(order=offer.order))
        else:
            self._hurry()
        return min(now + 1, panel.commit_by + 1)

    def _send(self, intent: str, message: SealResult | DrawPanel) -> None:
        try:
            self._outbox.send(intent, message, again=True)
        except ProtocolError as error:
            if error.code not in _UNDER_WAY:
                raise

    # -- after delivery ----------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether something may still be proven."""
        return self._journal.has("evidence", "open")

    def step(self, now: int) -> int:
        """Prove what can be proven; returns how much was."""
        waiting = self._journal.items("evidence", "open", due=now)
        return sum(self._turns.take(f"prove {key}", partial(self._prove, key, now)) for key, _, _ in waiting)

    def _prove(self, key: str, now: int) -> int:
        item = self._journal.item("offer", key)
        assert item is not None, "evidence is gathered for offers that were taken"
        offer, result = self._offer(item[1]), from_wire(Result, item[1]["result"])
        plan, state = self._plan(offer), self._ledger.state(OrderId(from_hex(key)))
        gathered = kinds_in(state.gathered)
        missing = [kind for kind in plan.proofs if kind not in gathered] if plan else []
        if state.status is not OrderStatus.DELIVERED or not missing:
            self._journal.set_item("evidence", key, "over")
            return 0
        kind = missing[0]
        proof = b""
        if kind is EvidenceKind.NATIVE:
            proof = encode_native_proof(offer.opening.words, offer.opening.salt)
        elif (due := self._due(kind, key, offer, result, now)) is None or now < due:
            self._journal.set_item("evidence", key, "open" if due else "over", due=due or 0)
            return 0
        message = Prove(order=offer.order, kind=kind, output=result.output, trace_root=result.trace_root, proof=proof)
        self._outbox.send(f"prove:{key}:{int(kind)}", message, again=True)
        self._journal.set_item("evidence", key, "open", due=now + LOOK_AGAIN)
        return 1

    def _due(self, kind: EvidenceKind, key: str, offer: Offer, result: Result, now: int) -> int | None:
        """When something that takes its time can be proven; ``None`` if it cannot be, as things stand."""
        if kind is not EvidenceKind.VALIDITY:
            return self._agreement_due(self._book.view(key), offer, now)
        posted = self._claimed_at(key, result.output)  # a claim that stood needs no proof
        return None if posted is None else posted + offer.order.window

    @staticmethod
    def _agreement_due(panel: PanelView | None, offer: Offer, now: int) -> int | None:
        """When the agreement can be proven; ``None`` if it cannot be, as things stand."""
        if panel is None or not panel.reveal_by or not all(panel.revealed.values()):
            return None
        needed, _ = replicas_of(offer.order.evidence)
        return None if now > panel.reveal_by and len(panel.revealed) < needed else panel.reveal_by + 1
