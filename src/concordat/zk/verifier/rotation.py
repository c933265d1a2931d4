"""Rotation: two registered commitments hold the same weights.

1. absorb the statement; a random row is committed, whose first coefficients, one for each weight of a row, are zero
2. the differences of all rows, under powers of gamma and masked by that row, have only a tail: it is shown
3. columns of both commitments and of the mask, opened at random common points, give the value of what was shown

Whoever relies on a rotation has checked both registrations (`verify_registration`), that they are of its commitments
(`check_registered`), and the rotations before it back to a commitment that is known for another reason.
"""

from __future__ import annotations

from concordat.primitives.errors import VerificationError
from concordat.zk.field import K, P, add, dot_base, mul, root_of_unity, scale
from concordat.zk.parameters import check
from concordat.zk.rotation import Rotation, check_rotation
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.hub import point_powers
from concordat.zk.verifier.reader import ProofReader
from concordat.zk.verifier.registration import Registration

__all__ = ["absorb_mask", "absorb_tail", "begin", "check_registered", "gamma_powers", "verify_rotation"]

_STATEMENT, _MASK, _TAIL = 40, 41, 42


def begin(rotation: Rotation) -> Transcript:
    """The transcript of a rotation, before its first message."""
    transcript = Transcript()
    transcript.absorb(_STATEMENT, rotation.encode())
    return transcript


def absorb_mask(transcript: Transcript, root: bytes) -> K:
    """Take in the commitment of the random row; draw the challenge."""
    transcript.absorb(_MASK, root)
    return transcript.challenge()


def absorb_tail(transcript: Transcript, tail: list[K]) -> None:
    """Take in the shown coefficients."""
    transcript.absorb_elements(_TAIL, tail)


def gamma_powers(gamma: K, count: int) -> list[K]:
    """``gamma, gamma**2, …``."""
    out = [gamma]
    while len(out) < count:
        out.append(mul(out[-1], gamma))
    return out


def verify_rotation(rotation: Rotation) -> None:
    """Check that both commitments hold the same weights.

    Raises
    ------
    VerificationError
        If that is not shown with at least 100 bits of soundness.
    """
    relation, old, new = rotation.relation, rotation.old_parameters, rotation.new_parameters
    check(relation, old)
    check(relation, new)
    check_rotation(rotation)
    reader = ProofReader(rotation.proof)
    # 1. the mask
    transcript = begin(rotation)
    mask_root = reader.take(32)
    factors = _coordinates(gamma_powers(absorb_mask(transcript, mask_root), relation.weight_rows))
    # 2. the tail of the masked difference
    tail = reader.elements(rotation.tail)
    absorb_tail(transcript, tail)
    # 3. columns
    log_domain, height = rotation.log_domain, relation.weight_rows
    positions = transcript.positions(rotation.queries, log_domain)
    masks = reader.columns(mask_root, positions, log_domain, 3)
    opened = []
    for root, p in ((rotation.old.root, old), (rotation.new.root, new)):
        steps = p.weight_log_domain - log_domain
        columns = reader.columns(root, [j << steps for j in positions], p.weight_log_domain, height)
        opened.append({j: columns[j << steps] for j in positions})
    reader.end()
    coefficients, generator = _coordinates(tail), root_of_unity(log_domain)
    for position in sorted(set(positions)):
        changes = [n - o for o, n in zip(opened[0][position], opened[1][position], strict=True)]
        mask: K = (masks[position][0], masks[position][1], masks[position][2])
        point = pow(generator, position, P)
        shown = dot_base(coefficients, point_powers(point, len(tail)))
        if scale(shown, pow(point, relation.weight_width, P)) != add(mask, dot_base(factors, changes)):
            raise VerificationError("The two commitments do not hold the same weights.", code="BadRotation")


def check_registered(rotation: Rotation, old: Registration, new: Registration) -> None:
    """Refuse a rotation between others than two commitments whose registrations were verified.

    Raises
    ------
    VerificationError
        If relation, parameters or roots are not the same.
    """
    pairs = (
        (old, rotation.old, rotation.old_parameters),
        (new, rotation.new, rotation.new_parameters),
    )
    for registration, commitment, parameters in pairs:
        if (
            registration.relation.digest != rotation.relation.digest
            or registration.commitment != commitment
            or registration.parameters != parameters
        ):
            raise VerificationError("The rotation is between other commitments.", code="BadRotation")


def _coordinates(values: list[K]) -> tuple[list[int], list[int], list[int]]:
    return [v[0] for v in values], [v[1] for v in values], [v[2] for v in values]
