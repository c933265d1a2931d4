"""The index of one deployment: written and taken back block by block, thrown away and built anew at will."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from concordat.primitives.errors import ConfigurationError
from concordat.protocol.order import Domain
from concordat.storage.index.batch import Batch, undo_block
from concordat.storage.index.fold import Fold
from concordat.storage.index.happening import Happening
from concordat.storage.index.tables import ACCOUNT, DATA, ORDER, SCHEMA, SEEN, place_of
from concordat.storage.sql.open import open_database
from concordat.storage.sql.schema import Database, Row, Table

__all__ = ["Block", "ChainIndex", "Progress"]

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was read."""

    number: int
    """Its number."""
    hash: bytes
    """Its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the index has come."""

    next: int
    """First block not read yet."""
    place: int = -1
    """Place of the last event that was applied."""
    time: int = 0
    """Its time."""
    undo_from: int
    """First block whose changes can be taken back."""
    seen: tuple[Block, ...] = ()
    """The last blocks read, oldest first."""


class ChainIndex:
    """Tables of what happened on one market.

    Parameters
    ----------
    place : Path, str or None
        SQLite file, URL of a database, or ``None`` for memory (`concordat.storage.sql.open.open_database`).
    domain : Domain
        The market: chain and contract.
    start : int
        First block that can hold one of its events.

    Raises
    ------
    ConfigurationError
        ``IndexForeign`` if it is the index of another deployment.
    StorageError
        If the database refuses or cannot be reached.
    """

    def __init__(self, place: Path | str | None, domain: Domain, *, start: int = 0) -> None:
        self.domain, self.start = domain, start
        market = domain.market.hex()
        name = f"index-{domain.chain_id}-{market[:8]}"
        self.database: Database = open_database(place, SCHEMA, name=name[-40:])
        self._own(f"{domain.chain_id}:{market}:{start}")

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def _own(self, deployment: str) -> None:
        with self.database.transaction():
            found = self._meta("deployment")
            if found is None:
                self._set_meta("deployment", deployment)
                self._set_progress(self._nothing())
        if found not in (None, deployment):
            self.close()
            raise ConfigurationError(
                f"The index in {self.database.where} is that of another deployment.",
                code="IndexForeign",
                hint="Use another file or database; an index is made of one market's events.",
            )

    # -- writing -----------------------------------------------------------------------------------------------------

    def progress(self) -> Progress:
        """How far it has come."""
        seen = self.database.execute("SELECT number, hash FROM seen ORDER BY number")
        numbers = json.loads(self._meta("progress") or "{}")
        return Progress(seen=tuple(Block(number, name) for number, name in seen), **numbers)

    @contextmanager
    def changing(self, expected: Progress) -> Iterator[bool]:
        """One transaction; false if another process has changed the index since `expected` was read."""
        with self.database.transaction():
            yield self.progress() == expected

    def apply(self, happenings: Sequence[Happening], *, upto: int, seen: Sequence[Block], undoable: bool) -> None:
        """Add what happened in the next blocks; within :meth:`changing`.

        Parameters
        ----------
        happenings : sequence of Happening
            All events of those blocks, in order.
        upto : int
            The last of them.
        seen : sequence of Block
            The last blocks read, oldest first: what a re-organisation is noticed by.
        undoable : bool
            Whether to keep what is needed to take these blocks back.

        Raises
        ------
        EndpointError
            If the events contradict each other or what is there; the transaction must be given up then.
        """
        progress = self.progress()
        batch = Batch(self.database, undoable=undoable)
        _preload(batch, happenings)
        place, time = Fold(batch, self.domain).apply(happenings, after=progress.place, since=progress.time)
        batch.write()
        oldest = max(progress.undo_from, seen[0].number if seen else 0) if undoable else upto + 1
        self.database.execute("DELETE FROM undo WHERE block < :oldest", {"oldest": oldest})
        self._set_progress(Progress(next=upto + 1, place=place, time=time, undo_from=oldest, seen=tuple(seen)))

    def go_back(self, block: int) -> int:
        """Forget a block and later ones, all of them if the way back is not known; within :meth:`changing`.

        Returns
        -------
        int
            First block to be read again.
        """
        progress = self.progress()
        if block >= progress.next:
            return progress.next
        if block < progress.undo_from:
            self.clear()
            return self.start
        undo_block(self.database, block)
        seen = tuple(old for old in progress.seen if old.number < block)
        before = place_of(block, 0) - 1
        self._set_progress(Progress(next=block, place=before, undo_from=progress.undo_from, seen=seen))
        return block

    def clear(self) -> None:
        """Forget everything."""
        for name in (*DATA, "undo"):
            self.database.execute(f"DELETE FROM {name}")  # noqa: S608 (our own names)
        self._set_progress(self._nothing())

    def _nothing(self) -> Progress:
        return Progress(next=self.start, undo_from=self.start)

    def _set_progress(self, progress: Progress) -> None:
        numbers = {"next": progress.next, "place": progress.place, "time": progress.time}
        self._set_meta("progress", json.dumps({**numbers, "undo_from": progress.undo_from}))
        self.database.execute("DELETE FROM seen")
        self.database.insert(SEEN, ((block.number, block.hash) for block in progress.seen))

    # -- asking ------------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        return {
            name: self.database.execute(f"SELECT COUNT(*) FROM {name}")[0][0]  # noqa: S608 (our own names)
            for name in DATA
        }

    def digest(self) -> str:
        """SHA-256 over every row of every table in order: equal for equal histories, however they were read."""
        digest = hashlib.sha256()
        for table in DATA.values():
            digest.update(f"{table.name}({table.listed})\n".encode())
            for row in self._rows(table):
                digest.update(json.dumps([_shown(value) for value in row]).encode() + b"\n")
        return digest.hexdigest()

    def _rows(self, table: Table) -> Iterator[Row]:
        """Every row, by primary key."""
        first = f"SELECT {table.listed} FROM {table.name} ORDER BY {table.key} LIMIT {_PAGE}"  # noqa: S608 (our own names)
        after = first.replace(" ORDER BY", f" WHERE {table.key} > :after ORDER BY")
        rows = self.database.execute(first)
        while rows:
            yield from rows
            rows = self.database.execute(after, {"after": rows[-1][0]})

    def measure(self) -> None:
        """Let the database's planner know how large the tables have become."""
        for name in DATA:
            self.database.execute(f"ANALYZE {name}")

    # -- notes -------------------------------------------------------------------------------------------------------

    def _meta(self, name: str) -> str | None:
        rows = self.database.execute("SELECT value FROM progress WHERE name = :name", {"name": name})
        return rows[0][0] if rows else None

    def _set_meta(self, name: str, value: str) -> None:
        self.database.execute(
            "INSERT INTO progress (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {"name": name, "value": value},
        )


def _preload(batch: Batch, happenings: Iterable[Happening]) -> None:
    """Read in a few statements what the events will ask for one by one."""
    orders: dict[bytes, None] = {}
    accounts: dict[bytes, None] = {}
    for happening in happenings:
        if (order := happening.values.get("order_id")) is not None:
            orders[order] = None
        for role in ("account", "provider", "challenger", "replica"):
            if (account := happening.values.get(role)) is not None:
                accounts[account] = None
    batch.preload(ORDER, orders)
    batch.preload(ACCOUNT, accounts)


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
