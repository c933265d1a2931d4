"""What a PostgreSQL server's errors mean, by their SQLSTATE."""

from __future__ import annotations

from concordat.primitives.errors import ConfigurationError, StorageError
from concordat.storage.sql.address import PostgresAddress

__all__ = ["LOCK_NOT_AVAILABLE", "away", "denied", "sqlstate", "state_of", "text_of"]

LOCK_NOT_AVAILABLE = "55P03"
_KINDS = {
    "away": ("57P0", "08"),
    "denied": ("28", "3D", "42501"),
    "broken": ("XX", "58P", "42P01", "42703"),
}
"""Beginnings of SQLSTATEs: the server goes down or drops us; wrong password, no such database, no rights; damaged
files, and tables or columns that should be there."""


def sqlstate(error: Exception) -> str:
    """Code of a server's error."""
    return _detail(error, "C")


def state_of(error: Exception) -> str:
    """``away``, ``denied``, ``broken``, or nothing for any other refusal."""
    code = sqlstate(error)
    return next((kind for kind, beginnings in _KINDS.items() if code.startswith(beginnings)), "")


def text_of(error: Exception) -> str:
    """The server's sentence, without details, which may hold values."""
    return _detail(error, "M") or "no reason given"


def away(address: PostgresAddress, why: str) -> StorageError:
    """The error of a server that cannot be reached."""
    return StorageError(
        f"The database {address.where} cannot be reached: {why}.",
        code="DatabaseAway",
        hint="Check that the server runs and can be reached, then start again: nothing acknowledged is lost.",
    )


def denied(address: PostgresAddress, why: str) -> ConfigurationError:
    """The error of a server that does not let us in."""
    return ConfigurationError(
        f"The database {address.where} does not let us in: {why}.",
        code="DatabaseDenied",
        hint="Check user, password, database, TLS and rights: the user must be able to create schemas.",
    )


def _detail(error: Exception, name: str) -> str:
    details = error.args[0] if error.args else {}
    return str(details.get(name, "")) if isinstance(details, dict) else ""
