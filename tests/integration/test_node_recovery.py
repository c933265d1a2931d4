"""Nodes that lost their journal, meet an order that breaks something, or run out of disk."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain
from concordat.client.offer import Offer
from concordat.client.public import PublicData
from concordat.graph.execute import Execution
from concordat.node.challenger import Challenger
from concordat.node.feed import Feed
from concordat.node.keeper import Keeper
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.node.recorder import Recorder, record_depth
from concordat.primitives.errors import CorruptionError, EndpointError, StorageError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import OrderId, Seconds, usd
from concordat.protocol.events import ChildrenRevealed, Delivered, DisputeLost, Slashed
from concordat.protocol.messages import Accept
from concordat.protocol.order import OrderStatus
from concordat.protocol.record import output_commitment
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog
from concordat.testing.cheats import AlteredOutput, FalseChallenger
from concordat.testing.offers import make_offer
from concordat.testing.small import small_model
from concordat.testing.theatre import LOG_KEY

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))


class Place:
    """A ledger in memory with the small model on it, and nodes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.chain = folder, MemoryChain()
        self.ledger, self.public = self.chain.ledger, PublicData(self.chain.content)
        for seed in (1, 2):
            model = small_model(seed)
            self.public.put_model(model.commitment, model.graph, model.manifest.encode())
        for name in ("client", "provider", "challenger", "keeper"):
            self.chain.fund(development_account(name).address, usd(1000))
            self.chain.stake(development_account(name).address, usd(500))
        self._salts = iter(range(10**6))

    def tools(self, name: str, path: Path | None = None) -> tuple[Journal, Outbox]:
        journal = Journal(path)
        return journal, Outbox(self.ledger, journal, development_account(name).address)

    def provider(self, kind: type[Provider] = Provider, path: Path | None = None, **terms: Any) -> Provider:
        journal, outbox = self.tools("provider", path)
        return kind(self.ledger, journal, self.public, outbox, replace(TERMS, **terms))

    def challenger(self, kind: type[Challenger] = Challenger) -> Challenger:
        journal, outbox = self.tools("challenger")
        return kind(self.ledger, journal, self.public, outbox)

    def keeper(self) -> Keeper:
        return Keeper(self.ledger, *self.tools("keeper"))

    def recorder(self, log: TransparencyLog) -> Recorder:
        return Recorder(self.ledger, Journal(None), self.public, log)

    def offer(self, seed: int = 1, **terms: Any) -> Offer:
        client, provider = development_account("client"), development_account("provider").address
        offer = make_offer(self.ledger, client, provider, small_model(seed), salt=next(self._salts), **terms)
        self.public.put_opening(offer.order.input, offer.opening)
        return offer

    def status(self, order: OrderId) -> OrderStatus:
        return self.ledger.state(order).status

    def events(self, kind: type[Any]) -> list[Any]:
        return [placed.event for placed in self.ledger.events() if isinstance(placed.event, kind)]

    def play(self, *nodes: Stepper, seconds: int = 0, rounds: int = 30) -> None:
        self.ledger.advance(Seconds(seconds))
        for _ in range(rounds):
            for node in nodes:
                node.step()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# -- without the journal ----------------------------------------------------------------------------------------------


def test_provider_with_a_new_journal_answers_disputes_about_earlier_deliveries(place: Place) -> None:
    old = place.provider()
    order = old.offer(place.offer())
    place.play(old)
    new, keeper, liar = place.provider(), place.keeper(), place.challenger(FalseChallenger)
    place.play(new, keeper, liar)
    assert len(place.events(ChildrenRevealed)) == 1
    place.play(new, keeper, liar, seconds=3601)
    place.play(new, keeper, liar, seconds=601)
    assert len(place.events(DisputeLost)) == 1
    assert place.status(order) is OrderStatus.PAID


