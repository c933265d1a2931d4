"""What makes a result acceptable: kinds of evidence, and policies composed of them.

A policy is part of what the client signs. It is carried in 32 bytes: every non-zero byte is one clause, a bit
mask of kinds that must all be there (``AllOf``); one fulfilled clause is enough (``AnyOf``). Any composition of
the two has such a form, and the canonical one is sorted, without duplicates and without clauses that another implies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from concordat.primitives.errors import PolicyError
from concordat.primitives.units import Bytes32

__all__ = [
    "OPEN_KINDS",
    "PUBLIC_KINDS",
    "AllOf",
    "AnyOf",
    "ClientRelease",
    "EvidenceKind",
    "FraudProvable",
    "Native",
    "Policy",
    "decode_policy",
    "encode_policy",
    "is_private",
    "kinds_in",
    "kinds_named",
    "satisfied",
]


class EvidenceKind(IntEnum):
    """Bit number of each kind in a clause."""

    NATIVE = 0
    """The contract itself ran the integer graph."""
    FRAUD_PROVABLE = 1
    """Nobody showed a wrong element within the window."""
    VALIDITY = 2
    """A zero-knowledge proof verified."""
    REPLICATED = 3
    """k of n drawn providers agreed."""
    SCORED = 4
    """A hidden, committed set was scored."""
    ATTESTED = 5
    """A named party signed."""
    METERED = 6
    """Vouchers covered the metered work."""
    CLIENT_RELEASE = 7
    """The client said so; never counts for an effect."""

    @property
    def word(self) -> str:
        """As people write it: ``fraud-provable``."""
        return self.name.lower().replace("_", "-")


PUBLIC_KINDS = frozenset({EvidenceKind.NATIVE, EvidenceKind.FRAUD_PROVABLE})
"""Kinds that let everybody see the input: the chain runs the model on it, or watchers do."""
OPEN_KINDS = PUBLIC_KINDS | {EvidenceKind.REPLICATED, EvidenceKind.SCORED}
"""Kinds for which others than the client must see the output; an order that names none of them is private."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of clauses, each a frozen set of kinds; build it with `AnyOf`, `AllOf` and the kinds."""

    clauses: frozenset[frozenset[EvidenceKind]]
    """Disjunctive normal form."""

    def __post_init__(self) -> None:
        minimal = frozenset(c for c in self.clauses if not any(other < c for other in self.clauses))
        object.__setattr__(self, "clauses", minimal)
        if not minimal or frozenset() in minimal:
            raise PolicyError("An evidence policy names at least one kind of evidence.", code="EmptyPolicy")
        if len(minimal) > 32:
            raise PolicyError(f"The policy has {len(minimal)} clauses; 32 fit an order.", code="PolicyTooLarge")

    def __str__(self) -> str:
        return " or ".join(
            " and ".join(kind.word for kind in sorted(clause)) for clause in sorted(self.clauses, key=sorted)
        )


def _kind(kind: EvidenceKind) -> Policy:
    return Policy(frozenset({frozenset({kind})}))


def Native() -> Policy:  # noqa: N802 (policies read like values: AnyOf(Native(), FraudProvable()))
    """The contract itself runs the integer graph."""
    return _kind(EvidenceKind.NATIVE)


def FraudProvable() -> Policy:  # noqa: N802
    """Nobody shows a wrong element within the window."""
    return _kind(EvidenceKind.FRAUD_PROVABLE)


def ClientRelease() -> Policy:  # noqa: N802
    """The client says so."""
    return _kind(EvidenceKind.CLIENT_RELEASE)


def AnyOf(*policies: Policy) -> Policy:  # noqa: N802
    """At least one of them."""
    return Policy(frozenset().union(*(policy.clauses for policy in policies)))


def AllOf(*policies: Policy) -> Policy:  # noqa: N802
    """Every one of them."""
    clauses: frozenset[frozenset[EvidenceKind]] = frozenset({frozenset()})
    for policy in policies:
        clauses = frozenset(have | more for have in clauses for more in policy.clauses)
    return Policy(clauses)


def mask_of(kinds: Iterable[EvidenceKind]) -> int:
    """Bit mask of some kinds."""
    return sum(1 << kind for kind in set(kinds))


def kinds_in(mask: int) -> frozenset[EvidenceKind]:
    """Kinds of a bit mask."""
    return frozenset(kind for kind in EvidenceKind if mask >> kind & 1)


def kinds_named(encoded: bytes) -> frozenset[EvidenceKind]:
    """Every kind that some clause of 32 bytes asks for."""
    return frozenset().union(*map(kinds_in, encoded))


def is_private(encoded: bytes) -> bool:
    """Whether nobody but the client needs the output: it is delivered sealed, and judged only once it is opened."""
    return not kinds_named(encoded) & OPEN_KINDS


def encode_policy(policy: Policy) -> Bytes32:
    """The canonical 32 bytes: clause masks ascending, then zeros."""
    return Bytes32(bytes(sorted(mask_of(clause) for clause in policy.clauses)).ljust(32, b"\0"))


def decode_policy(encoded: bytes) -> Policy:
    """Policy of 32 bytes, canonical or not.

    Raises
    ------
    PolicyError
        If there is no clause in it.
    """
    return Policy(frozenset(kinds_in(mask) for mask in encoded if mask))


def satisfied(encoded: bytes, gathered: int) -> bool:
    """Whether the gathered kinds fulfil one clause (what the contract computes)."""
    return any(mask and mask & gathered == mask for mask in encoded)
