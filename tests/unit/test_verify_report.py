"""The sixteen checks on honest bundles: what is required, what stays open, what the report says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from concordat.primitives.errors import ConfigurationError, InputError, VerificationError
from concordat.primitives.units import Timestamp
from concordat.protocol.bundle import Anchor, Bundle
from concordat.protocol.checkpoint import InclusionProof, cosign
from concordat.protocol.evidence import AllOf, AnyOf, ClientRelease, FraudProvable, Native
from concordat.protocol.messages import FundingMode
from concordat.protocol.order import OrderStatus
from concordat.protocol.trust import TrustRoot, parse_policy
from concordat.protocol.verification import CHECKS, AnchoredRoot, ChainFacts, Outcome, Report
from concordat.storage.log import TransparencyLog
from concordat.testing.records import SampleDecision, SampleMarket
from concordat.verify import verify

MARKET = SampleMarket()
DECISIONS = [MARKET.decide(i) for i in range(5)]
TRUST = MARKET.trust()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory):
    with TransparencyLog(tmp_path_factory.mktemp("log"), MARKET.log) as opened:
        opened.append_all([decision.record for decision in DECISIONS])
        yield opened


@pytest.fixture
def bundle(log: TransparencyLog) -> Bundle:
    return DECISIONS[2].bundle(log.prove(2))


@pytest.fixture
def facts(log: TransparencyLog) -> ChainFacts:
    posted = AnchoredRoot(
        contract=MARKET.checkpoints,
        log=MARKET.log_id,
        size=log.size,
        root=log.checkpoint.root,
        time=Timestamp(2_000_000_000),
    )
    return MARKET.facts(DECISIONS[2], DECISIONS, (posted,))


def outcome(report: Report, number: int) -> Outcome:
    return report.checks[number - 1].outcome


def open_checks(report: Report) -> set[int]:
    return {check.number for check in report.checks if check.outcome is Outcome.NOT_CHECKED}


def test_report_on_disclosed_bundle_with_trust_is_good_offline(bundle: Bundle) -> None:
    report = verify(bundle, TRUST)
    assert (report.ok, report.trusted, report.exit_code) == (True, True, 0)
    assert open_checks(report) == {12, 14, 15, 16}
    assert report


def test_report_without_trust_is_consistent_at_best(bundle: Bundle) -> None:
    report = verify(bundle)
    assert (report.ok, report.trusted, report.exit_code) == (False, False, 3)
    assert outcome(report, 11) is Outcome.NOT_CHECKED
    assert "NOT TRUSTED" in str(report)


def test_report_with_facts_of_the_chain_checks_everything_but_witnesses(bundle: Bundle, facts: ChainFacts) -> None:
    report = verify(bundle, TRUST, endpoint_facts=facts)
    assert report.ok
    assert open_checks(report) == {12}
    assert report.required >= {14, 15, 16}


def test_evidence_that_nobody_checked_is_no_pass(bundle: Bundle) -> None:
    hidden = dataclasses.replace(bundle, program=None)
    report = verify(hidden, TRUST)
    assert outcome(report, 8) is Outcome.NOT_CHECKED
    assert (report.ok, report.exit_code) == (False, 3)
    assert "NOT COMPLETE" in report.verdict


def test_evidence_is_established_by_the_chain_alone(bundle: Bundle, facts: ChainFacts) -> None:
    private = dataclasses.replace(bundle, program=None, input=None)
    report = verify(private, TRUST, endpoint_facts=facts)
    assert report.ok
    assert open_checks(report) == {5, 12, 13}


def test_program_handed_over_separately_is_used(bundle: Bundle) -> None:
    report = verify(dataclasses.replace(bundle, program=None), TRUST, program=MARKET.graph.to_bytes())
    assert report.ok


def test_bundle_before_settlement_is_consistent(log: TransparencyLog) -> None:
    report = verify(DECISIONS[1].bundle(None), TRUST)
    assert report.exit_code == 3
    assert open_checks(report) >= {6, 9, 10, 11}
    assert not report.failed


def test_client_release_does_not_satisfy_a_policy_that_asks_for_more(log: TransparencyLog) -> None:
    decision = _relogged(gathered=1 << 7)
    report = verify(dataclasses.replace(decision, program=None), TRUST)
    assert outcome(report, 8) is Outcome.FAIL
    assert outcome(verify(decision, TRUST), 8) is Outcome.PASS, "whoever ran the model again has seen it himself"


def test_client_release_satisfies_a_policy_that_accepts_it(facts: ChainFacts) -> None:
    bundle = _relogged(gathered=1 << 7, policy=AnyOf(Native(), ClientRelease()))
    assert outcome(verify(dataclasses.replace(bundle, program=None), TRUST), 8) is Outcome.NOT_CHECKED


def test_policy_of_the_verifier_is_required_besides_the_clients(bundle: Bundle, facts: ChainFacts) -> None:
    strict = dataclasses.replace(TRUST, evidence=AllOf(Native(), ClientRelease()))
    assert outcome(verify(bundle, strict), 8) is Outcome.FAIL
    private = dataclasses.replace(bundle, program=None)
    assert verify(private, TRUST, policy=FraudProvable(), endpoint_facts=facts).ok
    assert outcome(verify(private, TRUST, policy=Native(), endpoint_facts=facts), 8) is Outcome.FAIL


def test_credit_order_is_verified_without_a_token(log: TransparencyLog) -> None:
    bundle = _relogged(mode=FundingMode.CREDIT)
    assert bundle.token is None
    assert outcome(verify(bundle, TRUST), 3) is Outcome.PASS


def test_signature_of_a_contract_needs_the_chain(facts: ChainFacts) -> None:
    bundle = _relogged(mode=FundingMode.CREDIT)
    contract = dataclasses.replace(bundle, funding=dataclasses.replace(bundle.funding, signature=b"opaque"))
    assert outcome(verify(contract, TRUST), 3) is Outcome.NOT_CHECKED
    report = verify(contract, TRUST, endpoint_facts=facts_of(MARKET.decide(0, mode=FundingMode.CREDIT)))
    assert outcome(report, 3) is Outcome.PASS


@pytest.mark.parametrize(("signed", "good"), [(0, False), (1, False), (2, True), (3, True)])
def test_quorum_of_witnesses_is_required_where_the_trust_root_asks(bundle: Bundle, signed: int, good: bool) -> None:
    proof = InclusionProof.parse(bundle.inclusion or "")
    note = proof.note
    for witness in MARKET.witnesses[:signed]:
        note = cosign(note, witness, Timestamp(9))
    witnessed = dataclasses.replace(bundle, inclusion=dataclasses.replace(proof, note=note).encode())
    report = verify(witnessed, MARKET.trust(quorum=2))
    assert (report.ok, report.exit_code) == (good, 0 if good else 3)
    assert 12 in report.required


def test_two_signatures_of_one_witness_count_once(bundle: Bundle) -> None:
    proof = InclusionProof.parse(bundle.inclusion or "")
    note = cosign(cosign(proof.note, MARKET.witnesses[0], Timestamp(9)), MARKET.witnesses[0], Timestamp(10))
    witnessed = dataclasses.replace(bundle, inclusion=dataclasses.replace(proof, note=note).encode())
    assert not verify(witnessed, MARKET.trust(quorum=2)).ok


def test_later_anchor_is_tied_to_the_checkpoint_by_consistency(tmp_path: Path) -> None:
    with TransparencyLog(tmp_path, MARKET.log) as log:
        log.append_all([d.record for d in DECISIONS[:3]])
        proof = log.prove(2)
        log.append_all([d.record for d in DECISIONS])
        root = log.checkpoint.root
        anchor = Anchor(
            contract=MARKET.checkpoints, log=MARKET.log_id, size=5, root=root, consistency=log.consistency(3)
        )
    bundle = DECISIONS[2].bundle(proof, anchor=anchor)
    posted = AnchoredRoot(
        contract=MARKET.checkpoints, log=MARKET.log_id, size=5, root=root, time=Timestamp(2_000_000_000)
    )
    assert outcome(verify(bundle, TRUST), 15) is Outcome.NOT_CHECKED
    assert verify(bundle, TRUST, endpoint_facts=MARKET.facts(DECISIONS[2], DECISIONS, (posted,))).ok
    broken = dataclasses.replace(bundle, anchor=dataclasses.replace(anchor, consistency=anchor.consistency[::-1]))
    assert outcome(verify(broken, TRUST), 15) is Outcome.FAIL


def test_missing_anchor_leaves_the_check_open(bundle: Bundle, facts: ChainFacts) -> None:
    report = verify(bundle, TRUST, endpoint_facts=dataclasses.replace(facts, anchors=()))
    assert (outcome(report, 15), report.exit_code) == (Outcome.NOT_CHECKED, 3)


@pytest.mark.parametrize("status", [s for s in OrderStatus if s is not OrderStatus.PAID])
def test_order_that_is_not_paid_on_chain_contradicts_its_record(
    bundle: Bundle, facts: ChainFacts, status: OrderStatus
) -> None:
    other = dataclasses.replace(facts, state=dataclasses.replace(facts.state, status=status))
    assert outcome(verify(bundle, TRUST, endpoint_facts=other), 14) is Outcome.FAIL


def test_complete_log_shows_that_nothing_was_left_out(bundle: Bundle, facts: ChainFacts) -> None:
    complete = dataclasses.replace(facts, records=tuple(d.record for d in DECISIONS))
    assert verify(bundle, TRUST, endpoint_facts=complete).ok
    holed = dataclasses.replace(facts, records=tuple(d.record for d in DECISIONS if d.record.sequence != 1))
    report = verify(bundle, TRUST, endpoint_facts=holed)
    assert outcome(report, 16) is Outcome.FAIL
    assert "omitted" in report.checks[15].reason


def test_report_reads_the_same_as_text_json_and_explanation(bundle: Bundle) -> None:
    report = verify(bundle, TRUST)
    said = report.to_json()
    assert [check["number"] for check in said["checks"]] == list(CHECKS)
    assert (said["ok"], said["exit_code"]) == (True, 0)
    explanation = report.explain()
    for check in report.checks:
        assert f"{check.number}. " in explanation
        assert check.reason[1:] in explanation
    assert explanation.endswith(report.verdict)


def test_bundle_is_read_from_a_file(tmp_path: Path, bundle: Bundle) -> None:
    path = tmp_path / "decision.json"
    path.write_bytes(bundle.encode())
    assert verify(path, TRUST).ok
    assert verify(str(path), TRUST).ok
    with pytest.raises(InputError):
        verify(tmp_path / "missing.json")
    path.write_bytes(b"not a bundle")
    with pytest.raises(VerificationError):
        verify(path)


# -- trust roots -----------------------------------------------------------------------------------------------------


def test_trust_root_encodes_to_text_that_parses_to_the_same(tmp_path: Path) -> None:
    policy, models = parse_policy("native or fraud-provable"), frozenset({MARKET.secret("m")})
    full = dataclasses.replace(MARKET.trust(quorum=2), evidence=policy, models=models)
    for root in (TRUST, full, dataclasses.replace(TRUST, token=None, vault=None, checkpoints=None, log=None)):
        path = tmp_path / "trust.toml"
        path.write_text(root.encode())
        assert TrustRoot.load(path) == root


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("[log]", "[logs]"),
        lambda text: text.replace("keys = [", "keys = [7, "),
        lambda text: text.replace("keys", "key"),
        lambda text: text.replace("id = 31337", 'id = "31337"'),
        lambda text: text.replace("id = 31337", "id = true"),
        lambda text: text.replace("id = 31337\n", ""),
        lambda text: text.replace("market = ", "markets = "),
        lambda text: text.replace('market = "0x', 'market = "0x00'),
        lambda text: text.replace("quorum = 2", "quorum = 4"),
        lambda text: text.replace("quorum = 2", "quorum = -1"),
        lambda text: text.replace("quorum = 2", 'quorum = "2"'),
        lambda text: text.replace("quorum = 2", "quorum = true"),
        lambda text: text.replace("witness0.example+", "witness9.example+"),
        lambda text: text + "\n[accept]\nevidence = 'magic'\n",
        lambda text: text + "\n[accept]\nevidence = 3\n",
        lambda text: text + "\n[accept]\nmodels = ['0x00']\n",
        lambda text: text + "\n[accept]\nmodels = 5\n",
        lambda text: text.replace("[witnesses]", "[log]"),
        lambda text: "log = 3\nchain = 4\n",
        lambda text: "",
        lambda text: "[log",
    ],
)
def test_trust_root_with_a_mistake_is_refused(change) -> None:
    text = change(MARKET.trust(quorum=2).encode())
    with pytest.raises(ConfigurationError):
        TrustRoot.parse(text)


def test_trust_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        TrustRoot.load(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError):
        TrustRoot.load(tmp_path / "binary.toml")


def test_witness_key_is_no_log_key() -> None:
    text = TRUST.encode().replace(MARKET.log.key.encode(), MARKET.witnesses[0].key.encode())
    with pytest.raises(ConfigurationError):
        TrustRoot.parse(text)


@pytest.mark.parametrize(
    "policy", [Native(), AnyOf(Native(), FraudProvable()), AnyOf(AllOf(Native(), ClientRelease()), FraudProvable())]
)
def test_policy_in_words_parses_to_itself(policy) -> None:
    assert parse_policy(str(policy)) == policy


def _relogged(**choices) -> Bundle:
    """A bundle of decision 0 made otherwise, alone in a log."""
    return MARKET.decide(0, **choices).alone()


def facts_of(decision: SampleDecision) -> ChainFacts:
    return MARKET.facts(decision, [decision])
