"""What a log signs: checkpoints as C2SP signed notes, cosignatures, and portable inclusion proofs.

A log signs its checkpoint with Ed25519 (type 0x01), with ML-DSA-44 (type 0x06, as a cosigner under its own origin), or
with both; witnesses cosign with either (0x04, 0x06). Which of them a verifier asks for is his trust root's business.

References
----------
c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature (Ed25519 and ML-DSA-44 signed messages), c2sp.org/tlog-proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.units import Bytes32, Timestamp
from concordat.protocol.note import (
    KeyKind,
    NoteKey,
    NoteSigner,
    SignatureLine,
    SignedNote,
    from_base64,
    is_name,
    malformed,
    to_base64,
)

__all__ = [
    "Checkpoint",
    "InclusionProof",
    "KeyKind",
    "NoteKey",
    "NoteSigner",
    "SignatureLine",
    "SignedNote",
    "cosign",
    "sign_checkpoint",
    "verified_by",
]

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_TREE_SIZE = 2**63 - 1
MAX_EXTRA_CHARACTERS = 1 << 20
COSIGNED_LABEL = b"subtree/v1\n\0"
"""First twelve bytes of what an ML-DSA-44 cosignature signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Size and root of a log at one moment."""

    origin: str
    """Which log."""
    size: int
    """Number of entries, < 2**63."""
    root: Bytes32
    """RFC 6962 root of the first `size` entries."""

    def body(self) -> str:
        """The note text. Extension lines are neither written nor read: no monitor could audit them."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Inverse of :meth:`body`; `VerificationError` unless it is exactly a checkpoint."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise malformed("a checkpoint")
        root = from_base64(lines[2], "a checkpoint")
        if len(root) != 32:
            raise malformed("a checkpoint")
        return cls(origin=lines[0], size=_decimal(lines[1], "a checkpoint"), root=Bytes32(root))


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """One entry's place in a signed checkpoint: a C2SP tlog-proof."""

    index: int
    """Zero-based place of the entry."""
    path: tuple[Bytes32, ...]
    """Audit path, leaf's sibling first."""
    note: SignedNote
    """The checkpoint with its signatures."""
    extra: bytes = b""
    """Unauthenticated: the log's key statements (`concordat.protocol.log_keys`), which prove themselves."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says; not to be believed before its signatures are verified."""
        return Checkpoint.parse(self.note.text)

    def encode(self) -> str:
        """The text form."""
        extra = f"extra {to_base64(self.extra)}\n" if self.extra else ""
        hashes = "".join(f"{to_base64(sibling)}\n" for sibling in self.path)
        return f"{PROOF_HEADER}\n{extra}index {self.index}\n{hashes}\n{self.note.encode()}"

    @classmethod
    def parse(cls, text: str) -> InclusionProof:
        """Inverse of :meth:`encode`; `VerificationError` unless it is exactly such a proof."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        extra = b""
        if len(lines) > 1 and lines[1].startswith("extra ") and len(lines[1]) <= MAX_EXTRA_CHARACTERS:
            extra = from_base64(lines.pop(1).removeprefix("extra "), "an inclusion proof")
            if not extra.startswith(b"["):  # whatever else it is, it is no list of key statements
                raise malformed("an inclusion proof")
        if (
            not blank
            or len(lines) < 2
            or len(lines) > 66
            or lines[0] != PROOF_HEADER
            or not lines[1].startswith("index ")
        ):
            raise malformed("an inclusion proof")
        path = tuple(Bytes32(from_base64(line, "an inclusion proof")) for line in lines[2:])
        if any(len(sibling) != 32 for sibling in path):
            raise malformed("an inclusion proof")
        index = _decimal(lines[1].removeprefix("index "), "an inclusion proof")
        proof = cls(index=index, path=path, note=SignedNote.parse(note), extra=extra)
        Checkpoint.parse(proof.note.text)
        return proof


def sign_checkpoint(checkpoint: Checkpoint, *signers: NoteSigner) -> SignedNote:
    """Checkpoint note under the log's keys, whose name is the origin.

    An ML-DSA-44 signature carries the time zero: a log says nothing about when this is its largest tree.

    Raises
    ------
    InputError
        If there is no signer, or one of them does not sign for this log.
    """
    text, lines = checkpoint.body(), []
    for signer in signers:
        key = signer.key
        if key.kind is KeyKind.WITNESS or key.name != checkpoint.origin or not is_name(checkpoint.origin):
            raise InputError(
                f"The key {key.name!r} does not sign for the log {checkpoint.origin!r}.",
                code="WrongSigner",
                hint="A log's key carries its origin as name.",
            )
        time = bytes(8) if key.kind is KeyKind.ML_DSA_44 else b""
        blob = time + signer.sign(_message(text, key, 0))
        lines.append(SignatureLine(name=key.name, key_id=key.key_id, blob=blob))
    if not lines:
        raise InputError("A checkpoint needs a signer.", code="WrongSigner")
    return SignedNote(text=text, signatures=tuple(lines))


def cosign(note: SignedNote, signer: NoteSigner, time: Timestamp) -> SignedNote:
    """The same note with a witness's cosignature added. The caller has checked consistency with what it saw before."""
    if signer.key.kind is KeyKind.LOG:
        raise InputError(f"{signer.key.name!r} is not a witness key.", code="WrongSigner")
    signature = signer.sign(_message(note.text, signer.key, time))
    line = SignatureLine(name=signer.key.name, key_id=signer.key.key_id, blob=time.to_bytes(8, "big") + signature)
    return SignedNote(text=note.text, signatures=(*note.signatures, line))


