"""Which keys speak for a log, and how they change: statements that are entries of the log itself.

A statement names the log's new keys, under the size and root of the log so far. It is signed by the keys it replaces
and by the new ones, so nobody can name a key he does not hold; or, when the old keys are lost or stolen, by recovery
keys that were named before; or it counts because the log's owner anchored, on chain, a checkpoint that contains it. It
is the next entry of the log. So a checkpoint says by its size alone under which keys it must stand: one larger than a
statement's place, signed by the keys that the statement retired, is worth nothing, whatever date anybody gives it.

Statements travel in the `extra` line of inclusion proofs, each with its audit path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from concordat.primitives.encoding import canonical_json, from_hex, to_hex
from concordat.primitives.errors import ConcordatError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32, Timestamp
from concordat.primitives.wire import parse_json
from concordat.protocol.checkpoint import Checkpoint
from concordat.protocol.envelope import open_payload, seal_payload
from concordat.protocol.note import KeyKind, NoteKey, NoteSigner
from concordat.protocol.transparency import entry_hash, verify_inclusion

__all__ = [
    "KeyStatement",
    "Requirement",
    "Retired",
    "Revocation",
    "SignedStatement",
    "follow",
    "is_statement",
    "pack_statements",
    "satisfies",
    "unpack_statements",
]

PAYLOAD_TYPE = "application/vnd.concordat.log-keys+json"
STATEMENT_TYPE = "urn:concordat:log-keys:v1"
FIRST = Bytes32(bytes(32))
"""What the first statement of a log has for its predecessor's hash."""
MOST_KEYS = 8
MOST_STATEMENTS = 64

