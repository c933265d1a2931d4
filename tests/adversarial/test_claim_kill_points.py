"""Nodes that claim and refute on a real chain, killed around all that they send; and chains that forget what was sent.

As in `test_node_kill_points`: a dead node's objects are thrown away, a new one is made on what is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.answers import quantity
from concordat.chain.ledger import EvmLedger
from concordat.client.home import Home
from concordat.client.model import Card
from concordat.client.placed import PlacedOrder
from concordat.client.secret import SecretModel
from concordat.node.challenger import Challenger
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import open_market
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.primitives.encoding import to_hex
from concordat.primitives.units import Address, usd
from concordat.protocol.claim_events import ClaimPosted, ClaimRefuted, RelationAdmitted
from concordat.protocol.events import FindCommitted, Slashed
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.order import OrderStatus
from concordat.storage.journal import Journal
from concordat.testing.false_claims import FalseClaim
from concordat.testing.mortal import Death, Points
from concordat.testing.offers import ROW
from concordat.testing.small import small_graph, small_model

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"), claims=True)
CARD = Card.load({"name": "hidden", "version": "1.0.0", "licence": "LicenseRef-private"})
EVERY = 6
"""Of the points that are no sends."""

pytestmark = pytest.mark.chain


class Lazy(Provider):
    """Takes offers and leaves the rest to the test."""

    def step(self) -> int:
        return 0


@dataclass(frozen=True)
class Stage:
    """A market with one order for a hidden model's answer that its provider has not begun with."""

    market: EmbeddedMarket
    desk: Provider
    watcher: Address
    placed: PlacedOrder

    @property
    def endpoint(self) -> Any:
        return self.market.backend.ledger.endpoint  # type: ignore[attr-defined]

    def ledger(self) -> EvmLedger:
        known = self.market.backend.ledger
        assert isinstance(known, EvmLedger)
        return EvmLedger(known.endpoint, known.deployment, self.market.keyring.signers().values())

    def provider(self, folder: Path, points: Points, kind: type[Provider] = Provider) -> tuple[Journal, Provider]:
        ledger, journal = self.ledger(), Journal(folder / "provider.db", on_write=points)
        outbox = Outbox(ledger, journal, self.desk.address, on_send=points)
        made = kind(ledger, journal, self.market.public, outbox, TERMS, seals=self.desk.seals, shelf=self.desk.shelf)
        item = self.desk.journal.item("offer", to_hex(self.placed.id))
        if journal.item("offer", to_hex(self.placed.id)) is None and item is not None:
            journal.set_item("offer", to_hex(self.placed.id), "received", item[1])
        return journal, made

    def challenger(self, folder: Path, points: Points) -> tuple[Journal, Challenger]:
        ledger, journal = self.ledger(), Journal(folder / "challenger.db", on_write=points)
        outbox = Outbox(ledger, journal, self.watcher, on_send=points)
        return journal, Challenger(ledger, journal, self.market.public, outbox)

    def status(self) -> OrderStatus:
        return self.market.backend.ledger.state(self.placed.id).status

    def events(self, *kinds: type) -> list[Any]:
        return [placed.event for placed in self.market.backend.ledger.events() if isinstance(placed.event, kinds)]

    def sent(self, account: Address) -> int:
        return quantity(self.endpoint.call("eth_getTransactionCount", to_hex(account), "latest"))

    def pass_window(self) -> None:
        self.endpoint.call("evm_increaseTime", self.placed.order.window)
        self.endpoint.call("evm_mine")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    secret = SecretModel.of_program(small_graph(hidden=6), small_model().schema, CARD)
    market = open_market("anvil://", home=Home(tmp_path_factory.mktemp("home")))
    desk, watcher = market.add_provider("provider", TERMS, kind=Lazy), market.add_challenger("challenger")
    market.network.deposit("client", usd(100))
    model: Any = market.network.registry.publish(secret, signer="provider")
    yield Stage(market, desk, watcher.outbox.sender, market.network.orders.place(model, ROW, pay=usd("0.50")))
    market.close()


@pytest.fixture
def stage(built: Stage) -> Iterator[Stage]:
    snapshot = built.endpoint.call("evm_snapshot")
    yield built
    built.endpoint.call("evm_revert", snapshot)


def live(make: Callable[[], tuple[Journal, Stepper]], until: Callable[[], bool]) -> None:
    """Let a node work until something is reached; if it dies, make another one of what it left."""
    journal, node = make()
    for _ in range(200):
        if until():
            journal.close()
            return
        try:
            node.step()
        except Death:
            journal.close()
            journal, node = make()
    journal.close()
    pytest.fail("the node does not get there")


