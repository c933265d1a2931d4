"""Real processes on a real chain node, SIGKILLed at every write and every send, and started again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.client.home import Home
from concordat.client.keyring import development_account
from concordat.node.provider import Provider
from concordat.primitives.units import OrderId, usd
from concordat.protocol.events import Slashed
from concordat.protocol.order import OrderStatus
from concordat.storage.log import LogReader
from concordat.testing.cheats import AlteredMiddle
from concordat.testing.mortal import Undertaker
from concordat.testing.theatre import LOG_KEY, STAKE, Theatre, work

pytestmark = [pytest.mark.chain, pytest.mark.slow]

NAMES = ("client", "provider", "challenger", "keeper", "worker", "cheat")
MOST_POINTS = 100
STRIDES = {"files": 1, "postgresql": 2}
"""Every point is fatal once; on a server every second one, which takes as long."""


@pytest.fixture(scope="module", params=["files", "postgresql"])
def theatre(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """A market whose nodes keep journals and log in files, or in one database."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    with AnvilNode() as node:
        theatre = Theatre(node, Home(tmp_path_factory.mktemp("home"), url, url), names=NAMES)
        yield theatre
        theatre.close()


@pytest.fixture(scope="module")
def points(theatre: Theatre) -> range:
    """Numbers of the points at which nodes are killed."""
    return range(1, MOST_POINTS, STRIDES["postgresql" if theatre.home.database else "files"])


@pytest.fixture(scope="module")
def undertaker(theatre: Theatre) -> Iterator[Undertaker]:
    with Undertaker(theatre.home, theatre.node.url) as undertaker:
        yield undertaker


def deliver(theatre: Theatre, provider: Provider, name: str) -> OrderId:
    order = provider.offer(theatre.offer(name))
    work(provider)
    assert theatre.status(order) is OrderStatus.DELIVERED
    return order


def test_provider_killed_at_any_point_delivers_every_order_once(
    theatre: Theatre, undertaker: Undertaker, points: range
) -> None:
    orders = []
    for fatal in points:
        offer = theatre.offer("provider")
        orders.append(theatre.id_of(offer))
        killed = undertaker.run("provider", "provider", fatal=fatal, offers=[offer])
        if killed:
            assert not undertaker.run("provider", "provider", offers=[offer])  # the client got no answer: it asks again
        assert theatre.events_of(orders[-1]) == {"Accepted": 1, "Delivered": 1}
        if not killed:
            break
    assert 10 // points.step < len(orders) < len(points)
    assert theatre.locked() == {"provider": len(orders) * usd(2)}
    theatre.node.advance(601)
    assert not undertaker.run("keeper", "keeper")
    assert not undertaker.run("provider", "provider")
    assert {theatre.status(order) for order in orders} == {OrderStatus.PAID}
    assert theatre.locked() == {}
    assert theatre.planned("provider") == []


def test_challenger_killed_at_any_point_convicts_every_cheat_once(
    theatre: Theatre, undertaker: Undertaker, points: range
) -> None:
    me, cheat = development_account("challenger").address, theatre.provider("cheat", kind=AlteredMiddle)
    orders = []
    for fatal in points:
        orders.append(deliver(theatre, cheat, "cheat"))
        killed = undertaker.run("challenger", "challenger", fatal=fatal)
        if killed:
            assert not undertaker.run("challenger", "challenger")
        slashed = [placed.event for placed in theatre.ledger.events() if isinstance(placed.event, Slashed)]
        assert [event.challenger for event in slashed if event.order_id == orders[-1]] == [me]
        if not killed:
            break
    assert 10 // points.step < len(orders) < len(points)
    assert theatre.locked() == {}
    assert theatre.free("challenger") == STAKE + len(orders) * usd(1)
    assert theatre.planned("challenger") == []


def test_keeper_and_recorder_killed_at_any_point_pay_and_record_every_order_once(
    theatre: Theatre, undertaker: Undertaker, points: range
) -> None:
    worker, orders = theatre.provider("worker"), []
    for fatal in points:
        orders.append(deliver(theatre, worker, "worker"))
        theatre.node.advance(601)
        killed = undertaker.run("keeper", "keeper", fatal=fatal)
        if killed:
            assert not undertaker.run("keeper", "keeper")
        assert theatre.events_of(orders[-1])["Paid"] == 1
        if not killed:
            break
    assert 10 // points.step < len(orders) < len(points)
    reader = LogReader(theatre.home.open_log().read, LOG_KEY.key)
    address = development_account("worker").address
    records = [entry.record for entry in reader.records() if entry.record.provider == address]
    assert [record.order_id for record in records] == orders
    assert [record.sequence for record in records] == list(range(len(orders)))
    assert theatre.planned("keeper") == []
