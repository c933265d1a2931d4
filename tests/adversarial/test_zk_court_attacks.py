"""Attacks on optimistic claims: bare results, lies in every step and section, thefts, replays, lateness."""

from __future__ import annotations

from dataclasses import replace

import pytest

from concordat.chain.answers import Refusal, quantity
from concordat.chain.claim_data import admitted_relation
from concordat.chain.contracts import contract
from concordat.chain.disclosure import shape_of
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import ZERO32, from_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32
from concordat.protocol.claim_messages import Posted
from concordat.protocol.order import Domain, order_id
from concordat.testing.claims import ClaimStage, flipped
from concordat.zk.steps import Step, find_failing_step, rewrite, steps

pytestmark = pytest.mark.chain
PAID, SLASHED = 3, 6


def refused(stage: ClaimStage, name: str, act: object) -> None:
    with pytest.raises(Refusal) as refusal:
        act()  # type: ignore[operator]
    assert stage.error(refusal.value) == name


def test_bare_result_of_a_proven_order_is_not_delivered(stage: ClaimStage) -> None:
    refused(stage, "NotClaimed", stage.submit)


def test_empty_proof_without_a_claim_pays_nothing(stage: ClaimStage) -> None:
    refused(stage, "EvidenceRejected", stage.prove)


def test_claim_for_another_result_delivers_nothing(stage: ClaimStage) -> None:
    stage.post()
    refused(stage, "NotClaimed", lambda: stage.submit(bytes(32)))
    refused(stage, "EvidenceRejected", lambda: stage.prove(output=bytes(32)))


def test_claim_is_posted_once_and_by_the_provider(stage: ClaimStage) -> None:
    stage.post()
    refused(stage, "ClaimExists", stage.post)
    thief = replace(stage, accounts=[*stage.accounts[:2], *stage.accounts[3:]])
    refused(stage, "NotProvider", thief.post)


def test_claim_for_an_order_that_is_not_funded_is_refused(stage: ClaimStage) -> None:
    other = replace(stage, order=replace(stage.order, salt=Bytes32(keccak256(b"other"))))
    refused(stage, "WrongStatus", other.post)


def test_lie_about_what_any_step_gave_is_refuted_by_that_step(stage: ClaimStage) -> None:
    seen = set()
    for outcome in steps(stage.statement, stage.data):
        if outcome.step in seen or not outcome.outputs:
            continue
        seen.add(outcome.step)
        at, written = outcome.outputs[-1]
        # lowest byte: the number stays canonical
        assert stage.convicted(flipped(stage.data, at + len(written) - 1))[0] is outcome.step
    assert seen == set(Step) - {Step.LENGTH, Step.BALANCE, Step.HUB_COLUMN}


def test_changed_section_of_the_proof_is_refuted_however_well_it_is_told(stage: ClaimStage) -> None:
    at = stage.layout()
    roots = (8, 40, at.nonce - 32)
    sections = (*roots, 100, at.nonce - 100, at.nonce + 7, at.hub + 23, at.row + 23, at.pads + 23, at.drawn - 1)
    columns = (at.witness, at.witness + at.columns[0] - 1, at.weights, at.input, at.hub_columns, at.end - 1)
    seen = set()
    for place in (*sections, *columns):
        lie = flipped(stage.data, place)
        seen |= {stage.convicted(told)[0] for told in (lie, rewrite(stage.statement, lie))}
    assert {Step.SUMCHECKS, Step.POSITIONS, Step.HUB, Step.WITNESS_COLUMN, Step.HUB_COLUMN} <= seen


def test_number_that_is_not_canonical_is_refuted(stage: ClaimStage) -> None:
    at = stage.layout()
    for place in (at.nonce - 32 - 72, at.row, at.evaluated, at.witness, at.weights, at.hub_columns):
        stage.convicted(stage.data[:place] + b"\xff" * 8 + stage.data[place + 8 :])


def test_data_of_another_length_is_refuted(stage: ClaimStage) -> None:
    at = stage.layout()
    cuts = [stage.data + b"\0", stage.data[:-1], stage.data[: at.sums], stage.data[:4], b"\0", b"\xff" * 8]
    assert {stage.convicted(lie)[0] for lie in cuts} == {Step.LENGTH}
    more = (int.from_bytes(stage.data[:2], "big") + 1).to_bytes(2, "big") + stage.data[2:]
    counted = more + bytes(replace(stage, data=more).layout().end - len(more))
    assert stage.convicted(counted)[0] is Step.POSITIONS


