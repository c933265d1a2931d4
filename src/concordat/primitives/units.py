"""Names for bare bytes and numbers: money, time, identifiers.

Money is a whole number of the settlement token's smallest unit (six decimals for a US-dollar token).
Floats never touch it: a decimal string or a whole number goes in.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext
from typing import NewType

from concordat.primitives.errors import InputError

__all__ = [
    "TOKEN_DECIMALS",
    "Address",
    "Amount",
    "Bytes32",
    "ModelId",
    "OrderId",
    "Seconds",
    "Timestamp",
    "days",
    "hours",
    "minutes",
    "seconds",
    "show_usd",
    "usd",
]

Bytes32 = NewType("Bytes32", bytes)
"""Exactly 32 bytes."""
Address = NewType("Address", bytes)
"""Exactly 20 bytes: an account or a contract."""
ModelId = NewType("ModelId", bytes)
"""Commitment to a model's program, weights, native form and manifest (32 bytes)."""
OrderId = NewType("OrderId", bytes)
"""EIP-712 hash of an order, which is also its EIP-3009 nonce (32 bytes)."""
Amount = NewType("Amount", int)
"""Smallest units of the settlement token, 0 <= amount < 2**96."""
Seconds = NewType("Seconds", int)
"""A duration, whole seconds."""
Timestamp = NewType("Timestamp", int)
"""Unix time as the chain's blocks carry it, whole seconds, < 2**32."""

TOKEN_DECIMALS = 6
"""Decimals of the settlement token (USDC and most dollar tokens use six)."""

MAX_AMOUNT = 2**96 - 1
"""Largest sum: prices and bonds have 96 bits on chain."""
_DIGITS = 80


def usd(amount: str | int | Decimal) -> Amount:
    """Dollars as settlement-token units.

    Parameters
    ----------
    amount : str, int or Decimal
        Such as ``"0.50"``; at most six decimals. Floats are refused: ``0.1`` is not a sum of money.

    Raises
    ------
    InputError
        If it is negative, too fine, too large, or not a decimal number.
    """
    if isinstance(amount, float):
        raise InputError(f"{amount!r} is a float, not a sum of money.", code="FloatMoney", hint='Write usd("0.50").')
    try:
        with localcontext(prec=_DIGITS):  # the default context rounds to 28 digits, and a sum may have 29
            scaled = Decimal(amount).scaleb(TOKEN_DECIMALS)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise InputError(f"{amount!r} is not a decimal number.", code="BadMoney") from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or not 0 <= scaled <= MAX_AMOUNT:
        raise InputError(
            f"{amount!r} dollars cannot be paid.",
            code="BadMoney",
            hint=f"Give a non-negative amount with at most {TOKEN_DECIMALS} decimals.",
        )
    return Amount(int(scaled))


def show_usd(amount: int) -> str:
    """A sum for people, such as ``$0.50``; trailing zeros beyond cents are dropped."""
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    text = f"{whole // 10**TOKEN_DECIMALS:,}.{whole % 10**TOKEN_DECIMALS:0{TOKEN_DECIMALS}d}"
    head, tail = text.split(".")
    return f"{sign}${head}.{tail.rstrip('0').ljust(2, '0')}"


def seconds(count: int) -> Seconds:
    """A duration in seconds."""
    if count < 0:
        raise InputError(f"A duration of {count} seconds is negative.", code="BadDuration")
    return Seconds(int(count))


def minutes(count: int) -> Seconds:
    """A duration in minutes."""
    return seconds(60 * count)


def hours(count: int) -> Seconds:
    """A duration in hours."""
    return seconds(3600 * count)


def days(count: int) -> Seconds:
    """A duration in days."""
    return seconds(86400 * count)
