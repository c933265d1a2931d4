"""The chain node dies, its endpoint misbehaves, history changes: orders end as they should, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.client.home import Home
from concordat.node.process import Stepper
from concordat.node.provider import Provider
from concordat.primitives.errors import ChainError
from concordat.primitives.units import usd
from concordat.protocol.messages import Withdraw
from concordat.protocol.order import OrderStatus
from concordat.testing.cheats import AlteredMiddle, WithheldTrace
from concordat.testing.faults import Fault, FaultyEndpoint
from concordat.testing.theatre import STAKE, Theatre, work

pytestmark = pytest.mark.chain


@pytest.fixture
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """A market whose chain keeps its state, and has kept it once."""
    folder = tmp_path_factory.mktemp("theatre")
    with AnvilNode(folder / "chain") as node:
        theatre = Theatre(node, Home(folder / "home"))
        node.stop()
        node.start()
        yield theatre
        theatre.close()


def crew(
    theatre: Theatre, kind: Callable[..., Provider] = Provider, *, recorder: bool = True, **options: object
) -> list[Stepper]:
    """Provider, challenger, keeper and, usually, recorder."""
    nodes: list[Stepper] = [
        theatre.provider(kind=kind, **options),  # type: ignore[arg-type]
        theatre.challenger(**options),  # type: ignore[arg-type]
        theatre.keeper(**options),  # type: ignore[arg-type]
    ]
    return [*nodes, theatre.recorder()] if recorder else nodes


def finish(theatre: Theatre, nodes: list[Stepper]) -> None:
    work(*nodes, quiet=35, rounds=200)
    theatre.node.advance(601)
    work(*nodes, quiet=35, rounds=200)


def check_paid(theatre: Theatre, orders: list[bytes]) -> None:
    theatre.close()
    assert [theatre.status(order) for order in orders] == [OrderStatus.PAID] * len(orders)
    assert [theatre.events_of(order)["Paid"] for order in orders] == [1] * len(orders)
    assert theatre.locked() == {}
    assert theatre.free("provider") == STAKE + len(orders) * usd("0.50")
    assert theatre.recorded() == orders
    assert [theatre.planned(name) for name in ("provider", "challenger", "keeper")] == [[], [], []]


@pytest.mark.parametrize("when", ["before send", "after send"])
def test_chain_killed_while_a_delivery_is_sent_comes_back_and_the_order_is_paid(theatre: Theatre, when: str) -> None:
    crashes = []

    def crash(point: str) -> None:
        if point.startswith(when) and not crashes:
            crashes.append(point)
            theatre.node.crash()

    nodes = crew(theatre, on_point=crash)
    assert isinstance(nodes[0], Provider)
    order = nodes[0].offer(theatre.offer())
    nodes[0].step()  # executes
    with pytest.raises(ChainError):
        nodes[0].step()
    assert crashes
    theatre.node.start()
    finish(theatre, nodes)
    check_paid(theatre, [order])


def test_chain_killed_after_payment_loses_its_newest_blocks_and_gets_them_again(theatre: Theatre) -> None:
    nodes = crew(theatre, recorder=False)  # a log cannot take back what a chain forgot: see the re-organisations below
    assert isinstance(nodes[0], Provider)
    order = nodes[0].offer(theatre.offer())
    work(*nodes)
    theatre.node.advance(601)
    work(*nodes)
    assert theatre.status(order) is OrderStatus.PAID
    theatre.node.crash()
    theatre.node.start()
    finish(theatre, nodes)
    theatre.recorder().step()
    check_paid(theatre, [order])


def test_chain_away_for_a_while_lets_nodes_wait_and_go_on(theatre: Theatre) -> None:
    nodes = crew(theatre)
    assert isinstance(nodes[0], Provider)
    order = nodes[0].offer(theatre.offer())
    theatre.node.stop()
    for node in nodes:
        with pytest.raises(ChainError):
            node.step()
    theatre.node.start()
    finish(theatre, nodes)
    check_paid(theatre, [order])


# -- an endpoint that misbehaves --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SILENCE])
def test_endpoint_with_a_fault_in_every_other_step_settles_the_order_once(theatre: Theatre, fault: Fault) -> None:
    with FaultyEndpoint(theatre.node.url) as endpoint:
        nodes = crew(theatre, ledger=theatre.through(endpoint.url))
        assert isinstance(nodes[0], Provider)
        order = nodes[0].offer(theatre.offer())
        methods = cycle(["eth_sendRawTransaction", "", "eth_getLogs", "eth_call", "eth_getTransactionReceipt"])
        for moment in range(40):
            endpoint.inject(fault, method=next(methods))
            if moment == 20:
                theatre.node.advance(601)
            for node in nodes:
                try:
                    node.step()
                except ChainError:
                    continue
        finish(theatre, nodes)
    check_paid(theatre, [order])


def test_endpoint_that_swallows_requests_settles_the_order_once(theatre: Theatre) -> None:
    with FaultyEndpoint(theatre.node.url) as endpoint:
        nodes = crew(theatre, ledger=theatre.through(endpoint.url, timeout=0.2))
        assert isinstance(nodes[0], Provider)
        order = nodes[0].offer(theatre.offer())
        endpoint.inject(Fault.SILENCE, Fault.SILENCE, method="eth_sendRawTransaction")
        endpoint.inject(Fault.SILENCE, Fault.SILENCE, method="eth_getTransactionReceipt")
        finish(theatre, nodes)
    check_paid(theatre, [order])


def test_endpoint_that_lags_and_catches_up_settles_the_order_once(theatre: Theatre) -> None:
    theatre.node.mine(10)
    with FaultyEndpoint(theatre.node.url) as endpoint:
        nodes = crew(theatre, ledger=theatre.through(endpoint.url))
        assert isinstance(nodes[0], Provider)
        order = nodes[0].offer(theatre.offer())
        for lag in (0, 3, 1, 0, 2, 5, 0, 1):
            endpoint.lag = lag
            for node in nodes * 2:
                try:
                    node.step()
                except ChainError:
                    continue
            theatre.node.mine()
        endpoint.lag = 0
        finish(theatre, nodes)
    check_paid(theatre, [order])


# -- history that changes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 3])
def test_reorganisation_after_delivery_lets_the_provider_deliver_again(theatre: Theatre, depth: int) -> None:
    theatre.node.mine(5)
    nodes = crew(theatre)
    assert isinstance(nodes[0], Provider)
    order = nodes[0].offer(theatre.offer())
    work(*nodes)
    assert theatre.status(order) is OrderStatus.DELIVERED
    theatre.node.reorganise(depth)
    assert theatre.status(order) is OrderStatus.NONE
    finish(theatre, nodes)
    assert theatre.events_of(order) == {"Accepted": 1, "Delivered": 1, "Paid": 1}
    check_paid(theatre, [order])


def test_reorganisation_after_several_deliveries_brings_them_all_back(theatre: Theatre) -> None:
    theatre.node.mine(5)
    nodes = crew(theatre)
    assert isinstance(nodes[0], Provider)
    orders = [nodes[0].offer(theatre.offer()) for _ in range(3)]
    work(*nodes)
    theatre.node.reorganise(5)
    assert {theatre.status(order) for order in orders} == {OrderStatus.NONE}
    finish(theatre, nodes)
    check_paid(theatre, orders)


def test_reorganisation_that_also_takes_a_strangers_transaction_lets_the_provider_sign_anew(theatre: Theatre) -> None:
    """Somebody else used the account; nobody sends that transaction again, so the next number stays free for ever."""
    theatre.node.mine(5)
    nodes = crew(theatre)
    provider = nodes[0]
    assert isinstance(provider, Provider)
    theatre.through(theatre.node.url).send(Withdraw(amount=usd(1), to=provider.address), sender=provider.address)
    order = provider.offer(theatre.offer())
    work(*nodes)
    theatre.node.reorganise(2)
    assert theatre.status(order) is OrderStatus.NONE
    finish(theatre, nodes)
    check_paid(theatre, [order])


def test_reorganisation_after_payment_leaves_nothing_in_the_log_that_is_gone(theatre: Theatre) -> None:
    depth = 4
    theatre.node.mine(5)
    nodes, recorder = crew(theatre, recorder=False), theatre.recorder(depth=depth)
    assert isinstance(nodes[0], Provider)
    order = nodes[0].offer(theatre.offer())
    work(*nodes, recorder)
    theatre.node.advance(601)
    work(*nodes, recorder)
    assert theatre.status(order) is OrderStatus.PAID
    theatre.node.mine(depth - 1)
    recorder.step()
    assert recorder.log.size == 0
    theatre.node.reorganise(depth)
    assert theatre.status(order) is not OrderStatus.PAID
    finish(theatre, [*nodes, recorder])
    assert theatre.status(order) is OrderStatus.PAID
    assert recorder.log.size == 0
    theatre.node.mine(depth)
    work(*nodes, recorder)
    check_paid(theatre, [order])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Provider, AlteredMiddle, WithheldTrace])
def test_reorganisation_at_any_moment_leads_to_the_same_end(theatre: Theatre, kind: type[Provider]) -> None:
    """One order after the other; each time history changes one block later."""
    theatre.node.mine(5)
    nodes = crew(theatre, kind, recorder=False)
    provider = nodes[0]
    assert isinstance(provider, Provider)
    wanted = OrderStatus.PAID if kind is Provider else OrderStatus.SLASHED
    for moment in range(1, 40):
        start, order, changed = theatre.ledger.head(), provider.offer(theatre.offer()), False
        for _ in range(30):
            for node in nodes:
                node.step()
                if not changed and theatre.ledger.head() >= start + moment:
                    theatre.node.reorganise(min(2, moment))
                    changed = True
            if changed or theatre.status(order).terminal:
                break
            if kind is Provider and theatre.status(order) is OrderStatus.DELIVERED:
                theatre.node.advance(601)
        for seconds in (6, 601, 61):
            work(*nodes, quiet=8)
            theatre.node.advance(seconds)
        work(*nodes)
        assert theatre.status(order) is wanted
        if not changed:
            break
    assert 2 < moment < 39
    assert theatre.locked() == {}
    theatre.close()
    assert [theatre.planned(name) for name in ("provider", "challenger", "keeper")] == [[], [], []]
