"""The index is a function of the chain: however it was read, killed, shared or rewound, it ends as one built anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concordat.client.indexing import ChainIndexer
from concordat.primitives.errors import ConfigurationError
from concordat.storage.index.chain_index import ChainIndex
from concordat.testing.history import PastChain, PastMarket

MARKET = PastMarket(orders=300, per_block=3, clients=20, providers=3, models=4)


def index_at(place: str | Path | None) -> ChainIndex:
    return ChainIndex(place, MARKET.domain, start=1)


def built_anew(chain: PastChain) -> str:
    """Digest of an index read in one go."""
    index = index_at(None)
    ChainIndexer(chain, index).update()
    return index.digest()


def test_index_has_the_same_digest_in_both_databases_and_after_a_rebuild(database_url: str) -> None:
    chain = PastChain(MARKET)
    index = index_at(database_url)
    assert ChainIndexer(chain, index).update() > 2 * MARKET.orders
    assert index.counts()["market_order"] == MARKET.orders
    first = index.digest()
    assert first == built_anew(chain)
    with index.changing(index.progress()):
        index.clear()
    assert index.counts() == dict.fromkeys(index.counts(), 0)
    ChainIndexer(chain, index).update()
    assert index.digest() == first
    index.close()


@settings(max_examples=12, deadline=None)
@given(
    heads=st.lists(st.integers(1, 110), min_size=1, max_size=6),
    depths=st.lists(st.sampled_from([1, 2, 5, 30, 200]), min_size=6, max_size=6),
    widths=st.lists(st.sampled_from([1, 3, 17, 200]), min_size=6, max_size=6),
)
def test_index_read_in_any_pieces_is_the_one_read_in_one_go(
    heads: list[int], depths: list[int], widths: list[int]
) -> None:
    chain, index = PastChain(MARKET), index_at(None)
    last = chain.newest
    for head, depth, width in zip([*sorted(heads), last], [*depths, 64], [*widths, 64], strict=False):
        chain.newest = head
        indexer = ChainIndexer(chain, index, depth=depth)
        indexer._most_blocks = width
        indexer.update()
    chain.newest = last
    ChainIndexer(chain, index).update()
    assert index.digest() == built_anew(chain)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    depth=st.sampled_from([1, 4, 16, 64]),
    steps=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), min_size=1, max_size=4),
)
def test_index_after_any_reorganisations_is_that_of_the_chain_that_is_left(
    depth: int, steps: list[tuple[int, int]]
) -> None:
    chain, index = PastChain(MARKET, head=50), index_at(None)
    indexer = ChainIndexer(chain, index, depth=depth)
    indexer.update()
    for back, growth in steps:
        chain.reorganise(max(chain.newest - back, 1), head=chain.newest + growth + 1)
        indexer.update()
        assert index.digest() == built_anew(chain)


@pytest.mark.parametrize("back", [1, 2, 15, 16, 17, 49])
def test_reorganisation_is_taken_back_within_the_window_and_read_anew_beyond(database_url: str, back: int) -> None:
    chain, index = PastChain(MARKET, head=50), index_at(database_url)
    indexer = ChainIndexer(chain, index, depth=16)
    indexer.update()
    cleared = []
    clear = index.clear
    index.clear = lambda: (cleared.append(back), clear())[1]  # type: ignore[method-assign]
    chain.reorganise(51 - back, head=52)
    indexer.update()
    assert bool(cleared) == (back > 15)
    assert index.digest() == built_anew(chain)
    index.close()


def test_chain_that_lost_blocks_and_mines_nothing_is_followed_back_after_some_looks() -> None:
    chain, index = PastChain(MARKET, head=50), index_at(None)
    indexer = ChainIndexer(chain, index)
    indexer.update()
    ahead = index.digest()
    chain.newest = 40
    indexer.update()
    assert index.digest() == ahead  # the endpoint may only be behind
    for _ in range(3):
        indexer.update()
    assert index.digest() == built_anew(chain)


def test_indexers_that_share_a_database_do_not_disturb_each_other(database_url: str) -> None:
    chain = PastChain(MARKET, head=20)
    one, two = index_at(database_url), index_at(database_url)
    first, second = ChainIndexer(chain, one), ChainIndexer(chain, two)
    stale = one.progress()
    second.update()
    with one.changing(stale) as mine:
        assert not mine
    for head in (30, 31, 60, chain.market.orders):
        chain.newest = min(head, 103)
        first.update()
        second.update()
    assert one.digest() == two.digest() == built_anew(chain)
    one.close()
    two.close()


def test_index_killed_within_a_batch_goes_on_where_it_was(database_url: str) -> None:
    class Killed(BaseException):
        pass

    def die(block: int) -> None:
        if len(reached) < 3:
            reached.append(block)
            raise Killed

    chain, reached = PastChain(MARKET), list[int]()
    for _ in range(4):
        index = index_at(database_url)
        indexer = ChainIndexer(chain, index, depth=16)
        indexer._most_blocks = 20
        insert = index.database.insert
        index.database.insert = lambda table, rows, put=insert: (put(table, rows), die(0))[0]  # type: ignore[method-assign]
        try:
            indexer.update()
        except Killed:
            index.close()
    index = index_at(database_url)
    ChainIndexer(chain, index).update()
    assert index.digest() == built_anew(chain)
    index.close()


def test_index_of_another_market_is_refused(tmp_path: Path) -> None:
    index_at(tmp_path / "i.db").close()
    with pytest.raises(ConfigurationError) as caught:
        ChainIndex(tmp_path / "i.db", MARKET.domain, start=2)
    assert caught.value.code == "IndexForeign"
