"""Attacks on a log's keys: downgrades, stolen and lost keys, forged, forked and rolled back changes."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from concordat.primitives.errors import ConfigurationError, InputError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32, Timestamp
from concordat.protocol.bundle import Bundle
from concordat.protocol.checkpoint import (
    Checkpoint,
    InclusionProof,
    KeyKind,
    NoteSigner,
    cosign,
    sign_checkpoint,
    verified_by,
)
from concordat.protocol.log_keys import (
    KeyStatement,
    Revocation,
    SignedStatement,
    pack_statements,
    unpack_statements,
)
from concordat.protocol.note import SignedNote
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import AnchoredRoot, ChainFacts, Outcome, Report
from concordat.storage.log import TransparencyLog
from concordat.testing.records import SampleMarket
from concordat.verify import compare_statements, verify

MARKET = SampleMarket("keys")
ORIGIN = MARKET.log.key.name
DECISIONS = [MARKET.decide(i) for i in range(6)]
NOW = Timestamp(1_800_000_000)


def key(name: str, kind: KeyKind = KeyKind.ML_DSA_44, origin: str = ORIGIN) -> NoteSigner:
    return NoteSigner.from_seed(origin, sha256(name.encode()), kind)


OLD = (MARKET.log, key("old"))
NEW = (key("new", KeyKind.LOG), key("new"))
RESCUE = (key("rescue", KeyKind.LOG), key("rescue"))
THIEF = (key("thief", KeyKind.LOG), key("thief"))


def publics(signers: tuple[NoteSigner, ...]) -> tuple:
    return tuple(signer.key for signer in signers)


def trust(signers: tuple[NoteSigner, ...] = OLD, require: str = "all", **changes: object) -> TrustRoot:
    return dataclasses.replace(MARKET.trust(), log_keys=publics(signers), require=require, **changes)


def check_11(bundle: Bundle, root: TrustRoot, facts: ChainFacts | None = None) -> Outcome:
    report: Report = verify(bundle, root, endpoint_facts=facts)
    return next(check.outcome for check in report.checks if check.number == 11)


def logged(path: Path, signers: tuple[NoteSigner, ...] = OLD, count: int = 3) -> TransparencyLog:
    log = TransparencyLog(path, signers)
    log.append_all([decision.record for decision in DECISIONS[:count]])
    return log


def bundle_of(log: TransparencyLog, number: int = 1, **changes: object) -> Bundle:
    return DECISIONS[number].bundle(dataclasses.replace(log.prove(number), **changes))


def without(note: SignedNote, kind: KeyKind) -> SignedNote:
    """The note without the signatures of one kind."""
    gone = {signer.key.key_id for signer in (*OLD, *NEW) if signer.key.kind is kind}
    return dataclasses.replace(note, signatures=tuple(line for line in note.signatures if line.key_id not in gone))


# -- downgrade ---------------------------------------------------------------------------------------------------------


def test_checkpoint_under_both_algorithms_is_trusted_whatever_is_asked_for(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        bundle = bundle_of(log)
    for require in ("any", "all", "ed25519", "ml-dsa-44"):
        assert check_11(bundle, trust(require=require)) is Outcome.PASS
    assert check_11(bundle, trust(OLD[:1])) is Outcome.PASS
    assert check_11(bundle, trust(OLD[1:])) is Outcome.PASS


def test_bundle_of_a_log_with_one_old_key_verifies_under_its_old_trust_file(tmp_path: Path) -> None:
    with logged(tmp_path, OLD[:1]) as log:
        assert verify(bundle_of(log), TrustRoot.parse(MARKET.trust().encode())).ok


@pytest.mark.parametrize("require", ["all", "ml-dsa-44"])
def test_stripping_the_post_quantum_signature_is_not_trusted(tmp_path: Path, require: str) -> None:
    with logged(tmp_path) as log:
        stripped = bundle_of(log, note=without(log.note, KeyKind.ML_DSA_44))
    assert check_11(stripped, trust(require=require)) is Outcome.NOT_CHECKED
    assert not verify(stripped, trust(require=require)).ok
    assert check_11(stripped, trust(require="any")) is Outcome.PASS


def test_forged_ed25519_signature_alone_is_not_trusted_where_both_are_asked_for(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        checkpoint = log.checkpoint
    forged = sign_checkpoint(checkpoint, MARKET.log)
    with logged(tmp_path / "other") as log:
        assert check_11(bundle_of(log, note=forged), trust()) is Outcome.NOT_CHECKED


def test_wrong_post_quantum_signature_beside_a_right_one_fails(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        first, second = log.note.signatures
        for at in (0, 7, 8, 1000, 2427):
            blob = second.blob[:at] + bytes([second.blob[at] ^ 1]) + second.blob[at + 1 :]
            note = dataclasses.replace(log.note, signatures=(first, dataclasses.replace(second, blob=blob)))
            assert check_11(bundle_of(log, note=note), trust(require="any")) is Outcome.FAIL


def test_signature_moved_to_another_size_root_origin_or_name_fails() -> None:
    checkpoint = Checkpoint(origin=ORIGIN, size=3, root=sha256(b"root"))
    line = sign_checkpoint(checkpoint, OLD[1]).signatures[0]
    elsewhere = key("old", origin="other.example")
    for other in (
        dataclasses.replace(checkpoint, size=4),
        dataclasses.replace(checkpoint, root=sha256(b"other")),
        dataclasses.replace(checkpoint, origin="other.example"),
    ):
        signer = elsewhere if other.origin != ORIGIN else OLD[1]
        moved = dataclasses.replace(line, name=signer.key.name, key_id=signer.key.key_id)
        with pytest.raises(VerificationError):
            verified_by(SignedNote(text=other.body(), signatures=(moved,)), [signer.key])


def test_witness_counts_once_it_signed_with_all_that_is_asked_for(tmp_path: Path) -> None:
    both = (MARKET.witnesses[0], NoteSigner.from_seed("witness0.example", sha256(b"w"), KeyKind.ML_DSA_44))
    root = trust(witness_keys=publics(both), quorum=1, witness_require="all")
    with logged(tmp_path) as log:
        once = cosign(log.note, both[0], NOW)
        twice = cosign(once, both[1], NOW)
        assert not verify(bundle_of(log, note=once), root).ok
        assert verify(bundle_of(log, note=twice), root).ok


def test_library_without_ml_dsa_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with logged(tmp_path) as log:
        bundle = bundle_of(log)
    monkeypatch.delattr("cryptography.hazmat.primitives.asymmetric.mldsa", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    assert check_11(bundle, trust(OLD[:1])) is Outcome.PASS
    with pytest.raises(ConfigurationError) as missing:
        verify(bundle, trust())
    assert missing.value.code == "MlDsaMissing"
    assert "pip install" in missing.value.hint


# -- changing keys -----------------------------------------------------------------------------------------------------


def test_changed_keys_are_followed_from_the_first_key_alone(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        log.change_keys(NEW, time=NOW)
        log.append(DECISIONS[3].record)
        bundle = bundle_of(log)
        late = DECISIONS[3].bundle(log.prove(4))
        newest = log.note
    assert {line.key_id for line in newest.signatures} == {signer.key.key_id for signer in NEW}
    for root in (trust(), trust(OLD[:1], "any"), trust(NEW)):
        assert check_11(bundle, root) is Outcome.PASS
        assert verify(late, root).ok


def test_log_reopened_under_new_keys_goes_on_and_under_old_ones_does_not_sign_alone(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        log.change_keys(NEW, time=NOW)
    with TransparencyLog(tmp_path, NEW) as log:
        log.append(DECISIONS[3].record)
        log.change_keys(RESCUE, time=NOW)
    with TransparencyLog(tmp_path, RESCUE) as log:
        log.append(DECISIONS[4].record)
        assert [entry.index for entry in log.records()] == [0, 1, 2, 4, 6]
        assert [signed.statement.sequence for signed in log.statements()] == [1, 2]
        assert check_11(DECISIONS[4].bundle(log.prove(6)), trust()) is Outcome.PASS


def test_keys_added_to_old_ones_need_no_new_trust_file(tmp_path: Path) -> None:
    with logged(tmp_path, OLD[:1]) as log:
        log.change_keys(OLD, time=NOW)
        log.append(DECISIONS[3].record)
        bundle = DECISIONS[3].bundle(log.prove(4))
    assert check_11(bundle, trust(OLD[:1])) is Outcome.PASS
    stripped = dataclasses.replace(
        bundle,
        inclusion=dataclasses.replace(
            InclusionProof.parse(bundle.inclusion or ""), note=without(log.note, KeyKind.ML_DSA_44)
        ).encode(),
    )
    assert check_11(stripped, trust(OLD[:1])) is Outcome.NOT_CHECKED


def test_trust_file_after_a_change_knows_old_and_new_keys(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        before = bundle_of(log)
        log.change_keys(NEW, time=NOW, recovery=publics(RESCUE))
        log.append(DECISIONS[3].record)
        root = trust().after(log.statements())
        after = DECISIONS[3].bundle(log.prove(4))
    assert TrustRoot.parse(root.encode()) == root
    assert (root.log_keys, root.recovery_keys) == (publics(NEW), publics(RESCUE))
    assert verify(before, root).ok
    assert verify(after, root).ok


def test_lost_keys_are_replaced_by_recovery_keys_named_before(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        log.change_keys(OLD, time=NOW, recovery=publics(RESCUE))
    with TransparencyLog(tmp_path, (), keys=publics(OLD)) as log, pytest.raises(InputError):
        log.append(DECISIONS[3].record)
    with TransparencyLog(tmp_path, (), keys=publics(OLD)) as log:
        log.change_keys(NEW, time=NOW, by=RESCUE)
        log.append(DECISIONS[3].record)
        bundle = DECISIONS[3].bundle(log.prove(5))
    assert verify(bundle, trust()).ok
    assert verify(bundle, trust(recovery_keys=publics(RESCUE))).ok


def test_lost_keys_without_recovery_are_replaced_by_the_logs_owner_on_chain(tmp_path: Path) -> None:
    with logged(tmp_path):
        pass
    with TransparencyLog(tmp_path, (), keys=publics(OLD)) as log:
        log.change_keys(NEW, time=NOW)
        bundle, checkpoint = bundle_of(log), log.checkpoint
    assert check_11(bundle, trust()) is Outcome.FAIL
    anchored = anchors((checkpoint.size, checkpoint.root, NOW))
    assert check_11(bundle, trust(), anchored) is Outcome.PASS
    assert check_11(bundle, trust(), anchors((checkpoint.size, sha256(b"other"), NOW))) is Outcome.FAIL


# -- thieves -----------------------------------------------------------------------------------------------------------


def forked(path: Path, signers: tuple[NoteSigner, ...], count: int = 2) -> TransparencyLog:
    """Another history under the log's name: the same first decisions, then others."""
    log = TransparencyLog(path, signers)
    log.append_all([decision.record for decision in DECISIONS[:count]])
    return log


