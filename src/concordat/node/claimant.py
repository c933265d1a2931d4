"""The claimant: shows what a provider's hidden models say by claims that anybody can refute, instead of whole proofs.

A claim is posted with all its data once the order is accepted, and the result is delivered right behind it. After the
order's window, counted from the claim, the provider collects. Nothing is claimed that does not pass every step here.
The data travels in a blob if the provider prefers that and the chain takes it, otherwise in the call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from concordat.chain.answers import Refusal
from concordat.chain.disclosure import shape_of
from concordat.client.offer import Offer
from concordat.node.naysayer import ClaimedLedger
from concordat.node.outbox import Outbox
from concordat.node.proving import Proven, Shelf
from concordat.node.recent import Recent
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import (
    ConcordatError,
    EndpointError,
    OrderError,
    ProtocolError,
    TransactionError,
    VerificationError,
)
from concordat.primitives.units import Bytes32, Seconds
from concordat.protocol.claim_events import ClaimPosted, RelationAdmitted
from concordat.protocol.claim_messages import MAX_DATA_BYTES, AdmitRelation, Carrier, PostClaim, Posted
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import Message
from concordat.protocol.order import Domain, Order, order_id
from concordat.protocol.refusals import refusal
from concordat.storage.journal import Journal
from concordat.zk.hidden import EVIDENCE_HEAD, HiddenModel
from concordat.zk.parameters import Parameters
from concordat.zk.relation import Relation
from concordat.zk.steps import claim_data, find_failing_step

__all__ = ["SHORTEST_WINDOW", "Claimant", "claim_message", "claim_of", "too_heavy"]

SHORTEST_WINDOW = Seconds(300)
"""A client whose window is shorter gives nobody the time to look at a claim: he gets the proof itself."""
LONGEST_BLOB_WINDOW = Seconds(14 * 86400)
"""Consensus nodes keep blobs for 18 days; watchers need them for the window, and the order is delivered some time."""
CLAIMS = 8
"""Claims kept at hand."""
_MOST_QUERIES, _MOST_LOOP, _MOST_TAIL = 256, 4096, 1 << 17
"""Sizes that the court takes."""
_HEAVY = ("gas", "size", "oversized", "too large")
"""Words with which endpoints refuse what fits no transaction or block."""


def claim_of(hidden: HiddenModel, order: Order, proven: Proven, domain: Domain) -> PostClaim:
    """The claim that a hidden model said something of an order; errors as for :meth:`Claimant.claim`."""
    output = proven.result.output
    statement = hidden.statement(order_id(order, domain), order, domain, output, proven.answer)
    data = claim_data(statement, proven.answer.proof)
    if len(data) > MAX_DATA_BYTES:
        raise refusal("DataSize")
    if find_failing_step(statement, data) is not None:
        raise VerificationError("A proof made here does not pass its own check.", code="BadProof")
    return claim_message(hidden.relation, order, output, proven.evidence[:EVIDENCE_HEAD], data)


def claim_message(relation: Relation, order: Order, output: bytes, head: bytes, data: bytes) -> PostClaim:
    """A claim in call data."""
    posted = Posted(output=output, head=head, relation=Bytes32(relation.digest))
    return PostClaim(order=order, posted=posted, data=data, shape=shape_of(relation))


def too_heavy(error: ConcordatError) -> bool:
    """Whether a proof was refused because of what checking it takes, or may have been.

    A check that runs out of gas says the same as one that fails.
    """
    text = error.text if isinstance(error, Refusal) else error.message
    if isinstance(error, Refusal) or (isinstance(error, TransactionError) and error.code == "Refused"):
        return any(word in text.lower() for word in _HEAVY)
    return isinstance(error, ProtocolError) and error.code == "EvidenceRejected"


def _judgeable(parameters: Parameters) -> bool:
    """Whether the court takes proofs of these sizes, before an order is accepted for it: ``ProofCourt._checkSizes``."""
    p = parameters
    queries = max(p.queries, p.hub_queries, p.weight_queries, p.input_queries)
    width = max(p.log_width, p.hub_log_width)
    tail = p.weight_tail <= _MOST_TAIL and p.weight_tail >> p.hub_log_width <= _MOST_LOOP
    return queries <= _MOST_QUERIES and 1 << width <= _MOST_LOOP and tail


class Claimant:
    """One provider's claims.

    Parameters
    ----------
    ledger, journal, outbox : Ledger, Journal, Outbox
        The provider's.
    shelf : Shelf, optional
        Its hidden models; without one nothing is claimed.
    claims : bool
        Whether it claims whatever it can; otherwise only what is too heavy to be proven.
    blobs : bool
        Whether it puts the data of claims into blobs where it can.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        outbox: Outbox,
        shelf: Shelf | None,
        *,
        claims: bool = False,
        blobs: bool = False,
    ) -> None:
        self._ledger, self._journal, self._outbox = ledger, journal, outbox
        self._shelf, self._always, self._blobs = shelf, claims, blobs
        self._inadmissible: dict[str, str] = {}  # relation: the code with which the court refused it
        self._claims: Recent[bytes, PostClaim] = Recent(CLAIMS)

    # -- whether to claim --------------------------------------------------------------------------------------------

    def wanted(self, offer: Offer, body: dict[str, Any]) -> PostClaim | None:
        """The claim to post for an offer, given the body of its item; ``None`` where the proof itself is sent.

        Raises
        ------
        OrderError
            ``ProofTooHeavy`` if the proof fits no transaction, and nobody could judge a claim of it either.
        """
        heavy = "heavy" in body
        if self._shelf is None or not (self._always or heavy):
            return None
        try:
            claim = self._claims.get(order_id(offer.order, self._ledger.domain), lambda: self.claim(offer))
            self._check(offer.order, self._shelf.model(offer.order.model).hidden)
            if "whole" in body:
                raise refusal(body["whole"])
        except (ProtocolError, VerificationError) as error:
            if not heavy:
                return None
            raise OrderError(
                f"The proof is too heavy for the chain, and cannot be claimed either. {error.message}",
                code="ProofTooHeavy",
                hint="Order with a longer window, or on another chain.",
            ) from error
        return replace(claim, carrier=self._carrier(offer.order))

    def _carrier(self, order: Order) -> Carrier:
        """How the data of a claim about an order travels."""
        ledger = self._ledger
        if self._blobs and order.window <= LONGEST_BLOB_WINDOW and isinstance(ledger, ClaimedLedger):
            return Carrier.BLOB if ledger.claims.takes_blobs else Carrier.CALL_DATA
        return Carrier.CALL_DATA

    def shuns(self, error: ConcordatError, message: Message) -> bool:
        """Whether the chain's pool refused a blob; no more are sent then, until the node starts again."""
        blob = isinstance(message, PostClaim) and message.carrier is Carrier.BLOB
        if not blob or not isinstance(error, TransactionError) or error.code != "Refused":
            return False
        self._blobs = False
        return True

    def renounces(self, error: ProtocolError, message: Message, key: str) -> bool:
        """Whether the court refused a claim for good; its order is to be proven in full then, from now on."""
        item = self._journal.item("offer", key)
        if not isinstance(message, PostClaim) or item is None or "whole" in item[1]:
            return False
        self._journal.set_item("offer", key, item[0], {**item[1], "whole": error.code})
        return True

    def blames(self, error: ConcordatError, key: str) -> bool:
        """Whether a proof was refused for its weight; its order is to be claimed then, from now on."""
        item = self._journal.item("offer", key)
        if item is None or "heavy" in item[1] or self._shelf is None or not too_heavy(error):
            return False
        self._journal.set_item("offer", key, item[0], {**item[1], "heavy": True})
        return True

    def claim(self, offer: Offer) -> PostClaim:
        """The claim that a hidden model said what it did of an order.

        Raises
        ------
        ProtocolError
            ``DataSize`` if no claim has room for the proof.
        VerificationError
            ``BadProof`` if a watcher would not believe it.
        """
        assert self._shelf is not None, "hidden models have a shelf"
        proven = self._shelf.prove(offer, self._ledger.domain)
        return claim_of(self._shelf.model(offer.order.model).hidden, offer.order, proven, self._ledger.domain)

    def _check(self, order: Order, hidden: HiddenModel) -> None:
        """Return if claims of answers to an order can be judged; has the relation admitted if nobody did."""
        if order.window < SHORTEST_WINDOW:
            raise OrderError(
                f"Its window of {order.window} s leaves nobody the time to look at a claim.", code="WindowTooShort"
            )
        if not _judgeable(hidden.parameters):
            raise refusal("TooLarge")
        key = to_hex(hidden.relation.digest)
        item = self._journal.item("relation", key)
        if item is not None and item[0] == "admitted":
            return
        if key in self._inadmissible:
            raise refusal(self._inadmissible[key])
        try:
            self._outbox.send(f"admit:{key[2:]}", AdmitRelation(relation=hidden.relation.encode()), again=True)
        except (ProtocolError, EndpointError, TransactionError) as error:
            if not isinstance(error, ProtocolError) and not too_heavy(error):
                raise
            self._inadmissible[key] = error.code if isinstance(error, ProtocolError) else "TooLarge"
            raise refusal(self._inadmissible[key]) from error

    # -- events ------------------------------------------------------------------------------------------------------

    def note(self, placed: Placed) -> None:
        """Take an event about claims to the journal, if it is about a relation or a claim of ours."""
        event, block = placed.event, placed.block
        if isinstance(event, RelationAdmitted):
            self._journal.set_item("relation", to_hex(event.relation), "admitted", {}, block=block)
        elif isinstance(event, ClaimPosted) and event.provider == self._outbox.sender:
            body = {"output": to_hex(event.posted.output), "time": placed.time}
            self._journal.set_item("claimed", to_hex(event.order_id), "posted", body, block=block)

    def undo(self, block: int) -> int:
        """Forget what that block and later ones said; no earlier events are needed again."""
        for kind in ("relation", "claimed"):
            for key, _, _ in self._journal.touched(kind, block):
                self._journal.set_item(kind, key, "gone")  # unless it is there again
        return block

    # -- what stands -------------------------------------------------------------------------------------------------

    def posted_at(self, key: str, output: bytes) -> int | None:
        """When a claim for that output of an order was posted; ``None`` if none was."""
        item = self._journal.item("claimed", key)
        if item is None or item[0] != "posted":
            return None
        body: dict[str, Any] = item[1]
        return int(body["time"]) if from_hex(body["output"]) == output else None
