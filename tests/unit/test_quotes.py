"""Signed quotes: what is signed, who is believed, how they are ranked, and that a provider stands by its word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

import concordat as cd
from concordat.client.keyring import development_account
from concordat.client.quotes import Preference, rank, track_record
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import open_market
from concordat.node.provider import Terms
from concordat.primitives.encoding import checksum_address
from concordat.primitives.errors import ConcordatError, InputError, NotFoundError, OrderError, VerificationError
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp, usd
from concordat.protocol.evidence import Native, Replicated, encode_policy
from concordat.protocol.order import Domain
from concordat.protocol.quote import QUOTE_TYPE, QuoteTerms, SignedQuote, quote_digest
from concordat.testing.offers import ROW
from concordat.testing.small import small_model

DOMAIN = Domain(chain_id=31337, market=Address(b"\x11" * 20))
SIGNER = development_account("quoter")
NOW = Timestamp(1_800_000_000)
TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))


def terms(**changes) -> QuoteTerms:
    made = QuoteTerms(
        provider=SIGNER.address,
        model=ModelId(b"\x22" * 32),
        evidence=encode_policy(Native()),
        price=Amount(50_000),
        bond=Amount(200_000),
        window=Seconds(600),
        delivery=Seconds(60),
        energy=900,
        uses=1,
        expires=Timestamp(NOW + 60),
        salt=Bytes32(b"\x33" * 32),
    )
    return replace(made, **changes)


def signed(promise: QuoteTerms, domain: Domain = DOMAIN) -> SignedQuote:
    return SignedQuote(terms=promise, signature=SIGNER.sign(quote_digest(promise, domain)))


# -- what is signed ----------------------------------------------------------------------------------------------------


def test_quote_is_typed_data_as_wallets_sign_it() -> None:
    name, fields = QUOTE_TYPE.rstrip(")").split("(")
    types = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    values = {field["name"]: getattr(terms(), field["name"]) for field in types}
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            name: types,
        },
        "primaryType": name,
        "domain": {
            "name": "Concordat Market",
            "version": "1",
            "chainId": DOMAIN.chain_id,
            "verifyingContract": checksum_address(DOMAIN.market),
        },
        "message": {k: checksum_address(v) if isinstance(v, bytes) and len(v) == 20 else v for k, v in values.items()},
    }
    signature = signed(terms()).signature
    recovered = Account.recover_message(encode_typed_data(full_message=message), signature=signature)
    assert recovered == checksum_address(SIGNER.address)


@pytest.mark.parametrize(
    ("quote", "provider", "now", "code"),
    [
        (signed(terms()), SIGNER.address, NOW + 61, "QuoteExpired"),
        (signed(terms()), development_account("other").address, NOW, "QuoteForged"),
        (signed(terms(provider=development_account("other").address)), SIGNER.address, NOW, "QuoteForged"),
        (signed(terms(), Domain(chain_id=1, market=DOMAIN.market)), SIGNER.address, NOW, "QuoteForged"),
        (signed(terms(), Domain(chain_id=31337, market=SIGNER.address)), SIGNER.address, NOW, "QuoteForged"),
        (
            SignedQuote(terms=terms(price=Amount(1)), signature=signed(terms()).signature),
            SIGNER.address,
            NOW,
            "QuoteForged",
        ),
        (SignedQuote(terms=terms(), signature=b""), SIGNER.address, NOW, "QuoteForged"),
        (signed(terms(price=Amount(1 << 96))), SIGNER.address, NOW, "QuoteOutOfRange"),
        (signed(terms(energy=-1)), SIGNER.address, NOW, "QuoteOutOfRange"),
    ],
    ids=[
        "expired",
        "another's",
        "in another's name",
        "other chain",
        "other market",
        "changed",
        "unsigned",
        "huge",
        "negative",
    ],
)
def test_attack_quote_that_is_not_what_it_seems_is_refused(
    quote: SignedQuote, provider: Address, now: int, code: str
) -> None:
    with pytest.raises(VerificationError) as caught:
        quote.check(DOMAIN, provider=provider, now=now)
    assert caught.value.code == code


def test_quote_that_is_good_passes_until_its_last_second() -> None:
    signed(terms()).check(DOMAIN, provider=SIGNER.address, now=NOW + 60)


# -- ranking -----------------------------------------------------------------------------------------------------------

numbers = st.integers(1, 1000)
lists = st.lists(st.tuples(numbers, numbers, numbers, st.integers(0, 1000)), min_size=1, max_size=6)
weights = st.tuples(*[st.integers(0, 5)] * 4).filter(any)


def quotes_of(rows: list[tuple[int, int, int, int]]) -> tuple[list[SignedQuote], dict[Address, Fraction]]:
    made, known = [], {}
    for place, (price, delivery, fame, energy) in enumerate(rows):
        who = Address(bytes([place + 1]) * 20)
        made.append(
            SignedQuote(terms=terms(provider=who, price=price, delivery=delivery, energy=energy), signature=b"")
        )
        known[who] = Fraction(fame, 1000)
    return made, known


@given(lists, weights)
def test_ranking_gives_everybody_a_score_between_nothing_and_one_in_order(rows, weight) -> None:
    quotes, known = quotes_of(rows)
    ranked = rank(
        quotes, Preference(**dict(zip(("price", "speed", "reputation", "energy"), weight, strict=True))), known.get
    )
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert {one.provider for one in ranked} == set(known)


@given(lists)
def test_ranking_by_one_thing_alone_is_that_order(rows) -> None:
    quotes, known = quotes_of(rows)
    by_price = [one.price for one in rank(quotes, Preference(), known.get)]
    assert by_price == sorted(by_price)
    by_speed = [one.terms.delivery for one in rank(quotes, Preference(price=0, speed=1), known.get)]
    assert by_speed == sorted(by_speed)
    fame = [one.reputation for one in rank(quotes, Preference(price=0, reputation=1), known.get)]
    assert fame == sorted(fame, reverse=True)
    energy = [one.terms.energy or 10**9 for one in rank(quotes, Preference(price=0, energy=1), known.get)]
    assert energy == sorted(energy)


@given(lists, st.permutations(range(6)))
def test_ranking_does_not_depend_on_who_answered_first(rows, order) -> None:
    quotes, known = quotes_of(rows)
    shuffled = [quotes[i] for i in order if i < len(quotes)]
    prefer = Preference(price=2, speed=1, energy=1)
    assert rank(shuffled, prefer, known.get) == rank(quotes, prefer, known.get)


def test_preference_for_nothing_is_refused() -> None:
    for bad in ({"price": 0}, {"price": -1}, {"price": 1, "speed": -1}):
        with pytest.raises(InputError):
            Preference(**bad)


# -- standing by it ----------------------------------------------------------------------------------------------------


@pytest.fixture
def market() -> Iterator[EmbeddedMarket]:
    market = open_market("memory://")
    market.add_provider("cheap", replace(TERMS, delivery=Seconds(60), energy=900))
    market.add_provider("fast", replace(TERMS, price=usd("0.10"), delivery=Seconds(5), energy=100))
    market.network.registry.publish(small_model(), signer="publisher")
    yield market
    market.close()


def model(market: EmbeddedMarket) -> ModelId:
    return small_model().commitment.model_id()


def test_quotes_of_everybody_are_ranked_by_what_matters(market: EmbeddedMarket) -> None:
    net = market.network
    cheapest = net.bidding.quotes(model(market), budget=usd("1"))
    quickest = net.bidding.quotes(model(market), budget=usd("1"), prefer=cd.Preference(price=0, speed=1))
    assert [one.price for one in cheapest] == [usd("0.05"), usd("0.10")]
    assert quickest.best.terms.delivery == 5
    dear = net.bidding.quotes(model(market), budget=usd("0.07"))
    assert [error.code for error in dear.refused.values()] == ["PriceTooLow"]


def test_quote_becomes_an_order_that_is_paid(market: EmbeddedMarket) -> None:
    best = market.network.bidding.quotes(model(market), budget=usd("1")).best
    placed = market.network.bidding.buy(best, ROW)
    assert placed.order.price == best.price
    assert placed.wait("settled").status.name == "PAID"


def test_attack_quote_used_twice_is_refused(market: EmbeddedMarket) -> None:
    best = market.network.bidding.quotes(model(market)).best
    market.network.bidding.buy(best, ROW)
    with pytest.raises(OrderError) as caught:
        market.network.bidding.buy(best, ROW)
    assert caught.value.code == "QuoteSpent"


def test_attack_quote_used_after_its_last_second_is_refused(market: EmbeddedMarket) -> None:
    best = market.network.bidding.quotes(model(market)).best
    market.backend.advance(Seconds(61))
    with pytest.raises(ConcordatError) as caught:
        market.network.bidding.buy(best, ROW)
    assert caught.value.code == "QuoteExpired"


def test_attack_quote_stretched_to_another_order_is_refused(market: EmbeddedMarket) -> None:
    best = market.network.bidding.quotes(model(market), budget=usd("1")).best
    for change in ({"price": Amount(1)}, {"bond": Amount(10**9)}, {"uses": 9}):
        forged = SignedQuote(terms=replace(best.terms, **change), signature=best.quote.signature)
        with pytest.raises(VerificationError) as caught:
            market.network.bidding.buy(forged, ROW)
        assert caught.value.code == "QuoteForged"


def test_provider_honours_a_live_quote_after_it_has_raised_its_price(market: EmbeddedMarket) -> None:
    best = market.network.bidding.quotes(model(market)).best
    provider = next(link.provider for link in market._providers if link.address == best.provider)
    provider.terms = replace(provider.terms, price=usd("5"), bond_limit=Amount(0))
    assert market.network.bidding.buy(best, ROW).wait("settled").status.name == "PAID"
    with pytest.raises(OrderError):
        market.network.orders.place(model(market), ROW, pay=best.price, provider=best.provider)


def test_quote_for_replicas_pays_for_all_who_work(market: EmbeddedMarket) -> None:
    book = market.network.bidding.quotes(model(market), evidence=Replicated(k=2, n=3), budget=usd("1"))
    assert book.best.price == 4 * usd("0.05")


def test_quote_for_what_nobody_takes_says_why(market: EmbeddedMarket) -> None:
    book = market.network.bidding.quotes(model(market), bond=usd("5000"))
    assert {error.code for error in book.refused.values()} == {"BondTooHigh"}
    with pytest.raises(NotFoundError) as caught:
        _ = book.best
    assert caught.value.code == "NoQuote"


def test_reputation_counts_orders_that_ended_well(market: EmbeddedMarket) -> None:
    best = market.network.bidding.quotes(model(market)).best
    assert track_record(market.network.ledger)(best.provider) == Fraction(1, 2)
    market.network.bidding.buy(best, ROW).wait("settled")
    assert track_record(market.network.ledger)(best.provider) == Fraction(2, 3)


# -- open orders -------------------------------------------------------------------------------------------------------


def test_open_order_is_taken_once_and_paid(market: EmbeddedMarket) -> None:
    posted = market.network.bidding.post(model(market), ROW, pay=usd("0.30"))
    assert posted.taker is None
    decision = posted.wait("settled")
    taken = posted.taken()
    assert decision.status.name == "PAID"
    assert taken is not None
    assert taken.order.provider == posted.taker
    assert market.network.orders.get(taken.id).status.name == "PAID"
    stages = [link.provider.journal.items("offer")[-1][1] for link in market._providers]
    assert sorted(stages) != ["closed", "closed"], "one of the two was too late"


def test_open_order_that_nobody_takes_lapses_and_costs_nothing(market: EmbeddedMarket) -> None:
    before = market.network.wallet("client").tokens
    posted = market.network.bidding.post(model(market), ROW, pay=usd("0.30"), deadline=Seconds(30))
    market.backend.advance(Seconds(60))
    with pytest.raises(OrderError) as caught:
        posted.wait("settled")
    assert caught.value.code == "OfferLapsed"
    assert market.network.wallet("client").tokens == before


def test_bundle_of_an_open_order_verifies_though_its_signature_names_no_provider(market: EmbeddedMarket) -> None:
    decision = market.network.bidding.post(model(market), ROW, pay=usd("0.30")).wait("recorded")
    report = cd.verify(decision.bundle)
    authorised = next(check for check in report.checks if check.number == 3)
    assert authorised.outcome.name == "PASS"
    assert "any provider" in authorised.reason
