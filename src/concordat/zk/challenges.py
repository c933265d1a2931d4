"""Names of the transcript's tags and of the challenges that batch constraints.

Everything that is batched into the constraint sumcheck has a monomial of its own in the challenges: rows that look up
take ``tau**0, tau**1, …``, the sum of inverses ``eta``, families ``theta**1, theta**2, …``, claims ``lambda``. Two that
shared one (``tau**0`` and ``theta**0``) could be broken against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from concordat.zk.field import ONE, ZERO, K, add, embed, mul, power
from concordat.zk.relation import Family, Relation, TermKind
from concordat.zk.transcript import Transcript

__all__ = ["PROTOCOL", "Batching", "KeyChallenges", "Tag", "exponents", "family_offsets", "geometric", "matmul_scales"]


PROTOCOL = 3
"""Counts changes of what both sides compute; compiled twins of another number are not used."""


class Tag(IntEnum):
    """One for each thing that is absorbed, in the order of a proof."""

    STATEMENT = 0
    WITNESS = 1
    INVERSES = 2
    PRODUCT_CLAIM = 3
    PRODUCT_ROUND = 4
    PRODUCT_VALUES = 5
    CONSTRAINT_ROUND = 6
    CONSTRAINT_VALUES = 7
    HUB = 8
    HUB_ROUND = 9
    HUB_MASK = 10
    HUB_ROW = 11


@dataclass(frozen=True, slots=True)
class KeyChallenges:
    """Drawn after the cells are committed; they turn table entries into single numbers."""

    alpha: K
    """Keys are looked up as ``1 / (alpha - key)``."""
    beta: K
    """A key is ``x + beta * table + beta**2 * y``."""

    @classmethod
    def draw(cls, transcript: Transcript) -> KeyChallenges:
        """The next two challenges."""
        return cls(*transcript.challenges(2))


@dataclass(frozen=True, slots=True)
class Batching:
    """Drawn after the inverses are committed; powers of each batch constraints of one sort."""

    theta: K
    """Elements of the families."""
    tau: K
    """Rows that look up."""
    eta: K
    """The sum of all inverses."""
    zeta: K
    """Rows of copied weights."""
    xi: K
    """Elements of the input."""

    @classmethod
    def draw(cls, transcript: Transcript) -> Batching:
        """The next five challenges."""
        return cls(*transcript.challenges(5))


def family_offsets(relation: Relation) -> list[int]:
    """First exponent of theta of each family; the zeroth power is not theirs, but the first look-up's."""
    offsets, at = [], 1
    for family in relation.families:
        offsets.append(at)
        at += family.count // family.cols * family.stride
    return offsets


def matmul_scales(relation: Relation, theta: K) -> list[K]:
    """Factor with which the elements of each matrix product enter the batched constraint."""
    scales = [ZERO] * len(relation.matmuls)
    for family, offset in zip(relation.families, family_offsets(relation), strict=True):
        for term in family.terms:
            if term.kind is TermKind.MATMUL:
                weight = power(theta, offset)
                scales[term.column] = add(scales[term.column], mul(weight, embed(term.coefficient)))
    return scales


def exponents(family: Family) -> list[int]:
    """Exponents of theta of a family's elements, from its offset on."""
    return [e // family.cols * family.stride + e % family.cols for e in range(family.count)]


def geometric(base: K, count: int) -> K:
    """``1 + base + … + base**(count - 1)``."""
    sums, at, block, block_sum = ZERO, ONE, base, ONE
    while count:
        if count & 1:
            sums = add(sums, mul(at, block_sum))
            at = mul(at, block)
        block_sum = add(block_sum, mul(block_sum, block))
        block = mul(block, block)
        count >>= 1
    return sums
