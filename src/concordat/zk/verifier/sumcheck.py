"""Sumchecks whose messages are one-time-padded.

Round messages are the values ``p(0), p(2), …, p(d)`` of a polynomial of degree d, each sent as ``m + pad`` with a pad
that was committed before; ``p(1)`` follows from ``p(0) + p(1) = claim``. The verifier never sees a claim: it keeps it
as an affine form in the hidden scalars, and what has to be true in the end is left to the linear opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from concordat.zk.field import ONE, ZERO, K, P, add, embed, mul, neg, scale, sub
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.reader import ProofReader

__all__ = ["HiddenSumcheck", "fold_messages", "lagrange", "run_sumcheck"]


@dataclass(frozen=True, slots=True)
class HiddenSumcheck:
    """What is left of a sumcheck: ``last claim = constant + carry * first claim + Σ pads[i] * pad[i]``."""

    point: list[K]
    """Challenges, first round first."""
    constant: K
    """The part that was sent."""
    carry: K
    """Factor of the claim that the sumcheck began with."""
    pads: list[K]
    """Factors of the pads, in the order of the messages."""


def run_sumcheck(reader: ProofReader, transcript: Transcript, *, tag: int, rounds: int, degree: int) -> HiddenSumcheck:
    """Read and absorb the messages of a sumcheck, and fold them."""
    point: list[K] = []
    sent: list[list[K]] = []
    for _ in range(rounds):
        message = reader.elements(degree)
        transcript.absorb_elements(tag, message)
        point.append(transcript.challenge())
        sent.append(message)
    return fold_messages(sent, point, degree)


def fold_messages(sent: list[list[K]], point: list[K], degree: int) -> HiddenSumcheck:
    """The last claim as an affine form: ``p(r) = L0*m0 + L1*(claim - m0) + L2*m2 + …`` in every round."""
    constant, carry = ZERO, ONE
    pads: list[K] = []
    for message, r in zip(reversed(sent), reversed(point), strict=True):
        lag = lagrange(r, degree)
        factors = [mul(carry, sub(lag[0], lag[1])), *(mul(carry, w) for w in lag[2:])]
        for m, factor in zip(message, factors, strict=True):
            constant = add(constant, mul(m, factor))
        pads = [neg(factor) for factor in factors] + pads
        carry = mul(carry, lag[1])
    return HiddenSumcheck(point, constant, carry, pads)


@lru_cache(maxsize=8)
def _barycentric(degree: int) -> tuple[int, ...]:
    """``1 / Π_{j≠i} (i - j)`` for the nodes 0 … degree."""
    out = []
    for i in range(degree + 1):
        product = 1
        for j in range(degree + 1):
            if j != i:
                product = product * (i - j) % P
        out.append(pow(product, P - 2, P))
    return tuple(out)


def lagrange(r: K, degree: int) -> list[K]:
    """Values at `r` of the Lagrange polynomials of the nodes 0 … degree."""
    differences = [sub(r, embed(j)) for j in range(degree + 1)]
    out = []
    for i, weight in enumerate(_barycentric(degree)):
        value = ONE
        for j, difference in enumerate(differences):
            if j != i:
                value = mul(value, difference)
        out.append(scale(value, weight))
    return out
