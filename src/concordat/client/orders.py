"""Placing orders and waiting for what comes of them.

The input, its salt and the signed order are in the client's own journal before the offer leaves; so a client that is
killed can take up every order again, and only the client can open its commitments later.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from concordat.chain.accounts import Signer
from concordat.client.drafting import Wishes, default_window, draft_order, executions, fresh_opening, policy_about
from concordat.client.keeping import keep_offer, kept_offer
from concordat.client.keyring import Keyring
from concordat.client.offer import InputOpening, Offer
from concordat.client.placed import PlacedOrder
from concordat.client.private import seal_offer
from concordat.client.providers import ProviderLink, Quote, Taker, offer_to
from concordat.client.public import PublicData
from concordat.client.records import Records
from concordat.client.registry import PublishedModel, Registry
from concordat.client.sealing import SealingPair
from concordat.client.search import Search
from concordat.primitives.encoding import ZERO32, from_hex, to_hex
from concordat.primitives.errors import EndpointError, InputError, NotFoundError, OrderError
from concordat.primitives.signatures import release_digest
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp, show_usd
from concordat.primitives.wire import from_wire
from concordat.protocol.bundle import Bundle
from concordat.protocol.evidence import (
    PUBLIC_KINDS,
    Policy,
    is_private,
    kinds_named,
)
from concordat.protocol.ledger import Ledger
from concordat.protocol.messages import (
    Funding,
    FundingMode,
    Release,
)
from concordat.protocol.order import Order, OrderStatus, open_order_id, order_id, payment_digest
from concordat.storage.index.query import Page
from concordat.storage.index.rows import OrderEntry
from concordat.storage.journal import Journal
from concordat.storage.subjects import SubjectKeys

__all__ = ["Orders", "default_window"]


class Orders:
    """Orders of one client network connection; made by `concordat.client.network.Network`."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        public: PublicData,
        keyring: Keyring,
        journal: Journal,
        records: Records,
        *,
        providers: Callable[[], Sequence[ProviderLink]],
        pump: Callable[[], object],
        index: Search,
        subjects: SubjectKeys | None = None,
        earlier: Sequence[Orders] = (),
    ) -> None:
        self.ledger = ledger
        self.registry = registry
        self.records = records
        self.pump = pump
        self.index = index
        self.public = public
        self._keyring = keyring
        self._journal = journal
        self._providers = providers
        self._subjects = subjects
        self._earlier = tuple(earlier)

    @property
    def versions(self) -> tuple[Orders, ...]:
        """Orders of this version of the market, then those of earlier ones, newest first; they share one journal."""
        return (self, *self._earlier)

    # -- before paying -----------------------------------------------------------------------------------------------

    def quotes(self, model: PublishedModel | bytes) -> list[Quote]:
        """What every reachable provider asks for one decision, cheapest first."""
        found = []
        for provider in self._providers():
            try:
                found.append(provider.quote(_model_id(model)))
            except (NotFoundError, EndpointError):
                continue  # does not serve this model, or is not there
        return sorted(found, key=lambda quote: quote.price)

    # -- placing -----------------------------------------------------------------------------------------------------

    def place(
        self,
        model: PublishedModel | bytes,
        inputs: Mapping[str, Any] | Sequence[Any] | InputOpening,
        *,
        pay: Amount,
        evidence: Policy | None = None,
        deadline: Seconds | None = None,
        window: Seconds | None = None,
        bond: Amount | None = None,
        provider: Address | None = None,
        effect: Bytes32 = ZERO32,
        private: bool | None = None,
        subject: str | None = None,
        client: str = "client",
    ) -> PlacedOrder:
        """Sign an order and hand it to a provider. The client needs no gas: the signature is the payment.

        Parameters
        ----------
        model : PublishedModel or model id
            Which model shall decide.
        inputs : mapping or sequence
            One row, by column name or in column order; or an input that is committed to already.
        pay : Amount
            Price, such as ``usd("0.50")``.
        evidence : Policy, optional
            What makes the result acceptable; default native execution or a fraud-provable trace, of a private order
            the client's own word, of a hidden model a proof.
        deadline : Seconds, optional
            Time to accept and deliver; default ten minutes.
        window : Seconds, optional
            Time to challenge; default grows with the price (`default_window`).
        bond : Amount, optional
            What the provider must put at risk; default four times the price (`bond_for`).
        provider : Address, optional
            Who shall do it; default the cheapest that quotes no more than `pay`.
        effect : bytes
            Steward, epoch and source of an effect on chain (`concordat.client.steward.Steward.order`); none by default.
        private : bool, optional
            Whether only client and provider may see input and output (`concordat.protocol.evidence.is_private`);
            default what the evidence allows.
        subject : str, optional
            Whom the input is about, under any name of yours: what is kept of the order is encrypted for him, and can be
            erased with him (`concordat.client.records.Records.erase`). Such an order is private.
        client : str
            Name of the paying account.

        Raises
        ------
        PolicyError
            If privacy and evidence contradict each other.
        SchemaError
            If the input does not fit the model's columns.
        OrderError
            If no provider takes it; nothing is paid then.
        """
        published = model if isinstance(model, PublishedModel) else self.registry.model(ModelId(model))
        policy = policy_about(published, evidence, True if subject is not None else private)
        link = self._choose(published, Amount(pay // executions(policy)), provider)
        if isinstance(inputs, InputOpening) and published.hidden is not None:
            raise InputError(
                "A committed input of a hidden model hides it in one proof only.",
                code="InputUsedAgain",
                hint="Give the row itself: every order commits it anew.",
            )
        opening = inputs if isinstance(inputs, InputOpening) else fresh_opening(published, inputs)
        wishes = Wishes(pay=pay, policy=policy, deadline=deadline, window=window, bond=bond, effect=effect)
        order = self.draft(wishes, published, opening, provider=link.address, client=client)
        offer = Offer(order=order, funding=self.authorise(order, client), opening=opening)
        if is_private(order.evidence):
            return self._send_private(offer, link, client, subject)
        return self.send(offer, (link,), client)

    def draft(
        self, wishes: Wishes, model: PublishedModel, opening: InputOpening, *, provider: Address, client: str
    ) -> Order:
        """The order that says what a client wishes for, not signed yet."""
        return draft_order(
            wishes,
            model,
            opening.words,
            opening.salt,
            client=self._keyring.signer(client).address,
            provider=provider,
            salt=Bytes32(secrets.token_bytes(32)),
            now=self.ledger.now(),
            parameters=self.ledger.parameters,
        )

    def _choose(self, model: PublishedModel, pay: Amount, provider: Address | None) -> ProviderLink:
        links = {link.address: link for link in self._providers()}
        if provider is not None:
            if provider not in links:
                raise NotFoundError("That provider is not known here.", code="UnknownProvider")
            return links[provider]
        quotes = self.quotes(model)
        if not quotes:
            raise OrderError(
                f"Nobody serves {model.name} {model.version}.", code="NoProvider", hint="Start a provider for it."
            )
        if quotes[0].price > pay:
            asked, offered = show_usd(quotes[0].price), show_usd(pay)
            raise OrderError(f"The cheapest provider asks {asked}, not {offered}.", code="PriceTooLow")
        return links[quotes[0].provider]

    def authorise(self, order: Order, client: str) -> Funding:
        """The client's one signature: it makes the order, and pays for it."""
        name = order_id(order, self.ledger.domain)
        digest = payment_digest(order, name, self.ledger.token_domain, self.ledger.vault)
        return Funding(mode=FundingMode.AUTHORIZATION, signature=self._keyring.signer(client).sign(digest))

    def _send_private(self, offer: Offer, link: ProviderLink, client: str, subject: str | None) -> PlacedOrder:
        """Seal the input to the provider, and let him seal the answer to a key made for this order alone."""
        domain = self.ledger.domain
        announced = link.sealing_key()
        announced.check(link.address, domain, self.ledger.now())
        reply = SealingPair.draw()
        placed = self._keep(offer, client, reply, subject)
        link.private_offer(seal_offer(offer, reply.public, announced.key, domain))
        return placed

    def send(self, offer: Offer, links: Sequence[Taker], client: str) -> PlacedOrder:
        """Hand a signed offer to a provider; or to several, of which the first may take it.

        Raises
        ------
        OrderError
            If none of them takes it; nothing is paid then.
        """
        placed = self._keep(offer, client)
        # A native proof shows the input to everybody, too; and a provider who delivers without one must be watched.
        public = bool(kinds_named(offer.order.evidence) & PUBLIC_KINDS)
        if public:
            self.public.put_opening(offer.order.input, offer.opening)
        chosen = offer_to(links, offer)
        if public:
            self._disclose(offer, chosen)
        return placed

    def _keep(
        self, offer: Offer, client: str, reply: SealingPair | None = None, subject: str | None = None
    ) -> PlacedOrder:
        """Write the order down before it leaves."""
        name = order_id(offer.order, self.ledger.domain)
        if self.ledger.token_balance(offer.order.client) < offer.order.price:
            raise OrderError(
                f"The client holds {show_usd(self.ledger.token_balance(offer.order.client))}, the order pays "
                f"{show_usd(offer.order.price)}.",
                code="InsufficientFunds",
            )
        block = self.ledger.head()
        body = {"block": block, "client": client, **keep_offer(offer, reply, name, self._subjects, subject)}
        self._journal.set_item("order", to_hex(name), "offered", body)
        return PlacedOrder(self, offer, name, block, client, reply)

    def _disclose(self, offer: Offer, chosen: Sequence[Address]) -> None:
        """Give the input to other providers' doors too, where watchers look; the one who works could withhold it."""
        for link in self._providers():
            if link.address not in chosen:
                with suppress(EndpointError, OrderError, NotFoundError):
                    link.disclose(offer)

    def adopt(self, offer: Offer, client: str, block: int) -> PlacedOrder:
        """Take up an order of this client's that has got another id: an open one, once somebody took it."""
        name = order_id(offer.order, self.ledger.domain)
        if self._journal.item("order", to_hex(name)) is None:
            body = {"block": block, "client": client, **keep_offer(offer, None, name, self._subjects, None)}
            self._journal.set_item("order", to_hex(name), "offered", body)
        return PlacedOrder(self, offer, name, block, client)

    @property
    def links(self) -> Sequence[ProviderLink]:
        """Every provider that can be reached."""
        return self._providers()

    # -- afterwards --------------------------------------------------------------------------------------------------

    def get(self, order: OrderId) -> PlacedOrder:
        """Take up an order placed earlier from here."""
        item = self._journal.item("order", to_hex(order))
        if item is None:
            raise NotFoundError(f"No order {to_hex(order)} was placed from here.", code="UnknownOrder")
        body = item[1]
        offer, reply = kept_offer(body, order, self._subjects)
        version = self._version_of(offer.order, order)
        return PlacedOrder(version, offer, order, body["block"], body["client"], reply)

    def _version_of(self, order: Order, name: OrderId) -> Orders:
        """Where an order was placed: here, or at an earlier version of the market, in whose domain it has that id."""
        for version in self._earlier:
            if name in (order_id(order, version.ledger.domain), open_order_id(order, version.ledger.domain)):
                return version
        return self

    def all(self) -> list[PlacedOrder]:
        """Every order placed from here, oldest first; without those that were erased."""
        return [self.get(OrderId(from_hex(key))) for key, stage, _ in self._journal.items("order") if stage != "erased"]

    def find(
        self,
        *,
        client: Address | None = None,
        provider: Address | None = None,
        model: PublishedModel | bytes | None = None,
        status: OrderStatus | Sequence[OrderStatus] = (),
        since: Timestamp | None = None,
        until: Timestamp | None = None,
        newest_first: bool = True,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[OrderEntry]:
        """Orders of everybody that were accepted so far, from the index; see `Search.orders`."""
        return self.index.orders(
            client=client,
            provider=provider,
            model=None if model is None else _model_id(model),
            status=status,
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def remains(self, order: OrderId) -> Bundle:
        """What an erasure has left of an order placed from here: a bundle without anything private, with its tombstone.

        Raises
        ------
        NotFoundError
            ``UnknownOrder`` if it was not placed from here, ``NotErased`` if it is not erased, or not buried yet.
        """
        item = self._journal.item("order", to_hex(order))
        if item is None:
            raise NotFoundError(f"No order {to_hex(order)} was placed from here.", code="UnknownOrder")
        body = item[1]
        if "order" not in body:
            raise NotFoundError("This order has not been erased.", code="NotErased", hint="Its decision is all there.")
        asked, funding = from_wire(Order, body["order"]), from_wire(Funding, body["funding"])
        records = self._version_of(asked, order).records
        return records.remains(asked, funding, self.registry.model(asked.model), since=body["block"])

    def signer_of(self, order: Order, client: str) -> Signer:
        """The account of that name; `InputError` ``NotClient`` if it did not place the order."""
        signer = self._keyring.signer(client)
        if signer.address != order.client:
            raise InputError(f"The account {client!r} did not place this order.", code="NotClient")
        return signer

    def release(self, order: Order, client: str) -> None:
        """Let a delivered order be paid before its window ends.

        Raises
        ------
        InputError
            If the named account is not the order's client.
        """
        signer = self.signer_of(order, client)
        signature = signer.sign(release_digest(order_id(order, self.ledger.domain), self.ledger.domain))
        self.ledger.send(Release(order=order, signature=signature), sender=order.client)


def _model_id(model: PublishedModel | bytes) -> ModelId:
    return model.id if isinstance(model, PublishedModel) else ModelId(model)
