"""Signed notes: a text and signatures under it, each by a key with a name.

Texts are parsed strictly: whatever is accepted encodes back to the same bytes.

References
----------
c2sp.org/signed-note (formats, key ids and signature types 0x01, 0x04 and 0x06).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from concordat.primitives import ml_dsa
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.ml_dsa import ml_dsa_public, ml_dsa_sign, ml_dsa_verify
from concordat.primitives.signatures import ed25519_public, ed25519_sign, ed25519_verify

__all__ = [
    "KeyKind",
    "NoteKey",
    "NoteSigner",
    "SignatureLine",
    "SignedNote",
    "from_base64",
    "is_name",
    "malformed",
    "to_base64",
]

MAX_NOTE_CHARACTERS = 65_536
MAX_SIGNATURES = 64


class KeyKind(IntEnum):
    """Signature type byte of the signed-note specification."""

    LOG = 1
    """Ed25519 over the note text."""
    WITNESS = 4
    """Ed25519 cosignature with a time."""
    ML_DSA_44 = 6
    """ML-DSA-44 cosignature; logs and witnesses alike sign so, each under its own name."""

    @property
    def algorithm(self) -> str:
        """``ed25519`` or ``ml-dsa-44``."""
        return "ml-dsa-44" if self is KeyKind.ML_DSA_44 else "ed25519"

    @property
    def public_bytes(self) -> int:
        """Length of a public key."""
        return ml_dsa.PUBLIC_BYTES if self is KeyKind.ML_DSA_44 else 32

    @property
    def signature_bytes(self) -> int:
        """Length of a signature."""
        return ml_dsa.SIGNATURE_BYTES if self is KeyKind.ML_DSA_44 else 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """Public key of a log or a witness."""

    name: str
    """Schema-less URL; for a log its origin."""
    kind: KeyKind
    """What it signs."""
    public: bytes
    """32 bytes (RFC 8032) or 1,312 (FIPS 204)."""

    def __post_init__(self) -> None:
        if not is_name(self.name) or len(self.public) != self.kind.public_bytes:
            raise InputError(
                f"{self.name!r} with {len(self.public)} key bytes is not a note key.",
                code="BadNoteKey",
                hint="Names have no spaces and no plus; Ed25519 keys have 32 bytes, ML-DSA-44 keys 1,312.",
            )

    @property
    def key_id(self) -> bytes:
        """``SHA-256(name ‖ 0x0A ‖ kind ‖ public)[:4]``."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def verify(self, message: bytes, signature: bytes) -> None:
        """Return if a signature holds; `VerificationError` if not."""
        check = ml_dsa_verify if self.kind is KeyKind.ML_DSA_44 else ed25519_verify
        check(self.public, message, signature)

    def encode(self) -> str:
        """Verifier key text: ``name+id+base64(kind ‖ public)``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Inverse of :meth:`encode`; `InputError` if it is malformed, of an unknown kind or has another id."""
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        try:
            material = base64.b64decode(encoded, validate=True)
            key = cls(name=name, kind=KeyKind(material[0]), public=material[1:])
        except (ValueError, IndexError, binascii.Error) as error:
            raise InputError(f"{text[:120]!r} is no verifier key that is known here.", code="BadNoteKey") from error
        if key.encode() != text:
            raise InputError(f"{text[:120]!r} has an id that is not its key's.", code="BadNoteKey")
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSigner:
    """Somebody who can sign under a note key; the secret stays with whoever made `sign`."""

    key: NoteKey
    """The public side."""
    sign: Callable[[bytes], bytes]
    """Signature over a message, by the key's algorithm."""

    @classmethod
    def from_seed(cls, name: str, seed: bytes, kind: KeyKind = KeyKind.LOG) -> NoteSigner:
        """Signer over a 32-byte seed held in memory."""
        public, sign = (ml_dsa_public, ml_dsa_sign) if kind is KeyKind.ML_DSA_44 else (ed25519_public, ed25519_sign)
        key = NoteKey(name=name, kind=kind, public=public(seed))
        return cls(key=key, sign=lambda message: sign(seed, message))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """One line under a note."""

    name: str
    """Key name."""
    key_id: bytes
    """Four bytes."""
    blob: bytes
    """Signature; a cosigner puts eight bytes of time in front."""

    def encode(self) -> str:
        """``— name base64(id ‖ blob)``."""
        return f"— {self.name} {to_base64(self.key_id + self.blob)}\n"


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
            raise malformed("a signed note")
        if any((ord(c) < 0x20 and c != "\n") or 0xD800 <= ord(c) < 0xE000 for c in note):
            raise malformed("a signed note")
        return cls(text=text + "\n", signatures=tuple(_signature_line(line) for line in lines))


def _signature_line(line: str) -> SignatureLine:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not is_name(parts[1]):
        raise malformed("a signature line")
    blob = from_base64(parts[2], "a signature line")
    if len(blob) < 5:
        raise malformed("a signature line")
    return SignatureLine(name=parts[1], key_id=blob[:4], blob=blob[4:])


def is_name(name: str) -> bool:
    """Whether a text can be a key's name."""
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < 0x20 for c in name)


def to_base64(data: bytes) -> str:
    """Standard alphabet, padded."""
    return base64.b64encode(data).decode()


def from_base64(text: str, what: str) -> bytes:
    """Inverse of :func:`to_base64`, of the one spelling only; `what` it is for, in an error."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise malformed(what) from error
    if to_base64(data) != text:
        raise malformed(what)
    return data


def malformed(what: str) -> VerificationError:
    """The error for a text that is not exactly what it should be."""
    return VerificationError(f"This is not exactly {what} as C2SP writes it.", code="MalformedNote")
