"""What every check looks at, and how a check says what it found."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.units import OrderId
from concordat.protocol.bundle import Bundle
from concordat.protocol.checkpoint import InclusionProof
from concordat.protocol.evidence import Policy
from concordat.protocol.order import order_id
from concordat.protocol.record import DecisionRecord
from concordat.protocol.tombstone import LoggedTombstone
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import ChainFacts, Outcome

__all__ = ["Case", "Found", "contradiction", "holds", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Outcome of one check."""

    outcome: Outcome
    """Pass, fail or not checked."""
    reason: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One bundle and what it is measured against."""

    bundle: Bundle
    """What somebody handed over."""
    order_id: OrderId
    """Recomputed from the bundle's order and domain."""
    trust: TrustRoot | None
    """Whom the verifier believes."""
    policy: Policy | None
    """Evidence that the verifier requires, whatever the client signed."""
    facts: ChainFacts | None
    """What somebody read from a chain."""
    program: bytes | None
    """The model's program file."""
    proof: InclusionProof | None
    """The parsed inclusion proof."""
    erasure: LoggedTombstone | None = None
    """What says that the order's private data were erased."""
    settled: bool = False
    """Check 14 passed."""
    replayed: bool = False
    """Check 13 passed."""

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        *,
        trust: TrustRoot | None,
        policy: Policy | None,
        facts: ChainFacts | None,
        program: bytes | None,
        erasure: LoggedTombstone | None = None,
    ) -> Case:
        """Case before any check; `VerificationError` if the inclusion proof is malformed."""
        return cls(
            bundle=bundle,
            order_id=order_id(bundle.order, bundle.domain),
            trust=trust.for_market(bundle.domain.market) if trust else None,
            policy=policy or (trust.evidence if trust else None),
            facts=facts,
            program=program if program is not None else bundle.program,
            proof=InclusionProof.parse(bundle.inclusion) if bundle.inclusion is not None else None,
            erasure=erasure or bundle.tombstone,
        )

    @property
    def record(self) -> DecisionRecord | None:
        """The bundle's record."""
        return self.bundle.record


def holds(reason: str) -> Found:
    """Pass."""
    return Found(outcome=Outcome.PASS, reason=reason)


def contradiction(reason: str) -> Found:
    """Fail."""
    return Found(outcome=Outcome.FAIL, reason=reason)


def unchecked(reason: str) -> Found:
    """Not checked."""
    return Found(outcome=Outcome.NOT_CHECKED, reason=reason)
