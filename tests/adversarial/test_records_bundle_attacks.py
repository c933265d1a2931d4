"""Attacks on one bundle: every field changed, parts swapped, replays, forged logs. None of them may ever verify."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Timestamp
from concordat.protocol.bundle import Anchor, Bundle
from concordat.protocol.checkpoint import Checkpoint, InclusionProof, NoteSigner, cosign, sign_checkpoint
from concordat.protocol.messages import FundingMode
from concordat.protocol.record import DecisionRecord, record_decision
from concordat.protocol.transparency import entry_hash, join
from concordat.protocol.verification import Outcome
from concordat.storage.log import TransparencyLog
from concordat.testing.records import SampleMarket
from concordat.verify import verify

MARKET = SampleMarket()
DECISIONS = [MARKET.decide(i) for i in range(6)]
TRUST = MARKET.trust(quorum=1)
SEED = 20_260_722


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Witnessed, anchored, everything disclosed."""
    with TransparencyLog(tmp_path_factory.mktemp("log"), MARKET.log) as log:
        log.append_all([decision.record for decision in DECISIONS[:5]])
        log.countersign(cosign(log.note, MARKET.witnesses[0], Timestamp(5)))
        proof = log.prove(2)
        log.append(DECISIONS[5].record)
        anchor = Anchor(
            contract=MARKET.checkpoints,
            log=MARKET.log_id,
            size=log.size,
            root=log.checkpoint.root,
            consistency=log.consistency(5),
        )
    return DECISIONS[2].bundle(proof, anchor=anchor)


