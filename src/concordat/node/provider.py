"""The provider: takes offers, executes them, delivers or proves, and answers disputes.

An offer goes through the stages ``received → executed → delivered → closed`` (or ``refused``, ``lapsed``), all in the
journal. A dispute on a delivered order is answered from the stored trace, move by move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concordat.client.offer import Offer
from concordat.client.providers import Quote
from concordat.client.public import PublicData
from concordat.graph.dissection import node_in_question, revealed_children
from concordat.graph.evm import encode_native_proof
from concordat.graph.execute import Execution, run
from concordat.graph.intervals import validate
from concordat.graph.ir import Graph
from concordat.graph.trace import trace_tree
from concordat.node.feed import Feed
from concordat.node.outbox import Outbox
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, InputError, NotFoundError, OrderError, ProtocolError
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.events import (
    ChildPicked,
    ChildrenRevealed,
    DisputeClosed,
    DisputeLost,
    DisputeOpened,
    LeafRevealed,
)
from concordat.protocol.evidence import EvidenceKind, decode_policy
from concordat.protocol.execution import Result
from concordat.protocol.ledger import Ledger, Receipt
from concordat.protocol.messages import (
    Accept,
    AcceptAndProve,
    AcceptAndSubmit,
    Message,
    Reveal,
    RevealLeaf,
    Submit,
)
from concordat.protocol.order import OrderStatus, order_id
from concordat.storage.journal import Journal

__all__ = ["Provider", "Terms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a provider works for."""

    price: Amount
    """Least price of a decision."""
    bond_limit: Amount
    """Most that it puts at risk for one order."""
    window_limit: Seconds = Seconds(7 * 86400)
    """Longest challenge window it waits for its money."""
    delivery_margin: Seconds = Seconds(2)
    """Least time it wants between acceptance and delivery."""
    fund_first: bool = False
    """Accept before working (two transactions more certain, one more expensive)."""


