"""One schema of a PostgreSQL database, over one connection.

Each store (a node's journal, the index, the log) has a schema of its own: nodes that share a database do not see each
other. Who holds a store exclusively holds an advisory lock of the server's, which ends with the connection: a process
that dies, or that is cut off, no longer holds it, and its open transaction is undone. Since everything is written over
that same connection, nobody can write after having lost the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from concordat.primitives.errors import StorageError
from concordat.storage.sql.address import PostgresAddress
from concordat.storage.sql.refusals import away, denied, state_of, text_of
from concordat.storage.sql.schema import Dialect, Row, Schema, Table, Values, corrupt, refused
from concordat.storage.sql.session import StoreName, open_session

if TYPE_CHECKING:
    from pg8000.native import Connection, PreparedStatement

__all__ = ["PostgresDatabase"]

COPY_BYTES = 1 << 18
"""Rows are copied in pieces of about this size."""
MOST_KEYS = 10_000
"""Keys in one statement."""
MOST_PREPARED = 200
"""Prepared statements that are kept."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class PostgresDatabase:
    """`Database` on a server.

    Parameters
    ----------
    url : str
        As for `PostgresAddress.parse`.
    schema : Schema
        Tables to make where they are not there.
    name : str
        Of the store: its tables are in the schema ``concordat_<name>``.
    exclusive : bool
        Whether one process at a time may have it open.

    Raises
    ------
    StorageError
        If the server cannot be reached, or another process holds the store (``Locked``).
    ConfigurationError
        If the URL, the name, the password or the rights are wrong, or `pg8000` is not installed.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, schema: Schema, *, name: str, exclusive: bool) -> None:
        self._address, self._schema = PostgresAddress.parse(url), schema
        self._name, self._exclusive = StoreName.parse(name), exclusive
        self._mutex = threading.RLock()
        self._connection: Connection | None = None
        self._prepared: dict[str, PreparedStatement] = {}
        self._open = False
        self._session()

    @property
    def where(self) -> str:
        """Server, database and store."""
        return f"{self._address.where} ({self._name.text})"

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._open

    def close(self) -> None:
        """End the connection, and with it the lock."""
        with self._mutex:
            self._drop()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is kept or none; no other process writes to this store meanwhile."""
        with self._mutex:
            self.execute("BEGIN")
            self._open = True
            try:
                if not self._exclusive:
                    self.execute("SELECT pg_advisory_xact_lock(:key)", {"key": self._name.key("write")})
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._connection is not None:
                    with suppress(StorageError):
                        self.execute("ROLLBACK")
                raise
            finally:
                self._open = False

    def execute(self, sql: str, values: Values | None = None) -> list[Row]:
        """Run one statement; its rows."""
        with self._mutex:
            connection = self._session()
            with self._translated():
                rows = self._statement(connection, sql).run(**values) if values else connection.run(sql)
            return [tuple(row) for row in rows or ()]

    def fetch(self, table: Table, keys: Sequence[Any]) -> list[Row]:
        """Whole rows by primary key."""
        query = f"SELECT {table.listed} FROM {table.name} WHERE {table.key} = ANY(:keys)"  # noqa: S608 (our own names)
        return [row for part in _parts(keys) for row in self.execute(query, {"keys": part})]

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many whole rows with COPY."""
        with self._mutex:
            connection = self._session()
            with self._translated():
                connection.run(f"COPY {table.name} ({table.listed}) FROM STDIN", stream=_copied(rows))

    def delete(self, table: Table, keys: Sequence[Any]) -> None:
        """Delete rows by primary key."""
        query = f"DELETE FROM {table.name} WHERE {table.key} = ANY(:keys)"  # noqa: S608 (our own names)
        for part in _parts(keys):
            self.execute(query, {"keys": part})

    def scrub(self) -> None:
        """Write the tables anew without what was deleted; the server's own log and backups are its keeper's affair."""
        self.execute("VACUUM FULL")

    # -- the connection ----------------------------------------------------------------------------------------------

    def _session(self) -> Connection:
        """The connection; a new one, locked and ready, if the last was lost outside of a transaction."""
        if self._connection is None:
            if self._open:
                raise away(self._address, "the connection was lost within a transaction")
            self._connection = open_session(self._address, self._schema, self._name, exclusive=self._exclusive)
        return self._connection

    def _statement(self, connection: Connection, sql: str) -> PreparedStatement:
        if sql not in self._prepared:
            if len(self._prepared) >= MOST_PREPARED:
                for statement in self._prepared.values():
                    statement.close()
                self._prepared = {}
            self._prepared[sql] = connection.prepare(sql)
        return self._prepared[sql]

    def _drop(self) -> None:
        connection, self._connection, self._prepared = self._connection, None, {}
        if connection is not None:
            with suppress(Exception):
                connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the server as ours; anything else may have left a message half sent, and ends the connection."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            yield
        except DatabaseError as error:
            raise self._error(error) from error
        except (InterfaceError, OSError, ValueError, LookupError) as error:
            self._drop()
            raise away(self._address, type(error).__name__) from error
        except BaseException:
            self._drop()
            raise

    def _error(self, error: Exception) -> Exception:
        kind, text = state_of(error), text_of(error)
        if kind == "away":
            self._drop()
            return away(self._address, text)
        if kind == "denied":
            return denied(self._address, text)
        return corrupt(self.where, text) if kind == "broken" else refused(self.where, text)


def _parts(keys: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), MOST_KEYS):
        yield list(keys[start : start + MOST_KEYS])


def _copied(rows: Iterable[Row]) -> Iterator[bytes]:
    """Rows in COPY's text format."""
    lines: list[str] = []
    size = 0
    for row in rows:
        line = "\t".join(map(_field, row))
        lines.append(line)
        size += len(line)
        if size > COPY_BYTES:
            yield ("\n".join(lines) + "\n").encode()
            lines, size = [], 0
    if lines:
        yield ("\n".join(lines) + "\n").encode()


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return value.translate(_ESCAPES) if isinstance(value, str) else str(int(value))
