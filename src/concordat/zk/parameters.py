"""Sizes of the codes, and how many bits of soundness they are worth.

Parameters are chosen once, when a model is committed; they are part of every statement. A verifier does not believe
them: it accounts for them (`soundness`) and refuses fewer than 100 bits. The account is explained, with the theorems
it rests on, in ``docs/explain/proof-system.md``.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from itertools import product
from math import log2

from concordat.primitives.errors import ModelError, VerificationError
from concordat.zk.relation import MASK_ROWS, Relation
from concordat.zk.wellformed import check_relation

__all__ = [
    "BLOB_BYTES",
    "FIELD_BITS",
    "PHASE_BITS",
    "SECURITY_BITS",
    "Parameters",
    "choose",
    "closeness",
    "johnson",
    "list_bits",
    "soundness",
]

SECURITY_BITS = 100
"""Least bits of provable soundness, in the random-oracle model."""
FIELD_BITS = 3 * 63.0
"""A challenge takes no value with probability above 2**-189 (see `Transcript.challenge`)."""
_MULTIPLICITY = 16
"""The `m` of the Johnson bound's proximity gaps: lists are cut at agreement ``sqrt(rate) * (1 + 1 / 2m)``."""
PHASE_BITS = 102.4
"""Bits that each of the query phases gets, so that together they stay above 100."""
BLOB_BYTES = 126_976
"""What one blob of a transaction holds, at 31 bytes to a field element."""
_SIZE_SPREAD = 2_500
"""Bytes by which a proof may exceed the average: how many digests a tree's paths share is chance."""
_BYTES_PER_MS = 10_000
"""Bytes of a proof that are worth as much as a millisecond of a core."""
_BLOW_UP = (3, 4, 5)
"""Binary logarithms of the inverse rates of witness and hub that are tried."""
_GRINDING = (12, 16)
"""Bits of work that are tried."""
_KNOWN_INVERSES = (16, 18, 22, 26, 31)
"""Inverse rates of weights that contracts tell apart; they take audits as 1,100 or 1,600."""
_MOST_ELEMENTS = 1 << 24
"""Of the code words of weights that are longer than they need be, so that fewer columns are opened."""
_MOST_QUERIES = 4096
"""Of a commitment; more would only take a verifier's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Sizes of the four codes; every number is public and part of the statement."""

    log_width: int
    """Cells in a row of the witness matrix: ``2**log_width``."""
    log_domain: int
    """Columns of the witness matrix's code."""
    queries: int
    """Columns opened; each row ends in as many random symbols."""
    hub_log_width: int
    """Elements in a row of the hub."""
    hub_log_domain: int
    """Columns of the hub's code."""
    hub_queries: int
    """Columns of the hub opened; its rows end in as many random symbols."""
    weight_tail: int
    """Random symbols at the end of each row of the weight matrix: openings over the life of the commitment. 0 when
    the weights are public."""
    weight_log_domain: int
    """Columns of the weight matrix's code."""
    weight_queries: int
    """Columns of the weight matrix opened in each proof."""
    weight_audits: int
    """Columns that the registration opened to show that the matrix is close to a codeword."""
    input_log_domain: int
    """Columns of the input's code; 0 when the input is public."""
    input_queries: int
    """Columns of the input opened; its row ends in as many random symbols."""
    grinding: int
    """Bits of work before each draw of queries."""

    def encode(self) -> bytes:
        """Thirteen u32."""
        return struct.pack(">13I", *astuple(self))

    @classmethod
    def decode(cls, data: bytes) -> Parameters:
        """Parameters of 52 bytes."""
        if len(data) != 52:
            raise VerificationError("Parameters of a proof are 52 bytes.", code="BadProof")
        return cls(**dict(zip(cls.__slots__, struct.unpack(">13I", data), strict=True)))

    def blocks(self, relation: Relation) -> int:
        """Rows of the witness matrix that one column of cells fills."""
        return -(-(relation.used_rows + MASK_ROWS) >> self.log_width)

    def inverse_blocks(self, relation: Relation) -> int:
        """Rows of the matrix of inverses, each over K."""
        return -(-(relation.lookup_rows + MASK_ROWS) >> self.log_width)


def johnson(rate: float) -> float:
    """Bits that one query is worth within the Johnson radius."""
    return -log2(min(1.0, rate**0.5 * (1 + 1 / (2 * _MULTIPLICITY))))


