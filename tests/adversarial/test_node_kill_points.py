"""Every point at which a node may die, in every way an order can go: nothing is lost, doubled or stuck afterwards.

A run without deaths names the points: before and after every write to a journal, every file of the log and every
message to the ledger. Then the scenario runs once for each; the node that reaches it dies there, its objects are
thrown away, and a new one is made on what is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain
from concordat.client.public import PublicData
from concordat.node.challenger import Challenger
from concordat.node.keeper import Keeper
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.node.recorder import Recorder
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Seconds, usd
from concordat.protocol.checkpoint import NoteSigner
from concordat.protocol.events import Paid
from concordat.protocol.evidence import EvidenceKind, Native, Policy
from concordat.protocol.ledger import Balance
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.protocol.verification import sequence_of, settled_orders
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog
from concordat.testing.cheats import AlteredMiddle, FalseChallenger, NeverDelivers, WithheldTrace
from concordat.testing.mortal import Death, Points, log_writer
from concordat.testing.offers import make_offer
from concordat.testing.small import small_model

NAMES = ("provider", "challenger", "keeper")
TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
FUND_FIRST = Terms(price=usd("0.05"), bond_limit=usd("1000"), fund_first=True)
LOG_KEY = NoteSigner.from_seed("concordat.local/log", keccak256(b"mortal"))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One way an order can go."""

    provider: Callable[..., Provider] = Provider
    challenger: Callable[..., Challenger] = Challenger
    terms: Terms = TERMS
    evidence: Policy | None = None
    ends: OrderStatus = OrderStatus.PAID
    orders: int = 1


SCENARIOS = {
    "native": Scenario(evidence=Native(), orders=2),
    "optimistic": Scenario(),
    "funded first": Scenario(terms=FUND_FIRST),
    "fraud shown": Scenario(provider=AlteredMiddle, ends=OrderStatus.SLASHED),
    "trace withheld": Scenario(provider=WithheldTrace, ends=OrderStatus.SLASHED),
    "not delivered": Scenario(provider=NeverDelivers, terms=FUND_FIRST, ends=OrderStatus.EXPIRED),
    "challenged falsely": Scenario(challenger=FalseChallenger),
}


@dataclass(frozen=True)
class Outcome:
    """Everything that deaths must not change."""

    states: tuple[tuple[OrderStatus, int], ...]
    """Status and evidence of every order."""
    balances: tuple[Balance, ...]
    """Of every account."""
    tokens: tuple[Amount, ...]
    """Likewise."""
    records: tuple[int, ...]
    """Sequence of the record of every paid order, in order of the log."""
    planned: tuple[str, ...] = field(default=())
    """Intents whose fate nobody knows."""


@dataclass(frozen=True)
class KeeperProcess:
    """Keeper and recorder share a process and its journal."""

    keeper: Keeper
    recorder: Recorder

    def step(self) -> int:
        return self.keeper.step() + self.recorder.step()


