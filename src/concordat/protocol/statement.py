"""A record for other people's tools: an in-toto Statement v1 in a DSSE envelope.

The statement says the same as the record, word for word; nothing in Concordat trusts it. It is for policy engines and
artifact stores that read in-toto.

References
----------
in-toto Attestation Framework v1 (Statement); secure-systems-lab DSSE v1.0.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from concordat.primitives.encoding import canonical_json, checksum_address, to_hex
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import sha256
from concordat.protocol.envelope import open_payload, seal_payload
from concordat.protocol.evidence import kinds_in
from concordat.protocol.note import NoteKey, NoteSigner
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


def seal(record: DecisionRecord, *signers: NoteSigner) -> bytes:
    """Signed DSSE envelope as canonical JSON, under each of the signers; key ids are verifier key texts."""
    return seal_payload(canonical_json(statement(record)), PAYLOAD_TYPE, signers)


def open_envelope(envelope: bytes, keys: NoteKey | Iterable[NoteKey], record: DecisionRecord) -> None:
    """Raise `VerificationError` unless this is exactly the sealed statement of the record under all of these keys."""
    wanted = frozenset([keys] if isinstance(keys, NoteKey) else keys)
    payload, signed = open_payload(envelope, PAYLOAD_TYPE, wanted)
    if payload != canonical_json(statement(record)):
        raise VerificationError("The statement is about something else.", code="StatementMismatch")
    if not wanted or signed != wanted:
        raise VerificationError("Not everybody who is asked for signed the statement.", code="EnvelopeUnsigned")