def _gap(rows: int, log_domain: int, rate: float) -> float:
    """Bits of the proximity gap of a random combination of rows, up to the Johnson bound."""
    error = 7 * log2(_MULTIPLICITY + 0.5) - log2(3) - 1.5 * log2(rate) + 2 * log_domain + log2(max(rows, 2))
    return FIELD_BITS - error


def list_bits(rate: float) -> float:
    """Binary logarithm of the length of a list of close codewords."""
    return log2((_MULTIPLICITY + 0.5) / rate**0.5)


def hub_rows(relation: Relation, parameters: Parameters) -> int:
    """Rows of the hub that hold folded rows."""
    return -(-sum(segment_lengths(relation, parameters)) >> parameters.hub_log_width)


def hub_rounds(relation: Relation, parameters: Parameters) -> int:
    """Rounds of the sumcheck over the hub's rows."""
    return (hub_rows(relation, parameters) - 1).bit_length()


def witness_length(relation: Relation, log_width: int) -> int:
    """Longest message of a row of the witness matrix: cells, or the hidden scalars, which share its positions."""
    return max(1 << log_width, relation.pads)


def segment_lengths(relation: Relation, parameters: Parameters) -> tuple[int, int, int, int]:
    """Elements of the hub's segments: folded weights, folded witness, hidden scalars, input."""
    witness = (1 << parameters.log_width) + parameters.queries
    pads = relation.pads + parameters.queries
    weights = relation.weight_width + parameters.weight_tail if parameters.weight_tail else 0
    taken = relation.input_count + input_tail(parameters) if parameters.input_log_domain else 0
    return weights, witness, pads, taken


def input_tail(parameters: Parameters) -> int:
    """Random symbols at the end of the input's row: for each opened column, and three for the value out of domain."""
    return parameters.input_queries + 3


