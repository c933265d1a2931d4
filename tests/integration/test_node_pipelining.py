"""A provider does not wait for blocks: it signs, writes down and broadcasts, and sees later what came of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract
from concordat.client.orders import PlacedOrder
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, embed
from concordat.node.provider import Provider
from concordat.primitives.encoding import to_hex
from concordat.primitives.units import Seconds, usd
from concordat.protocol.events import Delivered
from concordat.protocol.evidence import FraudProvable
from concordat.testing.offers import ROW
from concordat.testing.small import small_model

pytestmark = pytest.mark.chain
ORDERS = 4


@pytest.fixture
def market(fresh_anvil: AnvilNode) -> Iterator[EmbeddedMarket]:
    """A market with one provider on a chain that makes no blocks unless it is told to."""
    market = embed(fresh_anvil.endpoint)
    market.add_provider("provider", TERMS)
    market.network.registry.publish(small_model(), signer="publisher")
    market.network.keyring.signer("client")
    market.network.orders.place(small_model().commitment.model_id(), ROW, pay=usd("0.50")).wait("settled")
    fresh_anvil.endpoint.call("evm_setAutomine", False)
    yield market
    fresh_anvil.endpoint.call("evm_setAutomine", True)
    market.close()


def provider_of(market: EmbeddedMarket) -> Provider:
    return market._providers[0].provider


def place(market: EmbeddedMarket, count: int) -> list[PlacedOrder]:
    model = small_model().commitment.model_id()
    return [
        market.network.orders.place(model, ROW, pay=usd("0.50"), evidence=FraudProvable(), window=Seconds(900))
        for _ in range(count)
    ]


def in_the_pool(node: AnvilNode) -> int:
    return int(node.endpoint.call("txpool_status")["pending"], 16)


def step(market: EmbeddedMarket, times: int = 6) -> None:
    for _ in range(times):
        provider_of(market).step()


def pass_time(node: AnvilNode, seconds: int) -> None:
    """Later, without a block."""
    node.endpoint.call("evm_increaseTime", seconds)


def delivered(market: EmbeddedMarket) -> list[str]:
    found = [placed.event for placed in market.network.ledger.events()]
    return [to_hex(event.order_id) for event in found if isinstance(event, Delivered)]


def test_provider_delivers_many_orders_in_one_block(market: EmbeddedMarket, fresh_anvil: AnvilNode) -> None:
    orders = place(market, ORDERS)
    step(market)
    assert in_the_pool(fresh_anvil) == ORDERS
    fresh_anvil.mine()
    step(market)
    blocks = [p.block for p in market.network.ledger.events() if isinstance(p.event, Delivered)]
    assert sorted(delivered(market)[-ORDERS:]) == sorted(to_hex(order.id) for order in orders)
    assert len(set(blocks[-ORDERS:])) == 1
    assert in_the_pool(fresh_anvil) == 0


def test_transaction_that_the_pool_lost_is_offered_again_as_it_was(
    market: EmbeddedMarket, fresh_anvil: AnvilNode
) -> None:
    (order,) = place(market, 1)
    step(market)
    intent = provider_of(market).journal.intent(f"deliver:{to_hex(order.id)}:0")
    assert intent is not None
    fresh_anvil.endpoint.call("anvil_dropTransaction", to_hex(intent.hash))
    assert in_the_pool(fresh_anvil) == 0
    pass_time(fresh_anvil, 10)
    step(market)
    fresh_anvil.mine()
    receipt = fresh_anvil.endpoint.call("eth_getTransactionReceipt", to_hex(intent.hash))
    assert receipt["status"] == "0x1"


def test_transaction_that_waits_for_long_is_offered_at_a_higher_price(
    market: EmbeddedMarket, fresh_anvil: AnvilNode
) -> None:
    (order,) = place(market, 1)
    step(market)
    key = f"deliver:{to_hex(order.id)}:0"
    first = provider_of(market).journal.intent(key)
    pass_time(fresh_anvil, 60)
    step(market)
    second = provider_of(market).journal.intent(key)
    assert first is not None
    assert second is not None
    assert first.hash != second.hash
    assert in_the_pool(fresh_anvil) == 1, "it took the other's place"
    fresh_anvil.mine()
    step(market)
    assert delivered(market)[-1:] == [to_hex(order.id)]


def test_delivery_that_reverts_in_its_block_is_refused_with_the_reason(
    market: EmbeddedMarket, fresh_anvil: AnvilNode
) -> None:
    """The client spends the money first, in a block that nobody foresaw."""
    (order,) = place(market, 1)
    step(market)
    call, payer = fresh_anvil.endpoint.call, order.order.client
    intent = provider_of(market).journal.intent(f"deliver:{to_hex(order.id)}:0")
    assert intent is not None
    assert intent.raw is not None
    call("anvil_dropAllTransactions")
    call("anvil_impersonateAccount", to_hex(payer))
    fresh_anvil.set_balance(payer, 10**18)
    ledger = market.network.ledger
    data = contract("DevToken").call("transfer", b"\x01" * 20, ledger.token_balance(payer))
    call("eth_sendTransaction", {"from": to_hex(payer), "to": to_hex(ledger.deployment.token), "data": to_hex(data)})
    fresh_anvil.mine()
    call("eth_sendRawTransaction", to_hex(intent.raw))
    fresh_anvil.mine()
    pass_time(fresh_anvil, 10)
    step(market)
    stage, body = provider_of(market).journal.item("offer", to_hex(order.id)) or ("", {})
    assert (stage, body["reason"]["code"]) == ("refused", "InsufficientFunds")