Requirement = str
"""``any`` key of the log, ``all`` algorithms that it has, or one algorithm by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A key that somebody else may hold."""

    key: NoteKey
    """Which."""
    since: Timestamp
    """From when on its signatures are not the log's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A key that speaks for a log's past only."""

    key: NoteKey
    """Which."""
    size: int
    """The largest log it speaks for."""
    root: Bytes32
    """Root of that log."""
    revoked: Timestamp | None = None
    """Since when others may hold it; ``None`` if it was only replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatement:
    """One change of a log's keys."""

    origin: str
    """Which log."""
    sequence: int
    """1 for the log's first change."""
    previous: Bytes32
    """SHA-256 of the entry of the change before; zero for the first."""
    size: int
    """Entries of the log before this one."""
    root: Bytes32
    """Root of these entries."""
    time: Timestamp
    """When the log's keeper says that it was."""
    keys: tuple[NoteKey, ...]
    """All keys that speak for the log from here on."""
    recovery: tuple[NoteKey, ...] = ()
    """Keys that may make the next change if these are lost."""
    revoked: tuple[Revocation, ...] = field(default=())
    """Replaced keys that others may hold."""

    def encode(self) -> bytes:
        """The log entry: canonical JSON."""
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "origin": self.origin,
                "sequence": self.sequence,
                "previous": to_hex(self.previous),
                "size": self.size,
                "root": to_hex(self.root),
                "time": self.time,
                "keys": [key.encode() for key in self.keys],
                "recovery": [key.encode() for key in self.recovery],
                "revoked": [{"key": gone.key.encode(), "since": gone.since} for gone in self.revoked],
            }
        )

    def leaf(self) -> Bytes32:
        """RFC 6962 leaf hash of :meth:`encode`."""
        return entry_hash(self.encode())

    def hash(self) -> Bytes32:
        """What the next statement calls its predecessor."""
        return sha256(self.encode())

    @classmethod
    def decode(cls, entry: bytes) -> KeyStatement:
        """Inverse of :meth:`encode`; `VerificationError` unless it is exactly a statement."""
        try:
            made = cls._from_json(parse_json(entry.decode("ascii")))
            exact = made.encode() == entry
        except (ConcordatError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _malformed() from error
        numbers = (made.sequence, made.size, made.time, *(gone.since for gone in made.revoked))
        if not exact or any(type(number) is not int or not 0 <= number < 1 << 63 for number in numbers):
            raise _malformed()
        names = [key.encode() for key in made.keys]
        if not 0 < len(names) <= MOST_KEYS or len(made.recovery) > MOST_KEYS or len(set(names)) != len(names):
            raise _malformed()
        if any(key.name != made.origin or key.kind is KeyKind.WITNESS for key in (*made.keys, *made.recovery)):
            raise _malformed()
        return made

    @classmethod
    def _from_json(cls, data: dict[str, Any]) -> KeyStatement:
        return cls(
            origin=str(data["origin"]),
            sequence=data["sequence"],
            previous=Bytes32(from_hex(data["previous"], length=32)),
            size=data["size"],
            root=Bytes32(from_hex(data["root"], length=32)),
            time=data["time"],
            keys=tuple(NoteKey.parse(text) for text in data["keys"]),
            recovery=tuple(NoteKey.parse(text) for text in data["recovery"]),
            revoked=tuple(Revocation(key=NoteKey.parse(g["key"]), since=g["since"]) for g in data["revoked"]),
        )

    def seal(self, signers: Sequence[NoteSigner]) -> bytes:
        """DSSE envelope under old and new keys."""
        return seal_payload(self.encode(), PAYLOAD_TYPE, signers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatement:
    """A statement with its signatures, and its place under some checkpoint."""

    envelope: bytes
    """DSSE."""
    path: tuple[Bytes32, ...] = ()
    """Audit path from the statement's entry to the checkpoint that it travels with."""

    @property
    def statement(self) -> KeyStatement:
        """What it says; not to be believed before its signatures are verified."""
        return KeyStatement.decode(open_payload(self.envelope, PAYLOAD_TYPE, ())[0])

    def signed_by(self, keys: Iterable[NoteKey]) -> frozenset[NoteKey]:
        """Which of the keys signed it; `VerificationError` if the signature of one is wrong."""
        return open_payload(self.envelope, PAYLOAD_TYPE, keys)[1]

    def check_place(self, checkpoint: Checkpoint) -> None:
        """Raise `VerificationError` unless the checkpoint's log has the statement at the place that it names."""
        made = self.statement
        verify_inclusion(made.leaf(), made.size, checkpoint.size, self.path, checkpoint.root)


def is_statement(entry: bytes) -> bool:
    """Whether a log's entry is a statement about keys and not a record (which begins with zeros)."""
    return entry[:1] == b"{"


def pack_statements(statements: Sequence[SignedStatement]) -> bytes:
    """For the `extra` line of a proof; empty if there are none."""
    if not statements:
        return b""
    return canonical_json(
        [{"envelope": s.envelope.decode("ascii"), "path": [to_hex(sibling) for sibling in s.path]} for s in statements]
    )


def unpack_statements(extra: bytes) -> tuple[SignedStatement, ...]:
    """Inverse of :func:`pack_statements`; `VerificationError` unless it is exactly such a list."""
    if not extra:
        return ()
    try:
        found = tuple(
            SignedStatement(
                envelope=item["envelope"].encode("ascii"),
                path=tuple(Bytes32(from_hex(sibling, length=32)) for sibling in item["path"]),
            )
            for item in parse_json(extra.decode("ascii"))
        )
        exact = pack_statements(found) == extra
    except (ConcordatError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed() from error
    if not exact or len(found) > MOST_STATEMENTS:
        raise _malformed()
    return found


def satisfies(signed: Iterable[NoteKey], known: Iterable[NoteKey], require: Requirement) -> bool:
    """Whether the keys that signed are enough, of those that speak for one name."""
    algorithms = {key.kind.algorithm for key in signed}
    if require == "any":
        return bool(algorithms)
    wanted = {key.kind.algorithm for key in known} if require == "all" else {require}
    return bool(algorithms) and wanted <= algorithms


def follow(
    keys: Iterable[NoteKey],
    recovery: Iterable[NoteKey],
    statements: Sequence[SignedStatement],
    *,
    require: Requirement = "any",
    anchored: Callable[[SignedStatement], bool] = lambda _: False,
) -> tuple[tuple[NoteKey, ...], tuple[NoteKey, ...], tuple[Retired, ...]]:
    """Keys and recovery keys of a log after some statements, and the keys that they retired.

    Parameters
    ----------
    keys, recovery : iterable of NoteKey
        Those that are believed to begin with. Statements before one that names exactly these keys are older, and left
        out.
    statements : sequence of SignedStatement
        Of one log, in order.
    require : str
        What a change must be signed with, as checkpoints must.
    anchored : callable
        Whether the log's owner put a statement on chain.

    Raises
    ------
    VerificationError
        ``KeyChain`` if a statement does not follow from the one before, is not signed by those who may make it, or not
        by the keys that it names.
    """
    current, rescue, retired = tuple(keys), tuple(recovery), []
    made = [signed.statement for signed in statements]
    start = max((i for i, s in enumerate(made) if set(s.keys) == set(current)), default=0)
    _check_chain(made, current)
    for signed, statement in list(zip(statements, made, strict=True))[start:]:
        by_old = satisfies(signed.signed_by(current), current, require)
        by_rescue = bool(rescue) and satisfies(signed.signed_by(rescue), rescue, require)
        if not (by_old or by_rescue or anchored(signed)):
            raise _broken("is signed neither by the log's keys nor by its recovery keys")
        if signed.signed_by(statement.keys) != frozenset(statement.keys):
            raise _broken("is not signed by all the keys that it names")
        since = {gone.key: gone.since for gone in statement.revoked}
        if set(since) & set(statement.keys):
            raise _broken("revokes a key that it names")
        retired += [
            Retired(key=key, size=statement.size, root=statement.root, revoked=since.get(key))
            for key in current
            if key not in statement.keys
        ]
        current, rescue = statement.keys, statement.recovery
    return current, rescue, tuple(retired)


def _check_chain(made: Sequence[KeyStatement], keys: Sequence[NoteKey]) -> None:
    for before, after in pairwise(made):
        linked = after.previous == before.hash() and after.sequence == before.sequence + 1
        if not linked or after.size <= before.size or after.time < before.time:
            raise _broken("does not follow from the one before")
    if made and (made[0].sequence != 1 or made[0].previous != FIRST):
        raise _broken("is not the log's first")
    if any(statement.origin != key.name for statement in made for key in keys):
        raise _broken("is about another log")


def _broken(why: str) -> VerificationError:
    return VerificationError(
        f"A statement about the log's keys {why}.",
        code="KeyChain",
        hint="Ask the log's keeper, by another way, which keys are the log's.",
    )


def _malformed() -> VerificationError:
    return VerificationError("This is not exactly a statement about a log's keys.", code="KeyStatementFormat")
