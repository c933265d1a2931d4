"""Sums over the Boolean cube that a verifier does in time logarithmic in their length.

A point ``z`` has its most significant variable first. ``eq(z, i)`` is the multilinear polynomial that is 1 at the bits
of ``i``. A *bit form* is a list of pairs ``(w0, w1)``, most significant first: its value at index ``i`` is the product
of the ``w_b`` that the bits of ``i`` choose. ``eq(z, ·)`` is the bit form ``(1 - z_t, z_t)``, and ``g**i`` is
``(1, g**(2**t))``; products of bit forms are bit forms, which is why powers are the random weights of this system.
"""

from __future__ import annotations

from collections.abc import Sequence

from concordat.zk.field import ONE, ZERO, K, add, inverse, mul, power, sub

__all__ = ["BitForm", "EqSums", "eq_form", "eq_index", "eq_table", "expand", "form_sum", "power_form", "times_form"]

BitForm = list[tuple[K, K]]


def eq_form(point: Sequence[K]) -> BitForm:
    """``eq(point, ·)`` as a bit form."""
    return [(sub(ONE, z), z) for z in point]


def power_form(base: K, bits: int) -> BitForm:
    """``base ** i`` as a bit form over `bits` bits."""
    squares = [base] if bits else []
    for _ in range(bits - 1):
        squares.append(mul(squares[-1], squares[-1]))
    return [(ONE, square) for square in reversed(squares[:bits])]


def times_form(a: BitForm, b: BitForm) -> BitForm:
    """The product of two bit forms of the same length."""
    return [(mul(a0, b0), mul(a1, b1)) for (a0, a1), (b0, b1) in zip(a, b, strict=True)]


def eq_index(point: Sequence[K], index: int) -> K:
    """``eq(point, index)``."""
    value = ONE
    for t, z in enumerate(reversed(point)):
        value = mul(value, z if index >> t & 1 else sub(ONE, z))
    return value


def expand(form: BitForm) -> list[K]:
    """All values of a bit form, by index."""
    values = [ONE]
    for w0, w1 in form:
        values = [mul(v, w) for v in values for w in (w0, w1)]
    return values


def eq_table(point: Sequence[K]) -> list[K]:
    """All values of ``eq(point, ·)``; one multiplication each."""
    values = [ONE]
    for z in point:
        grown: list[K] = []
        for v in values:
            high = mul(v, z)
            grown += (sub(v, high), high)
        values = grown
    return values


def form_sum(form: BitForm, count: int) -> K:
    """Sum of a bit form over the indices below `count`."""
    bits = len(form)
    if count >> bits:
        whole = ONE
        for w0, w1 in form:
            whole = mul(whole, add(w0, w1))
        return whole
    below, suffix = [ONE] * (bits + 1), ONE
    for t in range(bits):
        suffix = mul(suffix, add(*form[bits - 1 - t]))
        below[t + 1] = suffix
    path, sums = ONE, ZERO
    for t, (w0, w1) in enumerate(form):
        remaining = bits - 1 - t
        if count >> remaining & 1:
            sums = add(sums, mul(mul(path, w0), below[remaining]))
            path = mul(path, w1)
        else:
            path = mul(path, w0)
    return sums


class EqSums:
    """Sums ``Σ base**e * eq(point, start + e)`` over runs, for one point and one base."""

    def __init__(self, point: Sequence[K], base: K) -> None:
        bits = len(point)
        self._bits = bits
        self._form = times_form(eq_form(point), power_form(base, bits)) if bits else []
        self._below = [ONE]
        for t in range(bits):
            self._below.append(mul(self._below[-1], add(*self._form[bits - 1 - t])))
        self._unshift = inverse(base) if base != ONE else ONE
        self._prefixes: dict[int, K] = {0: ZERO}
        self._shifts: dict[int, K] = {0: ONE}

    def run(self, start: int, count: int) -> K:
        """The sum over ``e < count``."""
        difference = sub(self._prefix(start + count), self._prefix(start))
        return difference if self._unshift == ONE else mul(difference, self._shift(start))

    def between(self, start: int, end: int) -> K:
        """``Σ base**i * eq(point, i)`` over ``start <= i < end``."""
        return sub(self._prefix(end), self._prefix(start))

    def _shift(self, start: int) -> K:
        if start not in self._shifts:
            self._shifts[start] = power(self._unshift, start)
        return self._shifts[start]

    def _prefix(self, count: int) -> K:
        if count in self._prefixes:
            return self._prefixes[count]
        if count >> self._bits:
            return self._below[self._bits]
        path, sums = ONE, ZERO
        for t, (w0, w1) in enumerate(self._form):
            remaining = self._bits - 1 - t
            if count >> remaining & 1:
                sums = add(sums, mul(mul(path, w0), self._below[remaining]))
                path = mul(path, w1)
            else:
                path = mul(path, w0)
        self._prefixes[count] = sums
        return sums