def test_another_output_told_as_well_as_can_be_is_refuted(stage: ClaimStage) -> None:
    first = int.from_bytes(stage.output[:4], "big", signed=True)
    lie = (first + 1).to_bytes(4, "big", signed=True) + stage.output[4:]
    told = rewrite(stage.stating(lie), stage.data)
    stage.convicted(told, lie)
    stage.post(told, lie)
    stage.submit(lie)
    found = find_failing_step(stage.stating(lie), told)
    assert found is not None
    stage.refute(told, *found, output=lie)
    assert stage.status() == SLASHED
    refused(stage, "WrongStatus", lambda: stage.prove(output=lie))


def test_claim_is_refuted_before_delivery_and_after_its_window_but_not_once_paid(stage: ClaimStage) -> None:
    lie = flipped(stage.data, stage.layout().sums + 23)
    stage.post(lie)
    snapshot = stage.endpoint.call("evm_snapshot")
    stage.refute(lie, Step.JOINT, 0)
    assert stage.status() == SLASHED
    stage.endpoint.call("evm_revert", snapshot)
    stage.submit()
    stage.endpoint.call("evm_increaseTime", stage.order.window)
    stage.endpoint.call("evm_mine")
    assert stage.judged(stage.claim(), lie, Step.JOINT, 0) == ""
    stage.prove()
    assert stage.status() == PAID
    assert stage.judged(stage.claim(), lie, Step.JOINT, 0) == "WrongStatus"


def test_stolen_find_is_worth_nothing(stage: ClaimStage) -> None:
    lie = flipped(stage.data, stage.layout().sums + 23)
    stage.post(lie)
    claim, salt = stage.claim(), keccak256(b"salt")
    stage.court.commit_find(stage.accounts[3], claim, Step.JOINT, 0, salt)
    arguments = (stage.order, claim, stage.statement, lie, Step.JOINT, 0, salt)
    refused(stage, "FindNotCommitted", lambda: stage.court.refute(stage.accounts[5], *arguments))
    stage.court.refute(stage.accounts[3], *arguments)
    assert stage.status() == SLASHED


def test_pieces_of_other_data_and_other_claims_open_nothing(stage: ClaimStage) -> None:
    stage.post()
    claim = stage.claim()
    lie = flipped(stage.data, stage.layout().sums + 23)
    assert stage.judged(claim, lie, Step.JOINT, 0) == "BadOpening"
    other = replace(claim, posted=replace(claim.posted, root=ZERO32))
    assert stage.judged(other, lie, Step.JOINT, 0) == "NoClaim"


MASKED = bytes.fromhex(
    "6031600c60003960316000f3"  # install what follows
    "60005b803611156015578035198152602001600256"  # invert every word of the call data
    "5b6000600060203603602060006000515af1602f5760006000fd5b00"  # the first of them says whom to call with the rest
)
"""A contract that makes its calls up: no transaction has them in plain."""


def test_attack_claim_made_by_a_contract_is_read_all_the_same(stage: ClaimStage) -> None:
    owner, endpoint = stage.accounts[2], stage.endpoint
    sender = TransactionSender(endpoint)
    masked = Address(from_hex(sender.send(owner, None, MASKED)["contractAddress"]))

    def call(name: str, function: str, *arguments: object) -> bytes:
        data = stage.at[name].rjust(32, b"\0") + contract(name).call(function, *arguments)
        inverted = bytes(0xFF ^ byte for byte in data)
        receipt = sender.send(owner, masked, inverted)
        assert quantity(receipt["status"]) == 1
        return from_hex(receipt["transactionHash"])

    order = replace(stage.order, provider=masked, salt=Bytes32(keccak256(b"masked")))
    name = order_id(order, Domain(chain_id=endpoint.chain_id, market=stage.at["Market"]))
    call("DevToken", "mint", masked, order.bond)
    call("DevToken", "approve", stage.at["Vault"], order.bond)
    call("Vault", "deposit", order.bond)
    call("Market", "accept", order, 1, stage.accounts[1].sign(name))
    relation = stage.statement.relation
    admitted = call("ProofCourt", "admit", relation.encode())
    assert admitted_relation(endpoint, stage.at["ProofCourt"], relation.digest, admitted) == relation.encode()
    posted = Posted(output=stage.output, head=stage.head, relation=Bytes32(relation.digest))
    call("ProofCourt", "postCalldata", order, shape_of(relation), posted, stage.data)
    assert stage.court.data(stage.claim()) == stage.data