def test_provider_with_a_new_journal_delivers_what_it_had_accepted(place: Place) -> None:
    offer = place.offer()
    place.ledger.send(Accept(order=offer.order, funding=offer.funding), sender=offer.order.provider)
    place.play(place.provider(fund_first=True))
    order = OrderId(next(iter(place.ledger.world.orders)))
    assert place.status(order) is OrderStatus.DELIVERED


def test_recorder_with_a_new_journal_leaves_records_and_their_salts_as_they_are(place: Place, tmp_path: Path) -> None:
    provider, keeper = place.provider(), place.keeper()
    first = provider.offer(place.offer())
    with TransparencyLog(tmp_path / "log", LOG_KEY) as log:
        place.play(provider, keeper)
        place.play(provider, keeper, place.recorder(log), seconds=601)
        entry, output = log.find(first), place.events(Delivered)[0].output
        second = provider.offer(place.offer())
        place.play(provider, keeper)
        place.play(provider, keeper, place.recorder(log), seconds=601)
        assert entry is not None
        assert log.find(first) == entry
        place.public.salts(
            first, lambda salts: output_commitment(salts.output, keccak256(output)) == entry.record.output
        )
        later = log.find(second)
        assert later is not None
        assert (entry.record.sequence, later.record.sequence) == (0, 1)


# -- one order that breaks something ----------------------------------------------------------------------------------


def test_order_that_breaks_the_provider_lets_the_others_pass_and_is_tried_again(place: Place) -> None:
    broken, calls = place.offer(), Counter[int]()

    class Fragile(Provider):
        healed = False

        def execute(self, offer: Offer) -> Execution:
            calls[offer.order.salt[-1]] += 1
            if offer.order == broken.order and not self.healed:
                raise ZeroDivisionError("nobody thought of this")
            return super().execute(offer)

    provider = place.provider(Fragile)
    bad, good = provider.offer(broken), provider.offer(place.offer())
    place.play(provider, rounds=40)
    assert place.status(bad) is OrderStatus.NONE
    assert place.status(good) is OrderStatus.DELIVERED
    assert 3 < calls[broken.order.salt[-1]] < 10  # later and later
    Fragile.healed = True
    place.play(provider, rounds=70)
    assert place.status(bad) is OrderStatus.DELIVERED


def test_public_data_that_is_damaged_for_one_order_lets_the_challenger_convict_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = place.provider(AlteredOutput)
    orders = [provider.offer(place.offer(seed)) for seed in (2, 1)]
    place.play(provider)
    honest = place.public.commitment

    def damaged(model: bytes) -> Any:
        if model == small_model(2).id:
            raise ValueError("this is no JSON")
        return honest(model)

    monkeypatch.setattr(place.public, "commitment", damaged)
    place.play(place.challenger(), place.keeper(), rounds=60)
    assert [place.status(order) for order in orders] == [OrderStatus.DELIVERED, OrderStatus.SLASHED]
    assert len(place.events(Slashed)) == 1


def test_chain_that_is_away_stops_the_step_and_not_only_one_order(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = place.provider()
    for _ in range(2):
        provider.offer(place.offer())
    provider.step()
    asked = []

    def away(order: OrderId) -> Any:
        asked.append(order)
        raise EndpointError("Away.", code="EndpointDown")

    monkeypatch.setattr(place.ledger, "state", away)
    with pytest.raises(EndpointError):
        provider.step()
    assert len(asked) == 1


# -- many orders that are over ----------------------------------------------------------------------------------------


def test_idle_step_asks_the_ledger_as_little_after_many_orders_as_after_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [place.provider(), place.challenger(), place.keeper()]
    provider = nodes[0]
    assert isinstance(provider, Provider)
    calls: Counter[str] = Counter()
    for name in ("state", "now", "head", "events", "balance"):
        inner = getattr(place.ledger, name)
        monkeypatch.setattr(
            place.ledger, name, lambda *a, _name=name, _inner=inner, **k: (calls.update([_name]), _inner(*a, **k))[1]
        )
    idle = []
    for count in (1, 20):
        for _ in range(count):
            provider.offer(place.offer())
        place.play(*nodes)
        place.play(*nodes, seconds=601)
        calls.clear()
        place.play(*nodes, rounds=1)
        idle.append(dict(calls))
    assert idle[0] == idle[1]
    assert "state" not in idle[1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT key FROM item WHERE kind = :kind AND stage IN ('a', 'b') AND due <= 1",
        "SELECT key FROM item WHERE kind = :kind AND block >= 7",
        "SELECT 1 FROM item WHERE kind = :kind AND stage IN ('a') LIMIT 1",
    ],
)
def test_journal_finds_active_items_by_an_index(tmp_path: Path, query: str) -> None:
    journal = Journal(tmp_path / "j.db")
    plan = " ".join(str(row) for row in journal._db.execute(f"EXPLAIN QUERY PLAN {query}", {"kind": "x"}))
    assert "SEARCH item USING" in plan
    assert "SCAN" not in plan
    journal.close()