class Market:
    """Three mortal processes on a ledger in memory, with journals and log on disk."""

    def __init__(self, scenario: Scenario, folder: Path, points: Points) -> None:
        self.scenario, self.folder, self.points = scenario, folder, points
        self.chain = MemoryChain()
        self.ledger, self.content = self.chain.ledger, self.chain.content
        self.public = PublicData(self.content)
        model = small_model()
        self.public.put_model(model.commitment, model.graph, model.manifest.encode())
        self.chain.artifacts.register_model(model.commitment, (), royalty=0, uri="", sender=self.address("lender"))
        self.chain.artifacts.publish_native(model.commitment, model.native or b"", sender=self.address("lender"))
        for name in ("client", *NAMES):
            self.chain.fund(self.address(name), usd(1000))
            self.chain.stake(self.address(name), usd(500))
        self.nodes = {name: self._make(name) for name in NAMES}
        self.orders: list[Order] = []

    @staticmethod
    def address(name: str) -> Address:
        return development_account(name).address

    def _make(self, name: str) -> tuple[Journal, Stepper]:
        journal = Journal(self.folder / name / "journal.db", on_write=self.points)
        outbox = Outbox(self.ledger, journal, self.address(name), on_send=self.points)
        if name == "provider":
            native = self.chain.artifacts.has_native
            terms = self.scenario.terms
            return journal, self.scenario.provider(self.ledger, journal, self.public, outbox, terms, native=native)
        if name == "challenger":
            return journal, self.scenario.challenger(self.ledger, journal, self.public, outbox)
        log = TransparencyLog(self.folder / "log", LOG_KEY, write=log_writer(self.points))
        recorder = Recorder(self.ledger, journal, self.public, log)
        return journal, KeeperProcess(Keeper(self.ledger, journal, outbox), recorder)

    def _living(self, name: str, act: Callable[[Stepper], int]) -> int:
        """Let a node do something; if it dies of it, bury it and make a new one, which does it again."""
        while True:
            try:
                return act(self.nodes[name][1])
            except Death:
                self._bury(name)
                self.nodes[name] = self._make(name)

    def _bury(self, name: str) -> None:
        journal, node = self.nodes[name]
        journal.close()
        if isinstance(node, KeeperProcess):
            node.recorder.log.close()

    def settle(self) -> None:
        for _ in range(100):
            if not sum(self._living(name, lambda node: node.step()) for name in NAMES):
                return
        raise AssertionError("somebody never has enough")

    def place(self, salt: int) -> None:
        client = development_account("client")
        offer = make_offer(
            self.ledger,
            client,
            self.address("provider"),
            small_model(),
            salt=salt,
            evidence=self.scenario.evidence,
        )
        self.public.put_opening(offer.order.input, offer.opening)
        self.orders.append(offer.order)

        def hand_over(node: Stepper) -> int:
            assert isinstance(node, Provider)
            return len(node.offer(offer))

        self._living("provider", hand_over)

    def act(self) -> Outcome:
        """The whole story."""
        for salt in range(self.scenario.orders):
            self.place(salt)
        for seconds in (0, 601, 1, 3601, 3601, 3601, 1):
            self.chain.advance(Seconds(seconds))
            self.settle()
        return self._outcome()

    def _outcome(self) -> Outcome:
        states = [self.ledger.state(order_id(order, self.ledger.domain)) for order in self.orders]
        people = [self.address(name) for name in ("client", *NAMES)]
        planned = [intent.key for journal, _ in self.nodes.values() for intent in journal.intents("planned")]
        keeper = self.nodes["keeper"][1]
        assert isinstance(keeper, KeeperProcess)
        keeper.recorder.log.audit()
        return Outcome(
            states=tuple((state.status, state.gathered) for state in states),
            balances=tuple(map(self.ledger.balance, people)),
            tokens=tuple(map(self.ledger.token_balance, people)),
            records=tuple(entry.record.sequence for entry in keeper.recorder.log.records()),
            planned=tuple(planned),
        )

    def close(self) -> None:
        for name in NAMES:
            self._bury(name)


@pytest.fixture
def folders() -> Iterator[Callable[[], Path]]:
    """New folders in memory where there is such a thing: thousands of journals are written to the disk here."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(prefix="concordat-", dir=shared if shared.is_dir() else None) as parent:
        count = iter(range(10**6))
        yield lambda: Path(parent) / str(next(count))


def run(scenario: Scenario, folder: Path, points: Points) -> Outcome:
    market = Market(scenario, folder, points)
    try:
        outcome = market.act()
        paid = [placed.event for placed in market.ledger.events() if isinstance(placed.event, Paid)]
        settled = settled_orders(market.ledger.events(), small_model().id)
        sequences = tuple(sequence_of(settled, event.order_id) for event in paid)
        assert outcome.records == sequences, "exactly one record of each paid order, in order of the chain"
        return outcome
    finally:
        market.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_node_killed_at_any_point_changes_nothing_in_the_end(name: str, folders: Callable[[], Path]) -> None:
    scenario, points = SCENARIOS[name], Points()
    undisturbed = run(scenario, folders(), points)
    assert {status for status, _ in undisturbed.states} == {scenario.ends}
    assert not undisturbed.planned
    assert not any(balance.locked for balance in undisturbed.balances)
    assert len(undisturbed.records) == (scenario.orders if scenario.ends is OrderStatus.PAID else 0)
    wrong = []
    for fatal, point in enumerate(points.passed, start=1):
        if run(scenario, folders(), Points(fatal)) != undisturbed:
            wrong.append(point)
    assert len(points.passed) > 20
    assert not wrong


@pytest.mark.parametrize("name", SCENARIOS)
def test_node_killed_at_every_point_in_turn_changes_nothing_in_the_end(name: str, folders: Callable[[], Path]) -> None:
    class Once(Points):
        """Dies at every point when it comes there for the first time."""

        def __call__(self, name: str) -> None:
            if name not in self.passed:
                self.passed.append(name)
                raise Death

    scenario, deaths = SCENARIOS[name], Once()
    assert run(scenario, folders(), deaths) == run(scenario, folders(), Points())
    assert len(deaths.passed) > 20


def test_gathered_evidence_of_scenarios_is_what_they_are_named_after(folders: Callable[[], Path]) -> None:
    native = run(SCENARIOS["native"], folders(), Points())
    optimistic = run(SCENARIOS["optimistic"], folders(), Points())
    assert {gathered for _, gathered in native.states} == {1 << EvidenceKind.NATIVE}
    assert {gathered for _, gathered in optimistic.states} == {1 << EvidenceKind.FRAUD_PROVABLE}
