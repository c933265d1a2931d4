"""What a log signs: checkpoints as C2SP signed notes, witness cosignatures, and portable inclusion proofs.

Texts are parsed strictly: whatever is accepted encodes back to the same bytes.

References
----------
c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature (Ed25519), c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.signatures import ed25519_public, ed25519_sign, ed25519_verify
from concordat.primitives.units import Bytes32, Timestamp

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
MAX_NOTE_CHARACTERS = 65_536
MAX_SIGNATURES = 64
MAX_TREE_SIZE = 2**63 - 1


class KeyKind(IntEnum):
    """Signature type byte of the signed-note specification."""

    LOG = 1
    """Ed25519 over the note text."""
    WITNESS = 4
    """Ed25519 cosignature with a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """Public key of a log or a witness."""

    name: str
    """Schema-less URL; for a log its origin."""
    kind: KeyKind
    """What it signs."""
    public: bytes
    """Ed25519 public key, 32 bytes (RFC 8032)."""

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.public) != 32:
            raise InputError(
                f"{self.name!r} with {len(self.public)} key bytes is not a note key.",
                code="BadNoteKey",
                hint="Names have no spaces and no plus; Ed25519 keys have 32 bytes.",
            )

    @property
    def key_id(self) -> bytes:
        """``SHA-256(name ‖ 0x0A ‖ kind ‖ public)[:4]``."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def encode(self) -> str:
        """Verifier key text: ``name+id+base64(kind ‖ public)``."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Inverse of :meth:`encode`; `InputError` if it is malformed, of an unknown kind or has another id."""
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        try:
            material = base64.b64decode(encoded, validate=True)
            key = cls(name=name, kind=KeyKind(material[0]), public=material[1:])
        except (ValueError, IndexError, binascii.Error) as error:
            raise InputError(f"{text[:120]!r} is not an Ed25519 verifier key.", code="BadNoteKey") from error
        if key.encode() != text:
            raise InputError(f"{text[:120]!r} has an id that is not its key's.", code="BadNoteKey")
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSigner:
    """Somebody who can sign under a note key; the secret stays with whoever made `sign`."""

    key: NoteKey
    """The public side."""
    sign: Callable[[bytes], bytes]
    """Ed25519 over a message, 64 bytes."""

    @classmethod
    def from_seed(cls, name: str, seed: bytes, kind: KeyKind = KeyKind.LOG) -> NoteSigner:
        """Signer over a 32-byte Ed25519 seed held in memory."""
        key = NoteKey(name=name, kind=kind, public=ed25519_public(seed))
        return cls(key=key, sign=lambda message: ed25519_sign(seed, message))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """One line under a note."""

    name: str
    """Key name."""
    key_id: bytes
    """Four bytes."""
    blob: bytes
    """Signature; a witness puts eight bytes of time in front."""

    def encode(self) -> str:
        """``— name base64(id ‖ blob)``."""
        return f"— {self.name} {_base64(self.key_id + self.blob)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedNote:
    """A text and the signatures under it."""

    text: str
    """Ends in a newline."""
    signatures: tuple[SignatureLine, ...]
    """At least one."""

    def encode(self) -> str:
        """Text, blank line, signature lines."""
        return self.text + "\n" + "".join(line.encode() for line in self.signatures)

    @classmethod
    def parse(cls, note: str) -> SignedNote:
        """Inverse of :meth:`encode`.

        Raises
        ------
        VerificationError
            If it is not exactly a signed note.
        """
        text, blank, block = note.rpartition("\n\n")
        lines = block.split("\n")
        if (
            not blank
            or lines.pop() != ""
            or not lines
            or len(lines) > MAX_SIGNATURES
            or len(note) > MAX_NOTE_CHARACTERS
        ):
            raise _malformed("a signed note")
        if any((ord(c) < 0x20 and c != "\n") or 0xD800 <= ord(c) < 0xE000 for c in note):
            raise _malformed("a signed note")
        return cls(text=text + "\n", signatures=tuple(_signature_line(line) for line in lines))


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
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Inverse of :meth:`body`; `VerificationError` unless it is exactly a checkpoint."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise _malformed("a checkpoint")
        root = _unbase64(lines[2], "a checkpoint")
        if len(root) != 32:
            raise _malformed("a checkpoint")
        return cls(origin=lines[0], size=_decimal(lines[1], "a checkpoint"), root=Bytes32(root))


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """One entry's place in a signed checkpoint: a C2SP tlog-proof without its unauthenticated extra line."""

    index: int
    """Zero-based place of the entry."""
    path: tuple[Bytes32, ...]
    """Audit path, leaf's sibling first."""
    note: SignedNote
    """The checkpoint with its signatures."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says; not to be believed before its signatures are verified."""
        return Checkpoint.parse(self.note.text)

    def encode(self) -> str:
        """The text form."""
        hashes = "".join(f"{_base64(sibling)}\n" for sibling in self.path)
        return f"{PROOF_HEADER}\nindex {self.index}\n{hashes}\n{self.note.encode()}"

    @classmethod
    def parse(cls, text: str) -> InclusionProof:
        """Inverse of :meth:`encode`; `VerificationError` unless it is exactly such a proof."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if (
            not blank
            or len(lines) < 2
            or len(lines) > 66
            or lines[0] != PROOF_HEADER
            or not lines[1].startswith("index ")
        ):
            raise _malformed("an inclusion proof")
        path = tuple(Bytes32(_unbase64(line, "an inclusion proof")) for line in lines[2:])
        if any(len(sibling) != 32 for sibling in path):
            raise _malformed("an inclusion proof")
        index = _decimal(lines[1].removeprefix("index "), "an inclusion proof")
        proof = cls(index=index, path=path, note=SignedNote.parse(note))
        Checkpoint.parse(proof.note.text)
        return proof


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> SignedNote:
    """Checkpoint note under the log's key, whose name is the origin."""
    if signer.key.kind is not KeyKind.LOG or signer.key.name != checkpoint.origin or not _is_name(checkpoint.origin):
        raise InputError(
            f"The key {signer.key.name!r} does not sign for the log {checkpoint.origin!r}.",
            code="WrongSigner",
            hint="A log's key carries its origin as name.",
        )
    text = checkpoint.body()
    line = SignatureLine(name=signer.key.name, key_id=signer.key.key_id, blob=signer.sign(text.encode()))
    return SignedNote(text=text, signatures=(line,))


