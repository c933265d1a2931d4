"""A node's memory: what it was asked, what it means to do, what it has done.

One SQLite file in write-ahead mode with full synchronisation. An intent is written, with the very bytes that will be
sent, before anything leaves the process; so a process that is killed at any moment finds on restart what may already be
on its way, sends the same bytes again, and can do no harm by it. One process at a time holds the journal.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.primitives.errors import CorruptionError, StorageError
from concordat.storage.files import WriterLock

__all__ = ["Intent", "Journal"]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS intent (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, raw BLOB, hash BLOB, detail TEXT NOT NULL, changed INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS intent_status ON intent(status);
CREATE TABLE IF NOT EXISTS item (
    kind TEXT NOT NULL, key TEXT NOT NULL, stage TEXT NOT NULL, body TEXT NOT NULL,
    due INTEGER NOT NULL DEFAULT 0, block INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS item_due ON item(kind, stage, due);
CREATE INDEX IF NOT EXISTS item_block ON item(kind, block);
CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Something the node decided to send."""

    key: str
    """What it is for, such as ``submit:<order id>``: at most one intent per key is ever carried out."""
    status: str
    """``planned`` (bytes fixed), ``done`` or ``failed``."""
    raw: bytes | None
    """The signed transaction; ``None`` on a ledger without transactions."""
    hash: bytes | None
    """Its hash."""
    detail: dict[str, Any]
    """Outcome, for people and tests."""


