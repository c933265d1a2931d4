"""What makes a result acceptable: kinds of evidence, and policies composed of them.

A policy is part of what the client signs. It is carried in 32 bytes: every non-zero one of the first 31 is a clause, a
bit mask of kinds that must all be there (``AllOf``); one fulfilled clause is enough (``AnyOf``). Any composition of the
two has such a form, and the canonical one is sorted, without duplicates and without clauses that another implies. Where
a clause asks for replicas, the last byte says how many must agree (upper half) and how many are drawn (lower half).
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
    "Replicated",
    "ZeroKnowledge",
    "clauses_of",
    "decode_policy",
    "encode_policy",
    "is_private",
    "is_sealed",
    "kinds_in",
    "kinds_named",
    "replicas_of",
    "requires",
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


PUBLIC_KINDS = frozenset({EvidenceKind.NATIVE, EvidenceKind.FRAUD_PROVABLE, EvidenceKind.REPLICATED})
"""Kinds that let everybody see the input: the chain runs the model on it, or watchers or replicas do."""
OPEN_KINDS = PUBLIC_KINDS | {EvidenceKind.SCORED}
"""Kinds for which others than the client must see the output; an order that names none of them is private."""
MOST_CLAUSES = 31
"""What fits an order beside the numbers of replicas."""
MOST_REPLICAS = 15
"""Most that can be drawn for one order."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of clauses, each a frozen set of kinds; build it with `AnyOf`, `AllOf` and the kinds."""

    clauses: frozenset[frozenset[EvidenceKind]]
    """Disjunctive normal form."""
    replicas: tuple[int, int] | None = None
    """Where a clause names replicas: how many must agree, of how many that are drawn."""

    def __post_init__(self) -> None:
        minimal = frozenset(c for c in self.clauses if not any(other < c for other in self.clauses))
        object.__setattr__(self, "clauses", minimal)
        if not minimal or frozenset() in minimal:
            raise PolicyError("An evidence policy names at least one kind of evidence.", code="EmptyPolicy")
        if len(minimal) > MOST_CLAUSES:
            fit = f"{MOST_CLAUSES} fit an order"
            raise PolicyError(f"The policy has {len(minimal)} clauses; {fit}.", code="PolicyTooLarge")
        if not any(EvidenceKind.REPLICATED in clause for clause in minimal):
            object.__setattr__(self, "replicas", None)

    def __str__(self) -> str:
        return " or ".join(
            " and ".join(self._word(kind) for kind in sorted(clause)) for clause in sorted(self.clauses, key=sorted)
        )

    def _word(self, kind: EvidenceKind) -> str:
        if kind is EvidenceKind.REPLICATED and self.replicas is not None:
            return "{} ({} of {})".format(kind.word, *self.replicas)
        return kind.word


def _kind(kind: EvidenceKind) -> Policy:
    return Policy(frozenset({frozenset({kind})}))


def Native() -> Policy:  # noqa: N802 (policies read like values: AnyOf(Native(), FraudProvable()))
    """The contract itself runs the integer graph."""
    return _kind(EvidenceKind.NATIVE)


def FraudProvable() -> Policy:  # noqa: N802
    """Nobody shows a wrong element within the window."""
    return _kind(EvidenceKind.FRAUD_PROVABLE)


def Replicated(*, k: int = 2, n: int = 3) -> Policy:  # noqa: N802
    """At least `k` of `n` replicas that are drawn come to the result by themselves, and none to another.

    Raises
    ------
    PolicyError
        Unless ``1 <= k <= n <= 15``.
    """
    if not 1 <= k <= n <= MOST_REPLICAS:
        raise PolicyError(
            f"{k} of {n} replicas cannot be asked for.",
            code="BadReplicas",
            hint=f"Ask for at least one, of at most {MOST_REPLICAS} that are drawn.",
        )
    return Policy(frozenset({frozenset({EvidenceKind.REPLICATED})}), (k, n))