def test_stolen_old_key_signs_nothing_beyond_its_log(tmp_path: Path) -> None:
    with logged(tmp_path / "log") as log:
        log.change_keys(NEW, time=NOW)
        root = trust().after(log.statements())
    with forked(tmp_path / "fork", OLD, 5) as fork:
        assert check_11(bundle_of(fork), root) is Outcome.NOT_CHECKED


def test_back_dated_checkpoint_of_a_revoked_key_is_refused_unless_a_chain_saw_it_before(tmp_path: Path) -> None:
    with logged(tmp_path / "log") as log:
        honest = bundle_of(log)
        log.append(DECISIONS[3].record)
        gone = [Revocation(key=signer.key, since=NOW) for signer in OLD]
        log.change_keys(NEW, time=NOW, by=RESCUE, revoked=gone)
        root = trust(recovery_keys=publics(RESCUE)).after(log.statements())
        refreshed = bundle_of(log)
    assert TrustRoot.parse(root.encode()) == root
    with forked(tmp_path / "fork", OLD) as fork:
        forged, seen = bundle_of(fork), fork.checkpoint
    assert check_11(forged, root) is Outcome.NOT_CHECKED
    assert check_11(honest, root) is Outcome.NOT_CHECKED
    assert check_11(refreshed, root) is Outcome.PASS
    assert check_11(forged, root, anchors((seen.size, seen.root, NOW))) is Outcome.NOT_CHECKED
    three = Checkpoint.parse(InclusionProof.parse(honest.inclusion or "").note.text)
    assert check_11(honest, root, anchors((three.size, three.root, NOW - 1))) is Outcome.PASS


