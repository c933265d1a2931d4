"""Asking the index: orders, disputes, artifacts, agents, replicas and credits, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from concordat.chain.ledger import EvmLedger
from concordat.client.home import Home
from concordat.client.indexing import ChainIndexer, Indexer, LedgerIndexer, Report
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import NotFoundError
from concordat.primitives.units import Address, Amount, ModelId, OrderId, Timestamp
from concordat.protocol.artifact import ArtifactKind
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import OrderStatus
from concordat.protocol.panel import Seat
from concordat.storage.index.chain_index import ChainIndex
from concordat.storage.index.happening import DisputeStatus, MemberStatus, PanelStatus
from concordat.storage.index.query import MOST, Page, Query, find_page
from concordat.storage.index.rows import (
    AgentEntry,
    ArtifactEntry,
    CreditEntry,
    DisputeEntry,
    MemberEntry,
    OrderEntry,
    PanelEntry,
    SeatEntry,
    entry_of,
)
from concordat.storage.index.tables import ACCOUNT, AGENT, ARTIFACT, CREDIT, DISPUTE, MEMBER, ORDER, PANEL, SEAT

__all__ = ["Search", "open_search"]

Entry = TypeVar("Entry")


class Search:
    """What happened on one market, from the index; every question first reads on to the chain's head.

    Pages have at most `limit` entries; `after` takes the cursor that the page before gave. Entries that come in between
    two pages are neither repeated nor left out.

    Parameters
    ----------
    indexer : callable
        Opens the index, with what keeps it up to date; called when something is asked for the first time.
    follow : bool
        Whether questions read on first; not if a process of its own does.
    """

    def __init__(self, indexer: Callable[[], Indexer], *, follow: bool = True) -> None:
        self._open, self._follow = indexer, follow
        self._opened: Indexer | None = None

    @property
    def _indexer(self) -> Indexer:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    @property
    def index(self) -> ChainIndex:
        """The tables."""
        return self._indexer.index

    def update(self, report: Report = lambda *_: None) -> int:
        """Read on to the head; returns how many events were read."""
        return self._indexer.update(report)

    def rebuild(self, report: Report = lambda *_: None) -> int:
        """Throw the index away and build it anew from the first block; returns how many events were read."""
        with self.index.changing(self.index.progress()):
            self.index.clear()
        return self.update(report)

    def close(self) -> None:
        """Let go of the database; the next question opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.index.close()

    # -- questions ---------------------------------------------------------------------------------------------------

    def order(self, order: OrderId) -> OrderEntry:
        """One order; `NotFoundError` if it was never accepted."""
        self._read_on()
        rows = self.index.database.fetch(ORDER, [bytes(order)])
        if not rows:
            raise NotFoundError(f"No order {to_hex(order)} was ever accepted.", code="UnknownOrder")
        return cast(OrderEntry, entry_of(ORDER, rows[0]))

    def orders(
        self,
        *,
        client: Address | None = None,
        provider: Address | None = None,
        model: ModelId | None = None,
        status: OrderStatus | Sequence[OrderStatus] = (),
        since: Timestamp | None = None,
        until: Timestamp | None = None,
        newest_first: bool = True,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[OrderEntry]:
        """Orders that were accepted at `since` or later and before `until`.

        Raises
        ------
        InputError
            ``BadCursor`` if the cursor is none of this very question, ``BadPageSize`` if the page is too large.
        """
        wanted = (status,) if isinstance(status, OrderStatus) else tuple(status)
        query = Query(
            table=ORDER,
            equal=_given(client=client, provider=provider, model=model),
            statuses=tuple(sorted({int(one) for one in wanted})),
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
        )
        return self._page(query, after, OrderEntry)

    def disputes(
        self,
        *,
        order: OrderId | None = None,
        challenger: Address | None = None,
        status: DisputeStatus | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[DisputeEntry]:
        """Disputes and fraud proofs, newest first."""
        equal = _given(order_id=order, challenger=challenger, status=status)
        return self._page(Query(table=DISPUTE, equal=equal, limit=limit), after, DisputeEntry)

    def artifacts(
        self,
        *,
        kind: ArtifactKind | None = None,
        owner: Address | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[ArtifactEntry]:
        """Registered artifacts, newest first."""
        equal = _given(kind=kind, owner=owner)
        return self._page(Query(table=ARTIFACT, equal=equal, limit=limit), after, ArtifactEntry)

    def agents(self, *, owner: Address | None = None, limit: int = 50, after: str | None = None) -> Page[AgentEntry]:
        """Registered agents, newest first."""
        return self._page(Query(table=AGENT, equal=_given(owner=owner), limit=limit), after, AgentEntry)

    def credits(
        self,
        *,
        account: Address | None = None,
        order: OrderId | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[CreditEntry]:
        """Changes of balances in the vault, newest first."""
        equal = _given(account=account, order_id=order)
        return self._page(Query(table=CREDIT, equal=equal, limit=limit), after, CreditEntry)

    def members(
        self,
        *,
        replica: Address | None = None,
        status: MemberStatus | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[MemberEntry]:
        """Members of the pool of replicas, present and former; who joined last comes first."""
        equal = _given(id=replica, status=status)
        return self._page(Query(table=MEMBER, equal=equal, limit=limit), after, MemberEntry)

    def panels(
        self,
        *,
        order: OrderId | None = None,
        provider: Address | None = None,
        status: PanelStatus | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[PanelEntry]:
        """Orders whose results were sealed for replicas, newest first."""
        equal = _given(id=order, provider=provider, status=status)
        return self._page(Query(table=PANEL, equal=equal, limit=limit), after, PanelEntry)

    def seats(
        self,
        *,
        order: OrderId | None = None,
        replica: Address | None = None,
        status: Seat | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[SeatEntry]:
        """Replicas that were drawn and what they said, newest first."""
        equal = _given(order_id=order, replica=replica, status=status)
        return self._page(Query(table=SEAT, equal=equal, limit=limit), after, SeatEntry)

    def total(self, account: Address) -> Amount:
        """Sum of an account's credits."""
        self._read_on()
        rows = self.index.database.fetch(ACCOUNT, [bytes(account)])
        return Amount(int(rows[0][1]) if rows else 0)

    def differences(self, ledger: Ledger, *, sample: int) -> list[OrderId]:
        """Orders that are otherwise on the ledger than in the index, among some of the oldest and of the newest."""
        self._read_on()
        size = max(1, min(sample, MOST))
        found: dict[OrderId, OrderEntry] = {}
        for newest_first in (False, True):
            query = Query(table=ORDER, newest_first=newest_first, limit=size)
            found |= {entry.id: entry for entry in self._found(query, None, OrderEntry).items}
        return [name for name, entry in found.items() if _differs(entry, ledger)]

    def _page(self, query: Query, after: str | None, kind: type[Entry]) -> Page[Entry]:
        self._read_on()
        return self._found(query, after, kind)

    def _found(self, query: Query, after: str | None, kind: type[Entry]) -> Page[Entry]:
        rows, cursor = find_page(self.index.database, query, after=after)
        return Page(items=tuple(cast(Entry, entry_of(query.table, row)) for row in rows), next=cursor)

    def _read_on(self) -> None:
        if self._follow:
            self.update()


def open_search(ledger: Ledger, home: Home | None, *, follow: bool = True) -> Search:
    """The index of a ledger's market, in its home or in memory; opened when something is asked."""

    def indexer() -> Indexer:
        if not isinstance(ledger, EvmLedger):
            return LedgerIndexer(ledger, ChainIndex(None, ledger.domain))
        place = (home.database or home.path / _file(ledger.deployment.version)) if home is not None else None
        return ChainIndexer(ledger, ChainIndex(place, ledger.domain, start=ledger.deployment.block))

    return Search(indexer, follow=follow)


def _file(version: int) -> str:
    """Each version of a market has an index of its own."""
    return "index.db" if version == 1 else f"index-v{version}.db"


def _differs(entry: OrderEntry, ledger: Ledger) -> bool:
    """Whether the ledger says otherwise of an order: its status, when it ended or can end, how it was settled."""
    state = ledger.state(entry.id)
    if state.status is not entry.status:
        return True
    if entry.status is OrderStatus.PAID and state.gathered != entry.gathered:
        return True
    return entry.ended is not None and state.until != entry.ended.time


def _given(**columns: Any) -> Mapping[str, bytes | int]:
    """Columns for which there is a value, as a database takes them."""
    return {
        name: int(value) if isinstance(value, int) else bytes(value)
        for name, value in columns.items()
        if value is not None
    }