def good(data: bytes | Bundle) -> bool:
    """Whether a verifier would accept it; hostile bytes may only raise `VerificationError`."""
    try:
        return verify(data, TRUST).ok
    except VerificationError:
        return False


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in a JSON tree with its path, containers too."""
    yield path, node
    if isinstance(node, dict | list):
        for key, item in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(item, (*path, key))


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def mutations(value: Any) -> Iterator[Any]:
    """Other values of the same JSON type, close to the honest one, and some of other types."""
    if isinstance(value, bool) or value is None:
        yield 0
        return
    yield None
    if isinstance(value, int):
        yield from (value + 1, value - 1, 0 if value else 2, value ^ 1 << 20, value + 2**32, value + 2**96)
    elif isinstance(value, str) and value.startswith("0x"):
        digits = value[2:]
        yield from ("0x", value + "00", value[:-2] if digits else "0x00", "0x" + "00" * (len(digits) // 2))
        for position in {2, len(value) // 2, len(value) - 1} if digits else ():
            yield value[:position] + format(int(value[position], 16) ^ 1, "x") + value[position + 1 :]
    elif isinstance(value, str):
        yield from ("", value + " ", value[:-1], value.swapcase())
    elif isinstance(value, list):
        yield from ([], value[:-1], value[::-1], value + value[-1:])
    else:
        yield {}


def test_honest_bundle_verifies(bundle: Bundle) -> None:
    assert good(bundle.encode())


def test_every_field_of_a_bundle_changed_one_by_one_never_verifies(bundle: Bundle) -> None:
    tree = json.loads(bundle.encode())
    tried = 0
    for path, value in leaves(tree):
        for other in mutations(value):
            if other == value and type(other) is type(value):
                continue
            if path and path[-1] in OPTIONAL and other is None and len(path) == 1:
                continue  # withholding is no forgery; the next test looks at it
            data = canonical_json(changed(tree, path, other))
            tried += 1
            assert not good(data), f"{path}: {str(value)[:60]} -> {str(other)[:60]}"
    assert tried > 500


OPTIONAL = ("manifest", "input", "anchor")
"""Parts that may be left out of a good bundle; what is then said is still true."""


def test_part_left_out_never_makes_a_check_pass_that_did_not(bundle: Bundle) -> None:
    whole = {check.number for check in verify(bundle, TRUST).checks if check.outcome is Outcome.PASS}
    for name in (
        "manifest",
        "program",
        "output",
        "output_salt",
        "input",
        "evidence_salt",
        "record",
        "inclusion",
        "anchor",
    ):
        report = verify(dataclasses.replace(bundle, **{name: None}), TRUST)
        assert {check.number for check in report.checks if check.outcome is Outcome.PASS} <= whole
        assert report.ok == (name in ("manifest", "anchor")), name


def test_every_character_of_the_inclusion_proof_changed_never_verifies(bundle: Bundle) -> None:
    text = bundle.inclusion
    assert text is not None
    for position, character in enumerate(text):
        for other in ("A", "B", "0", "\n", " "):
            if other != character:
                forged = text[:position] + other + text[position + 1 :]
                assert not good(canonical_json({**json.loads(bundle.encode()), "inclusion": forged}))


def test_random_bytes_in_a_bundle_never_verify_and_never_crash(bundle: Bundle) -> None:
    rng, data = random.Random(SEED), bundle.encode()
    for _ in range(2_000):
        hostile = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(hostile))
            match rng.randrange(3):
                case 0:
                    hostile[place] = rng.randrange(256)
                case 1:
                    del hostile[place : place + rng.randint(1, 50)]
                case 2:
                    hostile[place:place] = rng.randbytes(rng.randint(1, 8))
        if bytes(hostile) != data:
            assert not good(bytes(hostile)), f"seed {SEED}"


def test_parts_of_two_honest_bundles_never_verify_together(bundle: Bundle) -> None:
    other = DECISIONS[3].alone()
    for field in dataclasses.fields(Bundle):
        mixed = dataclasses.replace(bundle, **{field.name: getattr(other, field.name)})
        if mixed != bundle and field.name != "anchor":
            assert not good(mixed), field.name


# -- replays ---------------------------------------------------------------------------------------------------------


def test_bundle_of_another_chain_is_refused() -> None:
    elsewhere = SampleMarket(chain_id=1)
    report = verify(elsewhere.decide(0).alone(), MARKET.trust())
    assert [check.number for check in report.failed] == [2]


def test_bundle_of_another_market_is_refused() -> None:
    elsewhere = SampleMarket("elsewhere")
    trust = dataclasses.replace(MARKET.trust(), log_keys=(elsewhere.log.key,), token=None, vault=None)
    report = verify(elsewhere.decide(0).alone(), trust)
    assert [check.number for check in report.failed] == [2]


def test_order_moved_to_the_trusted_chain_loses_its_signature_and_record() -> None:
    elsewhere = SampleMarket(chain_id=1)
    moved = dataclasses.replace(elsewhere.decide(0).alone(), domain=MARKET.domain)
    assert {2, 3, 6, 9} <= {check.number for check in verify(moved, MARKET.trust()).failed}


def test_authorisation_for_another_vault_is_refused(bundle: Bundle) -> None:
    assert bundle.token is not None
    forged = dataclasses.replace(bundle, token=dataclasses.replace(bundle.token, vault=MARKET.address("thief")))
    assert 3 in {check.number for check in verify(forged, dataclasses.replace(TRUST, vault=None)).failed}


def test_credit_signature_is_no_token_authorisation(bundle: Bundle) -> None:
    credit = MARKET.decide(2, mode=FundingMode.CREDIT)
    funding = dataclasses.replace(bundle.funding, signature=credit.funding.signature)
    assert 3 in {check.number for check in verify(dataclasses.replace(bundle, funding=funding), TRUST).failed}


def test_other_version_of_the_model_is_refused() -> None:
    newer = SampleMarket("sample")
    newer.manifest = dataclasses.replace(newer.manifest, content={**newer.manifest.content, "version": "1.0.1"})
    bundle = DECISIONS[0].alone()
    forged = dataclasses.replace(bundle, model=newer.model, manifest=newer.manifest.encode().decode())
    assert 4 in {check.number for check in verify(forged, TRUST).failed}
    only_newer = dataclasses.replace(MARKET.trust(), models=frozenset({newer.model.model_id()}))
    assert [check.number for check in verify(bundle, only_newer).failed] == [2]


# -- a dishonest log or provider -------------------------------------------------------------------------------------


def logged_by(signer: NoteSigner, record: DecisionRecord) -> str:
    checkpoint = Checkpoint(origin=signer.key.name, size=1, root=record.leaf())
    return InclusionProof(index=0, path=(), note=sign_checkpoint(checkpoint, signer)).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"gathered": 1},
        {"sequence": 0},
        {"time": Timestamp(1)},
        {"output": sha256(b"other")},
        {"evidence": sha256(b"other")},
        {"input": sha256(b"other")},
        {"provider": MARKET.address("other")},
        {"model": sha256(b"other")},
        {"order_id": sha256(b"other")},
    ],
)
def test_edited_record_under_the_logs_own_key_is_refused(change: dict[str, Any]) -> None:
    bundle = DECISIONS[2].alone()
    edited = dataclasses.replace(DECISIONS[2].record, **change)
    forged = dataclasses.replace(bundle, record=edited, inclusion=logged_by(MARKET.log, edited))
    report = verify(forged, MARKET.trust(), endpoint_facts=MARKET.facts(DECISIONS[2], DECISIONS))
    assert report.failed, "a trusted log that edits is caught by the bundle or by the chain"


def test_back_dated_settlement_under_the_logs_own_key_is_refused_by_the_chain() -> None:
    honest = DECISIONS[2]
    early = tuple(dataclasses.replace(p, time=Timestamp(p.time - 50)) for p in honest.settlement)
    forged = dataclasses.replace(MARKET.decide(2), settlement=early)
    record = dataclasses.replace(honest.record, time=early[-1].time)
    bundle = dataclasses.replace(
        dataclasses.replace(forged, record=record).alone(), inclusion=logged_by(MARKET.log, record)
    )
    report = verify(bundle, MARKET.trust(), endpoint_facts=MARKET.facts(honest, DECISIONS))
    assert {6, 14} <= {check.number for check in report.failed}


def test_unknown_log_is_never_trusted() -> None:
    bundle = DECISIONS[2].alone()
    stranger = NoteSigner.from_seed("log.example/decisions", sha256(b"stranger"))
    forged = dataclasses.replace(bundle, inclusion=logged_by(stranger, DECISIONS[2].record))
    assert verify(forged, MARKET.trust()).exit_code == 3
    other_name = NoteSigner.from_seed("evil.example", MARKET.secret("log"))
    forged = dataclasses.replace(bundle, inclusion=logged_by(other_name, DECISIONS[2].record))
    assert verify(forged, MARKET.trust()).exit_code == 3


def test_signature_of_a_trusted_log_under_another_logs_origin_is_refused() -> None:
    """Two logs are trusted; one of them signs a checkpoint that claims to be the other's."""
    bundle, victim = DECISIONS[2].alone(), NoteSigner.from_seed("victim.example", sha256(b"victim"))
    trust = dataclasses.replace(MARKET.trust(), log_keys=(MARKET.log.key, victim.key))
    note = sign_checkpoint(Checkpoint(origin="victim.example", size=1, root=DECISIONS[2].record.leaf()), victim)
    line = note.signatures[0]
    forged_line = dataclasses.replace(
        line, name=MARKET.log.key.name, key_id=MARKET.log.key.key_id, blob=MARKET.log.sign(note.text.encode())
    )
    note = dataclasses.replace(note, signatures=(forged_line,))
    forged = dataclasses.replace(bundle, inclusion=InclusionProof(index=0, path=(), note=note).encode())
    assert not verify(forged, trust).ok


