"""The next version of the contracts comes while orders are open: every one of them ends where it was placed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import concordat as cd
from concordat.chain.deploy import upgrade
from concordat.chain.deployment import Deployment
from concordat.chain.inspection import inspect
from concordat.client.evm import DevelopmentChain
from concordat.client.home import Home
from concordat.client.placed import PlacedOrder
from concordat.client.registry import PublishedModel
from concordat.node.embedded import STAKE, EmbeddedMarket
from concordat.node.open import TERMS, open_market, upgrade_market
from concordat.node.provider import Provider, Terms
from concordat.node.upgrade import open_orders
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ConfigurationError, OrderError
from concordat.primitives.units import Seconds
from concordat.protocol.events import DisputeOpened, Slashed
from concordat.protocol.ledger import Parameters
from concordat.protocol.order import OrderStatus
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import settled_orders
from concordat.testing.cheats import WithheldTrace
from concordat.testing.offers import ROW
from concordat.testing.small import small_model
from concordat.verify import check_sequence

pytestmark = pytest.mark.chain

PRICE = cd.usd("0.50")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def first(home: Home) -> Iterator[EmbeddedMarket]:
    market = open_market("anvil://", home=home)
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    yield market
    market.close()


def published(market: EmbeddedMarket) -> PublishedModel:
    model = market.network.registry.publish(small_model(), signer="lender")
    assert isinstance(model, PublishedModel)
    return model


def next_version(market: EmbeddedMarket, **parameters: Seconds) -> EmbeddedMarket:
    chosen = replace(market.network.ledger.parameters, **parameters) if parameters else None
    new = upgrade_market(market, parameters=chosen)
    new.add_provider("provider", TERMS)
    new.add_challenger("challenger")
    return new


class OnlyAccepts(Provider):
    """A provider that falls silent after it has locked its bond."""

    def _deliver(self, key: str, body: dict[str, object]) -> int:
        return 0


def bundle_holds(market: EmbeddedMarket, decision: cd.Decision, trust: TrustRoot) -> bool:
    facts = market.network.records.facts(decision.bundle)
    return cd.verify(decision.bundle, trust, endpoint_facts=facts).ok


def test_upgrade_in_the_middle_of_open_orders_loses_none_of_them(first: EmbeddedMarket) -> None:
    model, orders = published(first), first.network.orders
    done = orders.place(model, ROW, pay=PRICE).wait("recorded")
    delivered = orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    delivered.wait("delivered")
    first.add_provider("silent", replace_terms(), kind=OnlyAccepts)
    silent = first.network.keyring.signer("silent").address
    funded = orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), provider=silent)
    while funded.status is not OrderStatus.FUNDED:
        first.pump()
    first.add_provider("cheat", TERMS, kind=WithheldTrace)
    cheat = first.network.keyring.signer("cheat").address
    disputed = orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30), provider=cheat)
    while not any(isinstance(placed.event, DisputeOpened) for placed in first.network.ledger.events()):
        first.pump()
    waiting = orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    assert (delivered.status, funded.status) == (OrderStatus.DELIVERED, OrderStatus.FUNDED)
    assert first.network.ledger.state(disputed.id).open_disputes == 1
    assert waiting.status is OrderStatus.NONE

    second = next_version(first, move_time=Seconds(600))
    new = second.network.orders.place(model, ROW, pay=PRICE).wait("recorded")
    assert new.bundle.domain.market != done.bundle.domain.market
    ended = {
        name: second.network.orders.get(placed.id)
        for name, placed in {"delivered": delivered, "waiting": waiting}.items()
    }
    decisions = {name: placed.wait("recorded", timeout=120) for name, placed in ended.items()}
    for placed in (funded, disputed):
        with pytest.raises(OrderError):
            second.network.orders.get(placed.id).wait("settled", timeout=120)
    assert (funded.status, disputed.status) == (OrderStatus.EXPIRED, OrderStatus.SLASHED)
    assert open_orders(first.network.ledger) == []

    trust = TrustRoot.parse(second.network.records.trust_root().encode())
    assert [version.market for version in trust.earlier] == [done.bundle.domain.market]
    for decision in (done, new, *decisions.values()):
        assert bundle_holds(second, decision, trust)
    only_new = replace(trust, earlier=())
    assert not cd.verify(done.bundle, only_new)
    assert cd.verify(new.bundle, only_new)
    second.close()


def replace_terms() -> Terms:
    return replace(TERMS, fund_first=True)


def test_one_log_holds_the_records_of_both_versions_in_their_own_order(first: EmbeddedMarket) -> None:
    model = published(first)
    for _ in range(2):
        first.network.orders.place(model, ROW, pay=PRICE).wait("recorded")
    second = next_version(first)
    for _ in range(3):
        second.network.orders.place(model, ROW, pay=PRICE).wait("recorded")
    records = [entry.record for entry in second.network.records.of_model(model.id)]
    assert [record.sequence for record in records] == [0, 1, 0, 1, 2]
    for version in second.network.records.versions:
        domain, settled = version.ledger.domain, settled_orders(version.ledger.events(), model.id)
        mine = [record for record in records if record.domain == domain]
        assert len(mine) == len(settled)
        assert check_sequence(mine, settled, domain=domain) == ()
    second.close()


def test_stake_moves_by_itself_once_it_is_free(first: EmbeddedMarket) -> None:
    model = published(first)
    placed = first.network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    placed.wait("delivered")
    second = next_version(first)
    account = first.network.keyring.signer("provider").address
    for _ in range(3):
        second.pump()
    old, new = first.network.ledger, second.network.ledger
    assert old.balance(account).free == 0
    assert old.balance(account).locked > 0
    assert new.balance(account).free == STAKE + STAKE - old.balance(account).locked
    second.network.orders.get(placed.id).wait("settled", timeout=120)
    second.backend.advance(Seconds(120))
    second.settle()
    assert old.balance(account).free == old.balance(account).locked == 0
    assert new.balance(account).free == STAKE + STAKE + PRICE
    second.close()


def test_upgraded_home_serves_both_versions_after_a_restart(home: Home) -> None:
    market = open_market("anvil://", home=home)
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    model = published(market)
    placed = market.network.orders.place(model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30))
    placed.wait("delivered")
    next_version(market).close()

    again = open_market("anvil://", home=home)
    again.add_provider("provider", TERMS)
    again.add_challenger("challenger")
    assert (again.version, again.earlier is not None) == (2, True)
    assert again.network.orders.get(placed.id).wait("recorded", timeout=120).status is OrderStatus.PAID
    assert again.network.orders.place(model, ROW, pay=PRICE).wait("recorded").status is OrderStatus.PAID
    third = next_version(again)
    assert [version.ledger.domain.market for version in third.network.records.versions] == [
        deployment.market for deployment in all_versions(Deployment.load(home.deployment))
    ]
    assert third.network.orders.get(placed.id).status is OrderStatus.PAID
    third.close()


def all_versions(deployment: Deployment) -> list[Deployment]:
    return [deployment, *deployment.earlier]


def test_fraud_on_the_earlier_version_is_still_shown_after_the_upgrade(first: EmbeddedMarket) -> None:
    model = published(first)
    dishonest = first.add_provider("cheat", TERMS, kind=WithheldTrace)
    cheat = dishonest.address
    placed = first.network.orders.place(
        model, ROW, pay=PRICE, evidence=cd.FraudProvable(), window=cd.minutes(30), provider=cheat
    )
    while placed.status is not OrderStatus.DELIVERED:
        dishonest.step()
    second = next_version(first)
    with pytest.raises(OrderError):
        second.network.orders.get(placed.id).wait("settled", timeout=120)
    assert any(isinstance(event.event, Slashed) for event in first.network.ledger.events())
    second.close()


def test_upgrade_shares_token_and_registries_and_passes_every_check(first: EmbeddedMarket) -> None:
    second = next_version(first, move_time=Seconds(600))
    chain = second.backend
    assert isinstance(chain, DevelopmentChain)
    new = chain.ledger.deployment
    (old,) = new.earlier
    assert (new.version, old.version) == (2, 1)
    for name in ("token", "artifacts", "agents", "checkpoints", "native"):
        assert getattr(new, name) == getattr(old, name)
    for name in ("market", "vault", "court", "replication"):
        assert getattr(new, name) != getattr(old, name)
    found = inspect(chain.endpoint, new)
    assert found.complete
    assert not found.failed
    assert new.parameters == Parameters(move_time=Seconds(600))
    second.close()


def test_upgrade_of_a_deployment_that_is_not_there_is_refused(first: EmbeddedMarket) -> None:
    chain = first.backend
    assert isinstance(chain, DevelopmentChain)
    claimed = replace(chain.ledger.deployment, vault=chain.ledger.deployment.court)
    with pytest.raises(ConfigurationError) as caught:
        upgrade(chain.endpoint, first.network.keyring.signer("lender"), claimed)
    assert caught.value.code == "WrongContracts"


def test_market_in_memory_has_no_next_version() -> None:
    market = open_market("memory://")
    with pytest.raises(ConfigurationError) as caught:
        upgrade_market(market)
    assert caught.value.code == "NoUpgrade"
    market.close()


def test_erasure_after_an_upgrade_reaches_orders_of_both_versions(first: EmbeddedMarket) -> None:
    model, subject = published(first), "patient 4711"

    def decide(market: EmbeddedMarket) -> PlacedOrder:
        placed = market.network.orders.place(model.id, ROW, pay=PRICE, private=True, subject=subject)
        placed.wait("delivered")
        placed.release()
        placed.wait("recorded")
        return placed

    old = decide(first)
    waiting = first.network.orders.place(model.id, ROW, pay=PRICE, private=True, subject=subject)
    waiting.wait("delivered")
    second = next_version(first)
    with pytest.raises(OrderError) as caught:
        second.network.records.erase(subject)
    assert caught.value.code == "StillOpen"  # at the version before
    second.network.orders.get(waiting.id).release()
    second.network.orders.get(waiting.id).wait("recorded")
    new = decide(second)
    erased = second.network.records.erase(subject)
    assert (set(erased.orders), erased.unreached) == ({old.id, waiting.id, new.id}, ())
    for _ in range(50):
        second.pump()
    for placed in (old, waiting, new):
        assert second.network.records.tombstone(placed.id) is not None
    for market, names in ((first, (old.id, waiting.id)), (second, (new.id,))):
        provider = market.provider(second.network.keyring.signer("provider").address)
        assert provider is not None
        offers = [provider.journal.item("offer", to_hex(name)) for name in names]
        assert all(offer is not None and "sealed" not in offer[1] for offer in offers)
    second.close()
