"""Pages of the index: against a plain filter over everything, and by the plans that the databases make for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from concordat.client.indexing import ChainIndexer
from concordat.client.search import Search
from concordat.primitives.errors import InputError, NotFoundError
from concordat.primitives.units import OrderId, Timestamp
from concordat.protocol.order import OrderStatus
from concordat.storage.index.chain_index import ChainIndex
from concordat.storage.index.happening import DisputeKind, DisputeStatus
from concordat.storage.index.query import Page, Query, statement_of, time_statements
from concordat.storage.index.rows import OrderEntry
from concordat.storage.index.tables import ARTIFACT, CREDIT, DISPUTE, MEMBER, ORDER, PANEL, SEAT
from concordat.storage.sql.schema import Table
from concordat.testing.history import FATES, PastChain, PastMarket

MARKET = PastMarket(orders=240, per_block=4, clients=5, providers=3, models=4)
CHAIN = PastChain(MARKET)
PAST = [MARKET.order(number) for number in range(MARKET.orders)]
SAMPLE = PAST[77].order
MIDDLE = Timestamp(PAST[120].order.accept_by - 600)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def search(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    if request.param == "sqlite":
        place: Path | str = tmp_path_factory.mktemp("index") / "i.db"
    else:
        place = request.getfixturevalue("postgres").new_database()
    search = Search(lambda: ChainIndexer(CHAIN, ChainIndex(place, MARKET.domain, start=1)))
    yield search
    search.close()


def pages(ask: Callable[..., Page[Any]], **options: Any) -> list[Any]:
    """All entries, page by page."""
    found: list[Any] = []
    page = ask(**options)
    while True:
        found += page.items
        if page.next is None:
            return found
        page = ask(**options, after=page.next)


STATUS = {
    "paid": OrderStatus.PAID,
    "disputed": OrderStatus.PAID,
    "expired": OrderStatus.EXPIRED,
    "cancelled": OrderStatus.CANCELLED,
    "slashed": OrderStatus.SLASHED,
}


@pytest.mark.parametrize("limit", [1, 7, 50, 1000])
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"client": SAMPLE.client},
        {"provider": SAMPLE.provider},
        {"model": SAMPLE.model},
        {"client": SAMPLE.client, "provider": SAMPLE.provider, "model": SAMPLE.model},
        {"status": OrderStatus.EXPIRED},
        {"status": (OrderStatus.SLASHED, OrderStatus.CANCELLED)},
        {"provider": SAMPLE.provider, "status": OrderStatus.PAID},
        {"since": MIDDLE},
        {"until": MIDDLE},
        {"model": SAMPLE.model, "since": Timestamp(MIDDLE - 100), "until": Timestamp(MIDDLE + 100)},
        {"client": bytes(20)},
        {"since": Timestamp(2**40)},
        {"until": Timestamp(0)},
    ],
    ids=str,
)
def test_orders_page_by_page_are_those_that_a_plain_filter_finds(
    search: Search, wanted: dict[str, Any], newest_first: bool, limit: int
) -> None:
    statuses = wanted.get("status", ())
    statuses = (statuses,) if isinstance(statuses, OrderStatus) else statuses

    def fits(number: int) -> bool:
        order, accepted = PAST[number].order, PAST[number].order.accept_by - 600
        return (
            all(getattr(order, name) == wanted[name] for name in ("client", "provider", "model") if name in wanted)
            and (not statuses or STATUS[PAST[number].fate] in statuses)
            and wanted.get("since", 0) <= accepted < wanted.get("until", 2**50)
        )

    expected = [PAST[number].id for number in range(MARKET.orders) if fits(number)]
    found = pages(search.orders, **wanted, newest_first=newest_first, limit=limit)
    assert [entry.id for entry in found] == (expected[::-1] if newest_first else expected)


def test_order_entry_says_all_that_is_known_of_it(search: Search) -> None:
    for fate in set(FATES):
        past = next(past for past in PAST if past.fate == fate)
        entry = search.order(OrderId(past.id))
        assert (entry.id, entry.order, entry.status) == (past.id, past.order, STATUS[fate])
        block = 1 + past.number // MARKET.per_block
        assert entry.accepted.block == block
        assert entry.ended is not None
        assert (entry.ended.block, entry.ended.time) == (block + 2, entry.accepted.time + 24)
        assert (entry.delivered is None) == (fate == "expired")
        if entry.delivered is not None:
            assert (entry.delivered.block, entry.output) == (block + 1, past.order.input[:8])
    with pytest.raises(NotFoundError):
        search.order(OrderId(bytes(32)))


def test_disputes_and_credits_are_those_of_the_fates(search: Search) -> None:
    disputed = [past.id for past in PAST if past.fate == "disputed"]
    slashed = [past.id for past in PAST if past.fate == "slashed"]
    lost = pages(search.disputes, status=DisputeStatus.LOST, limit=3)
    assert [entry.order for entry in lost] == disputed[::-1]
    proven = pages(search.disputes, status=DisputeStatus.PROVEN, limit=3)
    assert {entry.order for entry in proven} == set(slashed)
    assert {entry.kind for entry in proven} == {DisputeKind.PROOF}
    one = search.disputes(order=OrderId(disputed[0])).items[0]
    assert one in pages(search.disputes, challenger=one.challenger)
    accounts = {entry.account for entry in pages(search.credits, limit=100)}
    for account in accounts:
        mine = pages(search.credits, account=account, limit=100)
        assert search.total(account) == sum(entry.amount for entry in mine)
        assert all(later.when.block >= earlier.when.block for later, earlier in pairwise(mine))
    parts = search.credits(order=OrderId(slashed[0])).items
    terms = next(past.order for past in PAST if past.id == slashed[0])
    assert sum(entry.amount for entry in parts) == terms.price  # what was in escrow; the bond only changes hands


def test_page_after_new_orders_repeats_and_leaves_out_nothing() -> None:
    chain = PastChain(MARKET, head=20)
    search = Search(lambda: ChainIndexer(chain, ChainIndex(None, MARKET.domain, start=1)))
    first = search.orders(limit=10)
    chain.newest = 40
    second = search.orders(limit=10, after=first.next)
    numbers = [PAST[80 - 1 - at].id for at in range(20)]
    assert [entry.id for entry in (*first.items, *second.items)] == numbers


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_page_of_an_impossible_size_is_refused(search: Search, limit: int) -> None:
    with pytest.raises(InputError) as caught:
        search.orders(limit=limit)
    assert caught.value.code == "BadPageSize"


# -- plans ------------------------------------------------------------------------------------------------------------

QUERIES = {
    "everything": Query(table=ORDER),
    "oldest first": Query(table=ORDER, newest_first=False),
    "one client": Query(table=ORDER, equal={"client": SAMPLE.client}),
    "one provider, paid": Query(table=ORDER, equal={"provider": SAMPLE.provider}, statuses=(3,)),
    "one model": Query(table=ORDER, equal={"model": SAMPLE.model}),
    "open": Query(table=ORDER, statuses=(1, 2)),
    "disputes of an order": Query(table=DISPUTE, equal={"order_id": bytes(32)}),
    "disputes of a challenger": Query(table=DISPUTE, equal={"challenger": bytes(20)}),
    "credits of an account": Query(table=CREDIT, equal={"account": SAMPLE.client}),
    "credits of an order": Query(table=CREDIT, equal={"order_id": bytes(32)}),
    "artifacts of an owner": Query(table=ARTIFACT, equal={"owner": bytes(20)}),
    "members that are leaving": Query(table=MEMBER, equal={"status": 1}),
    "panels of a provider": Query(table=PANEL, equal={"provider": bytes(20)}),
    "open panels": Query(table=PANEL, equal={"status": 2}),
    "seats of an order": Query(table=SEAT, equal={"order_id": bytes(32)}),
    "seats of a replica": Query(table=SEAT, equal={"replica": bytes(20)}),
}


@pytest.fixture(scope="module")
def large(search: Search) -> Search:
    """The index with 30,000 orders more, so that a planner has reason to use an index."""
    search.update()
    database = search.index.database
    rows = database.execute(f"SELECT {ORDER.listed} FROM market_order")
    place = ORDER.columns.index("place")
    for copy in range(1, 126):
        shift = copy << 50
        more = [(bytes([copy]) + row[0][:31], *row[1:place], row[place] + shift, *row[place + 1 :]) for row in rows]
        database.insert(ORDER, more)
    for table, key in ((DISPUTE, 1), (CREDIT, 1)):
        rows = database.execute(f"SELECT {table.listed} FROM {table.name}")
        for copy in range(1, 101):
            database.insert(table, [(row[0] + (copy << 50), *row[key:]) for row in rows])
    database.insert(ARTIFACT, [_artifact(number) for number in range(5_000)])
    for table in (MEMBER, PANEL, SEAT):
        database.insert(table, [_replicas_row(table, number) for number in range(5_000)])
    search.index.measure()
    return search


def _artifact(number: int) -> tuple[Any, ...]:
    values: dict[str, Any] = dict.fromkeys(ARTIFACT.columns, bytes(20)) | {"id": number.to_bytes(32, "big")}
    values |= dict.fromkeys(("royalty", "uri_length", "registered_time"), 0) | {"place": number, "uri": ""}
    values |= {"kind": number % 3, "owner": (number % 50).to_bytes(20, "big")}
    return tuple(values[name] for name in ARTIFACT.columns)


def _replicas_row(table: Table, number: int) -> tuple[Any, ...]:
    """A row of the tables about replicas: addresses and orders repeat, places do not."""
    numbers = dict.fromkeys(("tickets", "draw_block", "draw_by", "joined_time", "sealed_time", "drawn_time"), 0)
    values: dict[str, Any] = dict.fromkeys(table.columns, (number % 50).to_bytes(20, "big")) | numbers
    values |= dict.fromkeys(("fee", "paid", "fined"), "0") | {"place": number, "status": number % 3}
    values |= dict.fromkeys(("free_at", "commit_by", "reveal_by", "ended_place", "ended_time", "ended_tx"))
    return tuple((values | {"id": number.to_bytes(32, "big")})[name] for name in table.columns)


@pytest.mark.parametrize("name", QUERIES)
def test_plan_of_a_page_goes_through_an_index_wherever_the_page_is(large: Search, name: str) -> None:
    query, database = QUERIES[name], large.index.database
    for first, end in ((0, 2**63 - 1), (0, 1 << 40), (1 << 57, 2**63 - 1)):
        values = {**query.values(), "first": first, "end": end, "most": 51}
        if database.dialect == "sqlite":
            rows = database.execute(f"EXPLAIN QUERY PLAN {statement_of(query)}", values)
            plan = [row[3] for row in rows]
            reads = [line for line in plan if query.table.name in line]
            assert reads, plan
            assert all(line.startswith(f"SEARCH {query.table.name} USING") for line in reads), plan
            sorts = [here for here, then in pairwise(plan) if "TEMP B-TREE" in then]
            assert not set(sorts) & set(reads), plan  # only pages are sorted, to be merged
        else:
            _check_nodes(json.loads(_explained(database, statement_of(query), values)))


@pytest.mark.parametrize("name", QUERIES)
def test_plan_of_a_look_for_a_time_goes_through_an_index(large: Search, name: str) -> None:
    database, table = large.index.database, QUERIES[name].table.name
    for statement in time_statements(QUERIES[name]):
        values = {"place": 1 << 50} if ":place" in statement else {}
        if database.dialect == "sqlite":
            plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert all(line.startswith(f"SEARCH {table}") for line in plan), plan
        else:
            _check_nodes(json.loads(_explained(database, statement, values)))


def _explained(database: Any, statement: str, values: dict[str, Any]) -> str:
    answer = database.execute(f"EXPLAIN (FORMAT JSON) {statement}", values)[0][0]
    return answer if isinstance(answer, str) else json.dumps(answer)


def _check_nodes(plans: list[dict[str, Any]]) -> None:
    """No table is read from end to end, and nothing large is sorted."""
    todo, found = [plan["Plan"] for plan in plans], set()
    while todo:
        node = todo.pop()
        todo += node.get("Plans", [])
        found.add(node["Node Type"])
        assert node["Node Type"] != "Seq Scan", node
        if node["Node Type"] == "Sort":
            assert node["Plan Rows"] <= 8 * 51, node
    assert found & {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}


def test_entries_of_a_large_index_are_found_at_any_depth(large: Search) -> None:
    page = large.orders(limit=1000, newest_first=False)
    seen = 0
    while page.next is not None and seen < 5000:
        assert all(isinstance(entry, OrderEntry) for entry in page.items)
        seen += len(page.items)
        page = large.orders(limit=1000, newest_first=False, after=page.next)
    assert seen >= 5000