def test_inner_node_of_the_tree_is_no_record() -> None:
    """Second preimage: two leaves are offered as one entry."""
    left, right = DECISIONS[0].record.leaf(), DECISIONS[1].record.leaf()
    assert entry_hash(left + right) != join(left, right)
    with pytest.raises(VerificationError):
        DecisionRecord.decode(left + right)


def test_wrong_output_that_a_colluding_client_released_fails_on_re_execution() -> None:
    """Client and provider agree on a false answer; policy and settlement are in order, the arithmetic is not."""
    honest = DECISIONS[2]
    wrong = dataclasses.replace(honest.result, output=bytes(32))
    record = record_decision(
        domain=MARKET.domain,
        order=honest.order,
        result=wrong,
        gathered=2,
        settlement=honest.settlement,
        sequence=2,
        salts=honest.salts,
    )
    forged = dataclasses.replace(honest, result=wrong, record=record).alone()
    report = verify(forged, MARKET.trust())
    assert [check.number for check in report.failed] == [13]


def test_program_of_another_model_is_not_run(bundle: Bundle) -> None:
    other = SampleMarket("other")
    assert 13 in {c.number for c in verify(bundle, TRUST, program=other.graph.to_bytes()).failed}
    assert 13 in {c.number for c in verify(bundle, TRUST, program=b"\x7fELF").failed}


def test_input_tree_of_hostile_depth_costs_nothing(bundle: Bundle) -> None:
    """A commitment that claims a tree of 2**255 leaves must not be built."""
    dimensions = b"\xff" * 4 + bundle.model.dimensions[4:]
    forged = dataclasses.replace(bundle, model=dataclasses.replace(bundle.model, dimensions=dimensions))
    assert 5 in {check.number for check in verify(forged, TRUST).failed}


def test_hostile_manifest_never_crashes() -> None:
    hostile = [
        "",
        "[" * 50_000,
        "null",
        '{"schema":{}}',
        '{"schema":{"input":{"elements":"i16","columns":[]}}}',
        "\ud800",
    ]
    for text in hostile:
        assert not good(dataclasses.replace(DECISIONS[0].alone(), manifest=text))
