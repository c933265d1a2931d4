"""The field on numpy arrays: F as ``uint64`` arrays, K as arrays with a last axis of three coordinates."""

from __future__ import annotations

from hashlib import sha256
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from concordat.zk.field import K, P, inverse

__all__ = [
    "Vector",
    "add",
    "base_add",
    "base_mul",
    "base_sub",
    "broadcast",
    "column_sum",
    "double",
    "eq_vector",
    "from_ints",
    "halves",
    "inverses",
    "ladder",
    "lift",
    "mul",
    "neg",
    "random_base",
    "scale",
    "scatter",
    "small",
    "sub",
    "to_ints",
    "to_k",
]

Vector: TypeAlias = npt.NDArray[np.uint64]
_P = np.uint64(P)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_EPSILON = np.uint64(0xFFFFFFFF)


def from_ints(values: object) -> Vector:
    """Signed integers (any array of them) as canonical elements of F."""
    signed = np.asarray(values, dtype=np.int64)
    return np.where(signed < 0, (signed + np.int64(0)).astype(np.uint64) + _P, signed.astype(np.uint64))


def to_ints(values: Vector) -> npt.NDArray[np.int64]:
    """Signed integers from -P/2 to P/2 of elements of F: inverse of :func:`from_ints`."""
    return np.where(values > np.uint64(P // 2), values - np.uint64(P), values).astype(np.int64)


def base_add(a: Vector, b: Vector) -> Vector:
    """Sum in F."""
    s = a + b
    s = np.where(s < a, s + _EPSILON, s)
    return np.where(s >= _P, s - _P, s)


def base_sub(a: Vector, b: Vector) -> Vector:
    """Difference in F."""
    return np.where(a >= b, a - b, a + (_P - b))


def base_mul(a: Vector, b: Vector) -> Vector:
    """Product in F: 128 bits from 32-bit halves, reduced by ``2**64 = 2**32 - 1`` and ``2**96 = -1``."""
    a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
    low, cross, cross2, high = a0 * b0, a1 * b0, a0 * b1, a1 * b1
    middle = (low >> _32) + (cross & _LOW) + (cross2 & _LOW)
    lo = (low & _LOW) | (middle << _32)
    hi = high + (cross >> _32) + (cross2 >> _32) + (middle >> _32)
    hi_high, hi_low = hi >> _32, hi & _LOW
    with np.errstate(over="ignore"):  # numpy warns of scalars that wrap around
        t = np.subtract(lo, hi_high)
        t = np.where(lo < hi_high, t - _EPSILON, t)
        u = hi_low * _EPSILON
        s = t + u
    s = np.where(s < t, s + _EPSILON, s)
    return np.asarray(np.where(s >= _P, s - _P, s), dtype=np.uint64)


def add(a: Vector, b: Vector) -> Vector:
    """Sum in K (or F)."""
    return base_add(a, b)


def sub(a: Vector, b: Vector) -> Vector:
    """Difference in K (or F)."""
    return base_sub(a, b)


def neg(a: Vector) -> Vector:
    """Negative in K (or F)."""
    return np.where(a == 0, a, _P - a)


def double(a: Vector) -> Vector:
    """Twice an element of K (or F)."""
    return base_add(a, a)


def small(value: int) -> Vector:
    """A number below P as an array without axes."""
    return np.asarray(value, dtype=np.uint64)


def mul(a: Vector, b: Vector) -> Vector:
    """Product in K; shapes ``(…, 3)`` broadcast."""
    a0, a1, a2 = a[..., 0], a[..., 1], a[..., 2]
    b0, b1, b2 = b[..., 0], b[..., 1], b[..., 2]
    c0 = base_add(base_mul(a0, b0), double(base_add(base_mul(a1, b2), base_mul(a2, b1))))
    c1 = base_add(base_add(base_mul(a0, b1), base_mul(a1, b0)), double(base_mul(a2, b2)))
    c2 = base_add(base_add(base_mul(a0, b2), base_mul(a1, b1)), base_mul(a2, b0))
    return np.stack([c0, c1, c2], axis=-1)


def scale(a: Vector, factor: Vector) -> Vector:
    """Product of elements of K (shape ``(…, 3)``) and of F (shape ``(…)``)."""
    return base_mul(a, np.asarray(factor, dtype=np.uint64)[..., None])


def broadcast(value: K) -> Vector:
    """One element of K as an array of shape ``(3,)``."""
    return np.array(value, dtype=np.uint64)


def column_sum(a: Vector) -> Vector:
    """Sum along the first axis, in F coordinate by coordinate."""
    low = (a & _LOW).sum(axis=0, dtype=np.uint64)
    high = (a >> _32).sum(axis=0, dtype=np.uint64)
    flat = [(int(h) * 2**32 + int(lo)) % P for h, lo in zip(high.ravel(), low.ravel(), strict=True)]
    return np.array(flat, dtype=np.uint64).reshape(low.shape)


def to_k(a: Vector) -> K:
    """An array of shape ``(3,)`` as an element of K."""
    return (int(a[0]), int(a[1]), int(a[2]))


def ladder(base: K, count: int) -> Vector:
    """``1, base, base**2, …`` in K, shape ``(count, 3)``."""
    out = np.zeros((1, 3), dtype=np.uint64)
    out[0, 0] = 1
    while len(out) < count:
        step = broadcast(to_k(mul(out[-1], broadcast(base))))
        out = np.concatenate([out, mul(out, step)])
    return out[:count]


def scatter(length: int, rows: Vector | npt.NDArray[np.int64], values: Vector) -> Vector:
    """``out[rows[i]] += values[i]`` in K, shape ``(length, 3)``."""
    low, high = np.zeros((length, 3), dtype=np.uint64), np.zeros((length, 3), dtype=np.uint64)
    np.add.at(low, rows, values & _LOW)
    np.add.at(high, rows, values >> _32)
    return base_add(base_mul(high % _P, small(1 << 32)), low % _P)


def inverses(values: Vector) -> Vector:
    """Multiplicative inverses in K, by products of neighbours."""
    if len(values) == 1:
        return np.array([inverse(to_k(values[0]))], dtype=np.uint64)
    odd = values[-1:] if len(values) % 2 else values[:0]
    left, right = values[: len(values) - len(odd)][0::2], values[: len(values) - len(odd)][1::2]
    inner = inverses(np.concatenate([mul(left, right), odd]))
    pairs, rest = inner[: len(left)], inner[len(left) :]
    out = np.empty_like(values[: len(values) - len(odd)])
    out[0::2], out[1::2] = mul(pairs, right), mul(pairs, left)
    return np.concatenate([out, rest])


def random_base(seed: bytes, label: bytes, count: int) -> Vector:
    """Uniform elements of F from a secret seed: SHA-256 in counter mode, words at or above P passed over."""
    key = sha256(seed + label).digest()
    data = bytearray()
    numbers = np.zeros(0, dtype=np.uint64)
    while len(numbers) < count:
        first = len(data) // 32
        for i in range(first, first + (count - len(numbers)) // 4 + 4):
            data += sha256(key + i.to_bytes(8, "big")).digest()
        words = np.frombuffer(bytes(data), dtype=">u8").astype(np.uint64)
        numbers = words[words < _P]
    return numbers[:count]


def eq_vector(point: list[K]) -> Vector:
    """``eq(point, ·)``, most significant variable first."""
    values = np.array([[1, 0, 0]], dtype=np.uint64)
    for z in point:
        high = mul(values, broadcast(z))
        values = np.stack([sub(values, high), high], axis=1).reshape(-1, 3)
    return values


def halves(values: Vector) -> tuple[Vector, Vector]:
    """What the most significant variable splits a table into: its low half, and high minus low."""
    half = len(values) // 2
    return values[:half], sub(values[half:], values[:half])


def lift(values: Vector) -> Vector:
    """Elements of F as elements of K."""
    out = np.zeros((*values.shape, 3), dtype=np.uint64)
    out[..., 0] = values
    return out
