"""DSSE envelopes: a payload, its type, and signatures by any number of named keys.

The key id is the signer's verifier key text. Exactly one byte string encodes an envelope: canonical JSON, with the
signatures in the order in which they were made.

References
----------
secure-systems-lab DSSE v1.0.2 (pre-authentication encoding).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence

from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import VerificationError
from concordat.primitives.wire import parse_json
from concordat.protocol.note import NoteKey, NoteSigner

__all__ = ["open_payload", "seal_payload"]

MAX_SIGNATURES = 64


def seal_payload(payload: bytes, kind: str, signers: Sequence[NoteSigner]) -> bytes:
    """Envelope of a payload under all the signers."""
    signed = [(signer.key.encode(), signer.sign(_encoding(payload, kind))) for signer in signers]
    return _envelope(payload, kind, signed)


def open_payload(envelope: bytes, kind: str, keys: Iterable[NoteKey]) -> tuple[bytes, frozenset[NoteKey]]:
    """Payload, and which of the known keys signed it; signatures of unknown keys are ignored.

    Raises
    ------
    VerificationError
        If it is not exactly an envelope of that type, or the signature of a known key does not hold.
    """
    try:
        parsed = parse_json(envelope)
        payload = base64.b64decode(parsed["payload"], validate=True)
        signed = [(str(s["keyid"]), base64.b64decode(s["sig"], validate=True)) for s in parsed["signatures"]]
        canonical = len(signed) <= MAX_SIGNATURES and _envelope(payload, kind, signed) == envelope
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise VerificationError("This is no DSSE envelope.", code="EnvelopeFormat") from error
    if not canonical or len({name for name, _ in signed}) != len(signed):
        raise VerificationError("The envelope is not in canonical form.", code="EnvelopeFormat")
    known = {key.encode(): key for key in keys}
    found = [(known[name], signature) for name, signature in signed if name in known]
    for key, signature in found:
        key.verify(_encoding(payload, kind), signature)
    return payload, frozenset(key for key, _ in found)


def _envelope(payload: bytes, kind: str, signed: Sequence[tuple[str, bytes]]) -> bytes:
    signatures = [{"keyid": name, "sig": base64.b64encode(signature).decode()} for name, signature in signed]
    return canonical_json(
        {"payloadType": kind, "payload": base64.b64encode(payload).decode(), "signatures": signatures}
    )


def _encoding(payload: bytes, kind: str) -> bytes:
    """DSSE pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)
