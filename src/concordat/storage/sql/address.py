"""Where a PostgreSQL database is and how to reach it, read from its URL."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from concordat.primitives.errors import ConfigurationError

__all__ = ["MODES", "PostgresAddress"]

MODES = ("disable", "require", "verify-full")
"""Values of ``sslmode``: no TLS, TLS with anybody, TLS with a certificate that is checked."""
_HINT = "For example postgresql://user:password@host:5432/database?sslmode=verify-full."
_OPTIONS = frozenset({"sslmode", "sslrootcert", "host"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """One database on one server."""

    host: str
    """Name or number of the machine; a folder for a Unix socket in it."""
    port: int
    """Its port, also in the name of the socket."""
    user: str
    """Whom to log in as."""
    password: str | None = field(repr=False)
    """With what; never shown."""
    database: str
    """Which database."""
    tls: str
    """One of :data:`MODES`."""
    root: str | None
    """File of certificates to check the server's against; the system's if left out."""

    @classmethod
    def parse(cls, url: str) -> PostgresAddress:
        """Read a URL as ``libpq`` writes it; TLS with a checked certificate unless the server is on this machine.

        Raises
        ------
        ConfigurationError
            If it is none, or has options that are not known here. The password is not in the message.
        """
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            port = parts.port or 5432
        except ValueError as error:
            raise _bad("It cannot be read") from error
        if parts.scheme not in ("postgresql", "postgres"):
            raise _bad("It does not begin with postgresql://")
        if unknown := sorted(options.keys() - _OPTIONS):
            raise _bad(f"Its option {unknown[0]!r} is not known here")
        host = options.get("host") or unquote(parts.hostname or "localhost")
        database = unquote(parts.path.removeprefix("/"))
        if not parts.username or not database or "/" in database or "\0" in unquote(url):
            raise _bad("It needs a user and the name of a database")
        return cls(
            host=host,
            port=port,
            user=unquote(parts.username),
            password=unquote(parts.password) if parts.password is not None else None,
            database=database,
            tls=_tls(options, host),
            root=options.get("sslrootcert"),
        )

    @property
    def socket(self) -> str | None:
        """Path of the Unix socket, if it is one."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None

    @property
    def where(self) -> str:
        """For people, without user and password."""
        return f"postgresql://{self.host}:{self.port}/{self.database}"

    def context(self) -> ssl.SSLContext | None:
        """How to speak TLS; ``None`` for not at all."""
        if self.tls == "disable":
            return None
        try:
            context = ssl.create_default_context(cafile=self.root)
        except (OSError, ssl.SSLError) as error:
            raise _bad(f"Its certificates in {self.root} cannot be read") from error
        if self.tls == "require":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _tls(options: Mapping[str, str], host: str) -> str:
    mode = options.get("sslmode") or ("disable" if _here(host) else "verify-full")
    if mode not in MODES:
        raise _bad(f"Its sslmode is none of {', '.join(MODES)}")
    return mode


def _here(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bad(what: str) -> ConfigurationError:
    return ConfigurationError(f"The database's URL cannot be used: {what}.", code="BadDatabaseUrl", hint=_HINT)
