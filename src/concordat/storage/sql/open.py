"""``open_database``: a folder of SQLite files or a PostgreSQL server, by URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from concordat.primitives.errors import ConfigurationError
from concordat.storage.sql.address import PostgresAddress
from concordat.storage.sql.postgresql import PostgresDatabase
from concordat.storage.sql.schema import Database, Schema
from concordat.storage.sql.session import StoreName
from concordat.storage.sql.sqlite import SqliteDatabase

__all__ = ["check_database_url", "open_database"]


def open_database(
    place: Path | str | None, schema: Schema, *, name: str = "store", exclusive: bool = False
) -> Database:
    """Open one store.

    Parameters
    ----------
    place : Path, str or None
        A SQLite file; or a URL: ``sqlite:///folder`` (a file ``<name>.db`` in it) or
        ``postgresql://user:password@host/database`` (a schema ``concordat_<name>``); or ``None`` for memory.
    schema : Schema
        Tables to make where they are not there.
    name : str
        Of the store, where a URL leads to several.
    exclusive : bool
        Whether one process at a time may have it open.

    Raises
    ------
    ConfigurationError
        If the URL is of another kind or cannot be used.
    StorageError
        If it is held by another process, or cannot be reached or written.
    CorruptionError
        If what is there cannot be read.
    """
    if place is None or isinstance(place, Path):
        return SqliteDatabase(place, schema, exclusive=exclusive)
    check_database_url(place)
    if place.startswith("sqlite:"):
        return SqliteDatabase(_folder(place) / f"{StoreName.parse(name).text}.db", schema, exclusive=exclusive)
    return PostgresDatabase(place, schema, name=name, exclusive=exclusive)


def check_database_url(url: str) -> None:
    """Return if a URL is one that :func:`open_database` can read; nothing is opened.

    Raises
    ------
    ConfigurationError
        If not.
    """
    if url.startswith("sqlite:"):
        _folder(url)
    else:
        PostgresAddress.parse(url)


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc or not parts.path.startswith("/") or parts.query or "\0" in unquote(parts.path):
        raise ConfigurationError(
            "A SQLite URL names a folder by its whole path.",
            code="BadDatabaseUrl",
            hint="For example sqlite:////var/lib/concordat or sqlite:///var/lib/concordat.",
        )
    return Path("/" + unquote(parts.path).lstrip("/"))
