"""Money and time carry units; floats never become money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concordat.primitives.errors import InputError
from concordat.primitives.units import MAX_AMOUNT, hours, minutes, seconds, show_usd, usd


@given(st.integers(0, MAX_AMOUNT))
def test_usd_of_any_amount_is_exact(units: int) -> None:
    assert usd(f"{units // 10**6}.{units % 10**6:06d}") == units
    assert usd(show_usd(units).replace("$", "").replace(",", "")) == units


@pytest.mark.parametrize("value", [0.5, "0.0000001", "-1", "abc", "NaN", "Infinity", str(MAX_AMOUNT), None])
def test_usd_of_anything_else_raises(value: object) -> None:
    with pytest.raises(InputError):
        usd(value)  # type: ignore[arg-type]


def test_show_usd_drops_only_what_is_beyond_cents() -> None:
    assert [show_usd(n) for n in (0, 500_000, 1_234_567_890, 10, -250_000)] == [
        "$0.00",
        "$0.50",
        "$1,234.56789",
        "$0.00001",
        "-$0.25",
    ]


def test_durations_are_whole_and_not_negative() -> None:
    assert (minutes(2), hours(1), seconds(0)) == (120, 3600, 0)
    with pytest.raises(InputError):
        seconds(-1)
