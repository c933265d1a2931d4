"""Two copies of one node, with one key and journals of their own: everything happens once all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, Thread

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.client.home import Home
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.primitives.errors import ChainError, StorageError
from concordat.primitives.units import OrderId, usd
from concordat.protocol.order import OrderStatus
from concordat.storage.journal import Journal
from concordat.testing.cheats import AlteredMiddle, NeverDelivers, WithheldTrace
from concordat.testing.theatre import STAKE, TERMS, Theatre, work

pytestmark = pytest.mark.chain

COPIES = ("", "-copy")
ORDERS = 4
FUND_FIRST = Terms(price=usd("0.05"), bond_limit=usd("1000"), fund_first=True)


@pytest.fixture
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with AnvilNode() as node:
        theatre = Theatre(node, Home(tmp_path_factory.mktemp("home")))
        yield theatre
        theatre.close()


def alternate(theatre: Theatre, nodes: list[Stepper]) -> None:
    for seconds in (6, 601, 61, 61):
        work(*nodes)
        theatre.node.advance(seconds)
    work(*nodes)


def compete(theatre: Theatre, nodes: list[Stepper]) -> None:
    """Each in a thread of its own, as fast as it can."""
    barrier = Barrier(len(nodes))

    def live(node: Stepper) -> None:
        barrier.wait()
        for _ in range(20):
            with suppress(ChainError):
                node.step()

    for seconds in (6, 601, 61, 61):
        threads = [Thread(target=live, args=(node,)) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        theatre.node.advance(seconds)
    alternate(theatre, nodes)


def play(
    theatre: Theatre, live: Callable[[Theatre, list[Stepper]], None], kind: type[Provider], terms: Terms
) -> list[OrderId]:
    providers = [theatre.provider(kind=kind, terms=terms, copy=copy) for copy in COPIES]
    challengers = [theatre.challenger(copy=copy) for copy in COPIES]
    keepers = [theatre.keeper(copy=copy) for copy in COPIES]
    offers = [theatre.offer() for _ in range(ORDERS)]
    for provider in providers:
        for offer in offers:
            provider.offer(offer)
    live(theatre, [*providers, *challengers, *keepers])
    theatre.close()
    return [theatre.id_of(offer) for offer in offers]


@pytest.mark.parametrize("live", [alternate, compete])
@pytest.mark.parametrize(
    ("kind", "terms", "ends"),
    [
        (Provider, TERMS, OrderStatus.PAID),
        (Provider, FUND_FIRST, OrderStatus.PAID),
        (AlteredMiddle, TERMS, OrderStatus.SLASHED),
        (WithheldTrace, TERMS, OrderStatus.SLASHED),
        (NeverDelivers, FUND_FIRST, OrderStatus.EXPIRED),
    ],
)
def test_two_copies_of_every_node_end_every_order_once(
    theatre: Theatre,
    live: Callable[[Theatre, list[Stepper]], None],
    kind: type[Provider],
    terms: Terms,
    ends: OrderStatus,
) -> None:
    orders = play(theatre, live, kind, terms)
    assert [theatre.status(order) for order in orders] == [ends] * ORDERS
    for order in orders:
        events = theatre.events_of(order)
        assert (events["Accepted"], events[ends.name.capitalize()]) == (1, 1)
    assert theatre.locked() == {}
    for name in ("provider", "challenger", "keeper"):
        assert [theatre.planned(f"{name}{copy}") for copy in COPIES] == [[], []]
    earned = {OrderStatus.PAID: usd("0.50"), OrderStatus.SLASHED: -usd(2), OrderStatus.EXPIRED: -usd("0.50")}[ends]
    assert theatre.free("provider") == STAKE + ORDERS * earned
    assert theatre.free("challenger") == STAKE + (ORDERS * usd(1) if ends is OrderStatus.SLASHED else 0)


def test_second_node_on_the_same_journal_is_refused_until_the_first_ends(theatre: Theatre) -> None:
    provider = theatre.provider()
    with pytest.raises(StorageError) as caught:
        theatre.provider()
    assert caught.value.code == "Locked"
    order = provider.offer(theatre.offer())
    theatre.close()
    work(theatre.provider())
    assert theatre.status(order) is OrderStatus.DELIVERED


def test_second_recorder_on_the_same_log_is_refused(theatre: Theatre) -> None:
    recorder = theatre.recorder()
    recorder.journal.close()
    Journal(theatre.home.journal("recorder")).close()
    with pytest.raises(StorageError) as caught:
        theatre.recorder()
    assert caught.value.code == "Locked"