def soundness(relation: Relation, parameters: Parameters) -> dict[str, float]:
    """Bits of soundness by component, and their ``total``.

    Every component is a bound on the probability, over the random oracle, that a false statement gets past that step;
    the total is the bits of their sum.
    """
    p, bits = parameters, {}
    constraints = (
        sum(-(-f.count // f.cols) * f.stride for f in relation.families) + relation.used_rows + relation.input_count
    )
    claims = 2 * p.queries + p.weight_queries + p.input_queries + 3
    keys = sum(t.size for t in relation.tables) + 2 * relation.lookup_rows
    witness_rate = (witness_length(relation, p.log_width) + p.queries) / (1 << p.log_domain)
    hub_rate = ((1 << p.hub_log_width) + p.hub_queries) / (1 << p.hub_log_domain)
    lists = 2 * list_bits(witness_rate) + list_bits(hub_rate)
    bits["lookups"] = FIELD_BITS - log2(3 * keys + 4) - lists
    bits["batching"] = FIELD_BITS - log2(constraints + relation.weight_rows + claims + 16) - lists
    rounds = 4 * relation.log_rows + 2 * relation.product_rounds + 2 * hub_rounds(relation, p)
    bits["sumchecks"] = FIELD_BITS - log2(rounds + 16) - lists
    rows = 5 * p.blocks(relation) + 3
    bits["witness gap"] = _gap(rows, p.log_domain, witness_rate)
    bits["witness queries"] = p.queries * johnson(witness_rate) + p.grinding
    bits["hub gap"] = _gap(hub_rows(relation, p) + 2, p.hub_log_domain, hub_rate)
    bits["hub queries"] = p.hub_queries * johnson(hub_rate) + p.grinding
    if p.weight_tail:
        rate = (relation.weight_width + p.weight_tail) / (1 << p.weight_log_domain)
        close = closeness(p.weight_audits)
        bits["weight registration"] = min(
            PHASE_BITS if p.weight_audits else 0.0, FIELD_BITS - p.weight_log_domain - log2(relation.weight_rows + 1)
        )
        agreement = rate + close
        bits["weight queries"] = p.weight_queries * -log2(min(1.0, agreement)) + p.grinding
        if close > (1 - rate) / 2:
            bits["weight registration"] = 0.0
    if p.input_log_domain:
        rate = (relation.input_count + input_tail(p)) / (1 << p.input_log_domain)
        bits["input commitment"] = FIELD_BITS - 2 * list_bits(rate) - p.input_log_domain
        bits["input queries"] = p.input_queries * johnson(rate) + p.grinding
    bits["hash collisions"] = 108.0
    bits["total"] = -log2(sum(2.0**-b for b in bits.values()))
    return bits


def closeness(audits: int) -> float:
    """Fraction of columns that a registration with so many audits leaves in doubt at `PHASE_BITS`."""
    return 1 - 2 ** (-PHASE_BITS / audits) if audits else 1.0


def check(relation: Relation, parameters: Parameters) -> None:
    """Refuse parameters that are worth too little or make no sense, and relations that are none.

    Raises
    ------
    VerificationError
        If fewer than 100 bits are provable, a code has no room, or the relation refers to what is not there.
    """
    p = parameters
    check_relation(relation)
    if not all(0 <= n < 1 << 32 for n in astuple(p)):
        raise VerificationError("The parameters of the proof are not u32.", code="BadParameters")
    limits = (6 <= p.log_width <= 14, p.log_width < p.log_domain <= 20, 5 <= p.hub_log_width <= 14, p.grinding <= 24)
    domains = (p.hub_log_width < p.hub_log_domain <= 22, p.weight_log_domain <= 26, p.input_log_domain <= 20)
    few = (p.weight_queries <= _MOST_QUERIES, p.input_queries <= _MOST_QUERIES)
    if (
        p.log_width > relation.log_rows
        or not all(limits + domains + few)
        or relation.pads + p.queries > 1 << (p.log_domain - 2)
        or 2 * hub_rounds(relation, p) > 1 << p.hub_log_width
    ):
        raise VerificationError("The parameters of the proof are out of range.", code="BadParameters")
    bits = soundness(relation, p)["total"]
    if not bits >= SECURITY_BITS:
        raise VerificationError(
            f"The parameters prove {bits:.1f} bits of soundness; {SECURITY_BITS} are required.",
            code="BadParameters",
            hint="Commit the model with parameters from concordat.zk.parameters.choose.",
        )


def choose(
    relation: Relation,
    *,
    private_weights: bool = True,
    private_input: bool = True,
    grinding: int | None = None,
    proofs: int = 64,
    limit: int = BLOB_BYTES,
) -> Parameters:
    """Parameters for a relation: fast and small, `_BYTES_PER_MS` bytes being worth a millisecond of proving.

    Parameters
    ----------
    private_weights, private_input : bool
        Whether weights and input are hiding commitments rather than public.
    grinding : int, optional
        Bits of work before each of the two draws of queries; left out, what suits best.
    proofs : int
        How many proofs the random tails of the weights are made for. Rotations take a few of them: a commitment is
        good for `concordat.zk.rotation.proof_limit`.
    limit : int
        Bytes that a proof should not exceed; if none is so small, the smallest is taken.
    """
    best: tuple[tuple[float, float], Parameters] | None = None
    for bits in _GRINDING if grinding is None else (grinding,):
        wanted = PHASE_BITS - bits
        taken = _input_code(relation.input_count, wanted) if private_input else (0, 0)
        weights = (
            _weight_codes(relation, wanted, proofs) if private_weights and relation.weight_rows else [(0, 0, 0, 0)]
        )
        witness = [
            (width, *_code(witness_length(relation, width), width + blow, wanted))
            for width, blow in product(range(6, min(12, relation.log_rows) + 1), _BLOW_UP)
        ]
        hub = [(width, *_code(1 << width, width + blow, wanted)) for width, blow in product(range(6, 12), _BLOW_UP)]
        for own, other, weight in product(witness, hub, weights):
            sizes = (*own, *other, *weight, *taken, bits)
            candidate = Parameters(**dict(zip(Parameters.__slots__, sizes, strict=True)))
            fits = 2 * hub_rounds(relation, candidate) <= 1 << candidate.hub_log_width
            if fits and relation.pads + candidate.queries <= 1 << (candidate.log_domain - 2):
                size = proof_bytes(relation, candidate)
                registration = 8 * relation.weight_rows * candidate.weight_audits / proofs
                cost = (size + registration) / _BYTES_PER_MS + work(relation, candidate) / 1e6
                rank = max(0.0, size + _SIZE_SPREAD - limit), cost
                if best is None or rank < best[0]:
                    best = rank, candidate
    if best is None:
        raise ModelError("No sizes of codes suit the relation.", code="ProofSize")
    return best[1]


def _code(length: int, log_domain: int, wanted: float) -> tuple[int, int]:
    """The domain, with the fewest queries that are worth enough; too many where the domain is too small."""
    queries = 1
    while queries < 1 << log_domain and queries * _rounded(length + queries, log_domain) < wanted:
        queries += 1
    return log_domain, queries


def _rounded(length: int, log_domain: int) -> float:
    """What contracts take a query to be worth: they round the inverse of the rate down, and know it up to 30."""
    return johnson(1 / min((1 << log_domain) // length, 30)) if length << 2 <= 1 << log_domain else 0.0


def _input_code(count: int, wanted: float) -> tuple[int, int]:
    queries = 20
    while True:
        log_domain = (16 * (count + queries + 3) - 1).bit_length()
        if queries * _rounded(count + queries + 3, log_domain) >= wanted:
            return log_domain, queries
        queries += 1


def _weight_codes(relation: Relation, wanted: float, proofs: int) -> list[tuple[int, int, int, int]]:
    found = []
    for audits, inverse_rate in product((1100, 1600), (16, 32)):
        queries = 1
        while True:
            tail = audits + proofs * queries
            log_domain = (inverse_rate * (relation.weight_width + tail) - 1).bit_length()
            inverse = (1 << log_domain) // (relation.weight_width + tail)
            known = max(n for n in _KNOWN_INVERSES if n <= inverse)
            if queries * -log2(1 / known + closeness(audits)) >= wanted:
                break
            queries += 1
        if inverse_rate == 16 or relation.weight_rows << log_domain <= _MOST_ELEMENTS:
            found.append((tail, log_domain, queries, audits))
    return found


def proof_bytes(relation: Relation, parameters: Parameters) -> float:
    """How many bytes a proof has on average."""
    p = parameters
    size = _opened(p.queries, p.log_domain, 2 * p.blocks(relation) + 3)
    size += _opened(p.queries, p.log_domain, 3 * p.inverse_blocks(relation))
    size += _opened(p.hub_queries, p.hub_log_domain, 3 * (hub_rows(relation, p) + 3))
    messages = relation.pads + 4 + 2 * hub_rounds(relation, p) + 2
    shown = (1 << p.hub_log_width) + p.hub_queries + 2 * hub_rounds(relation, p) + p.hub_queries
    size += 24 * (messages + shown) + 3 * 32 + 2 * 8
    if p.weight_tail:
        size += _opened(p.weight_queries, p.weight_log_domain, relation.weight_rows)
    if p.input_log_domain:
        size += _opened(p.input_queries, p.input_log_domain, 1)
    return size


def _opened(queries: int, log_domain: int, height: int) -> float:
    """Bytes of the columns opened at random positions, with their salts and the digests that are missing."""
    digests, count = 0.0, 2.0**log_domain
    columns = count * (1 - (1 - 1 / count) ** queries)
    while count > 1:
        digests += count * ((1 - 1 / count) ** queries - (1 - 2 / count) ** queries)
        count /= 2
    return columns * (8 * height + 16) + 27 * digests


def work(relation: Relation, parameters: Parameters) -> float:
    """About how many nanoseconds of a core codes, trees and grinding take: what depends on the parameters."""
    p = parameters
    nanoseconds = _code_work(2 * p.blocks(relation) + 3, p.log_width, p.log_domain)
    nanoseconds += _code_work(3 * p.inverse_blocks(relation), p.log_width, p.log_domain)
    nanoseconds += _code_work(3 * (hub_rows(relation, p) + 3), p.hub_log_width, p.hub_log_domain)
    nanoseconds += p.queries * (2 << p.log_width) + 1.5 * relation.weight_rows * p.weight_tail
    nanoseconds += p.weight_queries * (relation.weight_width + p.weight_tail) + p.input_queries * relation.input_count
    return nanoseconds + 66 * 2.0**p.grinding


def _code_work(rows: int, log_width: int, log_domain: int) -> float:
    blocks = -(-(26 + 8 * rows) // 64)
    return (0.5 * rows * (log_width + 1) + 22 * blocks + 30) * 2.0**log_domain
