"""One portable file that shows what a hidden model said, for no order: model, output and proof.

It is one line of canonical JSON, like a bundle, and says nothing of weights and input.
"""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import ConcordatError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32
from concordat.primitives.wire import from_wire, parse_json, to_wire
from concordat.protocol.artifact import ModelCommitment
from concordat.zk.hidden import Answer, HiddenModel
from concordat.zk.verifier import verify

__all__ = ["MAX_SHOWN_BYTES", "ShownAnswer", "context_name", "is_shown_answer"]

MAX_SHOWN_BYTES = 64 * 2**20
"""Longest file that is read at all."""
_VERSION = 1
_PREFIX = b'{"concordat_proof":'


def context_name(context: str) -> Bytes32:
    """What a proof names in the place of an order: SHA-256 of what it is for."""
    return sha256(b"concordat shown answer 1\n" + context.encode())


def is_shown_answer(data: bytes) -> bool:
    """Whether a file says that it is one."""
    return data.startswith(_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswer:
    """What a hidden model said, with everything that is needed to check it."""

    concordat_proof: int = _VERSION
    """Version of this format."""
    context: str
    """What it is for; in the proof."""
    model: ModelCommitment
    """Opens the model id."""
    manifest: str
    """Canonical JSON of the model's manifest; opens the commitment's digest."""
    program: bytes
    """What everybody gets of the hidden model."""
    output: bytes
    """The public output."""
    proof: bytes
    """The committed input, and the zero-knowledge proof."""

    def encode(self) -> bytes:
        """The file's bytes."""
        return canonical_json(to_wire(self))

    @classmethod
    def parse(cls, data: bytes) -> ShownAnswer:
        """Inverse of :meth:`encode`; `VerificationError` ``ShownFormat`` if the bytes are not exactly one."""
        try:
            if len(data) > MAX_SHOWN_BYTES:
                raise VerificationError("The file is too long.", code="ShownFormat")
            shown = from_wire(cls, parse_json(data.decode("ascii")))
            canonical = shown.encode() == data and shown.concordat_proof == _VERSION
        except (ConcordatError, ValueError, RecursionError, TypeError) as error:
            raise _malformed() from error
        if not canonical:
            raise _malformed()
        return shown

    def verify(self) -> HiddenModel:
        """Check everything, with the plain verifier; returns the model.

        Raises
        ------
        VerificationError
            If it does not show what it says.
        """
        hidden = HiddenModel.decode(self.program)
        digest = sha256(self.manifest.encode())
        if hidden.commitment(digest) != self.model:
            raise VerificationError("The model's file is not the one that its id commits to.", code="WrongModel")
        answer = Answer.decode(self.proof)
        statement = hidden.claim(self.model.model_id(), context_name(self.context), self.output, answer)
        verify(statement, answer.proof)
        hidden.check()
        return hidden


def _malformed() -> VerificationError:
    return VerificationError(
        "The file is not a shown answer.", code="ShownFormat", hint="It may be cut off, edited or something else."
    )
