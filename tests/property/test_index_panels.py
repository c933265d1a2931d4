"""What the index says of replicas is what the rules' state says, however the events were cut, lost and read again."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concordat.graph.judge import GraphJudge
from concordat.primitives.errors import EndpointError, ProtocolError
from concordat.primitives.units import Address, OrderId, Seconds, Timestamp
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import BURN_ADDRESS, Parameters
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import Deposit
from concordat.protocol.panel import Seat
from concordat.protocol.panel_messages import DrawPanel, LeavePool
from concordat.protocol.state import WorldState
from concordat.storage.index.chain_index import Block, ChainIndex
from concordat.storage.index.happening import Happening, MemberStatus, PanelStatus
from concordat.storage.index.query import Query, find_page
from concordat.storage.index.rows import MemberEntry, OrderEntry, PanelEntry, SeatEntry, entry_of
from concordat.storage.index.tables import MEMBER, ORDER, PANEL, SEAT
from concordat.storage.sql.schema import Table
from concordat.testing.panels import PanelTalk
from concordat.testing.stage import Actor, Venue
from concordat.testing.tiny import TinyModel

MODEL = TinyModel()
ACTORS = [Actor(f"actor {number}") for number in range(5)]
DEPOSITED = 100_000_000
STEPS = 300


@dataclass
class Reference:
    """What a conversation is proposed from."""

    ledger: MemoryLedger

    @property
    def parameters(self) -> Parameters:
        return self.ledger.parameters

    @property
    def world(self) -> WorldState:
        return self.ledger.world

    def now(self) -> int:
        return self.ledger.now()

    def head(self) -> int:
        return self.ledger.head()


def conversation(seed: int) -> MemoryLedger:
    """A market of replicas on which anybody says anything."""
    dice = Random(seed)
    ledger = MemoryLedger(
        judge=GraphJudge(),
        modules={EvidenceKind.NATIVE: MODEL},
        block_time=Seconds(0),
        parameters=Parameters(unbonding=Seconds(100_000)),
    )
    for actor in ACTORS:
        ledger.mint(actor.address, DEPOSITED)
        ledger.send(Deposit(amount=DEPOSITED), sender=actor.address)
    venue = Venue(domain=ledger.domain, token_domain=ledger.token_domain, vault=ledger.vault)
    talk = PanelTalk(Reference(ledger), venue, MODEL, ACTORS)
    for _ in range(STEPS):
        step = talk.propose(dice)
        ledger.advance(Seconds(step.wait + 100_001 * (dice.random() < 0.02)))
        if isinstance(step.message, DrawPanel):
            for _ in range(ledger.parameters.draw_delay):
                ledger.advance(Seconds(0))
        with contextlib.suppress(ProtocolError):
            ledger.send(step.message, sender=step.sender.address)
    with contextlib.suppress(ProtocolError):
        ledger.send(LeavePool(), sender=ACTORS[0].address)
    return ledger


def read(index: ChainIndex, ledger: MemoryLedger, upto: int) -> None:
    """Index the next blocks, in a way that can be taken back."""
    first = index.progress().next
    found = [Happening.of(placed) for placed in ledger.events(start=first, end=upto)]
    with index.changing(index.progress()):
        index.apply(found, upto=upto, seen=[Block(0, bytes(32))], undoable=True)


def rows(index: ChainIndex, table: Table) -> list[object]:
    page, _ = find_page(index.database, Query(table=table, limit=1_000))
    return [entry_of(table, row) for row in page]


def check(index: ChainIndex, ledger: MemoryLedger) -> None:
    """Members, panels, seats and everybody's money."""
    world = ledger.world
    members = {entry.replica: entry for entry in rows(index, MEMBER) if isinstance(entry, MemberEntry)}
    for replica, entry in members.items():
        one = world.pool.members.get(replica)
        assert (one is None) == (entry.status is MemberStatus.GONE)
        if one is not None:
            assert (one.tickets, one.free_at) == (entry.tickets, entry.free_at or 0)
    assert set(world.pool.members) <= set(members)
    panels = {entry.order: entry for entry in rows(index, PANEL) if isinstance(entry, PanelEntry)}
    assert set(panels) == set(world.panels)
    for key, panel in world.panels.items():
        said = panels[key]
        assert (said.fee, said.draw_block, said.reveal_by or 0) == (panel.fee, panel.draw_block, panel.reveal_by)
        assert (said.status is PanelStatus.CLOSED) == panel.closed
    seats = {(entry.order, entry.replica): entry for entry in rows(index, SEAT) if isinstance(entry, SeatEntry)}
    assert {key: entry.status for key, entry in seats.items()} == {key: one.state for key, one in world.seats.items()}
    orders = [entry.order for entry in rows(index, ORDER) if isinstance(entry, OrderEntry)]
    for account in [*(actor.address for actor in ACTORS), BURN_ADDRESS]:
        balance = world.balance(account)
        taken = sum(order.price for order in orders if order.client == account)  # of the free balance, by no event
        rows_of = index.database.execute("SELECT total FROM account WHERE id = :id", {"id": bytes(account)})
        assert (int(rows_of[0][0]) if rows_of else 0) == balance.free + balance.locked + taken


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.floats(0, 1), max_size=5))
def test_index_of_any_conversation_about_replicas_is_the_rules_state(seed: int, cuts: list[float]) -> None:
    ledger = conversation(seed)
    index, whole = ChainIndex(None, ledger.domain), ChainIndex(None, ledger.domain)
    for cut in cuts:
        to = int(cut * ledger.head())
        if to < index.progress().next:
            with index.changing(index.progress()):
                index.go_back(to)
        else:
            read(index, ledger, to)
    read(index, ledger, ledger.head())
    read(whole, ledger, ledger.head())
    assert index.digest() == whole.digest()
    check(index, ledger)


