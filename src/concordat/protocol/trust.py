"""Whom a verifier believes: log and witness keys, chain, contracts, and the least evidence that is good enough.

A trust root comes from somewhere else than the bundle, such as the README of a project or a regulator's page::

    [log]
    keys = ["log.example+530d903a+AekyeRrm…"]     # C2SP verifier keys; the name is the log's origin

    [witnesses]                                   # optional
    quorum = 1
    keys = ["witness.example+…"]

    [chain]
    id = 31337
    market = "0x…"
    token = "0x…"                                 # optional, like the three below
    vault = "0x…"
    checkpoints = "0x…"
    log = "0x…"                                   # the log's id in the Checkpoints contract

    [accept]                                      # optional
    evidence = "native or fraud-provable"
    models = ["0x…"]
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import ConfigurationError, InputError
from concordat.primitives.units import Address, Bytes32, ModelId
from concordat.protocol.checkpoint import KeyKind, NoteKey
from concordat.protocol.evidence import EvidenceKind, Policy

__all__ = ["TrustRoot", "parse_policy"]

_SECTIONS: dict[str, set[str]] = {
    "log": {"keys"},
    "witnesses": {"quorum", "keys"},
    "chain": {"id", "market", "token", "vault", "checkpoints", "log"},
    "accept": {"evidence", "models"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """What a verifier brings along."""

    log_keys: tuple[NoteKey, ...]
    """Logs that are trusted; each key's name is its log's origin."""
    witness_keys: tuple[NoteKey, ...] = ()
    """Witnesses that are trusted."""
    quorum: int = 0
    """How many different witnesses must have signed."""
    chain_id: int
    """EIP-155 chain id."""
    market: Address
    """The Market contract."""
    token: Address | None = None
    """The settlement token; not checked if absent."""
    vault: Address | None = None
    """The Vault contract; not checked if absent."""
    checkpoints: Address | None = None
    """The contract in which the log is anchored; not checked if absent."""
    log: Bytes32 | None = None
    """The log's id in that contract."""
    evidence: Policy | None = None
    """Evidence that is required whatever the client signed."""
    models: frozenset[ModelId] = frozenset()
    """Models that are accepted; all if empty."""

    @classmethod
    def parse(cls, text: str) -> TrustRoot:
        """Trust root of a TOML text.

        Raises
        ------
        ConfigurationError
            If it is not TOML, lacks a log key, the chain or the market, or has a field that is not known.
        """
        try:
            data = tomllib.loads(text)
            _check_fields(data)
            chain, accept = data.get("chain", {}), data.get("accept", {})
            witnesses, quorum = _keys(data, "witnesses", KeyKind.WITNESS), data.get("witnesses", {}).get("quorum", 0)
            root = cls(
                log_keys=_keys(data, "log", KeyKind.LOG),
                witness_keys=witnesses,
                quorum=quorum,
                chain_id=chain["id"],
                market=Address(from_hex(chain["market"], length=20)),
                token=_address(chain, "token"),
                vault=_address(chain, "vault"),
                checkpoints=_address(chain, "checkpoints"),
                log=Bytes32(from_hex(chain["log"], length=32)) if "log" in chain else None,
                evidence=parse_policy(accept["evidence"]) if "evidence" in accept else None,
                models=frozenset(ModelId(from_hex(model, length=32)) for model in accept.get("models", [])),
            )
        except (tomllib.TOMLDecodeError, InputError, KeyError, TypeError, AttributeError) as error:
            raise _bad(str(error)) from error
        if not root.log_keys or type(quorum) is not int or not 0 <= quorum <= len({key.name for key in witnesses}):
            raise _bad("no log key, or a quorum that its witnesses cannot reach")
        return root

    @classmethod
    def load(cls, path: Path | str) -> TrustRoot:
        """Trust root in a file that the caller names; the one place here that reads anything."""
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The trust file {path} cannot be read.", code="TrustUnreadable") from error
        return cls.parse(text)

    def encode(self) -> str:
        """TOML text that parses to the same."""
        sections: dict[str, list[tuple[str, object]]] = {
            "log": [("keys", [key.encode() for key in self.log_keys])],
            "witnesses": [("quorum", self.quorum), ("keys", [key.encode() for key in self.witness_keys])],
            "chain": [
                ("id", self.chain_id),
                *(
                    (name, "0x" + value.hex())
                    for name in ("market", "token", "vault", "checkpoints", "log")
                    if (value := getattr(self, name)) is not None
                ),
            ],
            "accept": [
                *([("evidence", str(self.evidence))] if self.evidence else []),
                *([("models", sorted("0x" + model.hex() for model in self.models))] if self.models else []),
            ],
        }
        if not self.witness_keys:
            del sections["witnesses"]
        return "\n".join(
            f"[{title}]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in rows)
            for title, rows in sections.items()
            if rows
        )


def parse_policy(text: str) -> Policy:
    """Policy in words, such as ``native or fraud-provable and attested``; inverse of ``str(policy)``.

    Raises
    ------
    InputError
        If a word is no kind of evidence.
    """
    names = {kind.word: kind for kind in EvidenceKind}
    try:
        clauses = [frozenset(names[word.strip()] for word in clause.split(" and ")) for clause in text.split(" or ")]
    except KeyError as error:
        raise InputError(
            f"{error.args[0]!r} is no kind of evidence.", code="BadPolicyText", hint=f"Known: {', '.join(names)}."
        ) from error
    return Policy(frozenset(clauses))


def _check_fields(data: dict[str, Any]) -> None:
    unknown = set(data) - set(_SECTIONS)
    unknown |= {
        f"{title}.{name}" for title in set(data) & set(_SECTIONS) for name in set(data[title]) - _SECTIONS[title]
    }
    if unknown:
        raise InputError(f"unknown: {', '.join(sorted(unknown))}", code="BadTrust")
    if type(data["chain"]["id"]) is not int:
        raise InputError("chain.id is not a whole number", code="BadTrust")


def _keys(data: dict[str, Any], section: str, kind: KeyKind) -> tuple[NoteKey, ...]:
    keys = tuple(NoteKey.parse(text) for text in data.get(section, {}).get("keys", []))
    if any(key.kind is not kind for key in keys):
        raise InputError(f"{section}: a key of another kind", code="BadTrust")
    return keys


def _address(chain: dict[str, Any], name: str) -> Address | None:
    return Address(from_hex(chain[name], length=20)) if name in chain else None


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _bad(detail: str) -> ConfigurationError:
    return ConfigurationError(
        f"The trust file is not usable: {detail}.",
        code="BadTrust",
        hint="It needs [log] keys, [chain] id and market; docs/reference/bundle.md shows one.",
    )