# -- the disk ---------------------------------------------------------------------------------------------------------


def test_disk_that_fills_up_stops_the_provider_and_loses_nothing(place: Place, tmp_path: Path) -> None:
    provider = place.provider(path=tmp_path / "j.db")
    database, taken = provider.journal._db, []
    full = database.execute("PRAGMA page_count")[0][0] + 8
    database.execute(f"PRAGMA max_page_count={full}")

    def fill() -> None:
        for _ in range(50):
            taken.append(provider.offer(place.offer()))
            provider.step()

    with pytest.raises(StorageError) as caught:
        fill()
    assert caught.value.code == "JournalWrite"
    assert 1 < len(taken) < 50
    database.execute("PRAGMA max_page_count=100000")
    place.play(provider)
    assert [place.status(order) for order in taken] == [OrderStatus.DELIVERED] * len(taken)
    provider.journal.close()


def test_journal_damaged_while_it_is_open_ends_the_step_with_a_typed_error(place: Place, tmp_path: Path) -> None:
    provider = place.provider(path=tmp_path / "j.db")
    for _ in range(30):
        provider.offer(place.offer())
    provider.journal.close()
    with (tmp_path / "j.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    with pytest.raises(CorruptionError) as caught:
        place.provider(path=tmp_path / "j.db")
    assert caught.value.code == "JournalCorrupt"


def test_journal_in_a_folder_that_cannot_be_written_raises_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        Journal(tmp_path / "file" / "j.db", exclusive=False)


def test_journal_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    Journal(tmp_path / "j.db").close()
    database = sqlite3.connect(tmp_path / "j.db")
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(CorruptionError) as caught:
        Journal(tmp_path / "j.db")
    assert "another version" in caught.value.message


# -- cursors and depths -----------------------------------------------------------------------------------------------


def test_feeds_on_one_journal_read_everything_each(place: Place) -> None:
    place.play(place.provider())
    journal = Journal(None)
    seen: dict[str, list[int]] = {"one": [], "two": []}
    for name in seen:
        Feed(place.ledger, journal, name).take(lambda placed, name=name: seen[name].append(placed.block))
    assert seen["one"] == seen["two"] != []
    Feed(place.ledger, journal, "one").take(lambda placed: seen["one"].append(placed.block))
    assert seen["one"] == seen["two"]


def test_feed_whose_reader_fails_hands_the_same_events_over_again(place: Place) -> None:
    journal, seen = Journal(None), []
    feed = Feed(place.ledger, journal, "one")

    def fail(placed: object) -> None:
        journal.set_item("x", "y", "z", {})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        feed.take(fail)
    assert journal.item("x", "y") is None
    feed.take(seen.append)
    assert seen == place.ledger.events()


def test_recorder_waits_for_finality_except_on_a_chain_of_ones_own() -> None:
    assert record_depth(development=True) == 0
    assert record_depth(development=False) == 64
