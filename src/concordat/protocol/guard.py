"""The guard: limits of a number that follows a model, which hold whatever the model says.

A wanted value is brought into the range first, then as near as the movement that is left allows. The movement is a
bucket of `step` that ``per_day - step`` a day flow out of. All of it is whole numbers: the level is kept times
`DAY`, what flows out is exact, what is left is rounded down. Twin: ``contracts/src/effects/Guards.sol``.
"""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.units import Seconds

__all__ = ["ANY_STEP", "DAY", "Guard", "admit"]

DAY = 86_400
"""Seconds in a day."""
ANY_STEP = 2**64 - 1
"""A `Guard.step` without limit."""
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Range, step, rate and expiry of one value, in its own units."""

    low: int
    """Least value."""
    high: int
    """Greatest value."""
    resting: int
    """In force before the first decision, after the last one expired, and while stopped."""
    step: int
    """Most that one decision moves the value; `ANY_STEP` for any distance at any rate."""
    per_day: int
    """Most that decisions move it in any 86,400 seconds; more than `step`, or `ANY_STEP` with it."""
    lifetime: Seconds
    """How long after the start of its epoch a decision is in force."""

    def holds(self) -> bool:
        """Whether the limits fit their fields and go together."""
        fits = all(value in _INT64 for value in (self.low, self.high, self.resting))
        fits = fits and 0 < self.per_day <= ANY_STEP and 0 < self.lifetime < 2**32
        ordered = self.low <= self.resting <= self.high
        moves = self.per_day == ANY_STEP if self.step == ANY_STEP else 0 < self.step < self.per_day
        return fits and ordered and moves


def admit(guard: Guard, current: int, wanted: int, level: int, elapsed: int) -> tuple[int, int]:
    """The value that is let through, and the level after it.

    Parameters
    ----------
    guard : Guard
        Limits that hold together.
    current : int
        Value in force, within the range.
    wanted : int
        Any value.
    level : int
        Movement used up after the last decision, times `DAY`; at most ``step * DAY``.
    elapsed : int
        Seconds since then.

    Invariants
    ----------
    The result is in the range, between `current` and `wanted` or at an end of the range, at most `step` from
    `current`. In a time T all decisions together move at most ``step + (per_day - step) * T / DAY``, hence at most
    `per_day` in any day.
    """
    goal = min(max(wanted, guard.low), guard.high)
    if guard.step == ANY_STEP:
        return goal, 0
    level = max(0, level - (guard.per_day - guard.step) * elapsed)
    room = (guard.step * DAY - level) // DAY
    distance = min(abs(goal - current), room)
    return (current + distance if goal > current else current - distance), level + distance * DAY