def test_thief_of_one_algorithm_cannot_change_the_keys(tmp_path: Path) -> None:
    with forked(tmp_path, OLD[:1]) as fork:
        fork.change_keys(THIEF, time=NOW)
        bundle = bundle_of(fork)
    assert check_11(bundle, trust()) is Outcome.FAIL
    assert check_11(bundle, trust(require="any")) is Outcome.PASS  # what "any" means


def test_key_that_was_replaced_cannot_change_the_keys_again(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        log.change_keys(NEW, time=NOW)
        first = log.statements()[0].statement
        stolen = KeyStatement(
            origin=ORIGIN,
            sequence=2,
            previous=first.hash(),
            size=log.size,
            root=log.checkpoint.root,
            time=NOW,
            keys=publics(THIEF),
        )
        log._extend([stolen], more_signers=THIEF, more_files=[("keys/2", stolen.seal([*OLD, *THIEF]))])
        bundle = bundle_of(log)
    assert check_11(bundle, trust()) is Outcome.FAIL
    assert check_11(bundle, trust(NEW)) is Outcome.FAIL


def test_two_changes_by_one_key_are_evidence_that_anybody_can_check(tmp_path: Path) -> None:
    found = []
    for name, signers in (("log", NEW), ("fork", THIEF)):
        with logged(tmp_path / name) as log:
            log.change_keys(signers, time=NOW)
            found.append(log.statements()[0])
    fork = compare_statements(*found, publics(OLD))
    assert fork is not None
    fork.verify()
    assert compare_statements(found[0], found[0], publics(OLD)) is None
    assert compare_statements(*found, publics(RESCUE)) is None
    with pytest.raises(VerificationError):
        dataclasses.replace(fork, second=fork.first).verify()


def test_rollback_to_the_keys_before_is_not_trusted_by_a_current_trust_file(tmp_path: Path) -> None:
    with logged(tmp_path / "log") as log:
        log.change_keys(NEW, time=NOW)
        root = trust().after(log.statements())
    with logged(tmp_path / "fork", count=5) as fork:
        assert check_11(bundle_of(fork), root) is Outcome.NOT_CHECKED
        fork.change_keys(THIEF, time=NOW)
        assert check_11(bundle_of(fork), root) is Outcome.FAIL


def test_change_that_is_not_in_the_log_counts_for_nothing(tmp_path: Path) -> None:
    with logged(tmp_path / "log") as log:
        log.change_keys(NEW, time=NOW)
        statements = log.statements()
    with logged(tmp_path / "other", NEW, count=5) as other:
        bundle = bundle_of(other, extra=pack_statements(statements))
    assert check_11(bundle, trust()) is Outcome.FAIL


def test_new_key_that_nobody_shows_to_hold_is_refused(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        statement = log.change_keys(NEW, time=NOW)
        path = log.statements()[0].path
        unproven = SignedStatement(envelope=statement.seal(OLD), path=path)
        assert check_11(bundle_of(log, extra=pack_statements([unproven])), trust()) is Outcome.FAIL


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "other.example", "keys": (key("x", KeyKind.LOG, "other.example").key,)},
        {"sequence": 2},
        {"previous": Bytes32(b"\1" * 32)},
        {"size": 0},
        {"keys": ()},
        {"keys": (MARKET.witnesses[0].key,)},
        {"keys": (NEW[0].key, NEW[0].key)},
        {"revoked": (Revocation(key=NEW[0].key, since=NOW),)},
    ],
)
def test_statement_with_one_thing_wrong_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with logged(tmp_path) as log:
        statement = log.change_keys(NEW, time=NOW)
        wrong = dataclasses.replace(statement, **change)  # type: ignore[arg-type]
        signed = SignedStatement(envelope=wrong.seal([*OLD, *NEW]), path=log.statements()[0].path)
        assert check_11(bundle_of(log, extra=pack_statements([signed])), trust()) is Outcome.FAIL


