"""Integer functions as constraints: each has exactly one solution.

Ranges come from the graph's interval analysis; nothing that a constraint adds up can reach P / 2, so that equality
modulo P is equality of integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from concordat.graph.intervals import LIMIT, Interval
from concordat.primitives.errors import ModelError
from concordat.zk.circuit.blocks import Block, Builder, Fill, Run, Value
from concordat.zk.field import P

__all__ = ["clamp", "greatest", "is_not_negative", "is_zero", "once", "ranged", "requantise"]

_Array = npt.NDArray[np.int64]

_MOST_COEFFICIENT_BITS = 62
"""Widest coefficient of a constraint."""


def once(fill: Fill) -> Fill:
    """The same contents, computed once for each batch of executions."""
    last: list[object] = [None, None]

    def cached(run: Run) -> _Array:
        if last[0] is not run:
            last[:] = [run, fill(run)]
        return last[1]  # type: ignore[return-value]

    return cached


def ranged(builder: Builder, count: int, interval: Interval, fill: Fill) -> Value:
    """New numbers in an interval, in exactly that interval."""
    size = interval.high - interval.low
    bits = size.bit_length()
    if not bits:
        return Value(count, (), interval.low, lambda run: np.full(count, interval.low, dtype=np.int64))
    above = builder.bits(count, bits, once(lambda run: fill(run) - interval.low))
    value = Value(count, above.parts, interval.low, fill)
    if size + 1 != 1 << bits:
        below = builder.bits(count, bits, once(lambda run: interval.high - fill(run)))
        builder.zero([(1, value), (1, below)], constant=-interval.high)
    return value


def requantise(
    builder: Builder,
    terms: list[tuple[int, Value]],
    product: tuple[int, Block] | None,
    exact: Fill,
    *,
    add: int,
    shift: int,
    bounds: Interval,
    inner: Interval,
    matmul: tuple[int, int] | None = None,
) -> Value:
    """``clamp((Σ terms + product + add + 2**(shift-1)) >> shift)``.

    Parameters
    ----------
    exact : Fill
        The sum before rounding and shift, `add` included.
    bounds : Interval
        What is clamped to.
    inner : Interval
        What the shifted sum lies in.
    """
    count = (terms[0][1].count if terms else product[1].count) if matmul is None else terms[0][1].count  # type: ignore[index]
    half = 1 << (shift - 1) if shift else 0
    over_bits, under_bits = (inner.high - bounds.high).bit_length(), (bounds.low - inner.low).bit_length()
    over_bits, under_bits = over_bits * (inner.high > bounds.high), under_bits * (inner.low < bounds.low)
    largest = inner.clamp(bounds.low, bounds.high).magnitude + (1 << over_bits) + (1 << under_bits)
    if (largest << shift) + LIMIT >= P:
        raise ModelError("A requantisation could wrap around in the field of the proofs.", code="ProofRange")
    shifted = once(lambda run: (exact(run) + half) >> shift)
    clamped = once(lambda run: np.clip(shifted(run), bounds.low, bounds.high))
    reach = inner.clamp(bounds.low, bounds.high)
    result = ranged(builder, count, reach, clamped)
    above = Value(count, result.parts, 0, once(lambda run: clamped(run) - reach.low))  # bare, if one limb is enough
    balance = [(c, v) for c, v in terms]
    balance.append((-(1 << shift), result))
    if inner.high > bounds.high:
        over = builder.bits(count, over_bits, once(lambda run: np.maximum(shifted(run) - bounds.high, 0)))
        _one_is_zero(builder, over, above, reach.low - bounds.high, over_bits)
        balance.append((-(1 << shift), over))
    if inner.low < bounds.low:
        under = builder.bits(count, under_bits, once(lambda run: np.maximum(bounds.low - shifted(run), 0)))
        _one_is_zero(builder, under, above, reach.low - bounds.low, under_bits)
        balance.append((1 << shift, under))
    if shift:
        rest = builder.bits(count, shift, once(lambda run: (exact(run) + half) & ((1 << shift) - 1)))
        balance.append((-1, rest))
    builder.zero(balance, product=product, constant=add + half, matmul=matmul)
    return result


def _one_is_zero(builder: Builder, beyond: Value, above: Value, offset: int, bits: int) -> None:
    """``beyond * (above + offset) = 0``: what goes beyond a bound, of so many bits, and the distance to that bound.

    The offset is multiplied out while it is small, which takes no cell; else the distance is a cell of its own. The
    product of both may exceed P: it is zero in F only where a factor is, and both factors are smaller.
    """
    if abs(offset).bit_length() + bits <= _MOST_COEFFICIENT_BITS:
        builder.zero([(offset, beyond)], product=(1, builder.row_of(beyond, above)))
        return
    distance = Value(above.count, above.parts, above.constant + offset, lambda run: above.fill(run) + offset)
    builder.zero([(0, beyond)], product=(1, builder.row_of(beyond, distance)))


def clamp(builder: Builder, value: Value, bounds: Interval, inner: Interval) -> Value:
    """``min(max(value, low), high)``."""
    if inner.low >= bounds.low and inner.high <= bounds.high:
        return value
    return requantise(builder, [(1, value)], None, value.fill, add=0, shift=0, bounds=bounds, inner=inner)


def is_not_negative(builder: Builder, value: Value, inner: Interval) -> Value:
    """1 where ``value >= 0``, else 0: ``2*s*d - d - 1 + s`` is ``d`` or ``-d - 1``, and must not be negative."""
    count = value.count
    if inner.low >= 0 or inner.high < 0:
        known = int(inner.low >= 0)
        return Value(count, (), known, lambda run: np.full(count, known, dtype=np.int64))
    sign = builder.bits(count, 1, once(lambda run: (value.fill(run) >= 0).astype(np.int64)))
    size = max(inner.high, -inner.low - 1).bit_length()
    magnitude = builder.bits(
        count, size, once(lambda run: np.where(value.fill(run) >= 0, value.fill(run), -value.fill(run) - 1))
    )
    product = (2, builder.row_of(sign, value))
    builder.zero([(-1, value), (1, sign), (-1, magnitude)], product=product, constant=-1)
    return sign


def is_zero(builder: Builder, value: Value) -> Value:
    """1 where ``value == 0``, else 0: ``d * inverse = 1 - s`` and ``d * s = 0``."""
    count = value.count

    def sign_of(run: Run) -> _Array:
        return np.asarray(value.fill(run) == 0, dtype=np.int64)

    def inverses(run: Run) -> npt.NDArray[np.uint64]:
        return np.array([pow(int(d) % P, P - 2, P) for d in value.fill(run)], dtype=np.uint64)

    sign = builder.bits(count, 1, once(sign_of))
    inverse = builder.cells(count, once(inverses))  # type: ignore[arg-type]
    builder.zero([(1, sign)], product=(1, builder.row_of(value, inverse)), constant=-1)
    builder.zero([(0, sign)], product=(1, builder.row_of(value, sign)))
    return sign


def greatest(builder: Builder, x: Value, y: Value, spread: int) -> Value:
    """``max(x, y)``: at least both, and equal to one; `spread` bounds their difference."""
    bits = spread.bit_length()
    value = once(lambda run: np.maximum(x.fill(run), y.fill(run)))
    over_x = builder.bits(x.count, bits, once(lambda run: value(run) - x.fill(run)))
    over_y = builder.bits(x.count, bits, once(lambda run: value(run) - y.fill(run)))
    builder.zero([(1, x), (1, over_x), (-1, y), (-1, over_y)])
    builder.zero([(0, over_x)], product=(1, builder.row_of(over_x, over_y)))
    return Value(x.count, (*x.parts, *over_x.parts), x.constant, value)
