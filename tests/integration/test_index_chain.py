"""The index on a real chain: everything the contracts say, through re-organisations, restarts and two databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from concordat.chain.anvil import AnvilNode
from concordat.cli.main import main
from concordat.client.connect import evm_ledger
from concordat.client.directory import Directory
from concordat.client.evm import EvmArtifacts
from concordat.client.home import Home
from concordat.client.indexing import ChainIndexer
from concordat.client.keyring import development_account
from concordat.client.search import Search, open_search
from concordat.node.open import open_market
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Seconds, usd
from concordat.protocol.artifact import ArtifactKind
from concordat.protocol.ledger import Parameters
from concordat.protocol.messages import CommitFind, Withdraw
from concordat.protocol.order import OrderStatus
from concordat.storage.index.chain_index import ChainIndex
from concordat.storage.index.happening import CreditKind, DisputeKind, DisputeStatus
from concordat.testing.cheats import WithheldTrace
from concordat.testing.theatre import Theatre, work

pytestmark = pytest.mark.chain
NAMES = ("client", "provider", "challenger", "keeper", "cheat")


class Scene:
    """A market on which something of everything happened."""

    def __init__(self, node: AnvilNode, home: Home) -> None:
        self.node, self.theatre = node, Theatre(node, home, names=NAMES, parameters=Parameters(move_time=Seconds(600)))
        self.ledger, theatre = self.theatre.ledger, self.theatre
        self.provider, self.keeper = theatre.provider(), theatre.keeper()
        self.cheat, self.challenger = theatre.provider("cheat", kind=WithheldTrace), theatre.challenger()
        ledger, keyring = evm_ledger(home, node.url)
        artifacts, sender = EvmArtifacts(ledger, keyring), keyring.signer("provider").address
        artifacts.register_model(theatre.model.commitment, [], royalty=0, uri="here", sender=sender)
        digest = keccak256(b"a data set")
        artifacts.register(ArtifactKind.DATASET, digest, [theatre.model.id], royalty=5, uri="x'); --", sender=sender)
        Directory(self.ledger).announce(self.account("provider"), "provider", "http://127.0.0.1:1")

    def account(self, name: str) -> Any:
        return development_account(name)

    def trade(self) -> None:
        """One order paid, one expired, one slashed after a dissection."""
        theatre = self.theatre
        self.provider.offer(theatre.offer())
        work(self.provider)
        self.cheat.offer(theatre.offer("cheat"))
        work(self.cheat, self.challenger)
        self.node.advance(601)
        work(self.keeper, self.provider, self.cheat, self.challenger)

    def search(self, place: Path | str | None = None, **options: int) -> Search:
        index = ChainIndex(place, self.ledger.domain, start=self.ledger.deployment.block)
        return Search(lambda: ChainIndexer(self.ledger, index, **options))

    def truth(self) -> str:
        """Digest of an index built from genesis."""
        search = self.search()
        search.update()
        return search.index.digest()


@pytest.fixture
def scene(fresh_anvil: AnvilNode, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(fresh_anvil, Home(tmp_path / "home"))
    yield scene
    scene.theatre.close()


def test_index_holds_what_the_contracts_say_of_everything(scene: Scene, database_url: str) -> None:
    scene.trade()
    search = scene.search(database_url)
    orders = search.orders().items
    assert [order.status for order in orders] == [OrderStatus.SLASHED, OrderStatus.PAID]
    assert search.differences(scene.ledger, sample=100) == []
    dissections = [entry for entry in search.disputes().items if entry.kind is DisputeKind.DISSECTION]
    assert [entry.order for entry in dissections] == [orders[0].id]
    assert dissections[0].moves > 2
    assert dissections[0].status is DisputeStatus.CLOSED
    artifacts = search.artifacts().items
    assert [(entry.kind, entry.uri, len(entry.parents)) for entry in artifacts] == [
        (ArtifactKind.DATASET, "x'); --", 1),
        (ArtifactKind.MODEL, "here", 0),
    ]
    (agent,) = search.agents().items
    assert agent.owner == agent.wallet == scene.account("provider").address
    assert agent.uri.startswith("data:application/json")
    search.close()


def test_credits_of_every_account_add_up_to_its_balance_in_the_vault(scene: Scene) -> None:
    scene.trade()
    scene.ledger.send(
        Withdraw(amount=usd(3), to=scene.account("keeper").address), sender=scene.account("keeper").address
    )
    search = scene.search()
    for name in NAMES:
        balance = scene.ledger.balance(scene.account(name).address)
        assert search.total(scene.account(name).address) == balance.free + balance.locked
    kinds = {entry.kind for entry in search.credits(limit=1000).items}
    assert kinds >= {
        CreditKind.DEPOSIT,
        CreditKind.WITHDRAWAL,
        CreditKind.PAYMENT,
        CreditKind.SLASH,
        CreditKind.REWARD,
        CreditKind.BURN,
    }


def test_index_follows_reorganisations_shallow_and_deeper_than_its_window(scene: Scene, database_url: str) -> None:
    search = scene.search(database_url, depth=8)
    search.update()
    for depth in (2, 7, 15):
        scene.provider.offer(scene.theatre.offer())
        work(scene.provider)
        search.update()
        scene.node.reorganise(depth)
        scene.ledger.send(CommitFind(digest=keccak256(bytes([depth]))), sender=scene.account("client").address)
        search.update()
        assert search.index.digest() == scene.truth()
    search.close()


def test_index_follows_a_chain_that_is_set_back_and_goes_another_way(scene: Scene, database_url: str) -> None:
    snapshot = scene.node.endpoint.call("evm_snapshot")
    search = scene.search(database_url)
    scene.trade()
    search.update()
    there = search.index.digest()
    scene.node.endpoint.call("evm_revert", snapshot)
    other = scene.theatre.provider(copy="again")
    other.offer(scene.theatre.offer())
    work(other)
    while scene.ledger.head() < search.index.progress().next:
        scene.node.mine()
    search.update()
    assert search.index.digest() == scene.truth() != there
    search.close()


def test_index_of_a_memory_market_answers_the_same_questions() -> None:
    with open_market("memory://").network as network:
        assert network.orders.find().items == ()
        assert network.index.total(network.wallet("client").address) == 0


def test_command_line_lists_searches_and_checks(scene: Scene, postgres: Any) -> None:
    scene.trade()
    home, url = scene.theatre.home, scene.node.url

    def run(*words: str, database: str = "") -> Any:
        done = CliRunner().invoke(
            main,
            ["--home", str(home.path), "--url", url, "--json", *words],
            env={"CONCORDAT_DATABASE": database},
            catch_exceptions=False,
        )
        return json.loads(done.stdout)

    shared = postgres.new_database()
    first = run("order", "list", "--all", "--limit", "1")["data"]
    assert (len(first["orders"]), first["orders"][0]["status"]) == (1, "slashed")
    second = run("order", "list", "--all", "--limit", "1", "--after", first["next"], database=shared)["data"]
    assert (second["orders"][0]["status"], second["next"]) == ("paid", None)
    assert second["orders"][0]["client"] == checksum_address(scene.account("client").address)
    assert run("order", "list", "--status", "paid", "--client", "client")["data"]["orders"] == second["orders"]
    assert run("order", "list", "--provider", to_hex(bytes(20)))["data"]["orders"] == []
    assert run("order", "list", "--since", "2001-01-01", "--until", "2002-01-01")["data"]["orders"] == []
    assert run("order", "list")["data"] == []
    spoiled = run("order", "list", "--all", "--after", first["next"][::-1])
    assert (spoiled["ok"], spoiled["error"]["code"]) == (False, "BadCursor")
    assert run("order", "list", "--since", "yesterday")["error"]["code"] == "BadTime"
    here = run("index", "status", "--digest")["data"]
    assert here["rows"]["market_order"] == 2
    assert run("index", "rebuild", database=shared)["data"]["events"] > 10
    there = run("index", "status", "--digest", database=shared)["data"]
    assert there["digest"] == here["digest"] == scene.truth()
    assert there["database"].startswith("postgresql://127.0.0.1")
    assert run("index", "check")["data"]["different"] == []
    assert run("index", "update")["data"]["events"] == 0
    for what, count in (("disputes", 2), ("artifacts", 2), ("agents", 1)):
        assert len(run("index", "list", what)["data"][what]) == count
    mine = run("index", "list", "credits", "--account", "keeper")["data"]["credits"]
    assert [entry["kind"] for entry in mine] == ["deposit"]
    assert run("index", "list", "agents", "--order", to_hex(bytes(32)))["error"]["code"] == "NoFilter"


def test_check_finds_an_order_of_which_an_endpoint_lied(scene: Scene) -> None:
    scene.trade()
    search = scene.search()
    paid = search.orders(status=OrderStatus.PAID).items[0]
    search.index.database.execute("UPDATE market_order SET gathered = 255 WHERE id = :id", {"id": paid.id})
    assert search.differences(scene.ledger, sample=10) == [paid.id]


def test_index_lies_in_the_home_or_where_the_home_says(scene: Scene, database_url: str) -> None:
    plain = open_search(scene.ledger, scene.theatre.home)
    plain.update()
    assert (scene.theatre.home.path / "index.db").exists()
    elsewhere = open_search(scene.ledger, Home(scene.theatre.home.path, database=database_url))
    elsewhere.update()
    assert elsewhere.index.digest() == plain.index.digest()
    plain.close()
    elsewhere.close()
