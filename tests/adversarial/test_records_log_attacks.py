"""Attacks by whoever keeps the log: omitting, reordering, repeating, back-dating, inventing, showing two faces."""

from __future__ import annotations

import dataclasses

import pytest

from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Timestamp
from concordat.protocol.checkpoint import Checkpoint, NoteSigner, SignedNote, sign_checkpoint
from concordat.protocol.record import DecisionRecord
from concordat.protocol.transparency import consistency_proof, fold_complete, range_hash
from concordat.protocol.verification import AnchoredRoot, Outcome, sequence_of
from concordat.testing.records import SampleMarket
from concordat.verify import FindingKind, SplitView, check_sequence, compare_checkpoints, verify

MARKET = SampleMarket()
DECISIONS = [MARKET.decide(i) for i in range(8)]
RECORDS = [decision.record for decision in DECISIONS]
SETTLED = [decision.settled() for decision in DECISIONS]


def findings(records: list[DecisionRecord], **options) -> list[tuple[FindingKind, int]]:
    """What is found, with the place of the order on chain (-1: not there)."""
    places = {order.order_id: place for place, order in enumerate(SETTLED)}
    found = check_sequence(records, SETTLED, domain=MARKET.domain, **options)
    return [(finding.kind, places.get(finding.order_id, -1)) for finding in found]


def test_honest_log_has_no_findings() -> None:
    assert findings(RECORDS) == []


@pytest.mark.parametrize("left_out", range(8))
def test_omitted_record_is_found_even_when_the_rest_is_renumbered(left_out: int) -> None:
    rest = [record for record in RECORDS if record.sequence != left_out]
    assert findings(rest) == [(FindingKind.OMITTED, left_out)]
    renumbered = [dataclasses.replace(record, sequence=i) for i, record in enumerate(rest)]
    assert (FindingKind.OMITTED, left_out) in findings(renumbered)
    assert [place for kind, place in findings(renumbered) if kind is FindingKind.REORDERED] == list(
        range(left_out + 1, 8)
    )


def test_order_settled_after_the_moment_in_question_needs_no_record() -> None:
    until = RECORDS[5].time
    assert findings(RECORDS[:6], until=until) == []
    assert findings(RECORDS[:5], until=until) == [(FindingKind.OMITTED, 5)]


def test_reordered_records_are_found_with_and_without_new_numbers() -> None:
    swapped = [*RECORDS[:2], RECORDS[3], RECORDS[2], *RECORDS[4:]]
    assert findings(swapped) == [(FindingKind.REORDERED, 2)]
    renumbered = [dataclasses.replace(record, sequence=i) for i, record in enumerate(swapped)]
    assert findings(renumbered) == [(FindingKind.REORDERED, 3), (FindingKind.REORDERED, 2)]


def test_repeated_record_is_found() -> None:
    assert findings([*RECORDS, RECORDS[2]]) == [(FindingKind.DUPLICATED, 2)]
    again = dataclasses.replace(RECORDS[2], sequence=8)
    assert findings([*RECORDS, again]) == [(FindingKind.DUPLICATED, 2)]


@pytest.mark.parametrize("shift", [-1, 1, -1_000_000])
def test_back_dated_record_is_found(shift: int) -> None:
    moved = dataclasses.replace(RECORDS[4], time=Timestamp(RECORDS[4].time + shift))
    assert findings([*RECORDS[:4], moved, *RECORDS[5:]]) == [(FindingKind.BACK_DATED, 4)]


def test_invented_record_is_found() -> None:
    invented = dataclasses.replace(RECORDS[7], order_id=sha256(b"invented"), sequence=8)
    assert findings([*RECORDS, invented]) == [(FindingKind.FOREIGN, -1)]


def test_record_of_another_chain_is_no_record_here() -> None:
    elsewhere = dataclasses.replace(RECORDS[4], chain_id=1)
    assert findings([*RECORDS[:4], elsewhere, *RECORDS[5:]]) == [(FindingKind.FOREIGN, 4), (FindingKind.OMITTED, 4)]


def test_altered_evidence_is_found() -> None:
    better = dataclasses.replace(RECORDS[4], gathered=1)
    assert findings([*RECORDS[:4], better, *RECORDS[5:]]) == [(FindingKind.ALTERED, 4)]


