"""The contract's view of a log against the log on disk: roots, paths, hash chain, leaf hashes, log ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from concordat.chain.accounts import Account
from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment, read
from concordat.chain.development import DevelopmentLedger
from concordat.chain.rpc import Refusal
from concordat.chain.transactions import TransactionSender
from concordat.primitives.hashing import keccak256
from concordat.storage.log import TransparencyLog
from concordat.testing.records import SampleMarket

pytestmark = pytest.mark.chain
MARKET = SampleMarket()
RECORDS = [MARKET.decide(i).record for i in range(11)]


@pytest.fixture
def ask(evm_ledger: DevelopmentLedger, deployment: Deployment):
    def ask(function: str, *arguments: Any) -> Any:
        return read(evm_ledger.endpoint, [("Checkpoints", deployment.checkpoints, function, arguments)])[0]

    return ask


@pytest.fixture
def post(evm_ledger: DevelopmentLedger, deployment: Deployment, accounts: list[Account]):
    sender = TransactionSender(evm_ledger.endpoint)

    def post(size: int, root: bytes) -> int:
        data = contract("Checkpoints").call("post", size, root)
        receipt = sender.send(accounts[4], deployment.checkpoints, data)
        block = evm_ledger.endpoint.call("eth_getBlockByNumber", receipt["blockNumber"], False)
        return int(block["timestamp"], 16)

    return post


def test_contract_accepts_every_proof_of_the_log_and_no_other(
    tmp_path: Path, ask: Any, post: Any, accounts: list[Account]
) -> None:
    log_id = bytes(12) + accounts[4].address
    assert ask("logOf", accounts[4].address) == log_id
    before, links = bytes(24), []
    with TransparencyLog(tmp_path, MARKET.log) as log:
        for size in (1, 2, 7, 11):
            log.append_all(RECORDS[:size])
            root = log.checkpoint.root
            links.append({"size": size, "root": root, "time": post(size, root)})
            for index in range(size):
                leaf, path = RECORDS[index].leaf(), log.prove(index).path
                assert ask("leafOf", RECORDS[index].encode()) == leaf
                time = ask("verifyInclusion", log_id, before, links[-1:], leaf, index, list(path))
                assert time == links[-1]["time"]
                with pytest.raises(Refusal):
                    ask("verifyInclusion", log_id, before, links[-1:], leaf, index + 1, list(path))
            before = _extended(before, **links[-1])
            assert tuple(ask("head", log_id)) == (size, before)
    with pytest.raises(Refusal):
        post(11, root)


def _extended(before: bytes, size: int, root: bytes, time: int) -> bytes:
    words = before.ljust(32, b"\0") + size.to_bytes(32, "big") + root + time.to_bytes(32, "big")
    return keccak256(words)[:24]
