"""Buying from whoever is best: signed quotes of many providers, and orders that any of them may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from concordat.client.decision import Decision
from concordat.client.drafting import Wishes, default_window, fresh_opening, policy_about, policy_for
from concordat.client.offer import InputOpening, Offer
from concordat.client.orders import Orders
from concordat.client.placed import PlacedOrder
from concordat.client.providers import ProviderLink
from concordat.client.quotes import Preference, QuoteBook, RankedQuote, gather_quotes, rank, track_record
from concordat.client.registry import PublishedModel
from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.errors import NotFoundError, OrderError
from concordat.primitives.units import Address, Amount, ModelId, OrderId, Seconds
from concordat.protocol.bond import bond_for
from concordat.protocol.evidence import Policy, decode_policy, encode_policy
from concordat.protocol.order import OrderStatus
from concordat.protocol.quote import QuoteRequest, SignedQuote

__all__ = ["Bidding", "OpenOrder"]

Row = Mapping[str, Any] | Sequence[Any] | InputOpening


@dataclass(frozen=True, slots=True)
class _QuotedLink:
    """A provider to whom offers go under one of its quotes."""

    link: ProviderLink
    quote: SignedQuote

    @property
    def address(self) -> Address:
        return self.link.address

    def offer(self, offer: Offer) -> OrderId:
        return self.link.quoted_offer(offer, self.quote)


class Bidding:
    """Quotes and open orders of one client network connection.

    Parameters
    ----------
    orders : Orders
        Where orders are signed and kept.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def quotes(
        self,
        model: PublishedModel | bytes,
        *,
        budget: Amount | None = None,
        evidence: Policy | None = None,
        bond: Amount | None = None,
        window: Seconds | None = None,
        prefer: Preference | None = None,
        seconds: float = 3.0,
        reputation: Callable[[Address], Fraction] | None = None,
    ) -> QuoteBook:
        """Ask every provider for a signed quote, all at once, and rank the answers.

        Parameters
        ----------
        model : PublishedModel or model id
            Which model shall decide.
        budget : Amount, optional
            Most that an order may cost; dearer quotes are left out.
        evidence : Policy, optional
            What shall make the result acceptable; default as in `Orders.place`.
        bond : Amount, optional
            What the provider shall put at risk; default four times the budget, or nothing without one.
        window : Seconds, optional
            Time to challenge; default grows with the budget.
        prefer : Preference, optional
            What matters; the price alone by default.
        seconds : float
            How long to wait for answers.
        reputation : callable
            Of a provider, between 0 and 1; default its share of orders that were paid (`track_record`).
        """
        orders, now = self._orders, self._orders.ledger.now()
        policy = encode_policy(policy_for(evidence, None))
        request = QuoteRequest(
            model=model.id if isinstance(model, PublishedModel) else ModelId(model),
            evidence=policy,
            bond=(bond_for(budget) if budget is not None else Amount(0)) if bond is None else bond,
            window=default_window(budget or Amount(0), policy, orders.ledger.parameters) if window is None else window,
        )
        good, refused = gather_quotes(orders.links, request, orders.ledger.domain, now=now, seconds=seconds)
        for quote in good:
            if budget is not None and quote.terms.price > budget:
                refused[quote.terms.provider] = OrderError("The quote is above the budget.", code="PriceTooLow")
        fitting = [quote for quote in good if quote.terms.provider not in refused]
        prefer = prefer or Preference()
        known = reputation or (track_record(orders.ledger) if prefer.reputation else lambda _: Fraction(1, 2))
        return QuoteBook(rank(fitting, prefer, known), refused)

    def buy(self, quote: RankedQuote | SignedQuote, inputs: Row, *, client: str = "client") -> PlacedOrder:
        """Sign the order that a quote is for, and hand it to who quoted it.

        Parameters
        ----------
        quote : RankedQuote or SignedQuote
            From :meth:`quotes`.
        inputs : mapping or sequence
            One row, by column name or in column order; or an input that is committed to already.
        client : str
            Name of the paying account.

        Raises
        ------
        OrderError
            If the provider does not take it: ``QuoteExpired``, ``QuoteSpent``; nothing is paid then.
        NotFoundError
            ``UnknownProvider`` if the provider is not there any more.
        """
        signed = quote.quote if isinstance(quote, RankedQuote) else quote
        terms, orders = signed.terms, self._orders
        link = next((link for link in orders.links if link.address == terms.provider), None)
        if link is None:
            raise NotFoundError("The provider of the quote is not known here.", code="UnknownProvider")
        wishes = Wishes(pay=terms.price, policy=decode_policy(terms.evidence), bond=terms.bond, window=terms.window)
        offer = self._signed(wishes, orders.registry.model(terms.model), inputs, terms.provider, client)
        return orders.send(offer, (_QuotedLink(link, signed),), client)

    def post(
        self,
        model: PublishedModel | bytes,
        inputs: Row,
        *,
        pay: Amount,
        evidence: Policy | None = None,
        deadline: Seconds | None = None,
        window: Seconds | None = None,
        bond: Amount | None = None,
        client: str = "client",
    ) -> OpenOrder:
        """Sign an order that names no provider, and hand it to all of them: whoever comes first takes it.

        The parameters are those of `Orders.place`. Such an order is accepted before it is worked on.

        Raises
        ------
        OrderError
            If no provider wants it; nothing is paid then.
        """
        published = model if isinstance(model, PublishedModel) else self._orders.registry.model(ModelId(model))
        policy = policy_about(published, evidence, private=False)
        wishes = Wishes(pay=pay, policy=policy, deadline=deadline, window=window, bond=bond)
        offer = self._signed(wishes, published, inputs, ZERO_ADDRESS, client)
        return OpenOrder(self._orders.send(offer, self._orders.links, client))

    def open_order(self, order: OrderId) -> OpenOrder:
        """Take up an open order posted earlier from here, by the id that was signed."""
        return OpenOrder(self._orders.get(order))

    def _signed(self, wishes: Wishes, model: PublishedModel, inputs: Row, provider: Address, client: str) -> Offer:
        opening = inputs if isinstance(inputs, InputOpening) else fresh_opening(model, inputs)
        order = self._orders.draft(wishes, model, opening, provider=provider, client=client)
        return Offer(order=order, funding=self._orders.authorise(order, client), opening=opening)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that waits for somebody to take it, or was taken."""

    posted: PlacedOrder
    """As it was signed, without provider."""

    @property
    def id(self) -> OrderId:
        """The id that was signed; once it is taken the order lives on under that of :meth:`taken`."""
        return self.posted.id

    @property
    def taker(self) -> Address | None:
        """Who took it; nobody yet, if ``None``."""
        state = self.posted.orders.ledger.state(self.id)
        return Address(bytes(state.commitment[-20:])) if state.status is OrderStatus.TAKEN else None

    def taken(self) -> PlacedOrder | None:
        """The order with its provider; ``None`` while it waits for one."""
        taker = self.taker
        if taker is None:
            return None
        offer = replace(self.posted.offer, order=replace(self.posted.order, provider=taker))
        return self.posted.orders.adopt(offer, self.posted.client, self.posted.block)

    def wait(self, until: str = "settled", *, timeout: float = 60.0) -> Decision:
        """Wait until somebody has taken it, and then for a stage, as `PlacedOrder.wait` does.

        Raises
        ------
        OrderError
            ``OfferLapsed`` if nobody took it in time: nothing was paid. Else as `PlacedOrder.wait`.
        """
        end = time.monotonic() + timeout
        return self.await_taker(timeout=timeout).wait(until, timeout=max(end - time.monotonic(), 0.0))

    def await_taker(self, *, timeout: float = 60.0) -> PlacedOrder:
        """Wait until somebody has taken it; the order with its provider.

        Raises
        ------
        OrderError
            ``OfferLapsed`` if nobody took it in time: nothing was paid.
        """
        orders, end = self.posted.orders, time.monotonic() + timeout
        while (order := self.taken()) is None:
            if orders.ledger.now() > self.posted.order.accept_by:
                raise OrderError("Nobody took the order in time; nothing was paid.", code="OfferLapsed")
            if time.monotonic() > end:
                raise OrderError("Nobody has taken the order yet.", code="StillWaiting", hint="Wait again.")
            orders.pump()
        return order
