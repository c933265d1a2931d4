"""All settings of the command line, built once from file, environment and flags; the later wins over the earlier."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from concordat.chain.accounts import Account, Signer, command_signer
from concordat.client.home import Home
from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.units import Address
from concordat.storage.sql.open import check_database_url

__all__ = ["ENVIRONMENT", "KEY_PREFIX", "Settings", "load_settings"]

ENVIRONMENT = {
    "CONCORDAT_HOME": "home",
    "CONCORDAT_URL": "url",
    "CONCORDAT_ACCOUNT": "account",
    "CONCORDAT_PASSWORD": "password",
    "CONCORDAT_DATABASE": "database",
    "CONCORDAT_LOG_STORE": "log_store",
    "CONCORDAT_CONTENT": "content",
    "CONCORDAT_DATA_KEY": "data_key",
    "CONCORDAT_BEACON": "beacon",
    "CONCORDAT_LOG_FORMAT": "log_format",
}
"""Environment variables that are read, and the setting each fills."""
KEY_PREFIX = "CONCORDAT_KEY_"
"""``CONCORDAT_KEY_<NAME>`` holds the private key of the account of that name (lower case, ``_`` for ``-``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a command needs to know about its surroundings."""

    home: Path = field(default_factory=lambda: Path(platformdirs.user_data_dir("concordat")))
    """Folder of one deployment: chain state, public data, log, journals, keys."""
    url: str = "anvil://"
    """Ledger: ``anvil://`` (the chain of ``concordat up``) or the JSON-RPC URL of any EVM chain."""
    account: str = "client"
    """Name of the account that pays and signs."""
    password: str = field(default="", repr=False)
    """Opens keystores; better given by environment than by flag."""
    database: str = field(default="", repr=False)
    """Keeps journals and index: ``postgresql://user:password@host/database`` or ``sqlite:///folder``; files of the home
    if empty."""
    log_store: str = field(default="", repr=False)
    """Keeps the transparency log: a URL as for `database`; the folder ``log`` of the home if empty."""
    content: str = ""
    """Keeps public data: a folder, or ``s3://bucket/folder?endpoint=…``, ``ipfs://host:port/folder`` or what else
    `fsspec` knows; the folder ``public`` of the home if empty. Credentials are the driver's own (``AWS_…``)."""
    data_key: str = ""
    """File with the key that wraps the keys of subjects, better on another disk; ``keys/owner.key`` if empty."""
    beacon: str = field(default="", repr=False)
    """URL of a consensus node of the chain (beacon API): who watches claims whose data is in blobs reads them there.
    Anvil needs none."""
    log_format: str = "text"
    """How nodes log on stderr: ``text`` for people, ``json`` for one object a line."""
    json: bool = False
    """Print one JSON object instead of text."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Private keys by account name (lower case, ``_`` for ``-``); never in a file."""
    signers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """External signers by account name: ``address``, and the ``command`` that signs a digest (a list of words)."""

    @property
    def place(self) -> Home:
        """The home, with what keeps its journals, index and log."""
        return Home(self.home, self.database, self.log_store, self.content, self.data_key, self.beacon)

    def signer(self, name: str) -> Signer | None:
        """The account of a name in the environment, or behind an external signer; ``None`` if there is none."""
        variable = name.lower().replace("-", "_")
        if variable in self.keys:
            return Account.from_hex(self.keys[variable])
        if name not in self.signers:
            return None
        try:
            address, command = self.signers[name]["address"], list(self.signers[name]["command"])
        except (KeyError, TypeError) as error:
            raise ConfigurationError(
                f"The signer {name!r} needs an address and a command.", code="BadSettings"
            ) from error
        return command_signer(Address(from_hex(address, length=20)), command)


def load_settings(
    flags: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """Settings from ``concordat.toml`` (in the working folder, else in the home folder), environment and flags.

    Raises
    ------
    ConfigurationError
        If the file is not TOML or names an unknown setting.
    """
    variables = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    given = {name: value for name, value in flags.items() if value not in (None, False)}
    found: dict[str, Any] = {target: variables[name] for name, target in ENVIRONMENT.items() if variables.get(name)}
    found["keys"] = {
        variable.removeprefix(KEY_PREFIX).lower(): value
        for variable, value in variables.items()
        if variable.startswith(KEY_PREFIX) and value
    }
    home = Path(given.get("home") or found.get("home") or Settings().home)
    for path in ((folder or Path.cwd()) / "concordat.toml", home / "concordat.toml"):
        if path.exists():
            values = _read(path)
            break
    merged = {**values, **found, **given}
    if "home" in merged:
        merged["home"] = Path(merged["home"]).expanduser().resolve()
    for name in ("database", "log_store"):
        if merged.get(name):
            check_database_url(merged[name])
    if merged.get("log_format", "text") not in ("text", "json"):
        raise ConfigurationError(
            f"{merged['log_format']!r} is no form of a log.", code="BadSettings", hint="Use text or json."
        )
    return Settings(**merged)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{path} is no settings file: {error}.", code="BadSettings") from error
    known = {item.name for item in dataclasses.fields(Settings)} - {"keys"}
    if unknown := set(values) - known:
        raise ConfigurationError(
            f"{path} has unknown settings: {', '.join(sorted(unknown))}.",
            code="BadSettings",
            hint=f"Known are {', '.join(sorted(known))}.",
        )
    return values