def paid(stage: Stage) -> Callable[[], bool]:
    """Whether the order is paid; its window passes as soon as it is delivered."""

    def look() -> bool:
        if stage.status() is OrderStatus.DELIVERED:
            stage.pass_window()
        return stage.status() is OrderStatus.PAID

    return look


def chosen(passed: list[str]) -> list[int]:
    """Points to die at: every one around a send, and some of the others."""
    return [at for at, name in enumerate(passed, 1) if " send " in name or at % EVERY == 0]


def again(stage: Stage, act: Callable[[Points, Path], None], folder: Path, points: list[int]) -> Iterator[int]:
    """Do something once for each point, with a death there, on the same chain."""
    for fatal in points:
        snapshot = stage.endpoint.call("evm_snapshot")
        act(Points(fatal), folder / str(fatal))
        yield fatal
        stage.endpoint.call("evm_revert", snapshot)


def test_provider_killed_at_any_point_claims_once_and_is_paid(stage: Stage, tmp_path: Path) -> None:
    before = stage.sent(stage.desk.address)

    def act(points: Points, folder: Path) -> None:
        live(lambda: stage.provider(folder, points), paid(stage))

    snapshot, calm = stage.endpoint.call("evm_snapshot"), Points()
    act(calm, tmp_path / "calm")
    sent = stage.sent(stage.desk.address) - before
    stage.endpoint.call("evm_revert", snapshot)
    assert sent == 5  # admit, accept, claim, submit, collect
    assert sum(" send " in name for name in calm.passed) == 2 * sent
    for fatal in again(stage, act, tmp_path, chosen(calm.passed)):
        assert stage.market.backend.ledger.state(stage.placed.id).gathered == 1 << EvidenceKind.VALIDITY, fatal
        assert len(stage.events(ClaimPosted)) == len(stage.events(RelationAdmitted)) == 1
        assert stage.sent(stage.desk.address) - before == sent


def lie(stage: Stage, folder: Path) -> None:
    """A false claim is posted and delivered."""
    calm = Points()
    live(lambda: stage.provider(folder, calm, FalseClaim), lambda: stage.status() is OrderStatus.DELIVERED)


def test_challenger_killed_at_any_point_refutes_once(stage: Stage, tmp_path: Path) -> None:
    lie(stage, tmp_path)
    before = stage.sent(stage.watcher)

    def act(points: Points, folder: Path) -> None:
        live(lambda: stage.challenger(folder, points), lambda: stage.status() is OrderStatus.SLASHED)

    snapshot, calm = stage.endpoint.call("evm_snapshot"), Points()
    act(calm, tmp_path / "calm")
    stage.endpoint.call("evm_revert", snapshot)
    for fatal in again(stage, act, tmp_path, chosen(calm.passed)):
        assert stage.sent(stage.watcher) - before == 2, fatal
        assert len(stage.events(Slashed)) == len(stage.events(ClaimRefuted)) == 1


def forget(stage: Stage, snapshot: str) -> None:
    """The chain goes back, and on along another branch."""
    stage.endpoint.call("evm_revert", snapshot)
    stage.endpoint.call("anvil_mine", "0x4")


def test_claim_that_a_reorganisation_took_is_posted_again(stage: Stage, tmp_path: Path) -> None:
    journal, node = stage.provider(tmp_path, Points())
    while stage.status() is OrderStatus.NONE:
        node.step()
    snapshot = stage.endpoint.call("evm_snapshot")
    while stage.status() is not OrderStatus.DELIVERED:
        node.step()
    node.step()
    assert len(stage.events(ClaimPosted)) == 1
    forget(stage, snapshot)
    assert not stage.events(ClaimPosted)
    journal.close()
    live(lambda: stage.provider(tmp_path, Points()), paid(stage))
    assert len(stage.events(ClaimPosted)) == 1


def test_find_that_a_reorganisation_took_is_committed_again(stage: Stage, tmp_path: Path) -> None:
    lie(stage, tmp_path)
    journal, node = stage.challenger(tmp_path, Points())
    snapshot = stage.endpoint.call("evm_snapshot")
    while not stage.events(FindCommitted):
        node.step()
    forget(stage, snapshot)
    journal.close()
    live(lambda: stage.challenger(tmp_path, Points()), lambda: stage.status() is OrderStatus.SLASHED)
    assert len(stage.events(FindCommitted)) == len(stage.events(ClaimRefuted)) == 1


def test_two_copies_of_a_provider_claim_once(stage: Stage, tmp_path: Path) -> None:
    copies = [stage.provider(tmp_path / name, Points()) for name in ("one", "two")]
    look = paid(stage)
    for _ in range(100):
        if look():
            break
        for _, node in copies:
            node.step()
    for journal, _ in copies:
        journal.close()
    assert stage.status() is OrderStatus.PAID
    assert len(stage.events(ClaimPosted)) == 1
