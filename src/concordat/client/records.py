"""Reading the log, and putting a decision together from everything that proves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from concordat.client.decision import Decision
from concordat.client.delivery import Delivery, Reader
from concordat.client.erasure import Erased, Erasures
from concordat.client.offer import Offer
from concordat.client.private import result_salt
from concordat.client.public import PublicData
from concordat.client.registry import PublishedModel
from concordat.client.sealing import SealingPair
from concordat.primitives.errors import ConfigurationError, CorruptionError, NotFoundError
from concordat.primitives.units import Address, ModelId, OrderId
from concordat.protocol.bundle import Anchor, Bundle, DisclosedInput, SettlementToken
from concordat.protocol.events import Accepted, Delivered, Event, Paid, ResultOpened, Supplied
from concordat.protocol.execution import Result, carried_output
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import Funding, ResultOpening
from concordat.protocol.order import Order, order_id
from concordat.protocol.record import DecisionRecord, Placement, RecordSalts, record_decision
from concordat.protocol.tombstone import LoggedTombstone
from concordat.protocol.trust import TrustedMarket, TrustRoot
from concordat.protocol.verification import AnchoredRoot, ChainFacts, placements_of, settled_orders
from concordat.storage.log import LogEntry, LogReader
from concordat.zk.hidden import Answer
from concordat.zk.verification import verify

__all__ = ["Records", "order_of"]


class Records:
    """The transparency log of a network, as its readers see it."""

    def __init__(
        self,
        ledger: Ledger,
        public: PublicData,
        log: Callable[[], LogReader],
        *,
        anchors: Callable[[], list[AnchoredRoot]] = list,
        checkpoints: Address | None = None,
        erasures: Erasures | None = None,
        earlier: Sequence[Records] = (),
    ) -> None:
        self._ledger = ledger
        self._public = public
        self._log = log
        self._anchors = anchors
        self._checkpoints = checkpoints
        self._erasures = erasures
        self._earlier = tuple(earlier)

    @property
    def ledger(self) -> Ledger:
        """Where the orders live that these records are about."""
        return self._ledger

    @property
    def versions(self) -> tuple[Records, ...]:
        """The records of this version of the market, then those of earlier ones; they share one log."""
        return (self, *self._earlier)

    @property
    def log(self) -> LogReader:
        """The log under its newest checkpoint."""
        reader = self._log()
        reader.refresh()
        return reader

    def find(self, order: OrderId) -> LogEntry | None:
        """The record of an order, if it is logged."""
        return self.log.find(order)

    def of_model(self, model: ModelId) -> list[LogEntry]:
        """All records of a model, in order of the log."""
        return [entry for entry in self.log.records() if entry.record.model == model]

    def trust_root(self) -> TrustRoot:
        """Trust root of this network: give it to verifiers by another way than the bundles."""
        anchors, statements = self._anchors(), self.log.statements()
        return TrustRoot(
            log_keys=self.log.keys,
            require="all",
            recovery_keys=statements[-1].statement.recovery if statements else (),
            chain_id=self._ledger.domain.chain_id,
            market=self._ledger.domain.market,
            token=self._ledger.token_domain.token,
            vault=self._ledger.vault,
            checkpoints=self._checkpoints,
            log=anchors[0].log if anchors else None,
            earlier=tuple(
                TrustedMarket(
                    market=version.ledger.domain.market,
                    token=version.ledger.token_domain.token,
                    vault=version.ledger.vault,
                )
                for version in self._earlier
            ),
        )

    def facts(self, bundle: Bundle) -> ChainFacts:
        """What the chain says about a bundle's order and model, in the version of the market that it is about."""
        for version in self._earlier:
            if version.ledger.domain == bundle.domain:
                return version.facts(bundle)
        events = self._ledger.events()
        name = order_of(bundle)
        return ChainFacts(
            domain=self._ledger.domain,
            state=self._ledger.state(name),
            placements=placements_of(events, name),
            settled=settled_orders(events, bundle.order.model),
            anchors=tuple(self._anchors()),
        )

    def decision(
        self,
        offer: Offer,
        name: OrderId,
        model: PublishedModel,
        *,
        since: int = 0,
        reply: SealingPair | None = None,
    ) -> Decision:
        """The decision of an order, with a bundle of what is there so far.

        Parameters
        ----------
        offer : Offer
            As it was placed.
        name : OrderId
            Its id.
        model : PublishedModel
            What it was placed for.
        since : int
            Block before which none of its events lie.
        reply : SealingPair, optional
            The client's key pair for a private order.

        Raises
        ------
        OrderError
            If nothing has been delivered, or what was delivered is withheld.
        VerificationError
            If what was sealed to the client is not what the provider committed to.
        """
        events = [placed for placed in self._ledger.events(start=since) if _concerns(placed, name)]
        reader = Reader(
            offer=offer, name=name, model=model, reply=reply, domain=self._ledger.domain, public=self._public
        )
        delivery = reader.read([placed.event for placed in events])
        return Decision(
            id=name,
            state=self._ledger.state(name),
            output=model.schema.decode(delivery.output),
            bundle=self._bundle(offer, name, model, delivery, events),
        )

    def opening(
        self, offer: Offer, model: PublishedModel, delivered: Sequence[Event], reply: SealingPair | None
    ) -> ResultOpening:
        """What a private result opens to, as the client was told under seal; errors as for :meth:`decision`."""
        name = order_id(offer.order, self._ledger.domain)
        reader = Reader(
            offer=offer, name=name, model=model, reply=reply, domain=self._ledger.domain, public=self._public
        )
        delivery = reader.read(delivered)
        assert delivery.opening is not None, "private results have one"
        root = delivery.opening.trace_root
        output = carried_output(root, delivery.output)
        return ResultOpening(salt=result_salt(offer.opening), trace_root=root, output=output)

    def erase(self, subject: str) -> Erased:
        """Erase everything private about a subject, for good: key, inputs, answers, salts; a tombstone says so.

        Parameters
        ----------
        subject : str
            As it was given when orders about him were placed.

        Raises
        ------
        NotFoundError
            ``UnknownSubject`` if nothing is kept about him here.
        OrderError
            ``StillOpen`` if an order about him is not settled yet.
        """
        if self._erasures is None:
            raise ConfigurationError(
                "There is nowhere that subjects are kept.", code="NoSubjectKeys", hint="Connect with a home."
            )
        return self._erasures.erase(subject)

    def tombstone(self, order: OrderId) -> LoggedTombstone | None:
        """What the log says about an erasure of an order's private data; give it to `concordat.verify.verify`."""
        return self.log.tombstone(order)

    def remains(self, order: Order, funding: Funding, model: PublishedModel, *, since: int = 0) -> Bundle:
        """What is left of an erased order; `NotFoundError` ``NotErased`` if the log has no tombstone yet."""
        name = order_id(order, self._ledger.domain)
        entry, tombstone = self.find(name), self.tombstone(name)
        if entry is None or tombstone is None:
            raise NotFoundError(
                "The log has no tombstone for this order yet.", code="NotErased", hint="Wait for the log's keeper."
            )
        events = [placed for placed in self._ledger.events(start=since) if _concerns(placed, name)]
        delivered = next(placed.event for placed in events if isinstance(placed.event, Delivered))
        return Bundle.assemble(
            domain=self._ledger.domain,
            order=order,
            funding=funding,
            token=self._token(),
            model=model.commitment,
            result=Result(trace_root=delivered.trace_root, output=delivered.output),
            manifest=self._public.manifest(model.id),
            record=entry.record,
            settlement=placements_of(events, name),
            proof=self.log.prove(entry.index),
            anchor=self._anchor_for(entry),
            tombstone=tombstone,
        )

    def _token(self) -> SettlementToken:
        token = self._ledger.token_domain
        return SettlementToken(name=token.name, version=token.version, token=token.token, vault=self._ledger.vault)

    def _bundle(
        self, offer: Offer, name: OrderId, model: PublishedModel, delivery: Delivery, events: list[Placed]
    ) -> Bundle:
        entry, placements, result = self.find(name), placements_of(events, name), delivery.result
        salts = self._salts(offer.order, entry.record, result, placements) if entry else None
        logged = salts is not None
        return Bundle.assemble(
            domain=self._ledger.domain,
            order=offer.order,
            funding=offer.funding,
            token=self._token(),
            model=model.commitment,
            result=result,
            output=delivery.output if delivery.shown else None,
            opening=delivery.opening,
            manifest=self._public.manifest(model.id),
            program=model.file,
            proof_of_answer=self._answer(offer, name, model, delivery),
            input=DisclosedInput(words=offer.opening.words, salt=offer.opening.salt),
            record=entry.record if entry and logged else None,
            salts=salts if logged else None,
            settlement=placements if logged else (),
            proof=self.log.prove(entry.index) if entry and logged else None,
            anchor=self._anchor_for(entry) if entry and logged else None,
        )

    def _answer(self, offer: Offer, name: OrderId, model: PublishedModel, delivery: Delivery) -> bytes | None:
        """The proof of a hidden model's answer, once its provider has shown it."""
        hidden = model.hidden
        if hidden is None:
            return None

        def holds(answer: Answer) -> bool:
            verify(hidden.statement(name, offer.order, self._ledger.domain, delivery.output, answer), answer.proof)
            return True

        try:
            return self._public.answers.proof(name, holds).encode()
        except (NotFoundError, CorruptionError):
            return None

    def _salts(
        self, order: Order, record: DecisionRecord, result: Result, placements: tuple[Placement, ...]
    ) -> RecordSalts | None:
        """Salts that open the record, from whoever has them."""

        def opens(salts: RecordSalts) -> bool:
            made = record_decision(
                domain=self._ledger.domain,
                order=order,
                result=result,
                gathered=record.gathered,
                settlement=placements,
                sequence=record.sequence,
                salts=salts,
            )
            return made == record

        try:
            return self._public.salts(record.order_id, opens)
        except (NotFoundError, CorruptionError):
            return None

    def _anchor_for(self, entry: LogEntry) -> Anchor | None:
        """A posted checkpoint of exactly the log's size, if there is one."""
        posted = next((anchor for anchor in self._anchors() if anchor.size == self.log.size > entry.index), None)
        if posted is None:
            return None
        return Anchor(contract=posted.contract, log=posted.log, size=posted.size, root=posted.root, consistency=())


def order_of(bundle: Bundle) -> OrderId:
    """Id of the order in a bundle."""
    return order_id(bundle.order, bundle.domain)


def _concerns(placed: Placed, order: OrderId) -> bool:
    return (
        isinstance(placed.event, Accepted | Delivered | Paid | Supplied | ResultOpened)
        and placed.event.order_id == order
    )
