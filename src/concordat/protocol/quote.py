"""What a provider signs before an order: a price that it stands by, for a while and so many times.

A quote never reaches the chain. It is an EIP-712 struct in the market's domain, so that whoever was turned away under a
live quote can show it to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import recover, typed_digest
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp
from concordat.protocol.order import Domain, Order

__all__ = ["QUOTE_TYPE", "QuoteRequest", "QuoteTerms", "SignedQuote", "quote_digest", "quote_misfits"]

QUOTE_TYPE = (
    "Quote(address provider,bytes32 model,bytes32 evidence,uint96 price,uint96 bond,uint32 window,uint32 delivery,"
    "uint64 energy,uint32 uses,uint40 expires,bytes32 salt)"
)
_QUOTE_TYPEHASH = keccak256(QUOTE_TYPE.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequest:
    """What a client wants a price for."""

    model: ModelId
    """Which model."""
    evidence: Bytes32
    """Policy of the order to come."""
    bond: Amount
    """What the provider shall put at risk."""
    window: Seconds
    """Challenge window of the order to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteTerms:
    """What a provider promises to take."""

    provider: Address
    """Who."""
    model: ModelId
    """Which model."""
    evidence: Bytes32
    """Policy of the orders it is for."""
    price: Amount
    """Least price of such an order, replicas' parts included."""
    bond: Amount
    """Most that it puts at risk for one."""
    window: Seconds
    """Longest challenge window."""
    delivery: Seconds
    """Time in which it delivers."""
    energy: int
    """Microjoules that one execution takes, as the provider says; zero if it does not."""
    uses: int
    """For how many orders."""
    expires: Timestamp
    """Last second at which an order is taken under it."""
    salt: Bytes32
    """So that equal promises are different quotes."""

    def struct_hash(self) -> Bytes32:
        """``hashStruct`` of EIP-712."""
        return keccak256(
            abi_words(
                _QUOTE_TYPEHASH,
                self.provider,
                self.model,
                self.evidence,
                self.price,
                self.bond,
                self.window,
                self.delivery,
                self.energy,
                self.uses,
                self.expires,
                self.salt,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedQuote:
    """A provider's promise."""

    terms: QuoteTerms
    """What."""
    signature: bytes
    """Its signature, ``r ‖ s ‖ v``."""

    def check(self, domain: Domain, *, provider: Address, now: int) -> None:
        """Return if that provider made this promise for that market, and it is still good.

        Raises
        ------
        VerificationError
            ``QuoteOutOfRange``, ``QuoteForged`` (another signer, market or chain) or ``QuoteExpired``.
        """
        terms = self.terms
        widths = ((terms.price, 96), (terms.bond, 96), (terms.window, 32), (terms.delivery, 32), (terms.energy, 64))
        if any(not 0 <= value < 1 << bits for value, bits in (*widths, (terms.uses, 32), (terms.expires, 40))):
            raise VerificationError("A number in the quote does not fit its field.", code="QuoteOutOfRange")
        try:
            signer = recover(quote_digest(terms, domain), self.signature)
        except VerificationError:
            signer = None
        if signer != provider or terms.provider != provider:
            raise VerificationError(
                "The quote is not this provider's, or not for this market.",
                code="QuoteForged",
                hint="Ask the provider itself for a quote.",
            )
        if now > terms.expires:
            raise VerificationError("The quote has expired.", code="QuoteExpired", hint="Ask for a new one.")


def quote_digest(terms: QuoteTerms, domain: Domain) -> Bytes32:
    """What the provider signs, and the quote's id."""
    return typed_digest(domain, terms.struct_hash())


def quote_misfits(terms: QuoteTerms, order: Order, *, now: int) -> tuple[str, ...]:
    """Names of the order's terms that a quote does not cover; none if it covers them all."""
    found = (
        ("model", order.model != terms.model),
        ("evidence", order.evidence != terms.evidence),
        ("price", order.price < terms.price),
        ("bond", order.bond > terms.bond),
        ("window", order.window > terms.window),
        ("deadline", order.deliver_by < now + terms.delivery),
    )
    return tuple(name for name, misfit in found if misfit)
