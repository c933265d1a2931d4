"""The registries under a client of ERC-8004 that nobody here wrote: `agent0-sdk`, unmodified, on a chain of our own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import Standards, deploy_standards
from concordat.client.placed import PlacedOrder
from concordat.client.reputation import Reputation
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import TERMS, open_market
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import usd
from concordat.protocol.evidence import Native
from concordat.testing.small import small_model

_LIMIT = sys.getrecursionlimit()
agent0 = pytest.importorskip("agent0_sdk", reason="agent0-sdk is not installed (pip install concordat[dev])")
sys.setrecursionlimit(_LIMIT)  # the package lifts it a hundredfold, and deeply nested JSON then ends the process
pytestmark = pytest.mark.chain
ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}


@dataclass
class World:
    """A market with a provider that registered through the other client."""

    market: EmbeddedMarket
    ledger: EvmLedger
    standards: Standards
    agent: str

    def sdk(self, name: str) -> Any:
        """The other client, signing as somebody."""
        chain, identity = self.ledger.deployment.chain_id, checksum_address(self.ledger.deployment.agents)
        return agent0.SDK(
            chainId=chain,
            rpcUrl=self.ledger.endpoint.name,
            signer=to_hex(keccak256(b"concordat development account " + name.encode())),
            registryOverrides={
                chain: {
                    "IDENTITY": identity,
                    "REPUTATION": checksum_address(self.standards.reputation),
                    "VALIDATION": checksum_address(self.standards.validation),
                }
            },
        )

    def buy(self) -> PlacedOrder:
        """A paid decision."""
        model = self.market.network.registry.publish(small_model(), signer="lender")
        placed = self.market.network.orders.place(model.id, ROW, pay=usd("0.50"), evidence=Native())
        placed.wait("settled")
        return placed

    @property
    def number(self) -> int:
        return int(self.agent.split(":")[1])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    market = open_market("anvil://")
    ledger = market.backend.ledger
    assert isinstance(ledger, EvmLedger)
    market.add_provider("provider", TERMS)
    standards = deploy_standards(ledger.endpoint, market.keyring.signer("stranger"), ledger.deployment)
    made = World(market, ledger, standards, "")
    agent = made.sdk("provider").createAgent("Scores", "Sells credit decisions.")
    made.agent = agent.registerOnChain().wait_mined(timeout=20).result.agentId
    yield made
    market.close()


def test_agent_registered_by_the_other_client_is_the_provider_s(world: World) -> None:
    provider = world.market.keyring.signer("provider").address
    assert Reputation(world.ledger, world.standards).agent_of(provider) == world.number
    found = world.sdk("client").loadAgent(world.agent)
    assert found.name == "Scores"
    assert world.sdk("client").getAgentOwner(world.agent) == checksum_address(provider)


def test_feedback_of_the_other_client_without_an_order_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="Failed to submit feedback"):
        world.sdk("stranger").giveFeedback(world.agent, 100, tag1="starred")


def test_feedback_of_the_other_client_for_an_admitted_order_counts(world: World) -> None:
    reputation, client, placed = Reputation(world.ledger, world.standards), world.sdk("client"), world.buy()
    reputation.admit(world.market.keyring.signer("client"), placed.order, world.number)
    client.giveFeedback(world.agent, 87, tag1="starred", tag2="credit").wait_mined(timeout=20)
    address = checksum_address(placed.order.client)
    read = client.getFeedback(world.agent, address, 1)
    assert (read.value, read.tags, read.isRevoked) == (87, ["starred", "credit"], False)
    (listed,) = client.searchFeedback(agentId=world.agent)
    assert listed.value == 87
    summary = client.feedback_manager.getReputationSummary(world.agent, clientAddresses=[address])
    assert (summary["count"], summary["averageValue"]) == (1, 87)
    assert reputation.standing(world.number).score == 8700
    client.revokeFeedback(world.agent, 1).wait_mined(timeout=20)
    assert reputation.standing(world.number).raters == 0
    with pytest.raises(ValueError, match="Failed to submit feedback"):
        client.giveFeedback(world.agent, 87, tag1="starred")
