"""A record for other people's tools: an in-toto Statement v1 in a DSSE envelope.

The statement says the same as the record, word for word; nothing in Concordat trusts it. It is for policy engines and
artifact stores that read in-toto.

References
----------
in-toto Attestation Framework v1 (Statement); secure-systems-lab DSSE v1.0.2 (pre-authentication encoding).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from concordat.primitives.encoding import canonical_json, checksum_address, to_hex
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.signatures import ed25519_verify
from concordat.protocol.checkpoint import NoteKey, NoteSigner
from concordat.protocol.evidence import kinds_in
from concordat.protocol.record import DecisionRecord

__all__ = ["PREDICATE_TYPE", "open_envelope", "seal", "statement"]

PREDICATE_TYPE = "urn:concordat:decision:v1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def statement(record: DecisionRecord) -> dict[str, Any]:
    """The in-toto Statement whose subject is the record's 384 bytes."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"order/{record.order_id.hex()}", "digest": {"sha256": sha256(record.encode()).hex()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "chain": f"eip155:{record.chain_id}",
            "market": checksum_address(record.market),
            "order": to_hex(record.order_id),
            "model": to_hex(record.model),
            "provider": checksum_address(record.provider),
            "inputCommitment": to_hex(record.input),
            "outputCommitment": to_hex(record.output),
            "evidenceCommitment": to_hex(record.evidence),
            "evidence": sorted(kind.word for kind in kinds_in(record.gathered)),
            "sequence": record.sequence,
            "time": record.time,
        },
    }


def seal(record: DecisionRecord, signer: NoteSigner) -> bytes:
    """Signed DSSE envelope as canonical JSON; the key id is the signer's verifier key text."""
    payload = canonical_json(statement(record))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": signer.key.encode(), "sig": base64.b64encode(signer.sign(_encoding(payload))).decode()},
        ],
    }
    return canonical_json(envelope)


def open_envelope(envelope: bytes, key: NoteKey, record: DecisionRecord) -> None:
    """Raise `VerificationError` unless this is exactly the sealed statement of the record under that key."""
    try:
        parsed = json.loads(envelope)
        (signature,) = parsed["signatures"]
        payload = base64.b64decode(parsed["payload"], validate=True)
        blob = base64.b64decode(signature["sig"], validate=True)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise VerificationError("This is no DSSE envelope.", code="EnvelopeFormat") from error
    if payload != canonical_json(statement(record)):
        raise VerificationError("The statement is about something else.", code="StatementMismatch")
    expected = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.encode(), "sig": base64.b64encode(blob).decode()}],
    }
    if canonical_json(expected) != envelope:
        raise VerificationError("The envelope is not in canonical form.", code="EnvelopeFormat")
    ed25519_verify(key.public, _encoding(payload), blob)


def _encoding(payload: bytes) -> bytes:
    """DSSE pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
