"""Whom a verifier believes: log and witness keys, chain, contracts, and the least evidence that is good enough.

A trust root comes from somewhere else than the bundle, such as the README of a project or a regulator's page::

    [log]
    keys = ["log.example+530d903a+AekyeRrm…"]     # C2SP verifier keys; the name is the log's origin
    require = "all"                               # optional: "any" (default) of its keys, "all" its algorithms, or one
    recovery = ["log.example+…"]                  # optional: keys that may replace lost ones

    [[log.retired]]                               # optional: keys that speak for the log's past
    key = "log.example+…"
    size = 812                                    # for at most this many entries
    root = "0x…"
    revoked = 1790000000                          # optional: others may hold it since then

    [witnesses]                                   # optional
    quorum = 1
    keys = ["witness.example+…"]
    require = "any"                               # optional, as above

    [chain]
    id = 31337
    market = "0x…"
    token = "0x…"                                 # optional, like the three below
    vault = "0x…"
    checkpoints = "0x…"
    log = "0x…"                                   # the log's id in the Checkpoints contract

    [[chain.earlier]]                             # optional: earlier versions of the market, in which orders ended
    market = "0x…"
    token = "0x…"                                 # optional, like the one below
    vault = "0x…"

    [accept]                                      # optional
    evidence = "native or fraud-provable"
    models = ["0x…"]
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import ConfigurationError, InputError, PolicyError
from concordat.primitives.units import Address, Bytes32, ModelId, Timestamp
from concordat.protocol.evidence import EvidenceKind, Policy
from concordat.protocol.log_keys import Requirement, Retired, SignedStatement, follow
from concordat.protocol.note import KeyKind, NoteKey

__all__ = ["TrustRoot", "TrustedMarket", "parse_policy"]

_REPLICAS = re.compile(rf"(?<={EvidenceKind.REPLICATED.word}) \((\d+) of (\d+)\)")

_SECTIONS: dict[str, set[str]] = {
    "log": {"keys", "require", "recovery", "retired"},
    "witnesses": {"quorum", "keys", "require"},
    "chain": {"id", "market", "token", "vault", "checkpoints", "log", "earlier"},
    "accept": {"evidence", "models"},
}
_REQUIREMENTS = ("any", "all", "ed25519", "ml-dsa-44")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedMarket:
    """Another version of the market on the same chain, with the same log."""

    market: Address
    """The Market contract."""
    token: Address | None = None
    """The settlement token; not checked if absent."""
    vault: Address | None = None
    """The Vault contract; not checked if absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """What a verifier brings along."""

    log_keys: tuple[NoteKey, ...]
    """Logs that are trusted; each key's name is its log's origin."""
    require: Requirement = "any"
    """What a log's checkpoints must be signed with: ``any``, ``all`` or one algorithm."""
    recovery_keys: tuple[NoteKey, ...] = ()
    """Keys that may replace a log's lost ones."""
    retired: tuple[Retired, ...] = ()
    """Keys that speak for a log's past."""
    witness_keys: tuple[NoteKey, ...] = ()
    """Witnesses that are trusted."""
    quorum: int = 0
    """How many different witnesses must have signed."""
    witness_require: Requirement = "any"
    """What each of them must have signed with."""
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
    earlier: tuple[TrustedMarket, ...] = ()
    """Other versions of the market that count as well."""
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
            log, witness = data.get("log", {}), data.get("witnesses", {})
            witnesses, quorum = _keys(witness, "keys", KeyKind.WITNESS), witness.get("quorum", 0)
            root = cls(
                log_keys=_keys(log, "keys", KeyKind.LOG),
                require=_requirement(log),
                recovery_keys=_keys(log, "recovery", KeyKind.LOG),
                retired=tuple(_retired(item) for item in log.get("retired", [])),
                witness_keys=witnesses,
                quorum=quorum,
                witness_require=_requirement(witness),
                chain_id=chain["id"],
                market=Address(from_hex(chain["market"], length=20)),
                token=_address(chain, "token"),
                vault=_address(chain, "vault"),
                checkpoints=_address(chain, "checkpoints"),
                log=Bytes32(from_hex(chain["log"], length=32)) if "log" in chain else None,
                earlier=tuple(_market(item) for item in chain.get("earlier", [])),
                evidence=parse_policy(accept["evidence"]) if "evidence" in accept else None,
                models=frozenset(ModelId(from_hex(model, length=32)) for model in accept.get("models", [])),
            )
        except (tomllib.TOMLDecodeError, InputError, KeyError, TypeError, AttributeError) as error:
            raise _bad(str(error)) from error
        if any(
            require in ("ed25519", "ml-dsa-44") and require not in {key.kind.algorithm for key in keys}
            for require, keys in ((root.require, root.log_keys), (root.witness_require, root.witness_keys))
        ):
            raise _bad("it requires an algorithm that none of its keys has")
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

    def keys_of(self, origin: str) -> tuple[NoteKey, ...]:
        """Trusted keys of one log."""
        return tuple(key for key in self.log_keys if key.name == origin)

    def for_market(self, market: Address) -> TrustRoot:
        """The same with that version of the market as the one that counts, if it is among the trusted ones."""
        chosen = next((version for version in self.earlier if version.market == market), None)
        if chosen is None or market == self.market:
            return self
        own = TrustedMarket(market=self.market, token=self.token, vault=self.vault)
        others = (own, *(version for version in self.earlier if version is not chosen))
        return replace(self, market=chosen.market, token=chosen.token, vault=chosen.vault, earlier=others)

    def after(self, statements: Sequence[SignedStatement]) -> TrustRoot:
        """The trust root once a log has changed its keys: the new ones in place of those they retired.

        Raises
        ------
        VerificationError
            ``KeyChain`` if the statements do not lead from the trusted keys to others.
        """
        if not statements:
            return self
        origin = statements[0].statement.origin
        rescue = tuple(key for key in self.recovery_keys if key.name == origin)
        keys, recovery, retired = follow(self.keys_of(origin), rescue, statements, require=self.require)
        return replace(
            self,
            log_keys=(*(key for key in self.log_keys if key.name != origin), *keys),
            recovery_keys=(*(key for key in self.recovery_keys if key.name != origin), *recovery),
            retired=(*self.retired, *retired),
        )

    def encode(self) -> str:
        """TOML text that parses to the same."""
        sections: dict[str, list[tuple[str, object]]] = {
            "log": [
                ("keys", [key.encode() for key in self.log_keys]),
                *([("require", self.require)] if self.require != "any" else []),
                *([("recovery", [key.encode() for key in self.recovery_keys])] if self.recovery_keys else []),
            ],
            "witnesses": [
                ("quorum", self.quorum),
                ("keys", [key.encode() for key in self.witness_keys]),
                *([("require", self.witness_require)] if self.witness_require != "any" else []),
            ],
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
        tables = [(f"[{title}]", rows) for title, rows in sections.items() if rows]
        tables += [("[[log.retired]]", _retired_rows(gone)) for gone in self.retired]
        tables += [("[[chain.earlier]]", _market_rows(version)) for version in self.earlier]
        return "\n".join(
            f"{title}\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in rows) for title, rows in tables
        )


def parse_policy(text: str) -> Policy:
    """Policy in words, such as ``native or fraud-provable and replicated (2 of 3)``; inverse of ``str(policy)``.

    Raises
    ------
    InputError
        If a word is no kind of evidence.
    PolicyError
        If two numbers of replicas contradict each other.
    """
    names = {kind.word: kind for kind in EvidenceKind}
    counted = {(int(k), int(n)) for k, n in _REPLICAS.findall(text)}
    if len(counted) > 1:
        raise PolicyError("The parts of a policy ask for different numbers of replicas.", code="BadReplicas")
    text = _REPLICAS.sub("", text)
    try:
        clauses = [frozenset(names[word.strip()] for word in clause.split(" and ")) for clause in text.split(" or ")]
    except KeyError as error:
        raise InputError(
            f"{error.args[0]!r} is no kind of evidence.", code="BadPolicyText", hint=f"Known: {', '.join(names)}."
        ) from error
    return Policy(frozenset(clauses), counted.pop() if counted else None)


def _check_fields(data: dict[str, Any]) -> None:
    unknown = set(data) - set(_SECTIONS)
    unknown |= {
        f"{title}.{name}" for title in set(data) & set(_SECTIONS) for name in set(data[title]) - _SECTIONS[title]
    }
    if unknown:
        raise InputError(f"unknown: {', '.join(sorted(unknown))}", code="BadTrust")
    if type(data["chain"]["id"]) is not int:
        raise InputError("chain.id is not a whole number", code="BadTrust")


def _keys(section: dict[str, Any], name: str, kind: KeyKind) -> tuple[NoteKey, ...]:
    keys = tuple(NoteKey.parse(text) for text in section.get(name, []))
    if any(key.kind not in (kind, KeyKind.ML_DSA_44) for key in keys) or len(set(keys)) != len(keys):
        raise InputError(f"{name}: a key of another kind, or one twice", code="BadTrust")
    return keys


def _requirement(section: dict[str, Any]) -> Requirement:
    require = section.get("require", "any")
    if require not in _REQUIREMENTS:
        raise InputError(f"require is one of {', '.join(_REQUIREMENTS)}", code="BadTrust")
    return str(require)


def _retired(item: dict[str, Any]) -> Retired:
    if set(item) - {"revoked"} != {"key", "size", "root"}:
        raise InputError("log.retired needs key, size and root", code="BadTrust")
    key, revoked = NoteKey.parse(item["key"]), item.get("revoked")
    numbers = [item["size"], *([revoked] if revoked is not None else [])]
    if key.kind is KeyKind.WITNESS or any(type(number) is not int or number < 0 for number in numbers):
        raise InputError("log.retired: a key of another kind, or no whole number", code="BadTrust")
    return Retired(
        key=key,
        size=item["size"],
        root=Bytes32(from_hex(item["root"], length=32)),
        revoked=Timestamp(revoked) if revoked is not None else None,
    )


def _retired_rows(gone: Retired) -> list[tuple[str, object]]:
    revoked: list[tuple[str, object]] = [("revoked", gone.revoked)] if gone.revoked is not None else []
    return [("key", gone.key.encode()), ("size", gone.size), ("root", "0x" + gone.root.hex()), *revoked]


def _market(item: dict[str, Any]) -> TrustedMarket:
    if not {"market"} <= set(item) <= {"market", "token", "vault"}:
        raise InputError("chain.earlier needs market, and may have token and vault", code="BadTrust")
    market = Address(from_hex(item["market"], length=20))
    return TrustedMarket(market=market, token=_address(item, "token"), vault=_address(item, "vault"))


def _market_rows(version: TrustedMarket) -> list[tuple[str, object]]:
    named = {"market": version.market, "token": version.token, "vault": version.vault}
    return [(name, "0x" + address.hex()) for name, address in named.items() if address is not None]


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
