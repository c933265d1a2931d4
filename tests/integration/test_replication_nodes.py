"""Replicas, providers and keepers of one market: orders that need them, and what becomes of those who cheat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import concordat as cd
from concordat.client.placed import PlacedOrder
from concordat.client.registry import PublishedModel
from concordat.node.accuser import Accuser
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, open_market
from concordat.node.provider import Provider
from concordat.node.replica import Replica
from concordat.primitives.errors import OrderError, PolicyError
from concordat.primitives.units import Amount, usd
from concordat.protocol.evidence import EvidenceKind, Policy
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.panel import Seat
from concordat.protocol.panel_events import PanelClosed, PanelDrawn, ReplicaSlashed, SeatRevealed, SeatSettled
from concordat.storage.index.happening import CreditKind, PanelStatus
from concordat.testing.cheats import AgreesWithAnything, AlteredMiddle, AlteredOutput, Dissents, FallsSilent
from concordat.testing.offers import ROW
from concordat.testing.small import small_model

TWO_OF_THREE = cd.Replicated(k=2, n=3)
TICKET = 5_000_000


@pytest.fixture
def market() -> Iterator[EmbeddedMarket]:
    """A market without provider and replicas yet."""
    market = open_market("memory://")
    yield market
    market.close()


def publish(market: EmbeddedMarket) -> PublishedModel:
    return market.network.registry.publish(small_model(), signer="publisher")


def place(market: EmbeddedMarket, policy: Policy, **more) -> PlacedOrder:
    return market.network.orders.place(publish(market), ROW, pay=usd("1"), evidence=policy, **more)


def events(market: EmbeddedMarket, *kinds: type) -> list:
    return [placed.event for placed in market.network.ledger.events() if isinstance(placed.event, kinds)]


def let_pass(market: EmbeddedMarket) -> None:
    """Until nothing about replicas is left to do."""
    for _ in range(100):
        if events(market, PanelClosed):
            return
        market.pump()


def wealth(market: EmbeddedMarket, name: str) -> int:
    wallet = market.network.wallet(name)
    return wallet.tokens + wallet.free + wallet.locked


def fill(market: EmbeddedMarket, count: int = 3, kind: type[Replica] = Replica) -> list[Replica]:
    return [market.add_replica(f"replica-{i}", kind=kind) for i in range(1, count + 1)]


# -- orders that need replicas -----------------------------------------------------------------------------------------


def test_order_for_replicas_is_paid_on_their_word_and_everybody_gets_an_equal_part(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    fill(market, 4)
    names = ["provider", *(f"replica-{i}" for i in range(1, 5))]
    before = {name: wealth(market, name) for name in names}
    decision = place(market, TWO_OF_THREE).wait("settled")
    assert decision.evidence == {EvidenceKind.REPLICATED}
    let_pass(market)
    earned = sorted(wealth(market, name) - before[name] for name in names)
    assert earned == [0, 250_000, 250_000, 250_000, 250_000]
    assert events(market, PanelClosed)[0].amount == 0


@pytest.mark.parametrize(
    ("policy", "gathered"),
    [
        (cd.AllOf(cd.FraudProvable(), cd.Replicated(k=1, n=2)), {EvidenceKind.FRAUD_PROVABLE, EvidenceKind.REPLICATED}),
        (cd.AllOf(cd.Native(), cd.FraudProvable()), {EvidenceKind.NATIVE, EvidenceKind.FRAUD_PROVABLE}),
        (cd.AllOf(cd.Native(), cd.Replicated(k=1, n=1)), {EvidenceKind.NATIVE, EvidenceKind.REPLICATED}),
        (cd.AnyOf(cd.Native(), cd.Replicated(k=3, n=3)), {EvidenceKind.NATIVE}),
    ],
    ids=str,
)
def test_provider_gathers_every_kind_that_a_policy_needs(
    market: EmbeddedMarket, policy: Policy, gathered: set[EvidenceKind]
) -> None:
    market.add_provider("provider", TERMS)
    fill(market)
    assert place(market, policy).wait("settled").evidence == gathered


def test_order_for_more_replicas_than_there_are_is_delivered_and_what_was_not_earned_comes_back(
    market: EmbeddedMarket,
) -> None:
    market.add_provider("provider", TERMS)
    fill(market, 1)
    decision = place(market, TWO_OF_THREE).wait("settled")
    assert decision.evidence == {EvidenceKind.FRAUD_PROVABLE}
    let_pass(market)
    assert len(events(market, PanelDrawn)[0].replicas) == 1
    assert market.network.wallet("client").free == 500_000


def test_order_for_replicas_of_which_there_are_none_is_delivered_in_the_end(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    decision = place(market, TWO_OF_THREE).wait("settled")
    assert decision.evidence == {EvidenceKind.FRAUD_PROVABLE}
    let_pass(market)
    assert market.network.wallet("client").free == 750_000


def test_order_for_replicas_that_pays_the_provider_too_little_is_refused(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    with pytest.raises(OrderError) as caught:
        market.network.orders.place(publish(market), ROW, pay=usd("0.19"), evidence=TWO_OF_THREE)
    assert caught.value.code == "PriceTooLow"


def test_order_for_replicas_without_room_for_them_is_refused(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    for more in ({"deadline": cd.minutes(10)}, {"window": cd.minutes(9)}, {"window": cd.days(8)}):
        with pytest.raises(OrderError) as caught:
            place(market, TWO_OF_THREE, **more)
        assert caught.value.code in ("BadTerms", "WindowTooLong")


def test_policy_that_does_not_say_how_many_replicas_is_refused(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    with pytest.raises(PolicyError) as caught:
        place(market, Policy(frozenset({frozenset({EvidenceKind.REPLICATED})})))
    assert caught.value.code == "BadReplicas"


# -- who cheats --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AlteredMiddle, AlteredOutput])
def test_attack_lying_provider_is_slashed_by_the_replicas_themselves(
    market: EmbeddedMarket, kind: type[Provider]
) -> None:
    """There is no other challenger."""
    market.add_provider("liar", TERMS, kind=kind)
    fill(market)
    before = sum(wealth(market, f"replica-{i}") for i in range(1, 4))
    with pytest.raises(OrderError) as caught:
        place(market, TWO_OF_THREE).wait("settled")
    assert caught.value.code == "OrderSlashed"
    let_pass(market)
    assert not any(event.agrees for event in events(market, SeatRevealed))
    fees, reward = 3 * 250_000, 2_000_000
    assert sum(wealth(market, f"replica-{i}") for i in range(1, 4)) == before + fees + reward


def test_attack_liar_and_all_replicas_in_league_lose_bond_and_stakes_to_one_challenger(
    market: EmbeddedMarket,
) -> None:
    liar = market.add_provider("liar", TERMS, kind=AlteredMiddle)
    for i in (1, 2):
        journal, outbox = market._tools(f"accomplice-{i}")
        market.backend.stake(outbox.sender, usd("500"))
        accomplice = AgreesWithAnything(market.backend.ledger, journal, market.public, outbox)
        accomplice.accomplice = liar
        accomplice.join(10)
        market.replicas.append(accomplice)
    policy = cd.Replicated(k=2, n=2)
    placed = place(market, policy)
    market.add_challenger("challenger")
    market.accusers.append(accuser(market, "challenger-2"))
    with pytest.raises(OrderError):
        placed.wait("settled")
    let_pass(market)
    assert all(event.agrees for event in events(market, SeatRevealed))
    assert {event.burned for event in events(market, ReplicaSlashed)} == {10 * TICKET // 4}
    assert len(events(market, ReplicaSlashed)) == 2
    assert market.network.wallet("accomplice-1").locked == 0


def accuser(market: EmbeddedMarket, name: str) -> Accuser:
    journal, outbox = market._tools(name)
    return Accuser(market.backend.ledger, journal, market.public, outbox)


def test_attack_replica_that_dissents_for_nothing_blocks_the_evidence_and_pays_for_it(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    fill(market, 2)
    market.add_replica("heckler", kind=Dissents)
    decision = place(market, TWO_OF_THREE).wait("settled")
    assert decision.evidence == {EvidenceKind.FRAUD_PROVABLE}
    let_pass(market)
    assert [event.fined for event in events(market, SeatSettled)] == [TICKET]
    assert market.network.wallet("heckler").locked == 9 * TICKET
    assert market.network.ledger.balance(BURN_ADDRESS).free == TICKET


def test_attack_replica_that_commits_and_falls_silent_pays_and_hinders_nobody(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    fill(market, 2)
    market.add_replica("silent", kind=FallsSilent)
    decision = place(market, TWO_OF_THREE).wait("settled")
    assert decision.evidence == {EvidenceKind.REPLICATED}
    let_pass(market)
    assert market.network.wallet("silent").locked == 9 * TICKET
    assert market.network.wallet("client").free == 250_000


# -- being a member ----------------------------------------------------------------------------------------------------


def test_replica_joins_with_as_many_tickets_as_it_wants_and_no_more_the_next_time(market: EmbeddedMarket) -> None:
    replica = market.add_replica("replica", tickets=4)
    assert not replica.join(3)
    assert replica.join(6)
    assert market.network.wallet("replica").locked == 6 * TICKET
    assert market.network.ledger.member(replica.address).tickets == 6


def test_replica_without_the_stake_cannot_join(market: EmbeddedMarket) -> None:
    with pytest.raises(cd.ConcordatError) as caught:
        market.add_replica("poor", tickets=60_000)
    assert caught.value.code == "InsufficientFree"
    assert market.network.wallet("poor").locked == Amount(0)


# -- asked afterwards --------------------------------------------------------------------------------------------------


def test_index_tells_who_was_drawn_and_what_he_earned(market: EmbeddedMarket) -> None:
    market.add_provider("provider", TERMS)
    fill(market)
    order = place(market, TWO_OF_THREE)
    order.wait("settled")
    let_pass(market)
    index = market.network.index
    assert [(entry.order, entry.status) for entry in index.panels().items] == [(order.id, PanelStatus.CLOSED)]
    seats = index.seats(order=order.id).items
    assert [(entry.status, entry.paid, entry.fined) for entry in seats] == [(Seat.AGREED, 250_000, 0)] * 3
    assert {entry.replica for entry in seats} == {entry.replica for entry in index.members().items}
    fees = [entry for entry in index.credits(account=seats[0].replica).items if entry.kind is CreditKind.SEAT_FEE]
    assert [entry.amount for entry in fees] == [250_000]
