"""A connection to a PostgreSQL server that is durable, alone if it must be, and at home in one store's schema."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from concordat.primitives.errors import ConfigurationError
from concordat.primitives.hashing import sha256
from concordat.storage.sql.address import PostgresAddress
from concordat.storage.sql.refusals import LOCK_NOT_AVAILABLE, away, denied, sqlstate, state_of, text_of
from concordat.storage.sql.schema import Schema, corrupt, foreign_version, locked, refused

if TYPE_CHECKING:
    from pg8000.native import Connection

__all__ = ["StoreName", "open_session"]

CONNECT_SECONDS = 10.0
"""How long connecting, and every answer until the session is ready, may take."""
LOCK_SECONDS = 3
"""How long to wait for a lock that a process which just died may still seem to hold."""
SILENCE_SECONDS = 20
"""After so long without any sign of the server the connection counts as lost."""
_NAME = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class StoreName:
    """Name of one store in a database."""

    text: str
    """The name."""

    @classmethod
    def parse(cls, text: str) -> StoreName:
        """Check a name.

        Raises
        ------
        ConfigurationError
            If it could not be the name of a schema as it stands.
        """
        if not _NAME.fullmatch(text):
            raise ConfigurationError(
                "A store in a database is named with at most 40 of a–z, 0–9, _ and -.",
                code="BadStoreName",
                hint="Give the node another name.",
            )
        return cls(text)

    @property
    def schema(self) -> str:
        """Its schema, quoted."""
        return f'"concordat_{self.text}"'

    def key(self, purpose: str) -> int:
        """Number of an advisory lock: 64 bits of a hash of what it is for."""
        digest = sha256(f"concordat {purpose} {self.text}".encode())
        return int.from_bytes(digest[:8], "big", signed=True)


def open_session(address: PostgresAddress, schema: Schema, name: StoreName, *, exclusive: bool) -> Connection:
    """Connect, lock, and make the tables where they are not there.

    Raises
    ------
    StorageError
        If the server cannot be reached, or another process holds the store (``Locked``).
    ConfigurationError
        If it does not let us in.
    CorruptionError
        If another version made the tables.
    """
    connection = _connect(address, name)
    try:
        _make_ready(connection, address, schema, name, exclusive)
    except BaseException as error:
        with suppress(Exception):
            connection.close()
        raise _explained(error, address) from error
    return connection


def _connect(address: PostgresAddress, name: StoreName) -> Connection:
    try:
        from pg8000.exceptions import InterfaceError
        from pg8000.native import Connection
    except ImportError as error:
        raise ConfigurationError(
            "PostgreSQL needs the package pg8000.", code="NoDriver", hint="Install concordat[postgres]."
        ) from error
    context = address.context()
    line: socket.socket | None = None
    try:
        line = _line(address)
        return Connection(
            address.user,
            host=address.host,
            sock=line,
            database=address.database,
            password=address.password,
            ssl_context=False if context is None else context,
            application_name=f"concordat {name.text}",
        )
    except BaseException as error:
        if line is not None:
            line.close()
        if isinstance(error, InterfaceError | AttributeError):  # the latter for a password that was not given
            raise denied(address, str(error) if isinstance(error, InterfaceError) else "it asks a password") from error
        raise _explained(error, address) from error


def _make_ready(
    connection: Connection, address: PostgresAddress, schema: Schema, name: StoreName, exclusive: bool
) -> None:
    for setting in ("client_min_messages = warning", f"lock_timeout = '{LOCK_SECONDS}s'"):
        connection.run(f"SET {setting}")
    if connection.run("SELECT current_setting('synchronous_commit')") == [["off"]]:
        connection.run("SET synchronous_commit = on")
    for setting, value in (("idle", 10), ("interval", 5), ("count", 2)):
        connection.run(f"SET tcp_keepalives_{setting} = {value}")
    if exclusive:
        _hold(connection, address, name)
    connection.run("SET lock_timeout = 0")
    connection.run("SELECT set_config('search_path', :path, false)", path=name.schema)
    connection.run("BEGIN")
    connection.run("SELECT pg_advisory_xact_lock(:key)", key=name.key("write"))
    _make_tables(connection, address, schema, name)
    connection.run("COMMIT")
    connection._usock.settimeout(None)  # from here on the line itself notices when it is dead


def _hold(connection: Connection, address: PostgresAddress, name: StoreName) -> None:
    from pg8000.exceptions import DatabaseError

    try:
        connection.run("SELECT pg_advisory_lock(:key)", key=name.key("hold"))
    except DatabaseError as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise locked(f"{address.where} ({name.text})") from error
        raise


def _make_tables(connection: Connection, address: PostgresAddress, schema: Schema, name: StoreName) -> None:
    if connection.run("SELECT to_regnamespace(:name) IS NULL", name=name.schema) == [[True]]:
        connection.run(f"CREATE SCHEMA {name.schema}")
    if connection.run("SELECT to_regclass('schema_version') IS NULL") == [[True]]:
        connection.run("CREATE TABLE schema_version (version BIGINT NOT NULL)")
        connection.run("INSERT INTO schema_version VALUES (:version)", version=schema.version)
        for statement in schema.ddl("postgresql"):
            connection.run(statement)
    found = connection.run("SELECT version FROM schema_version")[0][0]
    if found != schema.version:
        raise corrupt(f"{address.where} ({name.text})", foreign_version(schema, found))


def _explained(error: BaseException, address: PostgresAddress) -> BaseException:
    """An error of the driver's as one of ours; any other as it is."""
    from pg8000.exceptions import DatabaseError, InterfaceError

    if isinstance(error, DatabaseError):
        kind, text = state_of(error), text_of(error)
        if kind == "denied":
            return denied(address, text)
        return away(address, text) if kind == "away" else refused(address.where, text)
    if isinstance(error, InterfaceError | OSError):
        return away(address, type(error).__name__)
    return error


def _line(address: PostgresAddress) -> socket.socket:
    """A connected socket that notices within :data:`SILENCE_SECONDS` when the other machine is gone."""
    if address.socket is not None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(CONNECT_SECONDS)
        try:
            line.connect(address.socket)
        except BaseException:
            line.close()
            raise
        return line
    line = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wanted = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": SILENCE_SECONDS * 1000}
    for option, value in wanted.items():
        if hasattr(socket, option):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return line