def verified_by(note: SignedNote, keys: Iterable[NoteKey]) -> frozenset[NoteKey]:
    """Which of the known keys signed the note; lines of unknown keys are ignored.

    Raises
    ------
    VerificationError
        If a line under a known key's name and id does not verify.
    ConfigurationError
        ``MlDsaMissing`` if a known key is an ML-DSA-44 one and the library cannot verify it.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: set[NoteKey] = set()
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        try:
            _verify_line(line, key, note.text)
        except VerificationError as error:
            sentence = f"The signature of {key.name} on the checkpoint is wrong."
            raise VerificationError(sentence, code="BadNoteSignature") from error
        found.add(key)
    return frozenset(found)


def _verify_line(line: SignatureLine, key: NoteKey, text: str) -> None:
    if key.kind is KeyKind.LOG:
        return key.verify(_message(text, key, 0), line.blob)
    time, signature = int.from_bytes(line.blob[:8], "big"), line.blob[8:]
    if time > MAX_TREE_SIZE:
        raise malformed("a cosignature")
    return key.verify(_message(text, key, time), signature)


def _message(text: str, key: NoteKey, time: int) -> bytes:
    """What a key signs for a note, by its kind."""
    if key.kind is KeyKind.LOG:
        return text.encode()
    if key.kind is KeyKind.WITNESS:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    checkpoint = Checkpoint.parse(text)
    numbers = bytes(8) + checkpoint.size.to_bytes(8, "big")
    return (
        COSIGNED_LABEL
        + _short(key.name)
        + time.to_bytes(8, "big")
        + _short(checkpoint.origin)
        + numbers
        + checkpoint.root
    )


def _short(text: str) -> bytes:
    """A text of at most 255 bytes with its length in front (RFC 8446, ``opaque<1..2^8-1>``)."""
    data = text.encode()
    if not 0 < len(data) < 256:
        raise InputError(f"{text[:40]!r}… has {len(data)} bytes; names have at most 255.", code="BadNoteKey")
    return bytes([len(data)]) + data


def _decimal(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (text[0] == "0" and text != "0"):
        raise malformed(what)
    value = int(text)
    if value > MAX_TREE_SIZE:
        raise malformed(what)
    return value
