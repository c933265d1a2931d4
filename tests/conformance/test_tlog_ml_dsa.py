"""ML-DSA-44 cosignatures (type 0x06) byte for byte as c2sp.org/tlog-cosignature writes them, checked by `pqcrypto`."""

from __future__ import annotations

import base64
import hashlib
import json
import struct

import pqcrypto.sign.ml_dsa_44 as reference
import pytest

from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.ml_dsa import ml_dsa_public, ml_dsa_sign, ml_dsa_verify
from concordat.primitives.units import Timestamp
from concordat.protocol.checkpoint import Checkpoint, KeyKind, NoteKey, NoteSigner, cosign, sign_checkpoint, verified_by
from concordat.protocol.envelope import open_payload, seal_payload
from concordat.protocol.statement import PAYLOAD_TYPE, open_envelope, seal, statement
from concordat.testing.records import SampleMarket

ORIGIN = "log.example/decisions"
SEED = sha256(b"ml-dsa")
LOG = NoteSigner.from_seed(ORIGIN, SEED, KeyKind.ML_DSA_44)
WITNESS = NoteSigner.from_seed("witness.example/w1", sha256(b"witness"), KeyKind.ML_DSA_44)
CHECKPOINT = Checkpoint(origin=ORIGIN, size=20_852_163, root=sha256(b"root"))


def cosigned_message(cosigner: str, timestamp: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """The structure of the specification, written down again from its text."""
    name, log = cosigner.encode(), origin.encode()
    return (
        b"subtree/v1\n\x00"
        + struct.pack(">B", len(name))
        + name
        + struct.pack(">Q", timestamp)
        + struct.pack(">B", len(log))
        + log
        + struct.pack(">QQ", start, end)
        + root
    )


def test_key_id_is_that_of_the_specification() -> None:
    text = ORIGIN.encode() + b"\n\x06" + LOG.key.public
    assert LOG.key.key_id == hashlib.sha256(text).digest()[:4]
    assert len(LOG.key.public) == 1312
    assert NoteKey.parse(LOG.key.encode()) == LOG.key


def test_log_signs_the_message_of_the_specification_at_time_zero() -> None:
    (line,) = sign_checkpoint(CHECKPOINT, LOG).signatures
    assert (len(line.blob), line.blob[:8]) == (8 + 2420, bytes(8))
    message = cosigned_message(ORIGIN, 0, ORIGIN, 0, CHECKPOINT.size, CHECKPOINT.root)
    reference.verify(LOG.key.public, message, line.blob[8:])


def test_witness_signs_its_own_name_and_time() -> None:
    note = cosign(sign_checkpoint(CHECKPOINT, LOG), WITNESS, Timestamp(1_679_315_147))
    blob = note.signatures[1].blob
    message = cosigned_message("witness.example/w1", 1_679_315_147, ORIGIN, 0, CHECKPOINT.size, CHECKPOINT.root)
    reference.verify(WITNESS.key.public, message, blob[8:])
    assert int.from_bytes(blob[:8], "big") == 1_679_315_147
    assert verified_by(note, [LOG.key, WITNESS.key]) == {LOG.key, WITNESS.key}


def test_cosignature_made_elsewhere_is_accepted() -> None:
    public, secret = reference.keygen()
    key = NoteKey(name="witness.example/w2", kind=KeyKind.ML_DSA_44, public=public)
    message = cosigned_message(key.name, 7, ORIGIN, 0, CHECKPOINT.size, CHECKPOINT.root)
    made = NoteSigner(key=key, sign=lambda _: reference.sign(secret, message))
    assert verified_by(cosign(sign_checkpoint(CHECKPOINT, LOG), made, Timestamp(7)), [key]) == {key}


@pytest.mark.parametrize("time", [1 << 63, (1 << 64) - 1])
def test_time_beyond_the_specifications_is_refused(time: int) -> None:
    with pytest.raises(VerificationError):
        verified_by(cosign(sign_checkpoint(CHECKPOINT, LOG), WITNESS, Timestamp(time)), [WITNESS.key])


def test_name_longer_than_the_length_byte_is_refused() -> None:
    long = "a" * 256
    with pytest.raises(InputError):
        sign_checkpoint(
            Checkpoint(origin=long, size=1, root=sha256(b"")), NoteSigner.from_seed(long, SEED, KeyKind.ML_DSA_44)
        )


def test_signatures_of_both_libraries_hold_in_the_other() -> None:
    reference.verify(ml_dsa_public(SEED), b"message", ml_dsa_sign(SEED, b"message"))
    public, secret = reference.keygen()
    ml_dsa_verify(public, b"message", reference.sign(secret, b"message"))
    for bad in (b"", bytes(2419), bytes(2420)):
        with pytest.raises(VerificationError):
            ml_dsa_verify(public, b"message", bad)
    with pytest.raises(VerificationError):
        ml_dsa_verify(public[:-1], b"message", bytes(2420))
    with pytest.raises(InputError):
        ml_dsa_public(bytes(31))


# -- DSSE --------------------------------------------------------------------------------------------------------------


def test_statement_sealed_twice_opens_for_both_keys_and_for_neither_alone_changed() -> None:
    market = SampleMarket()
    record = market.decide(1).record
    envelope = seal(record, market.log, LOG)
    for keys in ([market.log.key], [LOG.key], [market.log.key, LOG.key]):
        open_envelope(envelope, keys, record)
    stripped = json.loads(envelope)
    del stripped["signatures"][1]
    open_envelope(canonical_json(stripped), market.log.key, record)
    with pytest.raises(VerificationError) as refused:
        open_envelope(canonical_json(stripped), [market.log.key, LOG.key], record)
    assert refused.value.code == "EnvelopeUnsigned"


def test_post_quantum_envelope_signs_the_dsse_encoding() -> None:
    payload = canonical_json(statement(SampleMarket().decide(1).record))
    envelope = json.loads(seal_payload(payload, PAYLOAD_TYPE, [LOG]))
    encoded = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    reference.verify(LOG.key.public, encoded, base64.b64decode(envelope["signatures"][0]["sig"]))
    assert open_payload(canonical_json(envelope), PAYLOAD_TYPE, [LOG.key]) == (payload, frozenset([LOG.key]))