def cosign(note: SignedNote, signer: NoteSigner, time: Timestamp) -> SignedNote:
    """The same note with a witness's cosignature added. The caller has checked consistency with what it saw before."""
    if signer.key.kind is not KeyKind.WITNESS:
        raise InputError(f"{signer.key.name!r} is not a witness key.", code="WrongSigner")
    signature = signer.sign(_cosigned(note.text, time))
    line = SignatureLine(name=signer.key.name, key_id=signer.key.key_id, blob=time.to_bytes(8, "big") + signature)
    return SignedNote(text=note.text, signatures=(*note.signatures, line))


def verified_by(note: SignedNote, keys: Iterable[NoteKey]) -> frozenset[NoteKey]:
    """Which of the known keys signed the note; lines of unknown keys are ignored.

    Raises
    ------
    VerificationError
        If a line under a known key's name and id does not verify.
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
        return ed25519_verify(key.public, text.encode(), line.blob)
    time, signature = int.from_bytes(line.blob[:8], "big"), line.blob[8:]
    return ed25519_verify(key.public, _cosigned(text, time), signature)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _signature_line(line: str) -> SignatureLine:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not _is_name(parts[1]):
        raise _malformed("a signature line")
    blob = _unbase64(parts[2], "a signature line")
    if len(blob) < 5:
        raise _malformed("a signature line")
    return SignatureLine(name=parts[1], key_id=blob[:4], blob=blob[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < 0x20 for c in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise _malformed(what) from error
    if _base64(data) != text:
        raise _malformed(what)
    return data


def _decimal(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (text[0] == "0" and text != "0"):
        raise _malformed(what)
    value = int(text)
    if value > MAX_TREE_SIZE:
        raise _malformed(what)
    return value


def _malformed(what: str) -> VerificationError:
    return VerificationError(f"This is not exactly {what} as C2SP writes it.", code="MalformedNote")
