"""What the two databases have in common: tables as values, and what can be done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from concordat.primitives.errors import CorruptionError, StorageError

__all__ = [
    "Database",
    "Dialect",
    "Row",
    "Schema",
    "Table",
    "Values",
    "corrupt",
    "foreign_version",
    "locked",
    "refused",
]

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Mapping[str, Any]
"""Values of the named places of a statement: bytes, whole numbers below 2**63, text, or ``None``."""

_TYPES: dict[Dialect, dict[str, str]] = {
    "sqlite": {"bytes": "BLOB", "number": "INTEGER", "text": "TEXT", "arrival": ""},
    "postgresql": {
        "bytes": "BYTEA",
        "number": "BIGINT",
        "text": 'TEXT COLLATE "C"',
        "arrival": ", rowid BIGINT GENERATED ALWAYS AS IDENTITY",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Tables of one kind of store."""

    name: str
    """What it is called in messages, such as ``journal``."""
    version: int
    """Changes whenever the tables change."""
    statements: tuple[str, ...]
    """What makes the tables where they are not there; ``{bytes}``, ``{number}``, ``{text}`` stand for the column types,
    ``{arrival}`` for a column ``rowid`` in order of arrival."""

    def ddl(self, dialect: Dialect) -> list[str]:
        """The statements in one database's words."""
        return [statement.format(**_TYPES[dialect]) for statement in self.statements]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table whose rows are written and read whole."""

    name: str
    """Its name."""
    key: str
    """Its primary key, the first column."""
    columns: tuple[str, ...]
    """All columns, in order."""
    indexes: tuple[tuple[str, ...], ...] = field(default=())
    """Columns of each index."""

    @property
    def listed(self) -> str:
        """All columns, as a statement lists them."""
        return ", ".join(self.columns)


class Database(Protocol):
    """One namespace of tables; safe to share between threads.

    A statement outside :meth:`transaction` is one of its own.

    Raises
    ------
    StorageError
        ``DatabaseRefused`` if the database refuses (full, read-only), ``DatabaseAway`` if it cannot be reached.
    CorruptionError
        ``DatabaseCorrupt`` if what is there cannot be read.
    """

    @property
    def dialect(self) -> Dialect:
        """Which of the two it is."""
        ...

    @property
    def where(self) -> str:
        """Where it is, for people; without a password."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All of it is kept or none; one at a time among all processes that write here."""
        ...

    def execute(self, sql: str, values: Values | None = None) -> list[Row]:
        """Run one statement; its rows."""
        ...

    def scrub(self) -> None:
        """Leave nothing of what was deleted; outside of transactions."""
        ...

    def fetch(self, table: Table, keys: Sequence[Any]) -> list[Row]:
        """Whole rows by primary key, in no order; keys without a row are left out."""
        ...

    def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many whole rows."""
        ...

    def delete(self, table: Table, keys: Sequence[Any]) -> None:
        """Delete rows by primary key; keys without a row are no error."""
        ...

    def close(self) -> None:
        """Let go of it, and of the lock."""
        ...


def refused(where: str, error: object) -> StorageError:
    """The error of a statement that was not carried out."""
    return StorageError(
        f"The database {where} refused: {error}.",
        code="DatabaseRefused",
        hint="Free space or fix permissions, then try again; nothing that was acknowledged is lost.",
    )


def corrupt(where: str, error: object) -> CorruptionError:
    """The error of a database that cannot be read."""
    return CorruptionError(
        f"The database {where} cannot be read: {error}.",
        code="DatabaseCorrupt",
        hint="Restore it from a backup, or move it away: an index is rebuilt from the chain.",
    )


def foreign_version(schema: Schema, found: int) -> str:
    """What to say of tables that another version made."""
    return f"its {schema.name} was written by another version of Concordat ({found}, not {schema.version})"


def locked(where: str) -> StorageError:
    """The error of a store that another process holds."""
    return StorageError(
        f"Another process is writing to {where}.",
        code="Locked",
        hint="One log or journal has one writer; stop the other process, or use another name or folder.",
    )
