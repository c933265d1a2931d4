"""Claims whose data is in a blob: posted, read back, and refuted where the blob holds something else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from concordat.chain.answers import Refusal, quantity
from concordat.chain.anvil import AnvilNode
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.blobs import blob_words, carried, challenge_point, halves, read_blob, to_blob, value_at
from concordat.chain.disclosure import root_refutation
from concordat.chain.envelope import SignedTransaction, call_of
from concordat.chain.kzg import point_proof
from concordat.chain.pool import carry, takes_blobs
from concordat.chain.sidecars import Sidecar
from concordat.chain.transactions import TransactionSender
from concordat.chain.translate import call_for
from concordat.chain.waiting import Patience
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, InputError, NotFoundError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.protocol.claim_messages import ROOT_STEP, RefuteRoot, ShowHalf, data_chunks
from concordat.testing.claims import ClaimStage
from concordat.zk.steps import Step, find_failing_step

pytestmark = pytest.mark.chain
PAID, SLASHED = 3, 6
PASSED_ON = 100_000
"""Bytes of a call that are far below what nodes pass on, 131,072 of a transaction."""
SALT = bytes(32)


def post(stage: ClaimStage, data: bytes, sidecar: Sidecar | None = None) -> int:
    """Claim that a blob holds data; the gas, without the blob's."""
    relation, court = stage.statement.relation, stage.court
    receipt = court.post_blob(
        stage.accounts[2],
        stage.order,
        head=stage.head,
        relation=relation,
        output=stage.output,
        data=data,
        sidecar=sidecar,
    )
    assert quantity(receipt["blobGasUsed"]) == 131_072
    return quantity(receipt["gasUsed"])


def refute(stage: ClaimStage) -> int:
    """Show the claim's blob, as it is read back, to the contract; the gas."""
    claim = stage.claim()
    stage.court.commit_find(stage.accounts[3], claim, ROOT_STEP, 0, SALT)
    return quantity(stage.court.refute_root(stage.accounts[3], stage.order, claim, SALT)["gasUsed"])


def refused(stage: ClaimStage, name: str, messages: tuple[ShowHalf, RefuteRoot]) -> None:
    """Both fit what nodes pass on, and the second is refused; nothing is kept of that."""
    sender, calls = TransactionSender(stage.endpoint), [call_for(message)[1] for message in messages]
    assert max(map(len, calls)) < PASSED_ON
    stage.court.commit_find(stage.accounts[3], stage.claim(), ROOT_STEP, 0, SALT)
    with pytest.raises(Refusal) as refusal:
        sender.prepare(stage.accounts[3], stage.court.address, calls[1])
    assert stage.error(refusal.value) == "HalfNotShown"
    snapshot = stage.endpoint.call("evm_snapshot")
    assert quantity(sender.send(stage.accounts[4], stage.court.address, calls[0])["status"]) == 1
    with pytest.raises(Refusal) as refusal:
        sender.prepare(stage.accounts[3], stage.court.address, calls[1])
    assert stage.error(refusal.value) == name
    stage.endpoint.call("evm_revert", snapshot)


def shown(stage: ClaimStage, blob: bytes, words: bytes) -> tuple[ShowHalf, RefuteRoot]:
    """A refutation that shows other words than the blob's."""
    posted = stage.claim().posted
    point = challenge_point(posted.blob, words)
    half, message = root_refutation(stage.order, posted, blob, SALT)
    lower, upper = halves(words)
    found = replace(message.half, value=value_at(lower, point), chunks=data_chunks(carried(lower)[: posted.length]))
    said = replace(message, first=keccak256(lower), half=found, words=upper, proof=point_proof(blob, point))
    return replace(half, words=lower, second=keccak256(upper)), said


def test_bytes_come_back_from_a_blob() -> None:
    data = os.urandom(100_000)
    assert read_blob(to_blob(data), len(data)) == data
    with pytest.raises(InputError):
        to_blob(bytes(126_977))
    with pytest.raises(VerificationError):
        read_blob((1 << 250).to_bytes(32, "big") * 4096, 1)


def test_claim_in_a_blob_is_cheap_withstands_everything_and_is_paid(stage: ClaimStage) -> None:
    assert post(stage, stage.data) < 125_000
    claim, blob = stage.claim(), to_blob(stage.data)
    assert stage.court.blob(claim) == blob
    assert stage.court.data(claim) == stage.data
    assert find_failing_step(stage.statement, stage.court.data(claim)) is None
    assert stage.judged(claim, stage.data, Step.BALANCE, 0) == "NoFraud"
    refused(stage, "NoFraud", root_refutation(stage.order, claim.posted, blob, SALT))
    other = to_blob(stage.data + b"\1")
    refused(stage, "BadBlob", root_refutation(stage.order, claim.posted, other, SALT))
    refused(stage, "BadBlob", shown(stage, blob, blob_words(other)))
    stage.submit()
    stage.endpoint.call("evm_increaseTime", stage.order.window)
    stage.endpoint.call("evm_mine")
    stage.prove()
    assert stage.status() == PAID


