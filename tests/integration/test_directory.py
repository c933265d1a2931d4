"""Providers found on chain, and public data fetched through their doors."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.contracts import contract
from concordat.chain.ledger import EvmLedger
from concordat.client.directory import Directory
from concordat.client.home import Home
from concordat.client.memory import MemoryContent
from concordat.client.public import PublicData
from concordat.client.remote import door_holder
from concordat.node.embedded import EmbeddedMarket
from concordat.node.http import Door
from concordat.node.open import TERMS, open_market
from concordat.node.process import open_door
from concordat.primitives.errors import CorruptionError, NotFoundError, OrderError
from concordat.primitives.units import usd
from concordat.protocol.evidence import FraudProvable
from concordat.testing.small import small_graph, small_model


@pytest.fixture
def market() -> Iterator[EmbeddedMarket]:
    market = open_market("anvil://")
    yield market
    market.close()


def ledger_of(market: EmbeddedMarket) -> EvmLedger:
    ledger = market.backend.ledger
    assert isinstance(ledger, EvmLedger)
    return ledger


def test_directory_shows_the_newest_entry_and_repeating_it_sends_nothing(market: EmbeddedMarket) -> None:
    ledger, signer = ledger_of(market), market.keyring.signer("provider")
    directory = Directory(ledger)
    directory.announce(signer, "one", "http://127.0.0.1:1000")
    head = ledger.head()
    directory.announce(signer, "one", "http://127.0.0.1:1000")
    assert ledger.head() == head
    directory.announce(signer, "one", "http://127.0.0.1:2000")
    (entry,) = directory.providers()
    assert (entry.address, entry.name, entry.url) == (signer.address, "one", "http://127.0.0.1:2000")


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.org/agent.json",
        "data:application/json;base64,!!!",
        "data:application/json;base64," + base64.b64encode(b"[1]").decode(),
        "data:application/json;base64," + base64.b64encode(b'{"name": 3, "services": {"a": 1}}').decode(),
        "data:application/json;base64,"
        + base64.b64encode(
            json.dumps({"name": "x", "services": [{"name": "concordat", "endpoint": "file:///etc/passwd"}]}).encode()
        ).decode(),
        "data:application/json;base64," + "A" * 20_000,
    ],
)
def test_directory_passes_over_entries_that_say_nothing_of_use(market: EmbeddedMarket, uri: str) -> None:
    ledger, signer = ledger_of(market), market.keyring.signer("stranger")
    ledger.sender.send(signer, ledger.deployment.agents, contract("Agents").call("register(string)", uri))
    assert Directory(ledger).providers() == []


def test_public_data_comes_through_a_door_and_is_kept(market: EmbeddedMarket, tmp_path: Path) -> None:
    provider, model = market.add_provider("provider", TERMS), small_model()
    market.network.registry.publish(model, signer="lender")
    door = open_door(provider, Home(tmp_path), "provider")
    here = PublicData(MemoryContent(), lambda: [door_holder(door.url)])
    assert here.graph(model.id) == model.graph
    door.close()
    assert here.graph(model.id) == model.graph
    with pytest.raises(NotFoundError):
        here.graph(small_model(2).id)


def test_public_data_that_does_not_open_its_key_is_refused_and_not_kept(tmp_path: Path) -> None:
    model, other = small_model(), small_graph(2)
    honest, lying = PublicData(MemoryContent()), PublicData(MemoryContent())
    honest.put_model(model.commitment, model.graph, model.manifest.encode())
    lying.put_model(model.commitment, other, model.manifest.encode())
    kept = MemoryContent()
    with pytest.raises(CorruptionError):
        PublicData(kept, lambda: [lying.named]).graph(model.id)
    assert PublicData(kept, lambda: [lying.named, honest.named]).graph(model.id) == model.graph
    assert PublicData(kept).graph(model.id) == model.graph


def test_door_of_somebody_who_answers_nonsense_counts_as_empty() -> None:
    door = Door({"GET /public/": lambda _: ["not", "hex"]})
    assert door_holder(door.url)(bytes(32)) is None
    door.close()
    assert door_holder(door.url)(bytes(32)) is None


def test_input_is_found_at_other_doors_when_the_provider_withholds_it(market: EmbeddedMarket, tmp_path: Path) -> None:
    worker, other = market.add_provider("worker", TERMS), market.add_provider("other", TERMS)
    model = market.network.registry.publish(small_model(), signer="lender")
    other.public = PublicData(MemoryContent(), lambda: [worker.public.named])
    row = {"income": 5200, "debt": 900, "age": 44, "years": 3}
    placed = market.network.orders.place(
        model.id, row, pay=usd("0.50"), evidence=FraudProvable(), provider=worker.address
    )
    door = open_door(other, Home(tmp_path), "other")
    watcher = PublicData(MemoryContent(), lambda: [door_holder(door.url)])
    assert watcher.opening(placed.order.input, small_graph().input_depth) == placed.offer.opening
    door.close()


@pytest.mark.parametrize(
    "change", [{"price": usd("100000000")}, {"salt": bytes(32)}, {"evidence": bytes([128]) + bytes(31)}]
)
def test_input_of_an_order_without_money_or_watchers_is_not_kept(
    market: EmbeddedMarket, change: dict[str, Any]
) -> None:
    worker, other = market.add_provider("worker", TERMS), market.add_provider("other", TERMS)
    model = market.network.registry.publish(small_model(), signer="lender")
    row = {"income": 5200, "debt": 900, "age": 44, "years": 3}
    placed = market.network.orders.place(
        model.id, row, pay=usd("0.50"), evidence=FraudProvable(), provider=worker.address
    )
    with pytest.raises(OrderError):
        other.keep_input(replace(placed.offer, order=replace(placed.order, **change)))
