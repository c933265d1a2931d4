"""The field of the proof system: Goldilocks and its cubic extension.

F is the integers modulo ``P = 2**64 - 2**32 + 1``. K is ``F[x] / (x**3 - 2)`` (2 is not a cube modulo P, so the
polynomial is irreducible); an element ``c0 + c1*x + c2*x**2`` is the tuple ``(c0, c1, c2)`` of canonical integers.
Encodings are big-endian, eight bytes for each element of F.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import mul as times
from typing import TypeAlias

from concordat.primitives.errors import VerificationError

__all__ = [  # noqa: RUF022 (K is a type, and in the field's letters)
    "K",
    "ONE",
    "P",
    "ZERO",
    "add",
    "batch_inverse",
    "dot_base",
    "embed",
    "encode",
    "inverse",
    "mul",
    "neg",
    "power",
    "powers",
    "read_base",
    "read_elements",
    "root_of_unity",
    "scale",
    "sub",
    "total",
]

P = 2**64 - 2**32 + 1
"""Order of F."""
K: TypeAlias = tuple[int, int, int]
"""An element of the extension."""
ZERO: K = (0, 0, 0)
ONE: K = (1, 0, 0)
_GENERATOR = 7
_TWO_ADICITY = 32


def embed(value: int) -> K:
    """An integer as an element of K."""
    return (value % P, 0, 0)


def add(a: K, b: K) -> K:
    """Sum."""
    return ((a[0] + b[0]) % P, (a[1] + b[1]) % P, (a[2] + b[2]) % P)


def sub(a: K, b: K) -> K:
    """Difference."""
    return ((a[0] - b[0]) % P, (a[1] - b[1]) % P, (a[2] - b[2]) % P)


def neg(a: K) -> K:
    """Additive inverse."""
    return (-a[0] % P, -a[1] % P, -a[2] % P)


def mul(a: K, b: K) -> K:
    """Product, with ``x**3 = 2``."""
    a0, a1, a2 = a
    b0, b1, b2 = b
    return (
        (a0 * b0 + 2 * (a1 * b2 + a2 * b1)) % P,
        (a0 * b1 + a1 * b0 + 2 * a2 * b2) % P,
        (a0 * b2 + a1 * b1 + a2 * b0) % P,
    )


def scale(a: K, factor: int) -> K:
    """Product with an integer."""
    return (a[0] * factor % P, a[1] * factor % P, a[2] * factor % P)


def total(values: Iterable[K]) -> K:
    """Sum of many elements."""
    s0 = s1 = s2 = 0
    for v0, v1, v2 in values:
        s0 += v0
        s1 += v1
        s2 += v2
    return (s0 % P, s1 % P, s2 % P)


def inverse(a: K) -> K:
    """Multiplicative inverse: the cofactors of multiplication by `a` over its norm.

    Raises
    ------
    VerificationError
        For zero, which an honest transcript meets with probability below 2**-180.
    """
    a0, a1, a2 = a
    c0 = (a0 * a0 - 2 * a1 * a2) % P
    c1 = (2 * a2 * a2 - a0 * a1) % P
    c2 = (a1 * a1 - a0 * a2) % P
    norm = (a0 * c0 + 2 * (a2 * c1 + a1 * c2)) % P
    if norm == 0:
        raise VerificationError("A denominator of the proof is zero.", code="BadProof")
    return scale((c0, c1, c2), pow(norm, P - 2, P))


def batch_inverse(values: Sequence[K]) -> list[K]:
    """Inverses of many non-zero elements for the price of one."""
    prefix = [ONE]
    for value in values:
        prefix.append(mul(prefix[-1], value))
    running = inverse(prefix[-1])
    out = [ONE] * len(values)
    for i in range(len(values) - 1, -1, -1):
        out[i] = mul(running, prefix[i])
        running = mul(running, values[i])
    return out


def power(a: K, exponent: int) -> K:
    """``a ** exponent`` for ``exponent >= 0``."""
    result = ONE
    while exponent:
        if exponent & 1:
            result = mul(result, a)
        a = mul(a, a)
        exponent >>= 1
    return result


def powers(a: K, count: int) -> list[K]:
    """``[1, a, a**2, …]``."""
    out = [ONE] * count
    for i in range(1, count):
        out[i] = mul(out[i - 1], a)
    return out


def dot_base(values: tuple[list[int], list[int], list[int]], weights: Sequence[int]) -> K:
    """``Σ values[i] * weights[i]`` for extension values by coordinate and weights in F."""
    return (
        sum(map(times, values[0], weights)) % P,
        sum(map(times, values[1], weights)) % P,
        sum(map(times, values[2], weights)) % P,
    )


def root_of_unity(log_order: int) -> int:
    """Generator of the subgroup of order ``2**log_order``, ``log_order <= 32``."""
    root = pow(_GENERATOR, (P - 1) >> _TWO_ADICITY, P)
    return pow(root, 1 << (_TWO_ADICITY - log_order), P)


def encode(values: Iterable[K]) -> bytes:
    """24 bytes for each element."""
    return b"".join(c.to_bytes(8, "big") for value in values for c in value)


def read_base(data: bytes) -> list[int]:
    """Elements of F from their bytes; only canonical ones.

    Raises
    ------
    VerificationError
        If a number is not below P.
    """
    numbers = [int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data), 8)]
    if any(n >= P for n in numbers):
        raise VerificationError("A field element of the proof is not canonical.", code="BadProof")
    return numbers


def read_elements(data: bytes) -> list[K]:
    """Elements of K from their bytes; only canonical ones."""
    n = read_base(data)
    return list(zip(n[0::3], n[1::3], n[2::3], strict=True))
