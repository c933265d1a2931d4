"""A whole market in one process, on memory and on a real chain node: honest work is paid, every cheat is caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import concordat as cd
from concordat.client.registry import PublishedModel
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, open_market
from concordat.node.provider import Provider
from concordat.primitives.errors import EndpointError, InputError, OrderError, SchemaError
from concordat.protocol.events import DisputeLost, FraudProven, LeafRevealed, Slashed
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.order import OrderStatus
from concordat.protocol.verification import settled_orders
from concordat.testing.cheats import (
    AlteredInput,
    AlteredMiddle,
    AlteredOutput,
    AlteredWeight,
    FalseChallenger,
    NeverDelivers,
    WithheldTrace,
)
from concordat.testing.small import small_model
from concordat.verify import check_sequence

ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}
PRICE = cd.usd("0.50")


@pytest.fixture(params=["memory://", "anvil://"])
def market(request: pytest.FixtureRequest) -> Iterator[EmbeddedMarket]:
    market = open_market(request.param)
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    yield market
    market.close()


def publish(market: EmbeddedMarket) -> PublishedModel:
    published = market.network.registry.publish(small_model(), signer="lender")
    assert isinstance(published, PublishedModel)
    return published


def events(market: EmbeddedMarket, kind: type[Any]) -> list[Any]:
    return [placed.event for placed in market.network.ledger.events() if isinstance(placed.event, kind)]


def holdings(market: EmbeddedMarket, name: str) -> int:
    wallet = market.network.wallet(name)
    return wallet.tokens + wallet.free + wallet.locked


def test_native_order_settles_in_one_step_and_verifies(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    before = holdings(market, "provider")
    decision = network.orders.place(model, ROW, pay=PRICE, evidence=cd.Native()).wait("recorded")
    assert decision.status is OrderStatus.PAID
    assert decision.evidence == {EvidenceKind.NATIVE}
    assert decision.output.integers == (1, 273)
    assert holdings(market, "provider") == before + PRICE
    facts = network.records.facts(decision.bundle)
    assert cd.verify(decision.bundle, network.records.trust_root(), endpoint_facts=facts).ok


def test_fraud_provable_order_is_paid_after_the_window_only(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    placed = network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    delivered = placed.wait("delivered")
    assert (delivered.status, delivered.evidence) == (OrderStatus.DELIVERED, frozenset())
    assert delivered.output.integers == (1, 273)
    decision = placed.wait("recorded")
    assert decision.evidence == {EvidenceKind.FRAUD_PROVABLE}
    assert cd.verify(decision.bundle, network.records.trust_root()).ok


def test_client_release_pays_before_the_window_and_is_no_evidence_for_more(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    placed = network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.hours(24))
    placed.wait("delivered")
    now = network.ledger.now()
    placed.release()
    assert placed.status is OrderStatus.PAID
    assert network.ledger.now() - now < cd.hours(1)
    decision = placed.wait("recorded")
    assert decision.evidence == {EvidenceKind.CLIENT_RELEASE}
    without_rerun = replace(decision.bundle, program=None)
    assert not cd.verify(without_rerun, network.records.trust_root()).ok


@pytest.mark.parametrize("cheat", [AlteredOutput, AlteredMiddle, AlteredWeight, AlteredInput])
def test_cheating_provider_is_slashed_in_one_transaction(market: EmbeddedMarket, cheat: type[Provider]) -> None:
    model, network = publish(market), market.network
    provider = market.add_provider("cheat", TERMS, kind=cheat)
    before = {name: holdings(market, name) for name in ("client", "cheat", "challenger")}
    placed = network.orders.place(
        model, ROW, pay=PRICE, evidence=cd.FraudProvable(), provider=provider.address, bond=cd.usd("4")
    )
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderSlashed"
    assert len(events(market, FraudProven)) == 1
    assert holdings(market, "cheat") == before["cheat"] - cd.usd("4")
    assert holdings(market, "client") == before["client"] + cd.usd("1")  # the price came back besides
    assert holdings(market, "challenger") == before["challenger"] + cd.usd("2")
    assert network.records.find(placed.id) is None


def test_withheld_trace_is_dissected_to_one_word_and_slashed(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    provider = market.add_provider("hider", TERMS, kind=WithheldTrace)
    placed = network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), provider=provider.address)
    with pytest.raises(OrderError):
        placed.wait("settled")
    market.settle()
    assert len(events(market, LeafRevealed)) == 1
    assert len(events(market, FraudProven)) == 1
    assert len(events(market, Slashed)) == 1
    assert network.wallet("challenger").locked == 0


def test_undelivered_order_expires_with_refund_and_penalty(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    provider = market.add_provider("sleeper", replace(TERMS, fund_first=True), kind=NeverDelivers)
    before = holdings(market, "client")
    placed = network.orders.place(
        model, ROW, pay=PRICE, evidence=cd.FraudProvable(), provider=provider.address, bond=cd.usd("4")
    )
    with pytest.raises(OrderError) as caught:
        placed.wait("settled")
    assert caught.value.code == "OrderExpired"
    assert holdings(market, "client") == before + cd.usd("1")  # a quarter of the bond
    assert network.wallet("sleeper").locked == 0


def test_false_challenge_costs_its_challenger_and_the_provider_is_paid(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    market.add_challenger("heckler", kind=FalseChallenger)
    before = holdings(market, "heckler"), holdings(market, "provider")
    decision = network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable()).wait("recorded")
    (lost,) = events(market, DisputeLost)
    assert decision.status is OrderStatus.PAID
    assert holdings(market, "heckler") == before[0] - lost.to_provider - lost.burned
    assert holdings(market, "provider") == before[1] + lost.to_provider + PRICE


def test_every_paid_order_is_recorded_in_the_order_of_the_chain(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    orders = [network.orders.place(model, {**ROW, "age": 30 + i}, pay=PRICE) for i in range(4)]
    for placed in orders:
        placed.wait("recorded")
    records = [entry.record for entry in network.records.of_model(model.id)]
    settled = settled_orders(network.ledger.events(), model.id)
    assert [record.sequence for record in records] == [0, 1, 2, 3]
    assert not check_sequence(records, settled, domain=network.ledger.domain)
    assert check_sequence(records[:-1], settled, domain=network.ledger.domain)


def test_publishing_twice_changes_nothing(market: EmbeddedMarket) -> None:
    assert publish(market).id == publish(market).id
    assert len(market.network.registry.entries()) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inputs": {"income": 1}}, "MissingColumn"),
        ({"inputs": {**ROW, "race": 1}}, "UnknownColumn"),
        ({"inputs": {**ROW, "age": -5}}, "OutOfRange"),
        ({"inputs": {**ROW, "age": "old"}}, "WrongType"),
        ({"pay": cd.usd("0.01")}, "PriceTooLow"),
        ({"deadline": cd.seconds(0)}, "DeadlinePast"),
        ({"pay": cd.usd("1000000")}, "InsufficientFunds"),
        ({"bond": cd.usd("100000")}, "BondTooHigh"),
        ({"window": cd.days(300)}, "WindowTooLong"),
    ],
)
def test_order_that_cannot_work_is_refused_before_anything_is_paid(
    market: EmbeddedMarket, change: dict[str, Any], code: str
) -> None:
    model, network = publish(market), market.network
    before = holdings(market, "client")
    arguments: dict[str, Any] = {"inputs": ROW, "pay": PRICE, "evidence": cd.Native(), **change}
    with pytest.raises((OrderError, SchemaError, InputError)) as caught:
        network.orders.place(model, **arguments)
    assert caught.value.code == code
    assert holdings(market, "client") == before


def test_provider_with_too_little_stake_declines_before_anything_is_paid(market: EmbeddedMarket) -> None:
    model, network = publish(market), market.network
    provider = market.add_provider("poor", TERMS, stake=cd.usd("1"))
    with pytest.raises(OrderError) as caught:
        network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), provider=provider.address)
    assert caught.value.code == "InsufficientFree"
    assert network.wallet("client").tokens == cd.usd("10000")


def test_wait_outlasts_an_endpoint_that_is_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    market = open_market("memory://")
    market.add_provider("provider", TERMS)
    placed = market.network.orders.place(publish(market), ROW, pay=PRICE, evidence=cd.Native())
    state, asked = market.network.ledger.state, iter(range(3))

    def away(order: Any) -> Any:
        if next(asked, None) is None:
            monkeypatch.setattr(market.network.ledger, "state", state)
            monkeypatch.setattr(placed.orders, "pump", market.pump)
        raise EndpointError("The endpoint is away.", code="EndpointDown")

    monkeypatch.setattr(placed.orders, "pump", lambda: None)  # a client whose nodes are elsewhere
    monkeypatch.setattr(market.network.ledger, "state", away)
    assert placed.wait("recorded").status is OrderStatus.PAID
    monkeypatch.setattr(market.network.ledger, "state", away)
    with pytest.raises(EndpointError):
        placed.wait("recorded", timeout=0)
    market.close()


def test_wait_goes_on_where_an_endpoint_knows_the_state_before_its_logs(
    market: EmbeddedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, network = publish(market), market.network
    placed = network.orders.place(model, ROW, pay=PRICE, evidence=cd.Native())
    placed.wait("settled")
    ledger, late = type(network.ledger), [True, True]
    events_of = ledger.events

    def lagging(self: Any, **span: Any) -> Any:
        return [] if late and late.pop() else events_of(self, **span)

    monkeypatch.setattr(ledger, "events", lagging)
    assert placed.wait("settled").output.integers == (1, 273)
    assert not late
    late[:] = [True] * 1000
    with pytest.raises(OrderError, match="Nothing has been delivered"):
        placed.wait("settled", timeout=0)
