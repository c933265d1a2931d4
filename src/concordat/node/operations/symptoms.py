"""What the doctor says about one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from concordat.chain.deployment import Deployment
from concordat.chain.rpc import Endpoint
from concordat.client.home import Home
from concordat.primitives.units import Address

__all__ = ["Grade", "Patient", "Symptom", "fine", "sick", "suspect", "unseen"]


class Grade(StrEnum):
    """How something is."""

    PASS = "pass"  # noqa: S105 (no password)
    WARN = "warn"
    FAIL = "fail"
    SKIP = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """How one thing is, and what to do about it."""

    grade: Grade
    """How it is."""
    detail: str
    """What was found, in one sentence without secrets."""
    advice: str = ""
    """What to do, unless it is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is looked at."""

    home: Home
    """The home."""
    endpoint: Endpoint | None
    """The chain; ``None`` if none is named or it does not run."""
    deployment: Deployment | None
    """The home's deployment, if it has one."""
    accounts: Mapping[str, Address]
    """Accounts of the home's nodes, by name."""
    clock: Callable[[], float]
    """Seconds since 1970 by this machine."""


def fine(detail: str) -> Symptom:
    """Nothing to do."""
    return Symptom(grade=Grade.PASS, detail=detail)


def suspect(detail: str, advice: str) -> Symptom:
    """Works, but look at it."""
    return Symptom(grade=Grade.WARN, detail=detail, advice=advice)


def sick(detail: str, advice: str) -> Symptom:
    """Does not work."""
    return Symptom(grade=Grade.FAIL, detail=detail, advice=advice)


def unseen(detail: str) -> Symptom:
    """Could not be looked at, because of something else that is said elsewhere."""
    return Symptom(grade=Grade.SKIP, detail=detail)