def ZeroKnowledge() -> Policy:  # noqa: N802
    """A zero-knowledge proof shows that the committed model said so of the committed input."""
    return _kind(EvidenceKind.VALIDITY)


def ClientRelease() -> Policy:  # noqa: N802
    """The client says so."""
    return _kind(EvidenceKind.CLIENT_RELEASE)


def AnyOf(*policies: Policy) -> Policy:  # noqa: N802
    """At least one of them."""
    return Policy(frozenset().union(*(policy.clauses for policy in policies)), _same_replicas(policies))


def AllOf(*policies: Policy) -> Policy:  # noqa: N802
    """Every one of them."""
    clauses: frozenset[frozenset[EvidenceKind]] = frozenset({frozenset()})
    for policy in policies:
        clauses = frozenset(have | more for have in clauses for more in policy.clauses)
    return Policy(clauses, _same_replicas(policies))


def _same_replicas(policies: Iterable[Policy]) -> tuple[int, int] | None:
    """An order has one draw, so all parts of its policy must mean the same one."""
    asked = {policy.replicas for policy in policies} - {None}
    if len(asked) > 1:
        raise PolicyError("The parts of a policy ask for different numbers of replicas.", code="BadReplicas")
    return asked.pop() if asked else None


def mask_of(kinds: Iterable[EvidenceKind]) -> int:
    """Bit mask of some kinds."""
    return sum(1 << kind for kind in set(kinds))


def kinds_in(mask: int) -> frozenset[EvidenceKind]:
    """Kinds of a bit mask."""
    return frozenset(kind for kind in EvidenceKind if mask >> kind & 1)


def kinds_named(encoded: bytes) -> frozenset[EvidenceKind]:
    """Every kind that some clause of 32 bytes asks for."""
    return frozenset().union(*map(kinds_in, clauses_of(encoded)))


def clauses_of(encoded: bytes) -> bytes:
    """The bytes that are clauses."""
    return encoded[:MOST_CLAUSES]


def replicas_of(encoded: bytes) -> tuple[int, int]:
    """How many replicas must agree, of how many that are drawn; whether the policy asks for any is not looked at."""
    return divmod(int.from_bytes(encoded[MOST_CLAUSES:], "big") & 0xFF, 16)


def requires(encoded: bytes, kind: EvidenceKind) -> bool:
    """Whether every clause asks for the kind, and there is one."""
    clauses = [mask for mask in clauses_of(encoded) if mask]
    return bool(clauses) and all(mask >> kind & 1 for mask in clauses)


def is_private(encoded: bytes) -> bool:
    """Whether nobody but the client needs the output: it is delivered sealed, and judged only once it is opened."""
    return not kinds_named(encoded) & OPEN_KINDS


def is_sealed(encoded: bytes) -> bool:
    """Whether the result is delivered sealed: that of a private order, but for what is proven, which is in plain."""
    return is_private(encoded) and EvidenceKind.VALIDITY not in kinds_named(encoded)


def encode_policy(policy: Policy) -> Bytes32:
    """The canonical 32 bytes: clause masks ascending, then zeros; the last byte counts replicas."""
    k, n = policy.replicas or (0, 0)
    masks = bytes(sorted(mask_of(clause) for clause in policy.clauses))
    return Bytes32(masks.ljust(MOST_CLAUSES, b"\0") + bytes([k << 4 | n]))


def decode_policy(encoded: bytes) -> Policy:
    """Policy of 32 bytes, canonical or not.

    Raises
    ------
    PolicyError
        If there is no clause in it.
    """
    k, n = replicas_of(encoded)
    return Policy(frozenset(kinds_in(mask) for mask in clauses_of(encoded) if mask), (k, n) if k or n else None)


def satisfied(encoded: bytes, gathered: int) -> bool:
    """Whether the gathered kinds fulfil one clause (what the contract computes)."""
    return any(mask and mask & gathered == mask for mask in clauses_of(encoded))
