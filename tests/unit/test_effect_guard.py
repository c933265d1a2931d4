"""The guard's arithmetic: every case of small guards, and every sequence of decisions within a day and a half."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import pytest

from concordat.primitives.units import Seconds
from concordat.protocol.guard import ANY_STEP, DAY, Guard, admit


def guard(low: int = -3, high: int = 3, *, step: int = 1, per_day: int = 2, resting: int = 0) -> Guard:
    return Guard(low=low, high=high, resting=resting, step=step, per_day=per_day, lifetime=Seconds(3 * DAY))


SMALL = [guard(step=step, per_day=per_day) for step in (1, 2, 3) for per_day in range(step + 1, 6)]


@pytest.mark.parametrize("limits", SMALL, ids=lambda g: f"{g.step}-{g.per_day}")
def test_admit_of_every_small_case_keeps_range_step_and_direction(limits: Guard) -> None:
    levels = range(0, limits.step * DAY + 1, DAY // 6)
    for current, wanted, level, sixths in product(range(-3, 4), range(-5, 6), levels, range(10)):
        value, after = admit(limits, current, wanted, level, sixths * DAY // 6)
        goal = min(max(wanted, limits.low), limits.high)
        assert min(current, goal) <= value <= max(current, goal)
        assert limits.low <= value <= limits.high
        assert abs(value - current) <= limits.step
        assert 0 <= after <= limits.step * DAY


@pytest.mark.parametrize("limits", SMALL, ids=lambda g: f"{g.step}-{g.per_day}")
def test_decisions_of_every_sequence_move_no_more_in_any_day_than_allowed(limits: Guard) -> None:
    """All sequences in which every sixth of a day may decide for either end of the range or not at all.

    States that agree in value, level and the movements of the last day have the same future, so they are kept once.
    """
    tick = DAY // 6
    Key = tuple[int, int, int, tuple[int, ...]]
    states: dict[Key, None] = {(0, 0, 0, (0,) * 7): None}
    for _ in range(9):
        following: dict[Key, None] = defaultdict()
        for value, level, waited, moves in states:
            for wanted in (None, limits.low, limits.high):
                if wanted is None:
                    following[(value, level, waited + tick, (*moves[1:], 0))] = None
                    continue
                new, after = admit(limits, value, wanted, level, waited + tick)
                recent = (*moves[1:], abs(new - value))
                assert sum(recent) <= limits.per_day, "seven ticks lie within one day, both ends included"
                following[(new, after, 0, recent)] = None
        states = dict(following)


def test_admit_after_a_full_step_gives_movement_back_at_the_rate() -> None:
    limits = guard(-100, 100, step=10, per_day=34)
    value, level = admit(limits, 0, 100, 0, 0)
    assert (value, level) == (10, 10 * DAY)
    assert admit(limits, value, 100, level, DAY // 24 - 1)[0] == 10
    assert admit(limits, value, 100, level, DAY // 24)[0] == 11
    assert admit(limits, value, 100, level, DAY * 10 // 24)[0] == 20


def test_admit_often_gains_nothing_by_rounding() -> None:
    limits = guard(-1000, 1000, step=7, per_day=20)
    value, level, moved = 0, 0, 0
    for _ in range(DAY // 60):
        new, level = admit(limits, value, 1000, level, 60)
        moved, value = moved + abs(new - value), new
    assert moved <= 20


def test_admit_without_a_limit_saturates_at_the_range() -> None:
    free = guard(step=ANY_STEP, per_day=ANY_STEP)
    assert free.holds()
    assert admit(free, -3, 10**30, 0, 0) == (3, 0)
    assert admit(free, 3, -(10**30), 0, 0) == (-3, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        guard(resting=4),
        guard(low=4),
        guard(step=0),
        guard(step=2, per_day=2),
        guard(step=ANY_STEP, per_day=5),
        guard(high=2**63),
        guard(step=1, per_day=2**64),
    ],
)
def test_guard_with_limits_that_contradict_each_other_does_not_hold(wrong: Guard) -> None:
    assert not wrong.holds()
