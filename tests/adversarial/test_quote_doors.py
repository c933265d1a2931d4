"""Doors that answer a request for a quote with anything but a quote, and callers who send anything but a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from concordat.client.keyring import development_account
from concordat.client.providers import HttpProvider
from concordat.client.quotes import gather_quotes
from concordat.node.embedded import EmbeddedMarket
from concordat.node.http import Door
from concordat.node.open import open_market
from concordat.node.process import open_door
from concordat.node.provider import Terms
from concordat.primitives.errors import ConcordatError
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp, usd
from concordat.primitives.wire import to_wire
from concordat.protocol.evidence import Native, encode_policy
from concordat.protocol.order import Domain
from concordat.protocol.quote import QuoteRequest, QuoteTerms, SignedQuote, quote_digest
from concordat.testing.small import small_model

DOMAIN = Domain(chain_id=31337, market=Address(b"\x11" * 20))
NOW = Timestamp(1_800_000_000)
SIGNER = development_account("quoter")
REQUEST = QuoteRequest(
    model=ModelId(b"\x22" * 32), evidence=encode_policy(Native()), bond=Amount(100), window=Seconds(600)
)
GOOD = QuoteTerms(
    provider=SIGNER.address,
    model=REQUEST.model,
    evidence=REQUEST.evidence,
    price=Amount(50_000),
    bond=Amount(100),
    window=Seconds(600),
    delivery=Seconds(60),
    energy=0,
    uses=1,
    expires=Timestamp(NOW + 60),
    salt=Bytes32(b"\x33" * 32),
)


def signed(terms: QuoteTerms, domain: Domain = DOMAIN) -> SignedQuote:
    return SignedQuote(terms=terms, signature=SIGNER.sign(quote_digest(terms, domain)))


@pytest.fixture
def answers() -> Iterator[Callable[[Any], HttpProvider]]:
    """A provider behind a door that answers everything in one way."""
    doors: list[Door] = []

    def answer(value: Any) -> HttpProvider:
        def reply(_: Any) -> Any:
            return value() if callable(value) else value

        doors.append(Door({"POST /quotes": reply}))
        return HttpProvider(doors[-1].url, SIGNER.address, timeout=2.0)

    yield answer
    for door in doors:
        door.close()


def asked(link: HttpProvider, seconds: float = 5.0) -> tuple[list[SignedQuote], str]:
    good, refused = gather_quotes([link], REQUEST, DOMAIN, now=NOW, seconds=seconds)
    return good, next(iter(refused.values())).code if refused else ""


def test_good_quote_comes_through_a_door(answers: Callable[[Any], HttpProvider]) -> None:
    assert asked(answers(to_wire(signed(GOOD)))) == ([signed(GOOD)], "")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (to_wire(signed(replace(GOOD, provider=Address(b"\x44" * 20)))), "QuoteForged"),
        (to_wire(signed(GOOD, Domain(chain_id=1, market=DOMAIN.market))), "QuoteForged"),
        (to_wire(signed(replace(GOOD, expires=Timestamp(NOW - 1)))), "QuoteExpired"),
        (to_wire(signed(replace(GOOD, model=ModelId(b"\x55" * 32)))), "QuoteMismatch"),
        (to_wire(signed(replace(GOOD, bond=Amount(99)))), "QuoteMismatch"),
        (to_wire(signed(replace(GOOD, window=Seconds(1)))), "QuoteMismatch"),
        ({**to_wire(signed(GOOD)), "more": 1}, "BadWire"),
        ({"terms": {}, "signature": "0x"}, "BadWire"),
        ([[[]]], "BadWire"),
        ("quote", "BadWire"),
        ("x" * 70_000, "ProviderDown"),
    ],
    ids=[
        "other name",
        "other chain",
        "expired",
        "model",
        "bond",
        "window",
        "more",
        "less",
        "list",
        "text",
        "oversized",
    ],
)
def test_attack_door_that_lies_about_quotes_is_left_out_with_the_reason(
    answers: Callable[[Any], HttpProvider], value: Any, code: str
) -> None:
    assert asked(answers(value)) == ([], code)


def test_attack_door_that_never_answers_costs_the_time_limit_and_no_more(
    answers: Callable[[Any], HttpProvider],
) -> None:
    slow = answers(lambda: time.sleep(3))
    good = answers(to_wire(signed(GOOD)))
    good._address = SIGNER.address
    began = time.monotonic()
    found, refused = gather_quotes([slow], REQUEST, DOMAIN, now=NOW, seconds=0.2)
    assert (found, [error.code for error in refused.values()]) == ([], ["ProviderDown"])
    assert gather_quotes([good], REQUEST, DOMAIN, now=NOW, seconds=5.0)[0] == [signed(GOOD)]
    assert time.monotonic() - began < 60


def test_door_that_is_not_there_is_left_out() -> None:
    link = HttpProvider("http://127.0.0.1:9", SIGNER.address, timeout=1.0)
    assert asked(link) == ([], "ProviderDown")


# -- the provider's side -----------------------------------------------------------------------------------------------


@pytest.fixture
def market() -> Iterator[EmbeddedMarket]:
    market = open_market("memory://")
    market.add_provider("provider", Terms(price=usd("0.05"), bond_limit=usd("100")))
    market.network.registry.publish(small_model(), signer="publisher")
    yield market
    market.close()


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/quotes", {}, "BadWire"),
        ("/quotes", [], "BadWire"),
        ("/quotes", {"model": "0x", "evidence": "0x", "bond": 1, "window": 1}, "BadHex"),
        ("/quotes", to_wire(REQUEST), "PublicDataMissing"),
        ("/quoted", {"offer": {}, "quote": {}}, "BadWire"),
        ("/quoted", {"offer": None, "quote": None}, "BadWire"),
    ],
)
def test_attack_request_that_is_none_ends_in_a_typed_error(
    market: EmbeddedMarket, path: str, body: Any, code: str
) -> None:
    provider = market._providers[0].provider
    door = open_door(provider, market.home, "provider")
    try:
        answer = httpx.post(door.url + path, json=body).json()
    finally:
        door.close()
    assert answer["ok"] is False
    assert answer["error"]["code"] == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bond": Amount(usd("101"))}, "BondTooHigh"),
        ({"window": Seconds(8 * 86_400)}, "WindowTooLong"),
        ({"evidence": Bytes32(bytes(32))}, "NotInPolicy"),
        ({"evidence": Bytes32(b"\x04" + bytes(31))}, "NotInPolicy"),
        ({"bond": -1}, "BadTerms"),
        ({"window": 1 << 32}, "BadTerms"),
    ],
    ids=["bond", "window", "no policy", "proof", "negative", "huge"],
)
def test_request_for_what_the_provider_would_not_take_is_refused(
    market: EmbeddedMarket, change: dict[str, Any], code: str
) -> None:
    provider = market._providers[0].provider
    request = replace(REQUEST, model=small_model().commitment.model_id(), **change)
    with pytest.raises(ConcordatError) as caught:
        provider.sign_quote(request)
    assert caught.value.code == code