def test_conversations_reach_every_end_of_a_seat_and_a_panel() -> None:
    reached: set[object] = set()
    for seed in range(12):
        ledger = conversation(seed)
        index = ChainIndex(None, ledger.domain)
        read(index, ledger, ledger.head())
        reached |= {entry.status for table in (MEMBER, PANEL, SEAT) for entry in rows(index, table)}  # type: ignore[attr-defined]
        check(index, ledger)
    assert reached >= {*MemberStatus, *PanelStatus, *(set(Seat) - {Seat.NONE})}


@pytest.mark.parametrize(
    ("topic", "values"),
    [
        ("PoolLeft", {"free_at": 5}),
        ("StakeCollected", {"amount": 5}),
        ("ResultSealed", {"provider": bytes(20), "fee": 1, "draw_block": 1, "draw_by": 1}),
        ("DrawMoved", {"draw_block": 1}),
        ("PanelDrawn", {"replicas": (bytes(20),), "commit_by": 1}),
        ("SeatCommitted", {"digest": bytes(32)}),
        ("RevealsOpened", {"reveal_by": 1}),
        ("SeatRevealed", {"trace_root": bytes(32), "output_hash": bytes(32), "agrees": True, "paid": 1}),
        ("SeatSettled", {"paid": 1, "fined": 0}),
        ("PanelClosed", {"account": bytes(20), "amount": 1}),
        ("ReplicaSlashed", {"challenger": bytes(20), "to_client": 1, "to_challenger": 1, "burned": 1}),
    ],
)
def test_attack_event_about_replicas_without_a_beginning_is_refused_and_leaves_nothing(
    topic: str, values: dict[str, object]
) -> None:
    ledger = MemoryLedger()
    index = ChainIndex(None, ledger.domain)
    named = {"order_id": OrderId(bytes(32)), "replica": Address(b"r" * 20), **values}
    event = Happening(topic, named, 1, 0, Timestamp(1), bytes(32))  # type: ignore[arg-type]
    before = index.digest()
    with pytest.raises(EndpointError) as caught, index.changing(index.progress()):
        index.apply([event], upto=1, seen=(), undoable=False)
    assert caught.value.code == "EventsContradict"
    assert index.digest() == before


def test_attack_panel_drawn_twice_or_of_too_many_is_refused() -> None:
    ledger = conversation(0)
    found = [Happening.of(placed) for placed in ledger.events()]
    at = next(place for place, event in enumerate(found) if event.topic == "PanelDrawn")
    again = replace(found[at], index=found[at].index + 1)
    many = replace(found[at], values={**found[at].values, "replicas": tuple(bytes([n]) * 20 for n in range(16))})
    for forged in ([*found[: at + 1], again], [*found[:at], many]):
        index = ChainIndex(None, ledger.domain)
        with pytest.raises(EndpointError, match="was drawn twice"), index.changing(index.progress()):
            index.apply(forged, upto=ledger.head(), seen=(), undoable=False)
