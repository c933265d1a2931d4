"""Optimistic claims on a real chain: posted, waited for, paid; and everything that an honest one withstands."""

from __future__ import annotations

import pytest

from concordat.chain.answers import Refusal, quantity
from concordat.chain.contracts import contract
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.testing.claims import ClaimStage
from concordat.zk.steps import Step, claim_data, find_failing_step, steps
from concordat.zk.verifier import verify

pytestmark = pytest.mark.chain
PAID = 3


def wait(stage: ClaimStage, seconds: int) -> None:
    stage.endpoint.call("evm_increaseTime", seconds)
    stage.endpoint.call("evm_mine")


def test_claim_that_stood_for_its_window_is_paid_as_validity_evidence(stage: ClaimStage) -> None:
    stage.post()
    stage.submit()
    with pytest.raises(Refusal):
        stage.prove()
    wait(stage, stage.order.window)
    stage.prove()
    assert stage.status() == PAID


def test_whole_proof_is_paid_at_once_beside_a_claim(stage: ClaimStage) -> None:
    stage.post()
    relation = stage.statement.relation.encode()
    stage.prove(stage.head + len(relation).to_bytes(4, "big") + relation + stage.proof)
    assert stage.status() == PAID


def test_watcher_reads_a_claim_back_and_finds_nothing(stage: ClaimStage) -> None:
    stage.post()
    claim = stage.court.claims().__next__()
    data = stage.court.data(claim)
    assert data == claim_data(stage.statement, stage.proof)
    assert find_failing_step(stage.statement, data) is None
    verify(stage.statement, stage.proof)


def test_honest_claim_is_not_refuted_in_any_step(stage: ClaimStage) -> None:
    stage.post()
    claim, seen = stage.claim(), set()
    for outcome in steps(stage.statement, stage.data):
        assert stage.judged(claim, stage.data, outcome.step, outcome.index) == "NoFraud", outcome.step.name
        seen.add(outcome.step)
    assert seen == set(Step)


def test_step_that_does_not_exist_or_lacks_gas_is_not_judged(stage: ClaimStage) -> None:
    stage.post()
    claim = stage.claim()
    assert stage.judged(claim, stage.data, Step.SUMCHECKS, 1) == "Unjudged"
    assert stage.judged(claim, stage.data, Step.POWERS, 60_000) == "Unjudged"
    for gas in (250_000, 300_000, 400_000, 500_000):
        assert stage.judged(claim, stage.data, Step.HUB_COLUMN, 0, gas=gas) in ("Unjudged", "reverted", "NoFraud")


def test_court_for_traces_takes_no_claimed_order(stage: ClaimStage) -> None:
    stage.post()
    stage.submit()
    header = {"trace_root": ZERO32, "output_hash": ZERO32}
    model = dict.fromkeys(("program_root", "weights_root", "dimensions", "native_digest", "manifest_digest"), ZERO32)
    for function in ("openDispute", "demand"):
        arguments = (stage.order, header, model, *((1 << 31,) if function == "demand" else ()))
        call = contract("Court").call(function, *arguments)
        request = {"to": to_hex(stage.at["Court"]), "data": to_hex(call)}
        with pytest.raises(Refusal) as refused:
            stage.endpoint.call("eth_call", request, "latest")
        assert stage.error(refused.value) == "WrongStatus"


def test_gas_of_a_claim_is_that_of_its_call_data_and_little_more(stage: ClaimStage) -> None:
    receipt = stage.post()
    assert quantity(receipt["gasUsed"]) < 21_000 + 40 * (len(stage.data) + 4_000) + 120_000