class Journal:
    """A transactional store for one node.

    Parameters
    ----------
    path : Path
        SQLite file; created with its folder. ``None`` keeps everything in memory (embedded nodes of ``memory://``).
    exclusive : bool
        Whether one process at a time holds it; a client's journal is shared by its commands.
    on_write : callable, optional
        Called with a name before and after every write; fault tests kill the process there.

    Raises
    ------
    StorageError
        If another process holds it, or the disk refuses.
    CorruptionError
        If the file is not a journal or fails SQLite's integrity check.
    """

    def __init__(
        self, path: Path | None, *, exclusive: bool = True, on_write: Callable[[str], None] | None = None
    ) -> None:
        self._path = path
        self._on_write = on_write or (lambda _: None)
        self._mutex = threading.RLock()
        self._lock = WriterLock(path.with_suffix(".lock")) if path is not None and exclusive else None
        try:
            self._db = self._open()
        except BaseException:
            self._release()
            raise

    def _open(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = None
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path or ":memory:", isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("integrity check failed")
            if db.execute("PRAGMA user_version").fetchone()[0] not in (0, SCHEMA_VERSION):
                raise sqlite3.DatabaseError("it was written by another version of Concordat")
            db.executescript(_SCHEMA)
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            refused = isinstance(error, sqlite3.OperationalError | OSError)
            raise (_unwritable(error) if refused else self._corrupt(error)) from error
        return db

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def write(self, name: str) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is kept or none. Writes within it are part of it."""
        self._on_write(f"before {name}")
        with self._mutex:
            if self._db.in_transaction:
                yield self._db
            else:
                with self._transaction():
                    yield self._db
        self._on_write(f"after {name}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise _unwritable(error) from error
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _read(self, query: str, arguments: tuple[Any, ...]) -> list[Any]:
        with self._mutex:
            try:
                return self._db.execute(query, arguments).fetchall()
            except sqlite3.Error as error:
                raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> CorruptionError:
        return CorruptionError(
            f"The journal {self._path} cannot be read: {error}.",
            code="JournalCorrupt",
            hint="Move the file away and keep it: the node rebuilds what matters from the chain.",
        )

    # -- intents -----------------------------------------------------------------------------------------------------

    def intent(self, key: str) -> Intent | None:
        """The intent of that key, if there ever was one."""
        rows = self._read("SELECT key, status, raw, hash, detail FROM intent WHERE key = ?", (key,))
        return _intent(rows[0]) if rows else None

    def intents(self, status: str) -> list[Intent]:
        """All intents in a status, oldest change first."""
        query = "SELECT key, status, raw, hash, detail FROM intent WHERE status = ? ORDER BY changed, key"
        return [_intent(row) for row in self._read(query, (status,))]

    def set_intent(
        self, key: str, status: str, *, raw: bytes | None = None, hash: bytes | None = None, **detail: Any
    ) -> None:
        """Write an intent; raw bytes and hash are kept when not given again."""
        with self.write(f"intent {status} {key}") as db:
            db.execute(
                "INSERT INTO intent VALUES (?, ?, ?, ?, ?, (SELECT COALESCE(MAX(changed), 0) + 1 FROM intent)) "
                "ON CONFLICT(key) DO UPDATE SET status = excluded.status, raw = COALESCE(excluded.raw, raw), "
                "hash = COALESCE(excluded.hash, hash), detail = excluded.detail, changed = excluded.changed",
                (key, status, raw, hash, json.dumps(detail, sort_keys=True)),
            )

    # -- items -------------------------------------------------------------------------------------------------------

    def item(self, kind: str, key: str) -> tuple[str, dict[str, Any]] | None:
        """Stage and body of one item."""
        rows = self._read("SELECT stage, body FROM item WHERE kind = ? AND key = ?", (kind, key))
        return (rows[0][0], json.loads(rows[0][1])) if rows else None

    def items(self, kind: str, *stages: str, due: int | None = None) -> list[tuple[str, str, dict[str, Any]]]:
        """Key, stage and body of all items of a kind, in order of arrival.

        Parameters
        ----------
        stages : str
            Only those in one of these stages.
        due : int, optional
            Only those due at that time.
        """
        query, arguments = "SELECT key, stage, body FROM item WHERE kind = ?", [kind, *stages]
        if stages:
            query += f" AND stage IN ({', '.join('?' * len(stages))})"
        if due is not None:
            query, arguments = f"{query} AND due <= ?", [*arguments, str(due)]
        return self._items(f"{query} ORDER BY rowid", arguments)

    def has(self, kind: str, *stages: str) -> bool:
        """Whether there is any item of a kind in one of the stages."""
        query = f"SELECT 1 FROM item WHERE kind = ? AND stage IN ({', '.join('?' * len(stages))}) LIMIT 1"  # noqa: S608 (only placeholders)
        return bool(self._read(query, (kind, *stages)))

    def touched(self, kind: str, block: int) -> list[tuple[str, str, dict[str, Any]]]:
        """Items of a kind that a block or a later one touched last."""
        return self._items(
            "SELECT key, stage, body FROM item WHERE kind = ? AND block >= ? ORDER BY rowid", [kind, str(block)]
        )

    def _items(self, query: str, arguments: list[str]) -> list[tuple[str, str, dict[str, Any]]]:
        return [(key, stage, json.loads(body)) for key, stage, body in self._read(query, tuple(arguments))]

    def set_item(
        self,
        kind: str,
        key: str,
        stage: str,
        body: dict[str, Any] | None = None,
        *,
        due: int | None = None,
        block: int | None = None,
    ) -> None:
        """Write an item; what is not given stays as it was.

        Parameters
        ----------
        body : dict, optional
            JSON; without one nothing happens if there is no such item.
        due : int, optional
            Time before which nobody needs to look at it.
        block : int, optional
            Block that touched it last.
        """
        with self.write(f"{kind} {stage} {key}") as db:
            if body is not None:
                db.execute("INSERT OR IGNORE INTO item VALUES (?, ?, ?, '{}', 0, 0)", (kind, key, stage))
            db.execute(
                "UPDATE item SET stage = ?, body = COALESCE(?, body), due = COALESCE(?, due), "
                "block = COALESCE(?, block) WHERE kind = ? AND key = ?",
                (stage, None if body is None else json.dumps(body, sort_keys=True), due, block, kind, key),
            )

    # -- cursors -----------------------------------------------------------------------------------------------------

    def cursor(self, name: str) -> dict[str, Any] | None:
        """How far a follower has come."""
        rows = self._read("SELECT body FROM cursor WHERE name = ?", (name,))
        return dict(json.loads(rows[0][0])) if rows else None

    def set_cursor(self, name: str, body: dict[str, Any]) -> None:
        """Remember how far a follower has come."""
        with self.write(f"cursor {name}") as db:
            self.put_cursor(db, name, body)

    @staticmethod
    def put_cursor(db: sqlite3.Connection, name: str, body: dict[str, Any]) -> None:
        """The same inside a transaction opened with :meth:`write`, so that several move together."""
        db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (name, json.dumps(body, sort_keys=True)))


def _intent(row: tuple[Any, ...]) -> Intent:
    return Intent(key=row[0], status=row[1], raw=row[2], hash=row[3], detail=json.loads(row[4]))


def _unwritable(error: Exception) -> StorageError:
    return StorageError(
        f"The journal could not be written: {error}.",
        code="JournalWrite",
        hint="Free some disk space; nothing was sent, and the node goes on where it was.",
    )
