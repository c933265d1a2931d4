"""A node's memory: what it was asked, what it means to do, what it has done.

A SQLite file in write-ahead mode with full synchronisation, or a schema of a PostgreSQL database. An intent is written,
with the very bytes that will be sent, before anything leaves the process; so a process that is killed at any moment
finds on restart what may already be on its way, sends the same bytes again, and can do no harm by it. One process at a
time holds the journal.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.primitives.errors import CorruptionError, StorageError
from concordat.storage.sql.open import open_database
from concordat.storage.sql.schema import Database, Row, Schema, Values

__all__ = ["Intent", "Journal"]

SCHEMA = Schema(
    name="journal",
    version=1,
    statements=(
        "CREATE TABLE IF NOT EXISTS intent (key {text} PRIMARY KEY, status {text} NOT NULL, raw {bytes}, hash {bytes}, "
        "detail {text} NOT NULL, changed {number} NOT NULL)",
        "CREATE INDEX IF NOT EXISTS intent_status ON intent(status)",
        "CREATE INDEX IF NOT EXISTS intent_changed ON intent(changed)",
        "CREATE TABLE IF NOT EXISTS item (kind {text} NOT NULL, key {text} NOT NULL, stage {text} NOT NULL, "
        "body {text} NOT NULL, due {number} NOT NULL DEFAULT 0, block {number} NOT NULL DEFAULT 0{arrival}, "
        "PRIMARY KEY (kind, key))",
        "CREATE INDEX IF NOT EXISTS item_due ON item(kind, stage, due)",
        "CREATE INDEX IF NOT EXISTS item_block ON item(kind, block)",
        "CREATE TABLE IF NOT EXISTS cursor (name {text} PRIMARY KEY, body {text} NOT NULL)",
    ),
)
"""Tables of a journal."""


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
    place : Path, str or None
        SQLite file; or the URL of a database (`concordat.storage.sql.open.open_database`); or ``None`` for memory
        (embedded nodes of ``memory://``).
    name : str
        Name of the node: where a URL leads to a database that several nodes share, each has its own tables.
    exclusive : bool
        Whether one process at a time holds it; a client's journal is shared by its commands.
    on_write : callable, optional
        Called with a name before and after every write; fault tests kill the process there.

    Raises
    ------
    StorageError
        If another process holds it, or the disk refuses, or the server cannot be reached.
    CorruptionError
        If the file is not a journal or fails SQLite's integrity check.
    """

    def __init__(
        self,
        place: Path | str | None,
        *,
        name: str = "journal",
        exclusive: bool = True,
        on_write: Callable[[str], None] | None = None,
    ) -> None:
        self._on_write = on_write or (lambda _: None)
        self._mutex = threading.RLock()
        with _as_journal():
            self._db = open_database(place, SCHEMA, name=name, exclusive=exclusive)

    def close(self) -> None:
        """Let go of it."""
        self._db.close()

    @contextmanager
    def write(self, name: str) -> Iterator[Database]:
        """One transaction: all of it is kept or none. Writes within it are part of it."""
        self._on_write(f"before {name}")
        with self._mutex, _as_journal():
            if self._db.in_transaction:
                yield self._db
            else:
                with self._db.transaction():
                    yield self._db
        self._on_write(f"after {name}")

    def _read(self, query: str, values: Values) -> list[Row]:
        with self._mutex, _as_journal():
            return self._db.execute(query, values)

    # -- intents -----------------------------------------------------------------------------------------------------

    def intent(self, key: str) -> Intent | None:
        """The intent of that key, if there ever was one."""
        rows = self._read("SELECT key, status, raw, hash, detail FROM intent WHERE key = :key", {"key": key})
        return _intent(rows[0]) if rows else None

    def intents(self, status: str) -> list[Intent]:
        """All intents in a status, oldest change first."""
        query = "SELECT key, status, raw, hash, detail FROM intent WHERE status = :status ORDER BY changed, key"
        return [_intent(row) for row in self._read(query, {"status": status})]

    def set_intent(
        self, key: str, status: str, *, raw: bytes | None = None, hash: bytes | None = None, **detail: Any
    ) -> None:
        """Write an intent; raw bytes and hash are kept when not given again."""
        with self.write(f"intent {status} {key}") as db:
            db.execute(
                "INSERT INTO intent (key, status, raw, hash, detail, changed) VALUES (:key, :status, :raw, :hash, "
                ":detail, (SELECT COALESCE(MAX(changed), 0) + 1 FROM intent)) "
                "ON CONFLICT (key) DO UPDATE SET status = excluded.status, raw = COALESCE(excluded.raw, intent.raw), "
                "hash = COALESCE(excluded.hash, intent.hash), detail = excluded.detail, changed = excluded.changed",
                {"key": key, "status": status, "raw": raw, "hash": hash, "detail": json.dumps(detail, sort_keys=True)},
            )

    # -- items -------------------------------------------------------------------------------------------------------

    def item(self, kind: str, key: str) -> tuple[str, dict[str, Any]] | None:
        """Stage and body of one item."""
        rows = self._read("SELECT stage, body FROM item WHERE kind = :kind AND key = :key", {"kind": kind, "key": key})
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
        query, values = "SELECT key, stage, body FROM item WHERE kind = :kind", _values(kind, stages)
        if stages:
            query += f" AND stage IN ({_places(stages)})"
        if due is not None:
            query, values["due"] = f"{query} AND due <= :due", due
        return self._items(f"{query} ORDER BY rowid", values)

    def has(self, kind: str, *stages: str) -> bool:
        """Whether there is any item of a kind in one of the stages."""
        query = f"SELECT 1 FROM item WHERE kind = :kind AND stage IN ({_places(stages)}) LIMIT 1"  # noqa: S608 (only places)
        return bool(self._read(query, _values(kind, stages)))

    def counts(self) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
        """How many items there are by kind and stage, and how many intents by status."""
        items = self._read("SELECT kind, stage, COUNT(*) FROM item GROUP BY kind, stage", {})
        intents = self._read("SELECT status, COUNT(*) FROM intent GROUP BY status", {})
        return {(row[0], row[1]): row[2] for row in items}, {row[0]: row[1] for row in intents}

    def touched(self, kind: str, block: int) -> list[tuple[str, str, dict[str, Any]]]:
        """Items of a kind that a block or a later one touched last."""
        query = "SELECT key, stage, body FROM item WHERE kind = :kind AND block >= :block ORDER BY rowid"
        return self._items(query, {"kind": kind, "block": block})

    def _items(self, query: str, values: Values) -> list[tuple[str, str, dict[str, Any]]]:
        return [(key, stage, json.loads(body)) for key, stage, body in self._read(query, values)]

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
            named = {"kind": kind, "key": key, "stage": stage}
            if body is not None:
                db.execute(
                    "INSERT INTO item (kind, key, stage, body) VALUES (:kind, :key, :stage, '{}') "
                    "ON CONFLICT (kind, key) DO NOTHING",
                    named,
                )
            text = None if body is None else json.dumps(body, sort_keys=True)
            db.execute(
                "UPDATE item SET stage = :stage, body = COALESCE(:body, body), due = COALESCE(:due, due), "
                "block = COALESCE(:block, block) WHERE kind = :kind AND key = :key",
                {**named, "body": text, "due": due, "block": block},
            )

    def drop_item(self, kind: str, key: str) -> None:
        """Delete an item; nothing happens if there is none. :meth:`scrub` makes sure that nothing is left of it."""
        with self.write(f"drop {kind} {key}") as db:
            db.execute("DELETE FROM item WHERE kind = :kind AND key = :key", {"kind": kind, "key": key})

    def scrub(self) -> None:
        """Leave nothing of what was deleted or overwritten in the file or its write-ahead log."""
        self._on_write("before scrub")
        with self._mutex, _as_journal():
            self._db.scrub()
        self._on_write("after scrub")

    # -- cursors -----------------------------------------------------------------------------------------------------

    def cursor(self, name: str) -> dict[str, Any] | None:
        """How far a follower has come."""
        rows = self._read("SELECT body FROM cursor WHERE name = :name", {"name": name})
        return dict(json.loads(rows[0][0])) if rows else None

    def set_cursor(self, name: str, body: dict[str, Any]) -> None:
        """Remember how far a follower has come."""
        with self.write(f"cursor {name}") as db:
            db.execute(
                "INSERT INTO cursor (name, body) VALUES (:name, :body) "
                "ON CONFLICT (name) DO UPDATE SET body = excluded.body",
                {"name": name, "body": json.dumps(body, sort_keys=True)},
            )


def _places(stages: tuple[str, ...]) -> str:
    return ", ".join(f":stage{number}" for number in range(len(stages)))


def _values(kind: str, stages: tuple[str, ...]) -> dict[str, Any]:
    return {"kind": kind, **{f"stage{number}": stage for number, stage in enumerate(stages)}}


def _intent(row: Row) -> Intent:
    return Intent(key=row[0], status=row[1], raw=row[2], hash=row[3], detail=json.loads(row[4]))


@contextmanager
def _as_journal() -> Iterator[None]:
    """What a database refuses, in a journal's words."""
    try:
        yield
    except StorageError as error:
        if error.code == "DatabaseRefused":
            raise StorageError(
                f"The journal could not be written: {error.message}",
                code="JournalWrite",
                hint="Free some disk space; nothing was sent, and the node goes on where it was.",
            ) from error.__cause__
        if error.code == "DatabaseCorrupt":
            raise CorruptionError(
                f"The journal is damaged: {error.message}",
                code="JournalCorrupt",
                hint="Move it away and keep it: the node rebuilds what matters from the chain.",
            ) from error.__cause__
        raise