def test_blob_that_holds_something_else_than_its_claim_says_is_refuted(stage: ClaimStage) -> None:
    post(stage, stage.data, Sidecar.of(to_blob(stage.data[:-1] + b"\0")))
    with pytest.raises(VerificationError) as caught:
        stage.court.data(stage.claim())
    assert caught.value.code == "BlobMismatch"
    assert refute(stage) < 2_600_000
    assert stage.status() == SLASHED


def test_blob_that_carries_no_bytes_is_refuted(stage: ClaimStage) -> None:
    # one value changed, and every coefficient is some number below the group's order
    blob = bytearray(to_blob(stage.data))
    blob[31] ^= 1
    post(stage, stage.data, Sidecar.of(bytes(blob)))
    with pytest.raises(VerificationError) as caught:
        stage.court.data(stage.claim())
    assert caught.value.code == "BlobMismatch"
    refute(stage)
    assert stage.status() == SLASHED


def test_lie_in_a_blob_is_refuted_by_its_step(stage: ClaimStage) -> None:
    post(stage, stage.data[:9] + bytes([stage.data[9] ^ 1]) + stage.data[10:])
    lie = stage.court.data(stage.claim())
    found = find_failing_step(stage.statement, lie)
    assert found is not None
    stage.refute(lie, *found)
    assert stage.status() == SLASHED


def test_blob_that_the_node_does_not_have_is_missing(stage: ClaimStage) -> None:
    with pytest.raises(NotFoundError) as caught:
        BlobArchive.of(stage.endpoint).blob(b"\1" * 32, 1)
    assert caught.value.code == "BlobMissing"


# -- chains with other rules -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def osaka() -> Iterator[AnvilNode]:
    """A chain with the rules of December 2025."""
    with AnvilNode(hardfork="osaka") as node:
        yield node


def test_blob_with_cell_proofs_is_mined_where_the_chain_wants_them(osaka: AnvilNode) -> None:
    account, sidecar = osaka.development_accounts(1)[0], carry(osaka.endpoint, b"cells")
    assert sidecar.cells
    receipt = TransactionSender(osaka.endpoint).send(account, account.address, sidecar=sidecar)
    found = BlobArchive.of(osaka.endpoint).blob(sidecar.versioned_hashes[0], quantity(receipt["blockNumber"]))
    assert read_blob(found, 5) == b"cells"


def test_bytes_with_a_blob_kept_from_an_old_process_are_mined_once(
    osaka: AnvilNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, endpoint = osaka.development_accounts(1)[0], osaka.endpoint
    kept = TransactionSender(endpoint).prepare(account, account.address, sidecar=carry(endpoint, b"kept")).raw
    ask, busy = endpoint.call, ["address already reserved"] * 2

    def call(method: str, *params: Any) -> Any:
        if method == "eth_sendRawTransaction" and busy:
            raise Refusal(-32000, busy.pop(), b"", "node")  # until the account's other transactions are mined
        return ask(method, *params)

    monkeypatch.setattr(endpoint, "call", call)
    sender = TransactionSender(endpoint, patience=Patience(resend_after=0.01))
    first = sender.deliver(SignedTransaction.of(kept))
    assert not busy
    again = TransactionSender(endpoint).deliver(SignedTransaction.of(kept))
    assert first["transactionHash"] == again["transactionHash"] == to_hex(SignedTransaction.of(kept).hash)


def test_blob_that_was_priced_too_low_is_replaced_at_twice_the_price(osaka: AnvilNode) -> None:
    osaka.endpoint.call("evm_setAutomine", False)
    account, sender = osaka.development_accounts(1)[0], TransactionSender(osaka.endpoint)
    signed = sender.prepare(account, account.address, sidecar=carry(osaka.endpoint, b"dear"))
    sender.broadcast(signed.raw)
    dearer = sender.reprice(signed, account)
    old, new = call_of(signed.raw).fees, call_of(dearer.raw).fees
    assert (new.max_fee, new.tip, new.blob) >= (2 * old.max_fee, 2 * old.tip, 2 * old.blob)
    sender.broadcast(dearer.raw)
    osaka.endpoint.call("evm_mine")
    receipt = sender.wait(dearer)
    assert receipt["transactionHash"] == to_hex(dearer.hash)
    assert quantity(receipt["blobGasUsed"]) == 131_072


def test_chain_without_blobs_is_offered_none() -> None:
    with AnvilNode(hardfork="shanghai") as node:
        account = node.development_accounts(1)[0]
        assert not takes_blobs(node.endpoint)
        with pytest.raises(EndpointError) as caught:
            TransactionSender(node.endpoint).prepare(
                account, account.address, gas=50_000, sidecar=Sidecar.of(to_blob(b"none"))
            )
        assert caught.value.code == "NoBlobs"
