"""One SQLite file in write-ahead mode with full synchronisation."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from concordat.storage.files import WriterLock
from concordat.storage.sql.schema import Dialect, Row, Schema, Table, Values, corrupt, foreign_version, refused

__all__ = ["SqliteDatabase"]

BUSY_SECONDS = 30.0
"""How long a transaction waits for another process's."""
CACHE_KIB = 65_536
"""Most memory for pages of the file."""


class SqliteDatabase:
    """`Database` in a file.

    Parameters
    ----------
    path : Path
        The file; created with its folder. ``None`` keeps everything in memory.
    schema : Schema
        Tables to make where they are not there.
    exclusive : bool
        Whether one process at a time may have it open.

    Raises
    ------
    StorageError
        If another process holds it, or the disk refuses.
    CorruptionError
        If the file is no such database, or fails SQLite's integrity check.
    """

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path | None, schema: Schema, *, exclusive: bool) -> None:
        self._path, self._schema = path, schema
        self._mutex = threading.RLock()
        self._lock = WriterLock(path.with_suffix(".lock")) if path is not None and exclusive else None
        try:
            self._db = self._open()
        except BaseException:
            self._release()
            raise

    @property
    def where(self) -> str:
        """The file."""
        return str(self._path or ":memory:")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._db.in_transaction

    def _open(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = None
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                self._path or ":memory:", isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
            _write_ahead(db)
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA secure_delete=ON")
            db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("integrity check failed")
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, self._schema.version):
                raise sqlite3.DatabaseError(foreign_version(self._schema, found))
            for statement in self._schema.ddl(self.dialect):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={self._schema.version}")
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            raise self._error(error) from error
        return db

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is kept or none; no other process writes meanwhile."""
        with self._mutex:
            try:
                self.execute("BEGIN IMMEDIATE")
                yield
                self.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def execute(self, sql: str, values: Values | None = None) -> list[Row]:
        """Run one statement; its rows."""
        with self._mutex:
            try:
                return self._db.execute(sql, values or {}).fetchall()
            except sqlite3.Error as error:
                raise self._error(error) from error

    def fetch(self, table: Table, keys: Sequence[Any]) -> list[Row]:
        """Whole rows by primary key."""
        query = f"SELECT {table.listed} FROM {table.name} WHERE {table.key} = :key"  # noqa: S608 (our own names)
        return [row for key in keys for row in self.execute(query, {"key": key})]

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many whole rows."""
        places = ", ".join("?" * len(table.columns))
        self._many(f"INSERT INTO {table.name} ({table.listed}) VALUES ({places})", rows)  # noqa: S608 (our own names)

    def delete(self, table: Table, keys: Sequence[Any]) -> None:
        """Delete rows by primary key."""
        query = f"DELETE FROM {table.name} WHERE {table.key} = ?"  # noqa: S608 (our own names)
        self._many(query, [(key,) for key in keys])

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the file, its free pages or its write-ahead log."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.execute("VACUUM")
        if self.execute("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            raise refused(self.where, OSError("another process is reading it; what was deleted is still in its log"))

    def _many(self, sql: str, rows: Iterable[Row]) -> None:
        with self._mutex, nullcontext() if self.in_transaction else self.transaction():
            try:
                self._db.executemany(sql, rows)
            except sqlite3.Error as error:
                raise self._error(error) from error

    def _error(self, error: sqlite3.Error | OSError) -> Exception:
        if isinstance(error, sqlite3.OperationalError | OSError):
            return refused(self.where, error)
        return corrupt(self.where, error)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to a write-ahead log; SQLite itself does not wait while another process does the same to a new file."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
        time.sleep(0.01)
