"""One steward: look at it, observe, order decisions for it, apply them, stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from concordat.client.effect_ledger import EffectLedger
from concordat.client.keyring import Keyring
from concordat.client.offer import InputOpening
from concordat.client.orders import Orders, default_window
from concordat.client.placed import PlacedOrder
from concordat.client.public import PublicData
from concordat.client.registry import Registry
from concordat.primitives.encoding import checksum_address
from concordat.primitives.errors import InputError, NotFoundError, ProtocolError
from concordat.primitives.units import Address, Amount, Seconds
from concordat.protocol.bond import bond_for
from concordat.protocol.effect import effect_of
from concordat.protocol.events import Accepted, Delivered, Paid
from concordat.protocol.evidence import AnyOf, EvidenceKind, Policy, kinds_in
from concordat.protocol.execution import input_root
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import Order
from concordat.protocol.refusals import refusal
from concordat.protocol.source import Observe, SourceTerms, observation_digest, source_salt
from concordat.protocol.steward import (
    ApplyDecision,
    Contradict,
    Delivery,
    EffectEvent,
    EpochDecision,
    Restart,
    StewardState,
    StewardTerms,
    Stop,
)

__all__ = ["ORDERABLE", "Steward", "StewardTools"]

ORDERABLE = (EvidenceKind.NATIVE, EvidenceKind.FRAUD_PROVABLE)
"""Kinds of evidence that every provider gives, and that a steward accepts unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StewardTools:
    """What stewards of one network are reached with."""

    ledger: Ledger
    """Where orders live."""
    effects: EffectLedger
    """Where stewards and sources live."""
    orders: Orders
    """Places orders."""
    registry: Registry
    """Finds models."""
    public: PublicData
    """Where observed inputs are put, so that watchers find them."""
    keyring: Keyring
    """Accounts by name."""


