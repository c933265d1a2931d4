"""What a client hands to a provider: the order, the means to pay for it, and the input that opens its commitment."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.errors import OrderError
from concordat.primitives.units import Bytes32
from concordat.protocol.execution import input_root
from concordat.protocol.messages import Funding
from concordat.protocol.order import Order
from concordat.protocol.quote import SignedQuote

__all__ = ["InputOpening", "Offer", "QuotedOffer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOpening:
    """Opens an order's input root."""

    words: bytes
    """Packed input, a multiple of 32 bytes."""
    salt: Bytes32
    """Secret of the salted tree; who has it can open every leaf."""

    def check(self, root: bytes, depth: int) -> None:
        """Raise `OrderError` unless this opens that root."""
        if len(self.salt) != 32 or input_root(self.words, self.salt, depth) != root:
            raise OrderError(
                "The input does not open the order's input root.",
                code="InputMismatch",
                hint="Send the words and the salt that the order was made from.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A signed order with its input, as it travels to the provider."""

    order: Order
    """What the client wants."""
    funding: Funding
    """The client's one signature."""
    opening: InputOpening
    """The input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedOffer:
    """An offer under a quote that its provider has signed."""

    offer: Offer
    """The offer."""
    quote: SignedQuote
    """The provider's promise."""
