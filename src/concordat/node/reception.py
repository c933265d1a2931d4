"""A provider's reception: what it asks, which offers it takes, and what it keeps for watchers.

Everything that comes in here was sent by strangers. An offer that is taken is in the journal before anybody hears so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from concordat.client.offer import Offer
from concordat.client.providers import Quote
from concordat.client.public import PublicData, hidden_model
from concordat.graph.intervals import validate
from concordat.graph.ir import Graph
from concordat.node.admission import (
    Terms,
    check_disclosure,
    check_hidden_work,
    check_order,
    check_privacy,
    check_work,
)
from concordat.node.outbox import Outbox
from concordat.node.proving import Shelf
from concordat.node.quotes import QuoteDesk
from concordat.node.recent import Recent
from concordat.primitives.encoding import ZERO_ADDRESS, to_hex
from concordat.primitives.errors import NotFoundError
from concordat.primitives.units import Address, ModelId, OrderId
from concordat.primitives.wire import to_wire
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import order_id
from concordat.protocol.quote import QuoteRequest, SignedQuote
from concordat.storage.journal import Journal

__all__ = ["Reception"]

GRAPHS = 32
"""Validated programs kept at hand."""


class Reception:
    """Takes offers into the journal.

    Parameters
    ----------
    ledger, journal, public : Ledger, Journal, PublicData
        Where orders live, where the node remembers, where models are read.
    outbox : Outbox
        Sends as the provider's account.
    terms : Terms
        Prices and limits.
    native : callable
        Whether a model's native form is on chain, so that the contract itself can run it.
    desk : QuoteDesk, optional
        Signs quotes; without one none are signed.
    shelf : Shelf, optional
        Hidden models that this provider owns.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        public: PublicData,
        outbox: Outbox,
        terms: Terms,
        *,
        native: Callable[[ModelId], bool],
        desk: QuoteDesk | None,
        shelf: Shelf | None = None,
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.public = public
        self.outbox = outbox
        self.terms = terms
        self.native = native
        self.desk = desk
        self.shelf = shelf
        self._graphs: Recent[bytes, Graph] = Recent(GRAPHS)

    @property
    def address(self) -> Address:
        """The provider's account."""
        return self.outbox.sender

    def graph(self, model: bytes) -> Graph:
        """A validated program; executing an unvalidated one could not be defended in court."""

        def read() -> Graph:
            graph = self.public.graph(model)
            validate(graph)
            return graph

        return self._graphs.get(model, read)

    def owns(self, model: bytes) -> bool:
        """Whether it is a hidden model of this provider's."""
        return self.shelf is not None and self.shelf.has(model)

    def _serves(self, model: ModelId) -> None:
        """Raise `NotFoundError` if this provider cannot run a model, or has proven all that its commitment allows."""
        if self.shelf is None or not self.shelf.has(model):
            self.graph(model)
        elif not self.shelf.left(model):
            raise NotFoundError("The hidden model's commitment is used up.", code="CommitmentSpent")

    # -- what it asks ------------------------------------------------------------------------------------------------

    def quote(self, model: ModelId) -> Quote:
        """What one decision of a model costs here; `NotFoundError` if it is neither public nor this provider's."""
        self._serves(model)
        return Quote(
            provider=self.address,
            model=model,
            price=self.terms.price,
            bond_limit=self.terms.bond_limit,
            window_limit=self.terms.window_limit,
            native=self.native(model),
        )

    def sign_quote(self, request: QuoteRequest) -> SignedQuote:
        """A signed promise.

        Raises
        ------
        OrderError
            If such an order would not be taken.
        NotFoundError
            If the model is not public, or nobody signs quotes here.
        """
        self._serves(request.model)
        return self._quotes().quote(request, native=self.native(request.model))

    def _quotes(self) -> QuoteDesk:
        if self.desk is None:
            raise NotFoundError("This provider signs no quotes.", code="NoQuotes")
        return self.desk

    # -- what it takes -----------------------------------------------------------------------------------------------

    def offer(self, offer: Offer) -> OrderId:
        """Take an offer into the journal; one that names no provider, with this one's address filled in.

        Raises
        ------
        OrderError
            If it is not worth taking (`concordat.node.admission`).
        """
        return self._take(offer, {"offer": to_wire(offer)}, sealed=False)

    def quoted_offer(self, offer: Offer, quote: SignedQuote) -> OrderId:
        """Take an offer under a quote that this provider has signed, whatever its terms are by now.

        Raises
        ------
        VerificationError
            If the quote is not this provider's, or has expired.
        OrderError
            If it does not cover the order or is used up; else as for :meth:`offer`.
        """
        return self._take(offer, {"offer": to_wire(offer)}, sealed=False, quote=quote)

    def _take(self, offer: Offer, body: dict[str, Any], *, sealed: bool, quote: SignedQuote | None = None) -> OrderId:
        if offer.order.provider == ZERO_ADDRESS and not sealed:
            offer = replace(offer, order=replace(offer.order, provider=self.address))
            body = {**body, "offer": to_wire(offer), "open": True}
        name = order_id(offer.order, self.ledger.domain)
        if self.journal.item("offer", to_hex(name)) is None:
            terms = self._quotes().terms_under(quote, offer.order) if quote is not None else self.terms
            self._check(offer, terms, sealed=sealed, open_to_all="open" in body)
            with self.journal.write(f"take {to_hex(name)}"):
                if self.journal.item("offer", to_hex(name)) is None:
                    if quote is not None:
                        self._quotes().spend(quote, to_hex(name))
                    self.journal.set_item("offer", to_hex(name), "received", body)
        return name

    def _check(self, offer: Offer, terms: Terms, *, sealed: bool, open_to_all: bool) -> None:
        check_privacy(offer, sealed=sealed)
        model = offer.order.model
        native, hidden = self.native(model), self.owns(model)
        check_order(
            offer, terms, self.ledger, provider=self.address, native=native, hidden=hidden, open_to_all=open_to_all
        )
        if hidden:
            check_hidden_work(offer, hidden_model(self.public, model))
        else:
            check_work(offer, self.graph(model))

    def keep_input(self, offer: Offer) -> None:
        """Keep the input of an order that somebody else works on, so that he cannot hide it from watchers.

        Raises
        ------
        OrderError
            If the input is not meant to be seen, does not open the order, or no money stands behind it.
        """
        check_disclosure(offer, self.ledger)
        check_work(offer, self.graph(offer.order.model))
        self.public.put_opening(offer.order.input, offer.opening)
