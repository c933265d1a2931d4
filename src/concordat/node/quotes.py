"""The desk at which a provider quotes, and stands by what it has quoted."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from concordat.node.admission import Terms
from concordat.node.gathering import plan_for
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import OrderError
from concordat.primitives.units import Address, Amount, Bytes32, Timestamp
from concordat.protocol.evidence import clauses_of, replicas_of
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import Order
from concordat.protocol.quote import QuoteRequest, QuoteTerms, SignedQuote, quote_digest, quote_misfits
from concordat.storage.journal import Journal

__all__ = ["QuoteDesk"]


class QuoteDesk:
    """Signs quotes, and knows which of them are used up.

    Parameters
    ----------
    ledger, journal : Ledger, Journal
        The provider's.
    address : Address
        The provider's account.
    sign : callable
        Signs a digest as the provider.
    terms : Terms
        Prices and limits.
    """

    def __init__(
        self, ledger: Ledger, journal: Journal, address: Address, sign: Callable[[bytes], bytes], terms: Terms
    ) -> None:
        self._ledger, self._journal = ledger, journal
        self._address, self._sign, self._terms = address, sign, terms

    def quote(self, request: QuoteRequest, *, native: bool) -> SignedQuote:
        """A promise to take orders like that, signed.

        Parameters
        ----------
        native : bool
            Whether the contract itself can run the model.

        Raises
        ------
        OrderError
            If such an order would not be taken.
        """
        terms, plan = self._terms, None
        if any(clauses_of(request.evidence)):
            plan = plan_for(request.evidence, native=native)
        runs = 1 + replicas_of(request.evidence)[1] if plan is not None and plan.replicated else 1
        price = Amount(terms.price * runs)
        advance = (runs - 1) * terms.price
        refusals = [
            (request.bond >> 96 or request.window >> 32, "BadTerms", "A number of the request does not fit an order."),
            (plan is None, "NotInPolicy", "No evidence this provider can give satisfies the policy."),
            (request.bond > terms.bond_limit, "BondTooHigh", f"The bond {request.bond} is above {terms.bond_limit}."),
            (request.window > terms.window_limit, "WindowTooLong", f"The window {request.window} s is too long."),
            (
                request.bond + advance > self._ledger.balance(self._address).free,
                "InsufficientFree",
                "This provider has too little free stake.",
            ),
        ]
        for refused, code, message in refusals:
            if refused:
                raise OrderError(message, code=code, hint="Ask for something else, or ask somebody else.")
        return self._signed(request, price)

    def _signed(self, request: QuoteRequest, price: Amount) -> SignedQuote:
        quoted = QuoteTerms(
            provider=self._address,
            model=request.model,
            evidence=request.evidence,
            price=price,
            bond=request.bond,
            window=request.window,
            delivery=self._terms.delivery,
            energy=self._terms.energy,
            uses=self._terms.quote_uses,
            expires=Timestamp(self._ledger.now() + self._terms.quote_life),
            salt=Bytes32(secrets.token_bytes(32)),
        )
        return SignedQuote(terms=quoted, signature=self._sign(quote_digest(quoted, self._ledger.domain)))

    def terms_under(self, quote: SignedQuote, order: Order) -> Terms:
        """What this provider works for under a quote of its own.

        Raises
        ------
        VerificationError
            If it is not this provider's, or has expired.
        OrderError
            ``QuoteMismatch`` if it is not for such an order.
        """
        now = self._ledger.now()
        quote.check(self._ledger.domain, provider=self._address, now=now)
        misfits = quote_misfits(quote.terms, order, now=now)
        if misfits:
            raise OrderError(
                f"The quote does not cover this order's {', '.join(misfits)}.",
                code="QuoteMismatch",
                hint="Make the order from the quote, or ask for another one.",
            )
        return replace(self._terms, price=Amount(0), bond_limit=quote.terms.bond, window_limit=quote.terms.window)

    def spend(self, quote: SignedQuote, order: str) -> None:
        """Count an order under a quote; to be called in the journal's write that takes it.

        Raises
        ------
        OrderError
            ``QuoteSpent`` if it was used as often as it says.
        """
        key = to_hex(quote_digest(quote.terms, self._ledger.domain))
        item = self._journal.item("quote", key)
        used = item[1]["orders"] if item is not None else []
        if len(used) >= quote.terms.uses:
            raise OrderError("The quote is used up.", code="QuoteSpent", hint="Ask for a new one.")
        self._journal.set_item("quote", key, "used", {"orders": [*used, order]})
