"""Parameters for proofs that a contract checks, where every column and every number costs gas.

`concordat.zk.parameters.choose` wants proofs that are made fast and are short. A contract pays for other things: each
opened column takes a ladder of powers over a row of the hub, so that few columns and narrow rows are cheap, while low
rates, great domains and the prover's work cost it next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import inf, log2

from concordat.primitives.errors import ModelError
from concordat.zk.parameters import (
    PHASE_BITS,
    Parameters,
    check,
    closeness,
    hub_rounds,
    hub_rows,
    johnson,
    proof_bytes,
    segment_lengths,
    witness_length,
)
from concordat.zk.relation import Relation

__all__ = ["choose_for_contract", "verification_gas"]

_GRINDING = 20
"""Bits of work before each draw of queries: a second of a core, and two queries in ten less."""
_WITNESS_LOG_WIDTHS = range(6, 13)
_HUB_LOG_WIDTHS = range(5, 10)
_BLOW_UPS = range(4, 9)
"""Binary logarithms of the inverse rates of witness and hub that are tried."""
_MOST_NUMBERS = 1 << 25
"""In the code words of a witness and its inverses: a prover's memory and time."""
_AUDITS = (1100, 1600)
_WEIGHT_RATES = (16, 31, 64, 128)
"""Inverse rates of weights that contracts tell apart."""
_STEP, _CLAIM, _NODE, _BYTE, _PRODUCT = 119, 9_000, 400, 20, 400
"""Gas of a step of a ladder, of a claim besides, of a digest, of a byte of the proof, of a product in K."""


def choose_for_contract(relation: Relation, *, proofs: int = 64) -> Parameters:
    """Parameters with which `contracts/src/zk` takes the least gas, by `verification_gas`.

    Parameters
    ----------
    proofs : int
        How many proofs one commitment of the weights should last for at least.

    Raises
    ------
    ModelError
        If nothing suits the relation.
    """
    best: tuple[float, Parameters | None] = (inf, None)
    wanted = PHASE_BITS - _GRINDING
    weights = list(_weight_codes(relation, wanted, proofs)) if relation.weight_rows else [(0, 0, 0, 0)]
    taken = min(
        _codes(relation.input_count + 3, range(8, 16), wanted), key=lambda code: code[1] * (3_000 + 400 * code[0])
    )
    witness = [
        (width, *code)
        for width in _WITNESS_LOG_WIDTHS
        if width <= relation.log_rows
        for code in _codes(witness_length(relation, width), (width + b for b in _BLOW_UPS), wanted)
    ]
    hub = [
        (width, *code)
        for width in _HUB_LOG_WIDTHS
        for code in _codes(1 << width, (width + b for b in _BLOW_UPS), wanted)
    ]
    for own, other, weight in product(witness, hub, weights):
        sizes = (*own, *other, *weight, *taken, _GRINDING)
        candidate = Parameters(**dict(zip(Parameters.__slots__, sizes, strict=True)))
        height = 2 * candidate.blocks(relation) + 3 + 3 * candidate.inverse_blocks(relation)
        if height << candidate.log_domain > _MOST_NUMBERS:
            continue
        fits = 2 * hub_rounds(relation, candidate) <= 1 << candidate.hub_log_width
        if fits and relation.pads + candidate.queries <= 1 << (candidate.log_domain - 2):
            best = min(best, (verification_gas(relation, candidate), candidate), key=lambda pair: pair[0])
    if best[1] is None:
        raise ModelError("No sizes of codes suit the relation.", code="ProofSize")
    check(relation, best[1])
    return best[1]


def verification_gas(relation: Relation, parameters: Parameters) -> float:
    """About how much of a check's gas depends on the parameters."""
    p = parameters
    width, rows = 1 << p.hub_log_width, hub_rows(relation, p)
    bases = p.queries + p.weight_queries + p.input_queries
    gas = _BYTE * proof_bytes(relation, p) + _STEP * width * bases + _CLAIM * (bases + p.queries)
    gas += p.weight_queries * _STEP * segment_lengths(relation, p)[0] / width
    gas += p.hub_queries * (_STEP * (width + 3 * p.hub_queries) + _PRODUCT / 2 * rows)
    gas += p.queries * (p.blocks(relation) + p.inverse_blocks(relation)) * _PRODUCT / 2
    gas += 2 * _PRODUCT * ((1 << p.log_width) + rows)
    trees = ((p.queries, p.log_domain, 2), (p.hub_queries, p.hub_log_domain, 1))
    others = ((p.weight_queries, p.weight_log_domain, 1), (p.input_queries, p.input_log_domain, 1))
    for queries, log_domain, count in trees + others:
        if queries:
            gas += count * _NODE * queries * (log_domain - log2(queries) + 2)
    return gas


def _codes(length: int, log_domains: Iterator[int] | range, wanted: float) -> Iterator[tuple[int, int]]:
    """Domains, each with the fewest queries that are worth enough; the message grows with them."""
    for log_domain in log_domains:
        for queries in range(1, 1 << (log_domain - 3)):
            if queries * _worth(length + queries, log_domain) >= wanted:
                yield log_domain, queries
                break


def _worth(length: int, log_domain: int) -> float:
    """What contracts take a query to be worth: they round the inverse of the rate down, above 30 at every halving."""
    inverse, halves = (1 << log_domain) // length, 0
    while inverse > 30:
        inverse, halves = inverse >> 1, halves + 1
    return johnson(1 / inverse) + halves / 2 if inverse >= 4 else 0.0


def _weight_codes(relation: Relation, wanted: float, proofs: int) -> Iterator[tuple[int, int, int, int]]:
    for audits, inverse in product(_AUDITS, _WEIGHT_RATES):
        queries = 1
        while queries * -log2(1 / inverse + closeness(audits)) < wanted:
            queries += 1
        tail = audits + proofs * queries
        yield tail, (inverse * (relation.weight_width + tail) - 1).bit_length(), queries, audits
