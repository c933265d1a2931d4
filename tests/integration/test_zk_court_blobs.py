"""Claims whose data is in a blob: posted, read back, and refuted where the blob holds something else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ckzg  # type: ignore[import-not-found]
import eth_account
import pytest
import rlp

from concordat.chain.answers import Refusal, quantity
from concordat.chain.anvil import AnvilNode
from concordat.chain.blobs import blob_words, challenge_point, read_blob, to_blob, versioned_hash
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.protocol.claim_messages import ROOT_STEP, data_root
from concordat.testing.claims import ClaimStage
from concordat.testing.inference import small_case
from concordat.zk.steps import Step, find_failing_step

pytestmark = pytest.mark.chain
SETUP = Path(eth_account.__file__).parent / "typed_transactions" / "blob_transactions" / "kzg_trusted_setup.txt"
PAID, SLASHED = 3, 6
SALT = bytes(32)


@dataclass
class Blobs:
    """Blob transactions, signed and proven by the libraries of others."""

    stage: ClaimStage
    setup: object

    def post(self, blob: bytes, data: bytes) -> int:
        """Claim that a blob holds data; the gas, without the blob's."""
        stage, account = self.stage, self.stage.accounts[2]
        relation = stage.statement.relation
        call = stage.court.post_blob(stage.order, head=stage.head, relation=relation, output=stage.output, data=data)
        count = stage.endpoint.call("eth_getTransactionCount", to_hex(account.address), "latest")
        commitment = ckzg.blob_to_kzg_commitment(blob, self.setup)
        proof = ckzg.compute_blob_kzg_proof(blob, commitment, self.setup)
        fees = [1, 10**11, 1_000_000]
        payload: list[Any] = [stage.endpoint.chain_id, quantity(count), *fees, stage.court.address, 0, call, []]
        payload += [10**11, [versioned_hash(commitment)]]
        signature = account.sign(keccak256(b"\x03" + rlp.encode(payload)))
        numbers = [signature[64] % 27, *(int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))]
        wrapped = b"\x03" + rlp.encode([payload + numbers, [blob], [commitment], [proof]])
        name = stage.endpoint.call("eth_sendRawTransaction", to_hex(wrapped))
        stage.endpoint.call("evm_mine")
        receipt = stage.endpoint.call("eth_getTransactionReceipt", name)
        assert quantity(receipt["status"]) == 1
        return quantity(receipt["gasUsed"])

    def refute(self, blob: bytes, words: bytes | None = None) -> int:
        """Show a blob to the contract; the gas."""
        stage, claim = self.stage, self.stage.claim()
        words = words or blob_words(blob)
        commitment = ckzg.blob_to_kzg_commitment(blob, self.setup)
        point = challenge_point(claim.posted.blob, words)
        proof, _ = ckzg.compute_kzg_proof(blob, point, self.setup)
        stage.court.commit_find(stage.accounts[3], claim, ROOT_STEP, 0, SALT)
        receipt = stage.court.refute_root(stage.accounts[3], stage.order, claim, words, commitment, proof, SALT)
        return quantity(receipt["gasUsed"])


@pytest.fixture(scope="module")
def built() -> Iterator[Blobs]:
    with AnvilNode() as node:
        yield Blobs(ClaimStage.build(node, small_case()), ckzg.load_trusted_setup(str(SETUP), 0))


@pytest.fixture
def blobs(built: Blobs) -> Iterator[Blobs]:
    """What a test did to the chain is undone."""
    snapshot = built.stage.endpoint.call("evm_snapshot")
    yield built
    built.stage.endpoint.call("evm_revert", snapshot)


def refused(blobs: Blobs, name: str, blob: bytes, words: bytes | None = None) -> None:
    with pytest.raises(Refusal) as refusal:
        blobs.refute(blob, words)
    assert blobs.stage.error(refusal.value) == name


def test_bytes_come_back_from_a_blob() -> None:
    data = os.urandom(100_000)
    assert read_blob(to_blob(data), len(data)) == data
    with pytest.raises(InputError):
        to_blob(bytes(126_977))
    with pytest.raises(VerificationError):
        read_blob((1 << 250).to_bytes(32, "big") * 4096, 1)


def test_claim_in_a_blob_is_cheap_withstands_everything_and_is_paid(blobs: Blobs) -> None:
    stage = blobs.stage
    blob = to_blob(stage.data)
    assert blobs.post(blob, stage.data) < 125_000
    claim = stage.claim()
    assert claim.posted.blob == versioned_hash(ckzg.blob_to_kzg_commitment(blob, blobs.setup))
    data = read_blob(blob, claim.posted.length)
    assert find_failing_step(stage.statement, data) is None
    assert stage.judged(claim, data, Step.BALANCE, 0) == "NoFraud"
    refused(blobs, "NoFraud", blob)
    other = to_blob(stage.data + b"\1")
    refused(blobs, "BadBlob", other)
    refused(blobs, "BadBlob", blob, blob_words(other))
    stage.submit()
    stage.endpoint.call("evm_increaseTime", stage.order.window)
    stage.endpoint.call("evm_mine")
    stage.prove()
    assert stage.status() == PAID


def test_blob_that_holds_something_else_than_its_claim_says_is_refuted(blobs: Blobs) -> None:
    stage = blobs.stage
    blob = to_blob(stage.data[:-1] + b"\0")
    blobs.post(blob, stage.data)
    assert data_root(read_blob(blob, len(stage.data))) != stage.claim().posted.root
    assert blobs.refute(blob) < 6_000_000
    assert stage.status() == SLASHED


def test_blob_that_carries_no_bytes_is_refuted(blobs: Blobs) -> None:
    stage = blobs.stage
    # one value changed, and every coefficient is some number below the group's order
    blob = bytearray(to_blob(stage.data))
    blob[31] ^= 1
    blobs.post(bytes(blob), stage.data)
    with pytest.raises(VerificationError):
        read_blob(bytes(blob), len(stage.data))
    blobs.refute(bytes(blob))
    assert stage.status() == SLASHED


def test_lie_in_a_blob_is_refuted_by_its_step(blobs: Blobs) -> None:
    stage = blobs.stage
    lie = stage.data[:9] + bytes([stage.data[9] ^ 1]) + stage.data[10:]
    blobs.post(to_blob(lie), lie)
    found = find_failing_step(stage.statement, lie)
    assert found is not None
    stage.refute(lie, *found)
    assert stage.status() == SLASHED
