"""From one commitment of weights to the next: what a rotation says, what it is worth, and what it costs.

A commitment hides as long as no more columns of it are opened than its random tails are long. Before they run out its
owner commits the same weights under fresh tails, and shows that they are the same (`concordat.zk.prover.rotate`,
`concordat.zk.verifier.rotation`). That opens columns of both once more, for which every commitment sets some aside.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import ceil, log2

from concordat.primitives.errors import VerificationError
from concordat.zk.parameters import (
    FIELD_BITS,
    PHASE_BITS,
    SECURITY_BITS,
    Parameters,
    closeness,
    johnson,
    list_bits,
    soundness,
)
from concordat.zk.relation import Relation
from concordat.zk.statement import WeightCommitment

__all__ = [
    "ROTATION_COLUMNS",
    "Rotation",
    "check_rotation",
    "proof_limit",
    "rotation_queries",
    "rotation_soundness",
]

ROTATION_COLUMNS = 96
"""Columns that a commitment sets aside for being rotated in, and as many for being rotated out."""

_MOST_QUERIES = 4096
_MAGIC = b"CCROTATE"
_STATEMENT = struct.Struct(">32sI32s32s52s32s52sI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Two commitments of one model hold the same weights. Both are registered: that is checked apart."""

    relation: Relation
    """Shape of the weight matrix."""
    model: bytes
    """32 bytes: what the model is called through all its versions, such as the id of the first."""
    version: int
    """Version of the new commitment; the old one's is one less."""
    old: WeightCommitment
    """The commitment that was."""
    old_parameters: Parameters
    """Its code, and how many columns its registration audited."""
    new: WeightCommitment
    """The commitment that is."""
    new_parameters: Parameters
    """Its code, and how many columns its registration audited."""
    queries: int
    """Columns of both that are opened."""
    proof: bytes
    """What `concordat.zk.verifier.rotation.verify_rotation` checks."""

    def encode(self) -> bytes:
        """What the transcript begins with: everything but the proof.

        Raises
        ------
        VerificationError
            If a field has the wrong size.
        """
        if (len(self.model), len(self.old.root), len(self.new.root)) != (32, 32, 32):
            raise VerificationError("A name in a rotation is not 32 bytes.", code="BadStatement")
        if not (1 <= self.version < 1 << 32 and 0 < self.queries <= 1 << min(self.log_domain, 32)):
            raise VerificationError("A number in a rotation is out of range.", code="BadStatement")
        return _STATEMENT.pack(
            self.model,
            self.version,
            self.relation.digest,
            self.old.root,
            self.old_parameters.encode(),
            self.new.root,
            self.new_parameters.encode(),
            self.queries,
        )

    def pack(self) -> bytes:
        """The file of a rotation; whoever reads it has the relation."""
        return _MAGIC + self.encode() + self.proof

    @classmethod
    def unpack(cls, relation: Relation, data: bytes) -> Rotation:
        """Inverse of `pack`.

        Raises
        ------
        VerificationError
            ``BadRotation`` if the bytes are no such file, or it is about another relation.
        """
        head, proof = data[: len(_MAGIC) + _STATEMENT.size], data[len(_MAGIC) + _STATEMENT.size :]
        if len(head) < len(_MAGIC) + _STATEMENT.size or not head.startswith(_MAGIC):
            raise VerificationError("This is not the file of a rotation.", code="BadRotation")
        model, version, digest, old, old_code, new, new_code, queries = _STATEMENT.unpack(head[len(_MAGIC) :])
        if digest != relation.digest:
            raise VerificationError("The rotation is about another relation.", code="BadRotation")
        return cls(
            relation=relation,
            model=model,
            version=version,
            old=WeightCommitment(root=old),
            old_parameters=Parameters.decode(old_code),
            new=WeightCommitment(root=new),
            new_parameters=Parameters.decode(new_code),
            queries=queries,
            proof=proof,
        )

    @property
    def log_domain(self) -> int:
        """Points that both codes have: the smaller domain, a subgroup of the larger."""
        return min(self.old_parameters.weight_log_domain, self.new_parameters.weight_log_domain)

    @property
    def tail(self) -> int:
        """Coefficients that are sent: as many as the longer tail has."""
        return max(self.old_parameters.weight_tail, self.new_parameters.weight_tail)


def proof_limit(parameters: Parameters) -> int:
    """Proofs that a commitment is good for, its registration and both its rotations set aside."""
    p = parameters
    if not p.weight_queries:
        return 0
    return max(0, (p.weight_tail - p.weight_audits - 2 * ROTATION_COLUMNS) // p.weight_queries)


def _agreement(relation: Relation, old: Parameters, new: Parameters) -> tuple[float, float]:
    """Rate of the difference on the common points, and the fraction of them that wrong coefficients can fit."""
    log_domain = min(old.weight_log_domain, new.weight_log_domain)
    rate = (relation.weight_width + max(old.weight_tail, new.weight_tail)) / (1 << log_domain)
    doubt = sum(closeness(p.weight_audits) * 2.0 ** (p.weight_log_domain - log_domain) for p in (old, new))
    return rate, min(1.0, 2.0 ** -johnson(rate) + doubt)


def rotation_queries(relation: Relation, old: Parameters, new: Parameters) -> int:
    """Columns to open so that wrong weights pass with probability below ``2**-102.4``; 0 if no number will do."""
    bits = -log2(_agreement(relation, old, new)[1])
    return ceil(PHASE_BITS / bits) if bits > 0.01 else 0


def rotation_soundness(relation: Relation, old: Parameters, new: Parameters, queries: int) -> dict[str, float]:
    """Bits of soundness by component, and their ``total``, as in `concordat.zk.parameters.soundness`."""
    rate, agreement = _agreement(relation, old, new)
    bits = {
        "old registration": soundness(relation, old).get("weight registration", 0.0),
        "new registration": soundness(relation, new).get("weight registration", 0.0),
        "batching": FIELD_BITS - log2(max(relation.weight_rows, 1)) - list_bits(rate),
        "queries": queries * -log2(agreement),
        "hash collisions": 108.0,
    }
    bits["total"] = -log2(sum(2.0**-b for b in bits.values()))
    return bits


def check_rotation(rotation: Rotation) -> None:
    """Refuse a rotation whose numbers are worth too little or make no sense.

    Raises
    ------
    VerificationError
        If fewer than 100 bits are provable.
    """
    r = rotation
    if not (r.relation.weight_rows and r.old_parameters.weight_tail and r.new_parameters.weight_tail):
        raise VerificationError("Only commitments of weights are rotated.", code="BadParameters")
    if r.queries > _MOST_QUERIES or max(r.old_parameters.weight_log_domain, r.new_parameters.weight_log_domain) > 26:
        raise VerificationError("The parameters of the rotation are out of range.", code="BadParameters")
    bits = rotation_soundness(r.relation, r.old_parameters, r.new_parameters, r.queries)["total"]
    if not bits >= SECURITY_BITS:
        raise VerificationError(
            f"The rotation proves {bits:.1f} bits of soundness; {SECURITY_BITS} are required.",
            code="BadParameters",
            hint="Give both commitments domains of the same size; make the rotation with concordat.zk.prover.rotate.",
        )
