"""How a client finds and reaches providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from concordat.client.offer import Offer, QuotedOffer
from concordat.client.private import Erasure, PrivateOffer, SealingKey
from concordat.client.remote import DoorClient
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import EndpointError, NotFoundError, OrderError
from concordat.primitives.units import Address, Amount, ModelId, OrderId, Seconds
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.quote import QuoteRequest, SignedQuote

__all__ = ["HttpProvider", "ProviderLink", "Quote", "Taker", "offer_to"]

MOST_ANSWER_BYTES = 65_536
"""Longest answer about a quote or an offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a provider asks for one decision of a model."""

    provider: Address
    """Who."""
    model: ModelId
    """Of which model."""
    price: Amount
    """For one decision."""
    bond_limit: Amount
    """Most it puts at risk for one order."""
    window_limit: Seconds
    """Longest challenge window it waits for its money."""
    native: bool
    """Whether the contract itself can run the model."""


class Taker(Protocol):
    """Whoever takes offers."""

    @property
    def address(self) -> Address:
        """Its account."""
        ...

    def offer(self, offer: Offer) -> OrderId:
        """Hand over a signed order; `OrderError` if it declines."""
        ...


class ProviderLink(Protocol):
    """A reachable provider."""

    @property
    def address(self) -> Address:
        """Its account."""
        ...

    def quote(self, model: ModelId) -> Quote:
        """What it asks; `NotFoundError` if it does not serve the model."""
        ...

    def offer(self, offer: Offer) -> OrderId:
        """Hand over a signed order; `OrderError` if it declines."""
        ...

    def disclose(self, offer: Offer) -> None:
        """Let watchers find the input of an order that somebody else works on; `OrderError` if it declines."""
        ...

    def sign_quote(self, request: QuoteRequest) -> SignedQuote:
        """What it promises; `OrderError` if it would not take such an order, `NotFoundError` if it signs no quotes."""
        ...

    def quoted_offer(self, offer: Offer, quote: SignedQuote) -> OrderId:
        """Hand over a signed order under its quote; `OrderError` if it declines."""
        ...

    def sealing_key(self) -> SealingKey:
        """The key to seal private offers to; `NotFoundError` if it takes none."""
        ...

    def private_offer(self, offer: PrivateOffer) -> OrderId:
        """Hand over a sealed offer; `OrderError` if it declines."""
        ...

    def erase(self, request: Erasure) -> None:
        """Have what was sealed for an order forgotten; `OrderError` if it declines."""
        ...


class HttpProvider:
    """A provider behind its HTTP door."""

    def __init__(self, url: str, address: Address, *, timeout: float = 10.0) -> None:
        self._client = DoorClient(url, seconds=timeout, most=MOST_ANSWER_BYTES)
        self._address = address
        self.url = url

    @property
    def address(self) -> Address:
        """Its account."""
        return self._address

    def quote(self, model: ModelId) -> Quote:
        """What it asks for one decision of a model."""
        return from_wire(Quote, self._call("GET", f"/quote?model={to_hex(model)}"))

    def offer(self, offer: Offer) -> OrderId:
        """Hand over a signed order."""
        return OrderId(from_hex(self._call("POST", "/offers", to_wire(offer)), length=32))

    def disclose(self, offer: Offer) -> None:
        """Let watchers find the input of an order that somebody else works on."""
        self._call("POST", "/inputs", to_wire(offer))

    def sign_quote(self, request: QuoteRequest) -> SignedQuote:
        """What it promises; whoever uses it checks who signed."""
        return from_wire(SignedQuote, self._call("POST", "/quotes", to_wire(request)))

    def quoted_offer(self, offer: Offer, quote: SignedQuote) -> OrderId:
        """Hand over a signed order under its quote."""
        body = to_wire(QuotedOffer(offer=offer, quote=quote))
        return OrderId(from_hex(self._call("POST", "/quoted", body), length=32))

    def sealing_key(self) -> SealingKey:
        """The key to seal private offers to; whoever uses it checks who announced it."""
        return from_wire(SealingKey, self._call("GET", "/key"))

    def private_offer(self, offer: PrivateOffer) -> OrderId:
        """Hand over a sealed offer."""
        return OrderId(from_hex(self._call("POST", "/private", to_wire(offer)), length=32))

    def erase(self, request: Erasure) -> None:
        """Have what was sealed for an order forgotten."""
        self._call("POST", "/erase", to_wire(request))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        try:
            status, value = self._client.ask(method, path, body)
            data, error = value.get("data"), value.get("error") or {}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError, AttributeError) as failure:
            raise EndpointError(
                f"The provider at {self.url} does not answer: {type(failure).__name__}.",
                code="ProviderDown",
                hint="Try again, or choose another provider; nothing was paid.",
            ) from failure
        if value.get("ok") is True:
            return data
        kind = NotFoundError if status == 404 else OrderError
        raise kind(str(error.get("message")), code=str(error.get("code")), hint=str(error.get("hint")))


def offer_to(links: Sequence[Taker], offer: Offer) -> tuple[Address, ...]:
    """Hand an offer to several; who took it. What the first says, if nobody does."""
    taken, refusals = [], []
    for link in links:
        try:
            link.offer(offer)
            taken.append(link.address)
        except (EndpointError, OrderError, NotFoundError) as error:
            refusals.append(error)
    if not taken:
        raise refusals[0] if refusals else OrderError("Nobody can be reached.", code="NoProvider")
    return tuple(taken)
