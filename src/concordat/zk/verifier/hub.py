"""The hub: one hiding commitment of everything that was folded, and its linear opening.

The hub is a matrix over K of rows of ``2**hub_log_width`` elements. Its rows hold, one after another without gaps, the
folded rows of the weight matrix, of the witness matrix, the hidden scalars and the input, each with its random tail.
All claims are linear in them; batched by powers of delta they are one inner product. A sumcheck over the row index,
with pads in a row of its own, brings it to one row, which is shown under a random mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from concordat.primitives.errors import VerificationError
from concordat.zk.challenges import Tag
from concordat.zk.field import ZERO, K, P, add, dot_base, mul, root_of_unity, scale, sub, total
from concordat.zk.multilinear import eq_table
from concordat.zk.parameters import Parameters, segment_lengths
from concordat.zk.relation import Relation
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.reader import ProofReader
from concordat.zk.verifier.sumcheck import run_sumcheck

__all__ = ["Claim", "Explicit", "Folded", "Powers", "Tensor", "open_hub", "point_powers"]


@dataclass(frozen=True, slots=True)
class Explicit:
    """Factors written out, from an element of the hub on."""

    offset: int
    """First element."""
    factors: Sequence[K]
    """One for each element."""


@dataclass(frozen=True, slots=True)
class Powers:
    """``base**k`` for element ``offset + k`` of the hub: the code's evaluation at a point of its domain."""

    offset: int
    """First element."""
    count: int
    """Elements."""
    base: int
    """The point, in F, not zero."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """``high[row] * low[column]`` for the rows from the first one on."""

    high: Sequence[K]
    """One factor for each row."""
    low: Sequence[K]
    """One factor for each column, from the first one on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """``Σ of the parts = value``."""

    parts: tuple[Explicit | Powers | Tensor, ...]
    """What is multiplied with the hub."""
    value: K
    """What it has to give."""


