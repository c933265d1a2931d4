"""Every point at which a replica or its provider may die: no salt is lost, nobody is fined, everybody is paid once.

A run without deaths names the points: before and after every write to a journal and every message. Then the scenario
runs once for each; the node that reaches it dies there and is made anew on what is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain
from concordat.client.public import PublicData
from concordat.node.keeper import Keeper
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.node.replica import Replica
from concordat.primitives.units import Address, Seconds, Timestamp, usd
from concordat.protocol.evidence import Replicated
from concordat.protocol.ledger import Parameters
from concordat.protocol.order import OrderStatus, order_id
from concordat.protocol.panel_events import PanelClosed, SeatCommitted, SeatRevealed
from concordat.storage.journal import Journal
from concordat.testing.mortal import Death, Points
from concordat.testing.offers import make_offer
from concordat.testing.small import small_model

NAMES = ("provider", "replica", "keeper")
PARAMETERS = Parameters(draw_delay=1, commit_time=Seconds(60), reveal_time=Seconds(60), unbonding=Seconds(86_400))
TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
ROUNDS = 120
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a disk that is written to thousands of times does not slow the test down: nobody cuts the power here."""


def address(name: str) -> Address:
    return development_account(name).address


class Scene:
    """One replicated order on a ledger in memory, with journals on disk."""

    def __init__(self, folder: Path, points: Points, mortal: str) -> None:
        self.folder, self.points, self.mortal = folder, points, mortal
        self.chain = MemoryChain(PARAMETERS)
        self.ledger, self.public = self.chain.ledger, PublicData(self.chain.content)
        model = small_model()
        self.public.put_model(model.commitment, model.graph, model.manifest.encode())
        self.chain.artifacts.register_model(model.commitment, (), royalty=0, uri="", sender=address("lender"))
        for name in ("client", *NAMES):
            self.chain.fund(address(name), usd(1000))
            self.chain.stake(address(name), usd(500))
        self.journals: dict[str, Journal] = {}
        self.nodes = {name: self.make(name) for name in NAMES}
        self.nodes["replica"].join(4)
        self.offer = make_offer(
            self.ledger,
            development_account("client"),
            address("provider"),
            model,
            salt=1,
            price=usd("1"),
            evidence=Replicated(k=1, n=1),
            deliver_by=Timestamp(self.ledger.now() + 600),
            accept_by=Timestamp(self.ledger.now() + 600),
            window=Seconds(600),
        )
        self.public.put_opening(self.offer.order.input, self.offer.opening)

    def make(self, name: str) -> Stepper:
        points = self.points if name == self.mortal else Points()
        journal = self.journals[name] = Journal(self.folder / name / "journal.db", on_write=points)
        outbox = Outbox(self.ledger, journal, address(name), on_send=points)
        if name == "provider":
            return Provider(self.ledger, journal, self.public, outbox, TERMS)
        if name == "replica":
            return Replica(self.ledger, journal, self.public, outbox)
        return Keeper(self.ledger, journal, outbox)

    def living(self, name: str, act: Callable[[Stepper], int]) -> int:
        while True:
            try:
                return act(self.nodes[name])
            except Death:
                self.journals[name].close()
                self.nodes[name] = self.make(name)

    def play(self) -> None:
        self.living("provider", lambda node: node.offer(self.offer) and 0)
        for _ in range(ROUNDS):
            if self.closed():
                return
            if not sum(self.living(name, lambda node: node.step()) for name in NAMES):
                self.chain.advance(Seconds(10))

    def closed(self) -> bool:
        return any(isinstance(placed.event, PanelClosed) for placed in self.ledger.events())

    def end(self) -> None:
        for journal in self.journals.values():
            journal.close()

    def outcome(self) -> tuple[object, ...]:
        key = order_id(self.offer.order, self.ledger.domain)
        said = [type(p.event) for p in self.ledger.events() if isinstance(p.event, SeatCommitted | SeatRevealed)]
        balances = [self.ledger.balance(address(name)) for name in ("client", *NAMES)]
        return self.ledger.state(key).status, self.ledger.state(key).gathered, tuple(said), tuple(balances)


def run(mortal: str, fatal: int = 0) -> tuple[tuple[object, ...], list[str]]:
    with TemporaryDirectory(dir=FAST) as folder:
        points = Points(fatal)
        scene = Scene(Path(folder), points, mortal)
        scene.play()
        scene.end()
        return scene.outcome(), points.passed


@pytest.mark.parametrize("mortal", ["replica", "provider"])
def test_replica_and_provider_killed_at_any_point_end_as_if_they_had_lived(mortal: str) -> None:
    expected, points = run(mortal)
    assert expected[0] is OrderStatus.PAID
    assert expected[2] == (SeatCommitted, SeatRevealed)
    steps = [
        place
        for place, name in enumerate(points, start=1)
        if not name.endswith(("feed of replica", "feed of provider"))
    ]
    assert len(steps) > 15
    for fatal in steps:
        assert run(mortal, fatal)[0] == expected, points[fatal - 1]


def test_salt_of_a_commitment_is_on_the_disk_before_the_commitment_leaves() -> None:
    _, points = run("replica")
    computed = next(i for i, name in enumerate(points) if name.startswith("after seat computed"))
    sent = next(i for i, name in enumerate(points) if name.startswith("before send commit"))
    assert computed < sent