def test_renumbered_bundle_shows_what_was_left_out_before_it() -> None:
    """The log left out order 1 and numbered order 2 as 1; the holder of that one bundle sees it."""
    record = dataclasses.replace(RECORDS[2], sequence=1)
    bundle = dataclasses.replace(DECISIONS[2], record=record).alone()
    report = verify(bundle, MARKET.trust(), endpoint_facts=MARKET.facts(DECISIONS[2], DECISIONS))
    assert [check.number for check in report.failed] == [16]


def test_sequences_of_two_providers_do_not_mix() -> None:
    other = [dataclasses.replace(order, provider=MARKET.address("other")) for order in SETTLED[::2]]
    mixed = sorted([*SETTLED[1::2], *other], key=lambda order: order.block)
    assert [sequence_of(mixed, order.order_id) for order in SETTLED] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sequence_of(mixed, sha256(b"none")) is None


# -- two faces -------------------------------------------------------------------------------------------------------


def face(records: list[DecisionRecord], signer: NoteSigner = MARKET.log) -> SignedNote:
    root = range_hash(node_of(records), 0, len(records))
    return sign_checkpoint(Checkpoint(origin=signer.key.name, size=len(records), root=root), signer)


def node_of(records: list[DecisionRecord]):
    leaves = [record.leaf() for record in records]
    return lambda height, index: fold_complete(leaves[index << height : (index + 1) << height])


HIDDEN = [dataclasses.replace(RECORDS[0], gathered=1), *RECORDS[1:]]


def test_two_roots_of_one_size_are_evidence_that_anybody_can_check() -> None:
    evidence = compare_checkpoints(face(RECORDS), face(HIDDEN), MARKET.log.key)
    assert isinstance(evidence, SplitView)
    evidence.verify()


def test_two_sizes_that_do_not_connect_are_evidence() -> None:
    for proof in (consistency_proof(node_of(RECORDS), 5, 8), consistency_proof(node_of(HIDDEN), 5, 8), ()):
        evidence = compare_checkpoints(face(RECORDS), face(HIDDEN[:5]), MARKET.log.key, proof)
        assert evidence is not None
        evidence.verify()


def test_honest_growth_is_no_evidence() -> None:
    proof = consistency_proof(node_of(RECORDS), 5, 8)
    assert compare_checkpoints(face(RECORDS[:5]), face(RECORDS), MARKET.log.key, proof) is None
    assert compare_checkpoints(face(RECORDS), face(RECORDS), MARKET.log.key) is None
    with pytest.raises(VerificationError):
        SplitView(key=MARKET.log.key, first=face(RECORDS[:5]), second=face(RECORDS), proof=proof).verify()


def test_checkpoint_that_somebody_else_signed_accuses_nobody() -> None:
    stranger = NoteSigner.from_seed(MARKET.log.key.name, sha256(b"stranger"))
    with pytest.raises(VerificationError):
        compare_checkpoints(face(RECORDS), face(HIDDEN, stranger), MARKET.log.key)


def test_log_that_anchors_another_root_than_it_shows_is_caught() -> None:
    other, root = DECISIONS[2].alone(), sha256(b"other face")
    posted = AnchoredRoot(contract=MARKET.checkpoints, log=MARKET.log_id, size=1, root=root, time=Timestamp(2**31))
    report = verify(other, MARKET.trust(), endpoint_facts=MARKET.facts(DECISIONS[2], DECISIONS, (posted,)))
    assert report.checks[14].outcome is Outcome.FAIL
    assert "two faces" in report.checks[14].reason


def test_anchor_of_another_log_or_contract_counts_for_nothing() -> None:
    bundle = DECISIONS[2].alone()
    root = RECORDS[2].leaf()
    for contract, log in ((MARKET.address("other"), MARKET.log_id), (MARKET.checkpoints, sha256(b"other log"))):
        posted = AnchoredRoot(contract=contract, log=log, size=1, root=root, time=Timestamp(2_000_000_000))
        report = verify(bundle, MARKET.trust(), endpoint_facts=MARKET.facts(DECISIONS[2], DECISIONS, (posted,)))
        assert report.checks[14].outcome is Outcome.NOT_CHECKED
