"""What a prover tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["PHASES", "Progress", "silent"]

Progress: TypeAlias = Callable[[str, float], None]
"""Told the phase that begins, and the share of the work that lies behind, from 0 to 1."""

PHASES = {
    "witness": 0.0,
    "inverses": 0.3,
    "products": 0.5,
    "constraints": 0.55,
    "hub": 0.7,
    "opening": 0.85,
    "done": 1.0,
}
"""Phases in order, with about the share of the work that lies behind each."""


def silent(phase: str, share: float) -> None:
    """Tell nobody."""
