"""Two changes of one log's keys that cannot both be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from concordat.primitives.errors import VerificationError
from concordat.protocol.log_keys import SignedStatement
from concordat.protocol.note import NoteKey

__all__ = ["KeyFork", "compare_statements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFork:
    """Two statements at one place of a log's history, signed by the same key: it was stolen, or its keeper cheats."""

    key: NoteKey
    """Which signed both."""
    first: SignedStatement
    """One."""
    second: SignedStatement
    """The other."""

    def verify(self) -> None:
        """Raise `VerificationError` unless the key signed both and they contradict each other."""
        if compare_statements(self.first, self.second, [self.key]) is None:
            raise VerificationError("The two statements agree.", code="NoKeyFork")


def compare_statements(first: SignedStatement, second: SignedStatement, keys: Sequence[NoteKey]) -> KeyFork | None:
    """Whether one of the keys signed two different changes of the same number.

    Raises
    ------
    VerificationError
        If a statement is malformed, or the signature of one of the keys is wrong.
    """
    both = first.signed_by(keys) & second.signed_by(keys)
    one, other = first.statement, second.statement
    if one == other or (one.origin, one.sequence) != (other.origin, other.sequence):
        return None
    key = next((key for key in keys if key in both), None)
    return None if key is None else KeyFork(key=key, first=first, second=second)