def open_hub(
    reader: ProofReader,
    transcript: Transcript,
    relation: Relation,
    parameters: Parameters,
    root: bytes,
    claims: Sequence[Claim],
) -> None:
    """Check all claims about the elements of the committed hub.

    Raises
    ------
    VerificationError
        If a check fails.
    """
    p = parameters
    width = 1 << p.hub_log_width
    rows = -(-sum(segment_lengths(relation, p)) // width)
    bits = (rows - 1).bit_length()
    delta = transcript.challenge()
    # 1. sumcheck over the row index, its messages padded by the row of pads
    check = run_sumcheck(reader, transcript, tag=Tag.HUB_ROUND, rounds=bits, degree=2)
    row_weights = eq_table(check.point)
    batched, value, weight = Folded(width, row_weights), ZERO, (1, 0, 0)
    for claim in claims:
        for part in claim.parts:
            batched.add(part, weight)
        value = add(value, mul(weight, claim.value))
        weight = mul(weight, delta)
    constant = add(check.constant, mul(check.carry, value))
    # 2. the mask's share, then the masked row and the masked pads
    sigma = reader.elements(1)
    transcript.absorb_elements(Tag.HUB_MASK, sigma)
    mask = transcript.challenge()
    row = reader.elements(width + p.hub_queries)
    pads = reader.elements(2 * bits + p.hub_queries)
    transcript.absorb_elements(Tag.HUB_ROW, row + pads)
    # 3. <row, batched> - <pads, factors> = sigma + mask * constant
    coordinates = _coordinates(row)
    shown = batched.inner_product(row, coordinates)
    hidden = total(mul(pad, factor) for pad, factor in zip(pads, check.pads, strict=False))
    if sub(shown, hidden) != add(sigma[0], mul(mask, constant)):
        raise VerificationError("The batched claims of the proof do not hold.", code="BadProof")
    # 4. the shown rows are the committed ones, folded
    if not transcript.grinds(reader.nonce(), p.grinding):
        raise VerificationError("The proof lacks its work.", code="BadProof")
    positions = transcript.positions(p.hub_queries, p.hub_log_domain)
    columns = reader.columns(root, positions, p.hub_log_domain, 3 * (rows + 3))
    generator = root_of_unity(p.hub_log_domain)
    shown_pads = _coordinates(pads)
    for position, column in columns.items():
        elements = list(zip(column[0::3], column[1::3], column[2::3], strict=True))
        folded = total(mul(w, e) for w, e in zip(row_weights, elements[:rows], strict=False))
        expected = add(elements[rows], mul(mask, folded))
        point = pow(generator, position, P)
        ladder = point_powers(point, len(row))
        if dot_base(coordinates, ladder) != expected:
            raise VerificationError("The shown row is not the committed one.", code="BadProof")
        pad = add(elements[rows + 2], mul(mask, elements[rows + 1]))
        if dot_base(shown_pads, ladder[: len(pads)]) != pad:
            raise VerificationError("The shown pads are not the committed ones.", code="BadProof")


def point_powers(point: int, count: int) -> list[int]:
    """``1, point, point**2, …`` in F."""
    out = [1] * count
    value = 1
    for i in range(1, count):
        value = value * point % P
        out[i] = value
    return out


def _coordinates(values: Sequence[K]) -> tuple[list[int], list[int], list[int]]:
    return [v[0] for v in values], [v[1] for v in values], [v[2] for v in values]


class Folded:
    """The batched factors, folded over the rows: written out where they must be, by powers where they can."""

    def __init__(self, width: int, row_weights: Sequence[K]) -> None:
        self._width, self._row_weights = width, row_weights
        self._explicit: dict[int, K] = {}
        self._powers: list[tuple[Powers, K]] = []

    def add(self, part: Explicit | Powers | Tensor, weight: K) -> None:
        """Fold in a part of a claim, times the claim's weight."""
        if isinstance(part, Powers):
            self._powers.append((part, weight))
            return
        if isinstance(part, Tensor):
            folded = mul(weight, total(mul(h, w) for h, w in zip(part.high, self._row_weights, strict=False)))
            for column, factor in enumerate(part.low):
                self._explicit[column] = add(self._explicit.get(column, ZERO), mul(folded, factor))
            return
        rows: dict[int, K] = {}
        for k, factor in enumerate(part.factors):
            row, column = divmod(part.offset + k, self._width)
            if row not in rows:
                rows[row] = mul(weight, self._row_weights[row])
            self._explicit[column] = add(self._explicit.get(column, ZERO), mul(rows[row], factor))

    def inner_product(self, row: Sequence[K], coordinates: tuple[list[int], list[int], list[int]]) -> K:
        """What the shown row, given whole and by coordinates, makes of all of it."""
        result = total(mul(row[column], factor) for column, factor in self._explicit.items())
        ladders: dict[int, list[int]] = {}
        for part, weight in self._powers:
            if part.base not in ladders:
                ladders[part.base] = point_powers(part.base, self._width)
            result = add(result, mul(weight, self._power_product(part, ladders[part.base], coordinates)))
        return result

    def _power_product(self, part: Powers, ladder: list[int], coordinates: tuple[list[int], list[int], list[int]]) -> K:
        """``Σ_rows weight[row] Σ_columns base**(row*width + column - offset) * row[column]``, within bounds."""
        width = self._width
        begin, end = part.offset, part.offset + part.count
        cuts = sorted({0, begin % width, end % width, width})
        step = pow(part.base, width, P)
        result = ZERO
        for low, high in pairwise(cuts):
            first = begin // width + (1 if low < begin % width else 0)
            last = end // width + (1 if low < end % width else 0)
            factor = ZERO
            power = pow(part.base, (first * width - begin) % (P - 1), P)
            for row in range(first, last):
                factor = add(factor, scale(self._row_weights[row], power))
                power = power * step % P
            segment = tuple(c[low:high] for c in coordinates)
            result = add(result, mul(factor, dot_base(segment, ladder[low:high])))  # type: ignore[arg-type]
        return result