class Provider:
    """One provider's node, without transport: see `concordat.node.http` and `concordat.node.process`.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where orders live, where the node remembers, where models are read and traces published.
    outbox : Outbox
        Sends as the provider's account.
    terms : Terms
        Prices and limits.
    native : callable
        Whether a model's native form is on chain, so that the contract itself can run it.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        public: PublicData,
        outbox: Outbox,
        terms: Terms,
        *,
        native: Callable[[ModelId], bool] = lambda _: False,
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.outbox = outbox
        self.terms = terms
        self.native = native
        self._feed = Feed(ledger, journal)
        self._graphs: dict[bytes, Graph] = {}
        self._trees: dict[bytes, MerkleTree] = {}

    @property
    def address(self) -> Address:
        """The provider's account."""
        return self.outbox.sender

    def quote(self, model: ModelId) -> Quote:
        """What one decision of a model costs here; `NotFoundError` if the model is not public."""
        self.graph(model)
        return Quote(
            provider=self.address,
            model=model,
            price=self.terms.price,
            bond_limit=self.terms.bond_limit,
            window_limit=self.terms.window_limit,
            native=self.native(model),
        )

    # -- offers ------------------------------------------------------------------------------------------------------

    def offer(self, offer: Offer) -> OrderId:
        """Take an offer into the journal.

        Raises
        ------
        OrderError
            If it is for somebody else, too cheap, too late, or its input does not open.
        """
        name = order_id(offer.order, self.ledger.domain)
        if self.journal.item("offer", to_hex(name)) is None:
            self._check(offer)
            self.journal.set_item("offer", to_hex(name), "received", {"offer": to_wire(offer)})
        return name

    def _check(self, offer: Offer) -> None:
        order, terms, now = offer.order, self.terms, self.ledger.now()
        refusals = [
            (order.provider != self.address, "NotProvider", "The order names another provider."),
            (
                order.price < terms.price,
                "PriceTooLow",
                f"This provider asks {terms.price}, the order pays {order.price}.",
            ),
            (order.bond > terms.bond_limit, "BondTooHigh", f"The bond {order.bond} is above {terms.bond_limit}."),
            (order.window > terms.window_limit, "WindowTooLong", f"The window {order.window} s is too long."),
            (now > order.accept_by, "OfferExpired", "The offer has expired."),
            (now + terms.delivery_margin > order.deliver_by, "DeliveryTooSoon", "There is no time left to deliver."),
            (not self._can_settle(offer), "NotInPolicy", "No evidence this provider can give satisfies the policy."),
        ]
        for refused, code, message in refusals:
            if refused:
                raise OrderError(message, code=code, hint="Ask for a new quote and sign a new order.")
        graph = self.graph(order.model)
        offer.opening.check(order.input, graph.input_depth)

    def _can_settle(self, offer: Offer) -> bool:
        able = {EvidenceKind.FRAUD_PROVABLE, EvidenceKind.CLIENT_RELEASE}
        if self.native(offer.order.model):
            able.add(EvidenceKind.NATIVE)
        return any(clause <= able for clause in decode_policy(offer.order.evidence).clauses)

    def graph(self, model: bytes) -> Graph:
        """A validated program; executing an unvalidated one could not be defended in court."""
        if model not in self._graphs:
            graph = self.public.graph(model)
            validate(graph)
            self._graphs[model] = graph
        return self._graphs[model]

    # -- work --------------------------------------------------------------------------------------------------------

    def step(self) -> int:
        """Take every order and dispute one step further; returns how many things were done."""
        done = sum(self._advance(key, stage, body) for key, stage, body in self.journal.items("offer"))
        return done + self._answer_disputes()

    def _advance(self, key: str, stage: str, body: dict[str, Any]) -> int:
        if stage == "received":
            return self._begin(key, body)
        if stage == "executed":
            return self._deliver(key, body)
        if stage == "delivered" and self.ledger.state(OrderId(from_hex(key))).status.terminal:
            self.journal.set_item("offer", key, "closed")
            return 1
        return 0

    def _begin(self, key: str, body: dict[str, Any]) -> int:
        offer = from_wire(Offer, body["offer"])
        if self.terms.fund_first and self._status(key) is OrderStatus.NONE:
            message = Accept(order=offer.order, funding=offer.funding)
            if self._try(f"accept:{key}", message, key) is None:
                return 1
        try:
            result = self.work(offer)
        except InputError as error:
            self.journal.set_item("offer", key, "refused", {**body, "reason": {"code": error.code}})
            return 1
        self.journal.set_item("offer", key, "executed", {**body, "result": to_wire(result)})
        return 1

    def work(self, offer: Offer) -> Result:
        """Run the model, make the trace public, and say what came out."""
        execution = self.execute(offer)
        root = self.publish(self.graph(offer.order.model), execution)
        return Result(trace_root=root, output=execution.output)

    def execute(self, offer: Offer) -> Execution:
        """Run the model on the order's input."""
        return run(self.graph(offer.order.model), offer.opening.words)

    def publish(self, graph: Graph, execution: Execution) -> Bytes32:
        """Make the trace public and return its root."""
        tree = trace_tree(graph, execution.trace)
        self._trees[tree.root] = tree
        self.public.put_trace(tree.root, execution.trace)
        return tree.root

    def _deliver(self, key: str, body: dict[str, Any]) -> int:
        offer, result = from_wire(Offer, body["offer"]), from_wire(Result, body["result"])
        order, status = offer.order, self._status(key)
        if status is OrderStatus.NONE and self.ledger.now() > order.accept_by:
            self.journal.set_item("offer", key, "lapsed")
            return 1
        message: Message
        if status is OrderStatus.NONE and self._native_suffices(offer):
            message = AcceptAndProve(
                order=order,
                funding=offer.funding,
                kind=EvidenceKind.NATIVE,
                output=result.output,
                proof=encode_native_proof(offer.opening.words, offer.opening.salt),
            )
        elif status is OrderStatus.NONE:
            message = AcceptAndSubmit(order=order, funding=offer.funding, result=result)
        elif status is OrderStatus.FUNDED:
            message = Submit(order=order, result=result)
        else:
            self.journal.set_item("offer", key, "delivered")
            return 1
        if self._try(f"deliver:{key}:{int(status)}", message, key) is not None:
            self.journal.set_item("offer", key, "delivered")
        return 1

    def _native_suffices(self, offer: Offer) -> bool:
        clauses = decode_policy(offer.order.evidence).clauses
        return frozenset({EvidenceKind.NATIVE}) in clauses and self.native(offer.order.model)

    def _status(self, key: str) -> OrderStatus:
        return self.ledger.state(OrderId(from_hex(key))).status

    def _try(self, intent: str, message: Message, key: str) -> Receipt | bool | None:
        """Send; a refusal ends the offer, with the reason in the journal."""
        try:
            return self.outbox.send(intent, message) or True
        except ProtocolError as error:
            item = self.journal.item("offer", key)
            assert item is not None
            reason = {"code": error.code, "message": error.message}
            self.journal.set_item("offer", key, "refused", {**item[1], "reason": reason})
            return None

    # -- disputes ----------------------------------------------------------------------------------------------------

    def _answer_disputes(self) -> int:
        done = 0
        for placed in self._feed.read():
            event = placed.event
            if isinstance(
                event, DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost | DisputeClosed
            ):
                self._note(event, to_hex(placed.transaction))
        for key, stage, body in self.journal.items("dispute", "mine to move"):
            done += self._move(key, stage, body)
        self._feed.settle()
        return done

    def _note(
        self,
        event: DisputeOpened | ChildrenRevealed | ChildPicked | LeafRevealed | DisputeLost | DisputeClosed,
        move: str,
    ) -> None:
        """Take in one move; the feed may show it again, and its transaction tells."""
        offer = self.journal.item("offer", to_hex(event.order_id))
        if offer is None or "result" not in offer[1]:
            return
        key = f"{to_hex(event.order_id)}:{to_hex(event.challenger)}"
        known = self.journal.item("dispute", key)
        body: dict[str, Any] = known[1] if known else {"picks": [], "revealed": 0, "moves": []}
        if move in body["moves"]:
            return
        body = {**body, "moves": [*body["moves"], move]}
        if isinstance(event, DisputeOpened) and known is None:
            self.journal.set_item("dispute", key, "mine to move", body)
        elif isinstance(event, ChildPicked) and len(body["picks"]) < body["revealed"]:
            self.journal.set_item("dispute", key, "mine to move", {**body, "picks": [*body["picks"], event.index]})
        elif isinstance(event, DisputeLost | DisputeClosed) and known and known[0] != "over":
            self.journal.set_item("dispute", key, "over")

    def _move(self, key: str, stage: str, body: dict[str, Any]) -> int:
        order_key, challenger_key = key.split(":")
        item = self.journal.item("offer", order_key)
        assert item is not None
        offer, result = from_wire(Offer, item[1]["offer"]), from_wire(Result, item[1]["result"])
        tree = self._tree(offer, result)
        if tree is None:
            return 0
        challenger = Address(from_hex(challenger_key, length=20))
        height, index = node_in_question(tree.depth, body["picks"])
        message: Message
        if height == 0:
            message = RevealLeaf(order=offer.order, challenger=challenger, word=self._word(offer, result, index))
        else:
            children = revealed_children(tree, body["picks"])
            message = Reveal(order=offer.order, challenger=challenger, children=children)
        try:
            self.outbox.send(f"answer:{key}:{len(body['picks'])}", message)
        except ProtocolError:
            self.journal.set_item("dispute", key, "over")
            return 1
        self.journal.set_item("dispute", key, "theirs to move", {**body, "revealed": len(body["picks"]) + 1})
        return 1

    def _tree(self, offer: Offer, result: Result) -> MerkleTree | None:
        if result.trace_root not in self._trees:
            graph = self.graph(offer.order.model)
            try:
                self._trees[result.trace_root] = self.public.trace(result.trace_root, graph)[1]
            except NotFoundError:
                execution = self.execute(offer)
                tree = trace_tree(graph, execution.trace)
                if tree.root != result.trace_root:
                    return None
                self._trees[result.trace_root] = tree
        return self._trees[result.trace_root]

    def _word(self, offer: Offer, result: Result, index: int) -> Bytes32:
        try:
            trace = self.public.trace(result.trace_root, self.graph(offer.order.model))[0]
        except ConcordatError:
            trace = self.execute(offer).trace
        return Bytes32(trace[32 * index : 32 * index + 32].ljust(32, b"\0"))
