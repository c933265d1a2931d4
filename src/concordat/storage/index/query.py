"""Pages of the index: a page begins where the last one ended, whatever was added meanwhile, and costs the same wherever
it is.

A page is found by place, never by counting: behind every filter there is an index that ends in the place. Statements
are put together from constants of this module; values, from whoever they come, are only ever bound to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from concordat.primitives.errors import InputError
from concordat.protocol.order import OrderStatus
from concordat.storage.index.cursor import decode_cursor, encode_cursor
from concordat.storage.index.tables import ORDER
from concordat.storage.sql.schema import Database, Row, Table

__all__ = ["MOST", "Page", "Query", "find_page", "statement_of", "time_statements"]

MOST = 1_000
"""Most entries of one page."""
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Entry]):
    """Some entries, and how to go on."""

    items: tuple[Entry, ...]
    """The entries."""
    next: str | None
    """Cursor of the next page; ``None`` if this is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for in one table; nothing given means everything."""

    table: Table
    """Where."""
    equal: Mapping[str, bytes | int] = field(default_factory=dict)
    """Values that columns must have."""
    statuses: tuple[int, ...] = ()
    """Only with one of these statuses."""
    since: int | None = None
    """Only from this second on (orders: when accepted)."""
    until: int | None = None
    """Only before this second."""
    newest_first: bool = True
    """Later ones first."""
    limit: int = 50
    """Most entries, at most :data:`MOST`."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise InputError(f"A page has 1 to {MOST} entries, not {self.limit}.", code="BadPageSize")

    @property
    def time(self) -> str:
        """Column that says when an entry began."""
        return next(name for name in self.table.columns if name in _TIMES)

    def values(self) -> dict[str, bytes | int]:
        """What is bound to the statement's places, but for where the page begins and ends."""
        return {**self.equal, **{f"status{number}": status for number, status in enumerate(self.statuses)}}


_TIMES = frozenset(
    {"accepted_time", "drawn_time", "joined_time", "opened_time", "registered_time", "sealed_time", "time"}
)
_ENDLESS = 2**63 - 1


def find_page(database: Database, query: Query, *, after: str | None = None) -> tuple[list[Row], str | None]:
    """Rows of the page after a cursor, and the next cursor.

    Raises
    ------
    InputError
        ``BadCursor`` if the cursor is none of this query's.
    """
    limits = query.since, query.until, query.newest_first
    fingerprint = repr((query.table.name, sorted(query.values().items()), limits)).encode()
    first = _first_place(database, query, query.since) if query.since is not None else 0
    end = _first_place(database, query, query.until) if query.until is not None else _ENDLESS
    if after is not None and query.newest_first:
        end = min(end, decode_cursor(after, fingerprint))
    elif after is not None:
        first = max(first, decode_cursor(after, fingerprint) + 1)
    values = {**query.values(), "first": first, "end": end, "most": query.limit + 1}
    rows = database.execute(statement_of(query), values)
    page, more = rows[: query.limit], len(rows) > query.limit
    place = query.table.columns.index("place")
    return page, encode_cursor(page[-1][place], fingerprint) if more else None


def statement_of(query: Query) -> str:
    """The statement of one page.

    An order's status is in the middle of the indexes by party, so without one the page is made of the first entries of
    every status.
    """
    table, direction = query.table, "DESC" if query.newest_first else "ASC"
    tests = [*(f"{name} = :{name}" for name in query.equal), "place >= :first", "place < :end"]
    end = f"ORDER BY place {direction} LIMIT :most"
    wanted = [f":status{number}" for number in range(len(query.statuses))]
    if table is ORDER and query.equal and not wanted:
        wanted = [str(int(status)) for status in OrderStatus if status]
    if not wanted:
        return f"SELECT {table.listed} FROM {table.name} {_where(tests)} {end}"  # noqa: S608 (our own names)
    parts = [
        f"SELECT * FROM (SELECT {table.listed} FROM {table.name} {_where([*tests, f'status = {status}'])} {end}) AS part{at}"  # noqa: S608, E501
        for at, status in enumerate(wanted)
    ]
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS parts {end}"  # noqa: S608 (our own names)


def _where(tests: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(tests)}" if tests else ""


def _first_place(database: Database, query: Query, time: int) -> int:
    """First place that is not before a time: later entries have later places, so it is found by halving."""
    lowest, highest, look = time_statements(query)
    low, high = (database.execute(lowest)[0][0] or 0), (database.execute(highest)[0][0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        rows = database.execute(look, {"place": middle})
        if not rows or rows[0][1] >= time:
            high = middle
        else:
            low = rows[0][0] + 1
    return low


def time_statements(query: Query) -> tuple[str, str, str]:
    """First place, last place (apart: SQLite reads everything to find both), and what comes at or after a place."""
    table = query.table.name
    return (
        f"SELECT MIN(place) FROM {table}",  # noqa: S608 (our own names)
        f"SELECT MAX(place) FROM {table}",  # noqa: S608 (our own names)
        f"SELECT place, {query.time} FROM {table} WHERE place >= :place ORDER BY place LIMIT 1",  # noqa: S608
    )
