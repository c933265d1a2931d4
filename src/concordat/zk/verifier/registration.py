"""That a committed weight matrix is close to one codeword: checked once, when a model is registered.

The registration commits a random row, draws a challenge, shows the random row plus a combination of all rows of the
matrix by its powers, and opens many columns of both. If they fit, all but a few of the matrix's columns belong to
one codeword (Ligero's test within the unique-decoding radius), on which every later proof builds.
"""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.errors import VerificationError
from concordat.zk.field import K, P, add, dot_base, mul, root_of_unity
from concordat.zk.parameters import Parameters, check
from concordat.zk.relation import Relation
from concordat.zk.statement import WeightCommitment
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.hub import point_powers
from concordat.zk.verifier.reader import ProofReader

__all__ = ["Registration", "begin", "verify_registration"]

_STATEMENT, _MASK, _ROW = 32, 33, 34
_MOST_AUDITS = 4096
"""Columns opened; more would only take a verifier's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A commitment with what it is a commitment of."""

    relation: Relation
    """Shape of the weight matrix."""
    parameters: Parameters
    """Its code."""
    commitment: WeightCommitment
    """Its root."""
    proof: bytes
    """What `verify_registration` checks."""


def begin(relation: Relation, parameters: Parameters, commitment: WeightCommitment) -> Transcript:
    """The transcript of a registration, before its first message."""
    transcript = Transcript()
    transcript.absorb(_STATEMENT, relation.digest + parameters.encode() + commitment.root)
    return transcript


def absorb_mask(transcript: Transcript, root: bytes) -> K:
    """Take in the commitment of the random row; draw the challenge."""
    transcript.absorb(_MASK, root)
    return transcript.challenge()


def absorb_row(transcript: Transcript, row: list[K]) -> None:
    """Take in the shown row."""
    transcript.absorb_elements(_ROW, row)


def verify_registration(registration: Registration) -> None:
    """Check that the committed matrix is close to a codeword.

    Raises
    ------
    VerificationError
        If it is not shown to be.
    """
    relation, p = registration.relation, registration.parameters
    check(relation, p)
    if not p.weight_tail:
        raise VerificationError("Public weights are not registered.", code="BadParameters")
    if p.weight_audits > _MOST_AUDITS:
        raise VerificationError("The registration opens too many columns.", code="BadParameters")
    reader = ProofReader(registration.proof)
    transcript = begin(relation, p, registration.commitment)
    mask_root = reader.take(32)
    gamma = absorb_mask(transcript, mask_root)
    length = relation.weight_width + p.weight_tail
    row = reader.elements(length)
    absorb_row(transcript, row)
    positions = transcript.positions(p.weight_audits, p.weight_log_domain)
    masks = reader.columns(mask_root, positions, p.weight_log_domain, 3)
    columns = reader.columns(registration.commitment.root, positions, p.weight_log_domain, relation.weight_rows)
    reader.end()
    coordinates = ([v[0] for v in row], [v[1] for v in row], [v[2] for v in row])
    weights = []
    weight = gamma
    for _ in range(relation.weight_rows):
        weights.append(weight)
        weight = mul(weight, gamma)
    by_coordinate = ([w[0] for w in weights], [w[1] for w in weights], [w[2] for w in weights])
    generator = root_of_unity(p.weight_log_domain)
    for position, column in columns.items():
        mask: K = (masks[position][0], masks[position][1], masks[position][2])
        expected = add(mask, dot_base(by_coordinate, column))
        if dot_base(coordinates, point_powers(pow(generator, position, P), length)) != expected:
            raise VerificationError("The committed weights are not close to a codeword.", code="BadRegistration")