def test_every_byte_of_the_statements_changed_is_never_trusted(tmp_path: Path) -> None:
    with logged(tmp_path) as log:
        log.change_keys(NEW, time=NOW)
        good = log.prove(1)
        for at in range(0, len(good.extra), 97):
            changed = good.extra[:at] + bytes([good.extra[at] ^ 1]) + good.extra[at + 1 :]
            try:
                bundle = DECISIONS[1].bundle(dataclasses.replace(good, extra=changed))
                assert check_11(bundle, trust()) is not Outcome.PASS, at
            except VerificationError:
                continue


def test_hostile_statements_end_in_a_typed_error() -> None:
    for extra in (b"[", b"[1]", b"[{}]", b'[{"envelope":"","path":[]}]', b"[" * 5000, b'[{"envelope":1,"path":2}]'):
        with pytest.raises(VerificationError):
            [signed.statement for signed in unpack_statements(extra)]
    for entry in (b"{", b"{}", b'{"keys":[]}', b"{" * 5000, b"\xff"):
        with pytest.raises(VerificationError):
            KeyStatement.decode(entry)


def anchors(*posted: tuple[int, bytes, int]) -> ChainFacts:
    """What an honest endpoint says, with these checkpoints on chain."""
    roots = tuple(
        AnchoredRoot(
            contract=MARKET.checkpoints, log=MARKET.log_id, size=size, root=Bytes32(root), time=Timestamp(time)
        )
        for size, root, time in posted
    )
    return MARKET.facts(DECISIONS[1], DECISIONS, roots)
