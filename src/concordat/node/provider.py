"""The provider: takes offers, executes them, delivers or proves, and answers disputes.

An offer goes through the stages ``received → executed → delivered → closed`` (or ``refused``, ``lapsed``), all in the
journal. What the ledger's events say comes before what the node remembers: an order that another copy of this node
delivered is delivered, and one that a re-organisation threw out is delivered again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from concordat.client.offer import Offer
from concordat.client.private import (
    PrivateOffer,
    SealingKey,
    carries,
    open_offer,
    private_root,
    seal_output,
    seal_result,
)
from concordat.client.public import PublicData
from concordat.client.sealing import SealingPair
from concordat.graph.evm import encode_native_proof
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.graph.openings import output_opening
from concordat.graph.trace import trace_tree
from concordat.node.admission import Terms, check_erasure
from concordat.node.claimant import Claimant
from concordat.node.feed import Feed
from concordat.node.gathering import Gatherer, Plan, plan_for
from concordat.node.outbox import Outbox
from concordat.node.proving import Proven, Shelf
from concordat.node.quotes import QuoteDesk
from concordat.node.recent import Recent
from concordat.node.reception import Reception
from concordat.node.respondent import LOOK_AGAIN, Respondent
from concordat.node.seals import SealKeys
from concordat.node.supplier import Supplier
from concordat.node.turns import Turns
from concordat.primitives.encoding import ZERO32, from_hex, to_hex
from concordat.primitives.errors import (
    ConcordatError,
    CorruptionError,
    InputError,
    ModelError,
    NotFoundError,
    OrderError,
    ProtocolError,
)
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Bytes32, ModelId, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.claim_messages import Carrier, PostClaim
from concordat.protocol.events import Accepted, Cancelled, Delivered, Expired, Paid, Slashed
from concordat.protocol.evidence import EvidenceKind, is_private, is_sealed, kinds_named
from concordat.protocol.execution import Result, carried_output
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import (
    Accept,
    AcceptAndProve,
    AcceptAndSubmit,
    AcceptOpen,
    Funding,
    FundingMode,
    Message,
    Opening,
    Prove,
    Submit,
)
from concordat.protocol.order import Order, OrderStatus, open_order_id, order_id
from concordat.storage.journal import Journal

__all__ = ["Provider", "Terms"]

OPEN = ("received", "executed")
"""Stages in which an offer needs the provider."""
TRACES = 8
"""Traces kept at hand."""
LATER = frozenset(
    {"WrongStatus", "InsufficientFree", "DisputesOpen", "JustTaken", "NotClaimed", "ClaimExists", "NotAdmitted"}
)
"""Refusals that need not last: something is under way, or the stake is at risk in other orders just now."""


class Provider(Reception):
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
    seals : SealKeys, optional
        Keys to which clients seal private offers; without them none are taken.
    desk : QuoteDesk, optional
        Signs quotes; without one none are signed.
    shelf : Shelf, optional
        Hidden models that this provider owns; without one it serves none.
    hurry : callable
        Called while a draw of replicas waits for a block: a development chain makes none of itself.
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
        seals: SealKeys | None = None,
        desk: QuoteDesk | None = None,
        shelf: Shelf | None = None,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(ledger, journal, public, outbox, terms, native=native, desk=desk, shelf=shelf)
        self.seals = seals
        self.before: Provider | None = None
        """This provider at the version of the market before: clients ask for erasure at the present one's door."""
        self._feed = Feed(ledger, journal, "provider")
        self._turns = Turns()
        self._traces: Recent[bytes, tuple[bytes, MerkleTree]] = Recent(TRACES)
        self._respondent = Respondent(journal, outbox, self._offer, self._trace)
        self._supplier = Supplier(journal, outbox, self._offer, self._trace, public.commitment)
        self._claimant = Claimant(ledger, journal, outbox, shelf, claims=terms.claims, blobs=terms.blobs)
        claimed_at = self._claimant.posted_at
        self._gatherer = Gatherer(ledger, journal, outbox, self._offer, self._plan, claimed_at, hurry=hurry)

    # -- offers ------------------------------------------------------------------------------------------------------

    def private_offer(self, offer: PrivateOffer) -> OrderId:
        """Take a sealed offer into the journal, as it came: in plain it is only ever in memory.

        Raises
        ------
        OrderError
            ``SealBroken`` if it does not open; else as for :meth:`offer`.
        """
        opened, _ = open_offer(offer, self._pairs(), self.ledger.domain)
        return self._take(opened, {"sealed": to_wire(offer)}, sealed=True)

    def erase(self, order: OrderId, signature: bytes) -> None:
        """Forget what a client sealed for an order of his, as he asks.

        Raises
        ------
        OrderError
            ``BadSignature`` if it is not the client's, ``StillOpen`` while the order needs its input.
        NotFoundError
            If the order was never taken here.
        """
        key = to_hex(order)
        item = self.journal.item("offer", key)
        if item is None and self.before is not None:
            self.before.erase(order, signature)
            return
        if item is None:
            raise NotFoundError("This provider knows no such order.", code="UnknownOrder")
        stage, body = item
        check_erasure(_order_of(body), order, signature, self.ledger)
        if "sealed" in body:
            kept = {name: value for name, value in body.items() if name != "sealed"}
            self.journal.set_item("offer", key, stage, {**kept, "order": to_wire(_order_of(body))})
        self.public.forget(order)
        self.journal.scrub()

    def sealing_key(self) -> SealingKey:
        """The key to seal offers to; `NotFoundError` if this provider takes no private orders."""
        if self.seals is None:
            raise NotFoundError("This provider takes no private orders.", code="NoSealing")
        return self.seals.announcement(self.ledger.now())

    def _pairs(self) -> tuple[SealingPair, ...]:
        return self.seals.pairs if self.seals is not None else ()

    # -- work --------------------------------------------------------------------------------------------------------

    def step(self) -> int:
        """Take every order and dispute one step further; returns how many things were done."""
        self._feed.take(self._note, undo=self._undo)
        done = 0
        answering = (self._respondent, self._supplier, self._gatherer)
        if self.journal.has("offer", *OPEN) or any(one.waits for one in answering):
            now = self.ledger.now()
            done = sum(map(self._take_turn, self.journal.items("offer", *OPEN, due=now)))
            done += sum(one.step(now) for one in answering)
        return done

    def _take_turn(self, item: tuple[str, str, dict[str, Any]]) -> int:
        key, stage, body = item
        return self._turns.take(key, lambda: (self._begin if stage == "received" else self._deliver)(key, body))

    def _offer(self, body: dict[str, Any]) -> Offer:
        """The offer of an item; where the journal does not have it, from its order and what the client disclosed."""
        if "offer" in body:
            return from_wire(Offer, body["offer"])
        if "sealed" in body:
            return self._unsealed(body)[0]
        order = from_wire(Order, body["order"])
        opening = self.public.opening(order.input, self.graph(order.model).input_depth)
        return Offer(order=order, funding=Funding(mode=FundingMode.AUTHORIZATION, signature=b""), opening=opening)

    def _unsealed(self, body: dict[str, Any]) -> tuple[Offer, Bytes32]:
        """The offer that came sealed, and the key to reply to."""
        return open_offer(from_wire(PrivateOffer, body["sealed"]), self._pairs(), self.ledger.domain)

    def _begin(self, key: str, body: dict[str, Any]) -> int:
        offer = self._offer(body)
        first = self.terms.fund_first or self._is_replicated(offer) or "open" in body
        if first and self._status(key) is OrderStatus.NONE and not self._accept(key, offer, body):
            return 1
        try:
            result = self._proven(offer).result if self.owns(offer.order.model) else self.work(offer)
            if "sealed" in body and is_sealed(offer.order.evidence):
                result = self._seal(offer, self._unsealed(body)[1], result)
        except (InputError, ModelError) as error:
            self._refuse(key, error.code, error.message)
            return 1
        self.journal.set_item("offer", key, "executed", {**body, "result": to_wire(result)})
        return 1

    def _accept(self, key: str, offer: Offer, body: dict[str, Any]) -> bool:
        """Have the order funded before it is worked on; whether it is."""
        if self._late(key, offer):
            return False
        message: Message = Accept(order=offer.order, funding=offer.funding)
        if "open" in body:
            message = AcceptOpen(order=offer.order, funding=offer.funding)
            if self.ledger.state(open_order_id(offer.order, self.ledger.domain)).status is not OrderStatus.NONE:
                self._refuse(key, "Taken", "Somebody else has taken the order.")
                return False
        return self._try(f"accept:{key}", message, key)

    def work(self, offer: Offer) -> Result:
        """Run the model, make the trace public if the input is, and say what came out."""
        execution = self.execute(offer)
        graph = self.graph(offer.order.model)
        # A trace begins with the input, which is public only where the client has signed that watchers may see it.
        root = self._keep(graph, execution)
        if not self._is_replicated(offer):
            self._show(offer, root)
        return Result(trace_root=root, output=carried_output(root, execution.output))

    def _show(self, offer: Offer, root: Bytes32) -> None:
        """Make public what others may see of an execution: once replicas have committed, where there are any."""
        graph, (trace, _) = self.graph(offer.order.model), self._traces.get(root, lambda: self._run(offer))
        execution = Execution(graph=graph, trace=trace)
        if kinds_named(offer.order.evidence) & {EvidenceKind.FRAUD_PROVABLE, EvidenceKind.REPLICATED}:
            self.publish(graph, execution)
        if carried_output(root, execution.output) != execution.output and not is_private(offer.order.evidence):
            self.public.answers.put(root, self._output(offer, root))

    def _plan(self, offer: Offer) -> Plan | None:
        model = offer.order.model
        return plan_for(offer.order.evidence, native=self.native(model), hidden=self.owns(model))

    def _proven(self, offer: Offer) -> Proven:
        """What a hidden model said of an order, and what shows it."""
        assert self.shelf is not None, "hidden models have a shelf"
        return self.shelf.prove(offer, self.ledger.domain)

    def _is_replicated(self, offer: Offer) -> bool:
        plan = self._plan(offer)
        return plan is not None and plan.replicated

    def _output(self, offer: Offer, root: Bytes32) -> Opening:
        """The output of an execution at hand, opened against its trace root."""
        trace, tree = self._traces.get(root, lambda: self._run(offer))
        return output_opening(self.public.commitment(offer.order.model), trace, tree)

    def _run(self, offer: Offer) -> tuple[bytes, MerkleTree]:
        trace = self.execute(offer).trace
        return trace, trace_tree(self.graph(offer.order.model), trace)

    def _seal(self, offer: Offer, reply: Bytes32, result: Result) -> Result:
        """The result as only the client can read it, and beside it what has no room in a submission."""
        domain = self.ledger.domain
        sealed = seal_result(result, offer, reply, domain)
        if not carries(result):
            name, output = order_id(offer.order, domain), self._output(offer, result.trace_root)
            self.public.answers.put_sealed(name, seal_output(output, reply, name, domain))
        return sealed

    def execute(self, offer: Offer) -> Execution:
        """Run the model on the order's input."""
        return run(self.graph(offer.order.model), offer.opening.words)

    def publish(self, graph: Graph, execution: Execution) -> Bytes32:
        """Make the trace public and return its root."""
        root = self._keep(graph, execution)
        self.public.put_trace(root, execution.trace)
        return root

    def _keep(self, graph: Graph, execution: Execution) -> Bytes32:
        tree = trace_tree(graph, execution.trace)
        self._traces.put(tree.root, (execution.trace, tree))
        return tree.root

    def _deliver(self, key: str, body: dict[str, Any]) -> int:
        offer, result = self._offer(body), from_wire(Result, body["result"])
        status = self._status(key)
        if status is OrderStatus.NONE and self._late(key, offer):
            return 1
        message: Message
        accepted = status is OrderStatus.FUNDED or (status is OrderStatus.NONE and "open" not in body)
        if accepted and (plan := self._plan(offer)) is not None and plan.at_once:
            try:
                claim = self._claimant.wanted(offer, body) if plan.zero_knowledge else None
            except OrderError as error:
                self._refuse(key, error.code, error.message)
                return 1
            if claim is not None:
                return self._deliver_claimed(key, body, offer, claim, status)
            message = self._proven_delivery(offer, result, plan, funded=status is OrderStatus.FUNDED)
        elif status is OrderStatus.NONE and ("open" in body or self._is_replicated(offer)):
            return int(self._accept(key, offer, body))  # a re-organisation took the acceptance away
        elif status is OrderStatus.NONE:
            message = AcceptAndSubmit(order=offer.order, funding=offer.funding, result=result)
        elif status is OrderStatus.FUNDED:
            if self._is_replicated(offer):
                if due := self._gatherer.ready(key, offer, result, self.ledger.now()):
                    self.journal.set_item("offer", key, "executed", due=due)
                    return 0
                self._show(offer, result.trace_root)
            message = Submit(order=offer.order, result=result)
        else:
            return self._await_event(key)
        if self._try(f"deliver:{key}:{int(status)}", message, key):
            self._await_event(key)
            self._show_answer(key, body)  # its transaction shows it as well
        return 1

    def _deliver_claimed(
        self, key: str, body: dict[str, Any], offer: Offer, claim: PostClaim, status: OrderStatus
    ) -> int:
        """Claim that a proof exists, and deliver right behind it what was claimed."""
        if status is OrderStatus.NONE:
            return int(self._accept(key, offer, body))
        output = claim.posted.output
        intent = f"blob:{key}" if claim.carrier is Carrier.BLOB else f"claim:{key}"
        if self._claimant.posted_at(key, output) is None and not self._try(intent, claim, key):
            return 1
        message = Submit(order=offer.order, result=Result(trace_root=ZERO32, output=output))
        if self._try(f"submit:{key}", message, key):
            self._await_event(key)
            self._show_answer(key, body)  # the claim has shown it already
        return 1

    def _await_event(self, key: str) -> int:
        """Only the event makes it delivered: a receipt may be of a block that is gone before anybody read it."""
        self.journal.set_item("offer", key, "executed", due=self.ledger.now() + LOOK_AGAIN)
        return 0

    def _late(self, key: str, offer: Offer) -> bool:
        """Whether there is no time left to accept; the offer has lapsed then, and nobody has paid anything."""
        if self.ledger.now() <= offer.order.accept_by:
            return False
        self.journal.set_item("offer", key, "lapsed")
        self.outbox.settle(key)
        return True

    def _proven_delivery(self, offer: Offer, result: Result, plan: Plan, *, funded: bool) -> Message:
        if plan.zero_knowledge:
            kind, proof = EvidenceKind.VALIDITY, self._proven(offer).evidence
        else:
            kind, proof = EvidenceKind.NATIVE, encode_native_proof(offer.opening.words, offer.opening.salt)
        if funded:
            return Prove(order=offer.order, kind=kind, output=result.output, trace_root=ZERO32, proof=proof)
        return AcceptAndProve(order=offer.order, funding=offer.funding, kind=kind, output=result.output, proof=proof)

    def _status(self, key: str) -> OrderStatus:
        return self.ledger.state(OrderId(from_hex(key))).status

    def _try(self, intent: str, message: Message, key: str) -> bool:
        """Send; a refusal that will last ends the offer, with the reason in the journal."""
        try:
            self.outbox.send(intent, message, again=True)
        except ConcordatError as error:
            if _is_proof(message) and self._claimant.blames(error, key):
                return False
            if self._claimant.shuns(error, message):
                return False
            if not isinstance(error, ProtocolError) or error.code in LATER:
                raise
            if not self._claimant.renounces(error, message, key):
                self._refuse(key, error.code, error.message)
            return False
        return True

    def _refuse(self, key: str, code: str, message: str) -> None:
        item = self.journal.item("offer", key)
        assert item is not None, "only offers that were taken are refused"
        self.journal.set_item("offer", key, "refused", {**item[1], "reason": {"code": code, "message": message}})

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event = placed.event
        if isinstance(event, Accepted | Delivered | Paid | Expired | Cancelled | Slashed):
            item = self.journal.item("offer", to_hex(event.order_id))
            if item is None and isinstance(event, Accepted) and event.provider == self.address:
                item = "received", {"order": to_wire(event.order)}  # by a copy of this node, or an earlier journal
            if item is not None:
                self._note_order(event, placed.block, *item)
        else:
            self._respondent.note(placed)
            self._supplier.note(placed)
        self._claimant.note(placed)
        self._gatherer.note(placed)

    def _note_order(
        self,
        event: Accepted | Delivered | Paid | Expired | Cancelled | Slashed,
        block: int,
        stage: str,
        body: dict[str, Any],
    ) -> None:
        key = to_hex(event.order_id)
        if isinstance(event, Delivered):
            self._show_answer(key, body)
            result = Result(trace_root=event.trace_root, output=event.output)
            self.journal.set_item("offer", key, "delivered", {**body, "result": to_wire(result)}, block=block)
        elif isinstance(event, Accepted):
            self.journal.set_item("offer", key, stage, body, block=block)
        else:
            self.journal.set_item("offer", key, "closed", block=block)
            self.outbox.settle(key)
            self._respondent.end(key, block)
            self._supplier.end(key, block)
            self._gatherer.end(key, block)

    def _show_answer(self, key: str, body: dict[str, Any]) -> None:
        """Make the proof of a hidden model's answer public, once it is paid for."""
        if self.owns(_order_of(body).model) and ("sealed" in body or "offer" in body):
            with suppress(InputError):  # a copy of this node proved it with the last number
                self.public.answers.put_proof(from_hex(key), self._proven(self._offer(body)).answer)

    def _undo(self, block: int) -> int:
        """What was accepted or delivered in blocks that are gone is looked at anew."""
        for key, stage, body in self.journal.touched("offer", block):
            if stage in ("delivered", "closed"):
                self.journal.set_item("offer", key, "executed" if "result" in body else "received", due=0)
        return min(one.undo(block) for one in (self._respondent, self._supplier, self._gatherer, self._claimant))

    # -- disputes ----------------------------------------------------------------------------------------------------

    def _trace(self, offer: Offer, result: Result) -> tuple[bytes, MerkleTree]:
        """Memory and tree behind a delivered result: at hand, published, or computed again."""

        def find() -> tuple[bytes, MerkleTree]:
            private = is_private(offer.order.evidence)
            if not private:
                with suppress(NotFoundError, CorruptionError):
                    return self.public.trace(result.trace_root, self.graph(offer.order.model))
            trace, tree = self._run(offer)
            root = private_root(offer, tree.root, self._carried(offer, trace)) if private else tree.root
            if root != result.trace_root:
                raise NotFoundError("No trace leads to the delivered root.", code="TraceGone")
            return trace, tree

        return self._traces.get(result.trace_root, find)

    def _carried(self, offer: Offer, trace: bytes) -> bytes:
        graph = self.graph(offer.order.model)
        execution = Execution(graph=graph, trace=trace)
        return carried_output(trace_tree(graph, trace).root, execution.output)


def _order_of(body: dict[str, Any]) -> Order:
    """The order in the body of an item, however it came."""
    if "sealed" in body:
        return from_wire(PrivateOffer, body["sealed"]).order
    return from_wire(Offer, body["offer"]).order if "offer" in body else from_wire(Order, body["order"])


def _is_proof(message: Message) -> bool:
    """Whether it brings a zero-knowledge proof."""
    return isinstance(message, Prove | AcceptAndProve) and message.kind is EvidenceKind.VALIDITY
