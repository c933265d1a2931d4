"""Asking many providers for quotes at once, and choosing among the answers.

A quote is believed by its signature, not by the door it came through; a door that is slow, lies or answers without end
costs the time limit and nothing else. The rule by which quotes are ranked is the same for everybody and is told with
every score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from fractions import Fraction

from concordat.client.providers import ProviderLink
from concordat.primitives.errors import ConcordatError, EndpointError, InputError, NotFoundError, VerificationError
from concordat.primitives.units import Address, Amount, OrderId, Timestamp
from concordat.protocol.events import Accepted, Expired, Paid, Slashed
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import Domain
from concordat.protocol.quote import QuoteRequest, QuoteTerms, SignedQuote

__all__ = ["Preference", "QuoteBook", "RankedQuote", "gather_quotes", "rank", "track_record"]

MOST_AT_ONCE = 32
"""Doors asked at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """How much each thing matters, in numbers that only count against each other."""

    price: int = 1
    """A low price."""
    speed: int = 0
    """A short time to deliver."""
    reputation: int = 0
    """Orders settled in the past."""
    energy: int = 0
    """Few joules for an execution; who does not say how many ranks last."""

    def __post_init__(self) -> None:
        weights = (self.price, self.speed, self.reputation, self.energy)
        if any(weight < 0 for weight in weights) or not any(weights):
            raise InputError(
                "A preference needs weights that are not negative, and at least one that is not zero.",
                code="BadPreference",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedQuote:
    """One quote, and how good it is for somebody."""

    quote: SignedQuote
    """What the provider promises."""
    score: Fraction
    """Between 0 and 1, by the rule of :func:`rank`."""
    reputation: Fraction
    """Of the provider, between 0 and 1; one half where it was not asked about."""

    @property
    def terms(self) -> QuoteTerms:
        """What is promised."""
        return self.quote.terms

    @property
    def price(self) -> Amount:
        """For one order."""
        return self.quote.terms.price

    @property
    def provider(self) -> Address:
        """Who promises."""
        return self.quote.terms.provider


@dataclass(frozen=True, slots=True)
class QuoteBook:
    """Quotes that were gathered, best first, and why others do not count."""

    ranked: tuple[RankedQuote, ...]
    """Good ones, best first."""
    refused: dict[Address, ConcordatError] = field(default_factory=dict)
    """By provider: what was wrong with its answer, or why it gave none."""

    def __iter__(self) -> Iterator[RankedQuote]:
        return iter(self.ranked)

    def __len__(self) -> int:
        return len(self.ranked)

    @property
    def best(self) -> RankedQuote:
        """The first.

        Raises
        ------
        NotFoundError
            ``NoQuote`` if there is none.
        """
        if not self.ranked:
            reasons = "; ".join(sorted({error.message for error in self.refused.values()}))
            raise NotFoundError(
                f"Nobody quotes for this. {reasons}".strip(),
                code="NoQuote",
                hint="Ask for less, or wait for a provider.",
            )
        return self.ranked[0]


def gather_quotes(
    links: Sequence[ProviderLink], request: QuoteRequest, domain: Domain, *, now: Timestamp, seconds: float
) -> tuple[list[SignedQuote], dict[Address, ConcordatError]]:
    """Quotes of all providers that answer in time with one that is good, and what was wrong with the others.

    Parameters
    ----------
    links : sequence of ProviderLink
        Whom to ask, all at once.
    request : QuoteRequest
        For what.
    domain : Domain
        The market that quotes must be for.
    now : Timestamp
        Time of the ledger.
    seconds : float
        How long to wait for all of them together.
    """
    pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="quotes")
    asked = {link.address: pool.submit(link.sign_quote, request) for link in links}
    wait(asked.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    good, refused = [], {}
    for address, answer in asked.items():
        try:
            good.append(_checked(answer, address, request, domain, now))
        except ConcordatError as error:
            refused[address] = error
    return good, refused


def _checked(
    answer: Future[SignedQuote], address: Address, request: QuoteRequest, domain: Domain, now: Timestamp
) -> SignedQuote:
    if not answer.done() or answer.cancelled():
        raise EndpointError("The provider did not answer in time.", code="ProviderDown")
    quote = answer.result()
    quote.check(domain, provider=address, now=now)
    terms = quote.terms
    asked = (request.model, request.evidence)
    if (terms.model, terms.evidence) != asked or terms.bond < request.bond or terms.window < request.window:
        raise VerificationError("The quote is for something else than was asked for.", code="QuoteMismatch")
    return quote


def rank(
    quotes: Sequence[SignedQuote], preference: Preference, reputation: Callable[[Address], Fraction]
) -> tuple[RankedQuote, ...]:
    """Quotes, best first.

    For each criterion the best of these quotes gets 1, the worst 0, the others what lies between in proportion; all get
    1 where all are equal. The score is the mean of the four, weighted by the preference. Equal scores are ranked by
    price, then by the provider's address.

    Parameters
    ----------
    reputation : callable
        Between 0 and 1, by provider.
    """
    asked = reputation if preference.reputation else lambda _: Fraction(1, 2)
    known = {quote.terms.provider: asked(quote.terms.provider) for quote in quotes}
    most = max((quote.terms.energy for quote in quotes), default=0) + 1
    criteria: tuple[tuple[int, Callable[[QuoteTerms], Fraction | int]], ...] = (
        (preference.price, lambda terms: terms.price),
        (preference.speed, lambda terms: terms.delivery),
        (preference.reputation, lambda terms: -known[terms.provider]),
        (preference.energy, lambda terms: terms.energy or most),
    )
    weight = sum(weight for weight, _ in criteria)
    scores = [Fraction(0)] * len(quotes)
    for share, cost in criteria:
        for place, good in enumerate(_goodness([Fraction(cost(quote.terms)) for quote in quotes])):
            scores[place] += share * good / weight
    ranked = [
        RankedQuote(quote=quote, score=score, reputation=known[quote.terms.provider])
        for quote, score in zip(quotes, scores, strict=True)
    ]
    return tuple(sorted(ranked, key=lambda one: (-one.score, one.price, one.provider)))


def _goodness(costs: list[Fraction]) -> list[Fraction]:
    best, worst = min(costs, default=Fraction(0)), max(costs, default=Fraction(0))
    if best == worst:
        return [Fraction(1)] * len(costs)
    return [(worst - cost) / (worst - best) for cost in costs]


def track_record(ledger: Ledger) -> Callable[[Address], Fraction]:
    """Reputation from what the ledger says: orders paid, of all that ended, plus one good and one bad to begin with.

    Who has done nothing yet has one half. It costs fees to forge; for weights and decay see ERC-8004 feedback.
    """
    providers: dict[OrderId, Address] = {}
    good: dict[Address, int] = {}
    ended: dict[Address, int] = {}
    for placed in ledger.events():
        event = placed.event
        if isinstance(event, Accepted):
            providers[event.order_id] = event.provider
        elif isinstance(event, Paid | Expired | Slashed):
            provider = providers[event.order_id]
            ended[provider] = ended.get(provider, 0) + 1
            good[provider] = good.get(provider, 0) + isinstance(event, Paid)
    return lambda provider: Fraction(good.get(provider, 0) + 1, ended.get(provider, 0) + 2)
