"""Records, their commitments, statements and bundles as bytes."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest
from eth_abi import encode

from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.signatures import ed25519_verify
from concordat.primitives.units import Bytes32, Timestamp
from concordat.protocol.bundle import Bundle
from concordat.protocol.checkpoint import NoteSigner
from concordat.protocol.execution import commit_result
from concordat.protocol.record import DecisionRecord, settlement_of
from concordat.protocol.statement import open_envelope, seal, statement
from concordat.testing.records import SampleMarket

MARKET = SampleMarket()
DECISION = MARKET.decide(3)
RECORD = DECISION.record


def test_record_encodes_as_a_static_abi_struct() -> None:
    types = ["uint256"] * 2 + ["address", "bytes32", "bytes32", "address"] + ["bytes32"] * 3 + ["uint256"] * 3
    values = [
        1,
        RECORD.chain_id,
        "0x" + RECORD.market.hex(),
        RECORD.order_id,
        RECORD.model,
        "0x" + RECORD.provider.hex(),
        RECORD.input,
        RECORD.output,
        RECORD.evidence,
        RECORD.gathered,
        RECORD.sequence,
        RECORD.time,
    ]
    assert RECORD.encode() == encode(types, values)


def test_record_decodes_to_itself() -> None:
    assert DecisionRecord.decode(RECORD.encode()) == RECORD


def test_record_leaf_is_sha256_of_zero_and_entry() -> None:
    assert RECORD.leaf() == sha256(b"\x00" + RECORD.encode())


@pytest.mark.parametrize("word", [0, 2, 5, 9, 10, 11])
def test_record_with_high_bits_in_a_short_word_is_refused(word: int) -> None:
    entry = bytearray(RECORD.encode())
    entry[32 * word] = 1
    with pytest.raises(VerificationError):
        DecisionRecord.decode(bytes(entry))


@pytest.mark.parametrize("entry", [b"", RECORD.encode()[:-1], RECORD.encode() + b"\0"])
def test_record_of_another_length_is_refused(entry: bytes) -> None:
    with pytest.raises(VerificationError):
        DecisionRecord.decode(entry)


def test_output_commitment_is_salted_hash_of_output_hash() -> None:
    assert RECORD.output == keccak256(DECISION.salts.output + keccak256(DECISION.result.output))


def test_evidence_commitment_opens_policy_result_and_settlement() -> None:
    result = commit_result(
        DECISION.id, DECISION.order.provider, DECISION.result.trace_root, DECISION.result.output_hash
    )
    events = ("Accepted", "Delivered", "Paid")
    placements = b"".join(
        encode(
            ["uint256"] * 4 + ["bytes32"] * 2,
            [events.index(p.event), p.block, p.index, p.time, p.transaction, p.block_hash],
        )
        for p in DECISION.settlement
    )
    words = encode(
        ["bytes32", "bytes32", "uint256", "bytes25", "bytes32"],
        [DECISION.salts.evidence, DECISION.order.evidence, RECORD.gathered, result, keccak256(placements)],
    )
    assert RECORD.evidence == keccak256(words)


def test_record_holds_nothing_unsalted_about_the_data() -> None:
    entry = RECORD.encode()
    secrets = (
        DECISION.input.words,
        DECISION.result.output,
        DECISION.result.output_hash,
        DECISION.result.trace_root,
        DECISION.salts.output,
        commit_result(DECISION.id, DECISION.order.provider, DECISION.result.trace_root, DECISION.result.output_hash),
    )
    assert not any(secret in entry for secret in secrets)


def test_settlement_is_put_in_order_of_the_chain() -> None:
    assert settlement_of(reversed(DECISION.settlement)) == DECISION.settlement
    assert len(settlement_of([DECISION.settlement[0], DECISION.settlement[2]])) == 2


@pytest.mark.parametrize("places", [(), (0,), (0, 1), (1, 2), (0, 0, 2), (0, 1, 2, 2)])
def test_settlement_that_was_not_accepted_and_paid_is_refused(places: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        settlement_of([DECISION.settlement[place] for place in places])


# -- statements ------------------------------------------------------------------------------------------------------


def test_statement_is_in_toto_about_the_entry() -> None:
    said = statement(RECORD)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"][0]["digest"] == {"sha256": sha256(RECORD.encode()).hex()}
    assert said["predicate"]["sequence"] == 3
    assert said["predicate"]["evidence"] == ["fraud-provable"]


def test_envelope_signature_is_over_the_dsse_encoding() -> None:
    envelope = json.loads(seal(RECORD, MARKET.log))
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    encoded = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    ed25519_verify(MARKET.log.key.public, encoded, base64.b64decode(envelope["signatures"][0]["sig"]))
    assert json.loads(payload) == statement(RECORD)


def test_envelope_opens_for_its_record_and_key_only() -> None:
    envelope = seal(RECORD, MARKET.log)
    open_envelope(envelope, MARKET.log.key, RECORD)
    with pytest.raises(VerificationError):
        open_envelope(envelope, MARKET.log.key, MARKET.decide(4).record)
    with pytest.raises(VerificationError):
        open_envelope(envelope, NoteSigner.from_seed("stranger", sha256(b"")).key, RECORD)


def test_envelope_changed_in_any_byte_is_refused() -> None:
    envelope = seal(RECORD, MARKET.log)
    for position in range(0, len(envelope), 7):
        changed = envelope[:position] + bytes([envelope[position] ^ 1]) + envelope[position + 1 :]
        with pytest.raises(VerificationError):
            open_envelope(changed, MARKET.log.key, RECORD)
    for hostile in (b"", b"{}", b"[]", b"null", b"[" * 100_000, envelope + b" ", b"\xff"):
        with pytest.raises(VerificationError):
            open_envelope(hostile, MARKET.log.key, RECORD)


# -- bundles ---------------------------------------------------------------------------------------------------------


def test_bundle_parses_to_itself_and_encodes_to_the_same_bytes() -> None:
    for bundle in (DECISION.alone(), DECISION.bundle(None)):
        assert Bundle.parse(bundle.encode()) == bundle
        assert Bundle.parse(bundle.encode()).encode() == bundle.encode()


def test_bundle_before_settlement_carries_no_record_parts() -> None:
    bundle = DECISION.bundle(None)
    assert (bundle.record, bundle.inclusion, bundle.evidence_salt, bundle.output_salt) == (None, None, None, None)


def _spelt(change) -> bytes:
    fields = json.loads(DECISION.alone().encode())
    change(fields)
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.update(extra=1),
        lambda f: f.pop("anchor"),
        lambda f: f["order"].update(extra=1),
        lambda f: f["order"].pop("salt"),
        lambda f: f["order"].update(price=f["order"]["price"] + 2**256),
        lambda f: f["order"].update(price=-1),
        lambda f: f["order"].update(price=float(f["order"]["price"])),
        lambda f: f["order"].update(price=str(f["order"]["price"])),
        lambda f: f["order"].update(price=True),
        lambda f: f["order"].update(price=None),
        lambda f: f["order"].update(accept_by=2**40),
        lambda f: f["order"].update(window=2**32),
        lambda f: f["order"].update(client=f["order"]["client"][:-2]),
        lambda f: f["order"].update(client=f["order"]["client"].upper().replace("0X", "0x")),
        lambda f: f["order"].update(client=f["order"]["client"][2:]),
        lambda f: f["order"].update(client=f["order"]["client"] + " "),
        lambda f: f["order"].update(salt=f["order"]["salt"] + "00"),
        lambda f: f["funding"].update(mode=2),
        lambda f: f["funding"].update(mode=False),
        lambda f: f["domain"].update(chain_id=2**64),
        lambda f: f.update(version=2),
        lambda f: f.update(order=None),
        lambda f: f.update(order=[]),
        lambda f: f.update(settlement={}),
        lambda f: f.update(inclusion=7),
        lambda f: f["record"].update(market="0x"),
    ],
)
def test_bundle_with_a_field_out_of_form_is_refused(change) -> None:
    with pytest.raises(VerificationError):
        Bundle.parse(_spelt(change))


def _reformatted(data: bytes) -> list[bytes]:
    text = data.decode()
    return [
        data + b"\n",
        data + b"\0",
        b" " + data,
        b"\xef\xbb\xbf" + data,
        json.dumps(json.loads(text), indent=1).encode(),
        json.dumps(json.loads(text), sort_keys=False, separators=(",", ":")).encode()[::-1],
        text.replace('"version":1', '"version":1,"version":1').encode(),
        text.replace('"version":1', '"version":1.0').encode(),
        text.replace('"version":1', '"version":1e0').encode(),
        text.replace('"version":1', '"version":NaN').encode(),
        text.replace('"version"', '"\\u0076ersion"').encode(),
        text.encode("utf-16"),
        data[:-1],
        data[: len(data) // 2],
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"version":' + b"9" * 10_000 + b"}",
    ]


def test_bundle_in_any_other_spelling_is_refused() -> None:
    for data in _reformatted(DECISION.alone().encode()):
        with pytest.raises(VerificationError):
            Bundle.parse(data)


def test_bundle_cut_off_anywhere_is_refused() -> None:
    data = DECISION.alone().encode()
    for length in range(0, len(data), 41):
        with pytest.raises(VerificationError):
            Bundle.parse(data[:length])


def test_bundle_keeps_amounts_beyond_javascript_exactly() -> None:
    order = dataclasses.replace(DECISION.order, price=2**96 - 1)
    bundle = dataclasses.replace(DECISION.alone(), order=order)
    assert Bundle.parse(bundle.encode()).order.price == 2**96 - 1


def test_record_fields_are_of_the_settlement() -> None:
    assert (RECORD.time, RECORD.sequence) == (DECISION.settlement[-1].time, 3)
    assert Timestamp(RECORD.time) == RECORD.time
    assert RECORD.input == DECISION.order.input != Bytes32(bytes(32))