@dataclass(frozen=True, slots=True)
class Steward:
    """One number that follows a model."""

    tools: StewardTools
    """What it is reached with."""
    address: Address
    """Its address."""
    terms: StewardTerms
    """What is fixed."""
    source: SourceTerms
    """Where its input comes from."""

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch that runs now; zero before the first."""
        return self.source.schedule.epoch_at(self.tools.ledger.now())

    @property
    def value(self) -> int:
        """The value in force, in its own units."""
        return self.tools.effects.value(self.address)

    @property
    def state(self) -> StewardState:
        """Where it stands."""
        return self.tools.effects.state(self.address)

    def decision(self, epoch: int) -> EpochDecision:
        """What an epoch came to; never applied has the time zero."""
        return self.tools.effects.decision(self.address, epoch)

    def history(self) -> list[EffectEvent]:
        """All that it announced, oldest first."""
        return self.tools.effects.history(self.address)

    def input(self, epoch: int) -> InputOpening:
        """The observed input of an epoch of an open source.

        Raises
        ------
        NotFoundError
            If nobody observed, or the source keeps its inputs private.
        """
        seen = self.tools.effects.observation(self.terms.source, epoch)
        if seen is None or not seen.words:
            raise NotFoundError(
                f"There is no public input for epoch {epoch}.", code="NotObserved", hint="Observe the epoch first."
            )
        opening = InputOpening(words=seen.words, salt=source_salt(self.terms.source, epoch))
        opening.check(seen.input, self.source.shape.depth)
        return opening

    # -- observing ---------------------------------------------------------------------------------------------------

    def observe(
        self,
        row: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        signers: Sequence[str] = (),
        epoch: int | None = None,
        account: str,
    ) -> InputOpening:
        """Fix the input of an epoch.

        Parameters
        ----------
        row : mapping or sequence, optional
            What the signers saw; nothing where the source reads the chain.
        signers : sequence of str
            Names of the accounts that sign here.
        epoch : int, optional
            Default the one that runs.
        account : str
            Who sends the transaction.
        """
        effects, source, number = self.tools.effects, self.terms.source, self.epoch if epoch is None else epoch
        sender = self.tools.keyring.signer(account).address
        if row is None:
            effects.observe(source, number, sender=sender)
        else:
            words = self.tools.registry.model(self.terms.model).schema.encode_one(row)
            root = input_root(words, source_salt(source, number), self.source.shape.depth)
            digest = observation_digest(self.tools.ledger.domain.chain_id, source, number, root)
            keys = sorted((self.tools.keyring.signer(name) for name in signers), key=lambda one: one.address)
            signed = tuple(key.sign(digest) for key in keys)
            effects.observe(source, Observe(epoch=number, input=root, words=words, signatures=signed), sender=sender)
        opening = self.input(number)
        self.tools.public.put_opening(input_root(opening.words, opening.salt, self.source.shape.depth), opening)
        return opening

    # -- deciding ----------------------------------------------------------------------------------------------------

    def order(
        self, *, pay: Amount, epoch: int | None = None, evidence: Policy | None = None, client: str = "client"
    ) -> PlacedOrder:
        """Order a decision about an epoch's observed input; window and bond are as strong as the steward wants them.

        Raises
        ------
        NotFoundError
            If nobody observed the epoch.
        """
        number = self.epoch if epoch is None else epoch
        terms = self.terms
        return self.tools.orders.place(
            terms.model,
            self.input(number),
            pay=pay,
            evidence=evidence or _policy(terms.accepts),
            window=Seconds(max(default_window(pay), terms.min_window)),
            bond=Amount(max(bond_for(pay), terms.min_bond)),
            effect=effect_of(self.address, number, terms.source),
            client=client,
        )

    def settled(self, epoch: int) -> list[tuple[Order, Delivery]]:
        """Paid orders that name this steward and epoch, in the order in which they were paid."""
        effect, accepted, delivered = effect_of(self.address, epoch, self.terms.source), {}, {}
        found = []
        for placed in self.tools.ledger.events():
            match placed.event:
                case Accepted(order_id=key, order=order) if order.effect == effect:
                    accepted[key] = order
                case Delivered(order_id=key, provider=provider, trace_root=root, output=output) if key in accepted:
                    delivered[key] = Delivery(provider=provider, trace_root=root, output=output)
                case Paid(order_id=key) if key in delivered:
                    found.append((accepted[key], delivered[key]))
                case _:
                    pass
        return found

    def apply(self, epoch: int | None = None, *, account: str) -> EpochDecision:
        """Apply the first settled order of an epoch that counts.

        Raises
        ------
        ProtocolError
            ``NotSettled`` if none is there; why the last one does not count otherwise.
        """
        number, why = self.epoch if epoch is None else epoch, refusal("NotSettled")
        for order, delivery in self.settled(number):
            try:
                self._send(ApplyDecision(order=order, epoch=number, delivery=delivery), account)
                return self.decision(number)
            except ProtocolError as error:
                why = error
        raise why

    def contradict(self, epoch: int, *, account: str) -> None:
        """Stop the steward by a settled order that says something else than was applied.

        Raises
        ------
        ProtocolError
            ``NoContradiction`` if there is none.
        """
        said, why = self.decision(epoch).said, refusal("NoContradiction")
        for order, delivery in self.settled(epoch):
            if self.terms.reading.read(delivery.output) == said:
                continue
            try:
                self._send(Contradict(order=order, epoch=epoch, delivery=delivery), account)
                return
            except ProtocolError as error:
                why = error
        raise why

    def stop(self, *, account: str) -> None:
        """Put the resting value in force until the governor restarts it; guardian or governor only."""
        self._send(Stop(), account)

    def restart(self, guardian: Address, *, account: str) -> None:
        """Go on from the resting value, watched by `guardian`; governor only."""
        self._send(Restart(guardian=guardian), account)

    def _send(self, message: ApplyDecision | Contradict | Stop | Restart, account: str) -> None:
        sender = self.tools.keyring.signer(account).address
        self.tools.effects.send(self.address, message, sender=sender)

    def __str__(self) -> str:
        return f"steward {checksum_address(self.address)}: {self.value}"


def _policy(accepts: int) -> Policy:
    """Any one of the accepted kinds that providers give for a single order."""
    wanted = [Policy(frozenset({frozenset({kind})})) for kind in sorted(kinds_in(accepts)) if kind in ORDERABLE]
    if not wanted:
        raise InputError("Say which evidence the order shall ask for.", code="NoEvidence")
    return AnyOf(*wanted)
