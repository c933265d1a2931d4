"""Stories of hash-based signatures: verified by a transaction of their own, and as the signer of a provider account."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from _stage import Stage
from _stories import Figures
from concordat.chain.account_contracts import create_account, create_verifier
from concordat.chain.contract_account import ContractAccount, LmsSigner
from concordat.chain.contracts import contract
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.lms import LmsKey
from concordat.primitives.slh_dsa import slh_dsa_steps
from concordat.primitives.units import Address
from concordat.storage.indices import IndexBook

__all__ = ["measure_post_quantum"]

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "postquantum.json"
SIGNATURES = 24
"""Whose mean counts."""
MEAN_STEPS = 7 * 267.1229
"""Steps of chains in an SLH-DSA signature: seven one-time signatures of uniform 16-byte digests, computed exactly."""


def measure_post_quantum(stage: Stage) -> Figures:
    """Means over signatures of one key each: what one of them costs varies with its digest."""
    endpoint, keeper = stage.node.endpoint, stage.accounts["keeper"]
    lms, slh_dsa = (create_verifier(endpoint, keeper, scheme) for scheme in ("lms", "slh-dsa"))
    key = LmsKey(seed=sha256(b"benchmark") + bytes(8), height=10)
    signed = [(index, keccak256(b"digest %d" % index)) for index in range(SIGNATURES)]
    chosen = [verify(stage, lms, "LmsVerifier", key.public, d, key.sign(i, d)) for i, d in signed]
    first = [verify(stage, lms, "LmsVerifier", key.public, d, key.sign(i, d, tries=1)) for i, d in signed]
    return {
        "pq_lms_gas": round(mean(chosen)),
        "pq_lms_plain_gas": round(mean(first)),
        "pq_lms_batch_gas": round(batches(stage, lms, key)),
        "pq_slhdsa_gas": round(slh_dsa_mean(stage, slh_dsa)),
    }


def verify(stage: Stage, verifier: Address, name: str, key: bytes, digest: bytes, signature: bytes) -> int:
    """Gas of a transaction that verifies one signature and does nothing else."""
    answer = stage.node.endpoint.call(
        "eth_call", {"to": "0x" + verifier.hex(), "data": "0x" + _call(name, key, digest, signature).hex()}, "latest"
    )
    if answer[:10] != "0x024ad318":
        raise RuntimeError("The signature was refused.")
    receipt = stage.ledger.sender.send(stage.accounts["keeper"], verifier, _call(name, key, digest, signature))
    return int(receipt["gasUsed"], 16)


def slh_dsa_mean(stage: Stage, verifier: Address) -> float:
    """Mean over all signatures: each of those measured is moved to the mean number of steps, at the price of a step."""
    measured = []
    for vector in json.loads(VECTORS.read_text())["slh_dsa"]:
        key, digest, signature = (bytes.fromhex(vector[part][2:]) for part in ("key", "digest", "signature"))
        gas = verify(stage, verifier, "SlhDsaVerifier", key, digest, signature)
        measured.append((slh_dsa_steps(key, digest, signature), gas))
    (least, cheap), (most, dear) = min(measured), max(measured)
    price = (dear - cheap) / (most - least)
    return mean(gas + (MEAN_STEPS - steps) * price for steps, gas in measured)


def batches(stage: Stage, verifier: Address, key: LmsKey) -> float:
    """Mean gas of a provider account's batch of one call that costs next to nothing itself."""
    address = create_account(stage.node.endpoint, stage.accounts["keeper"], [verifier + key.public], [1], 1)
    with TemporaryDirectory() as folder, IndexBook(Path(folder) / "book", key.public, key.capacity) as book:
        signer = LmsSigner(verifier, key, book)
        account = ContractAccount(stage.node.endpoint, address, [signer], stage.accounts["keeper"])
        call = contract("Vault").call("version")
        receipts = [stage.ledger.sender.send(account, stage.deployment.vault, call) for _ in range(SIGNATURES)]
    return mean(int(receipt["gasUsed"], 16) for receipt in receipts[1:])


def _call(name: str, *arguments: bytes) -> bytes:
    return contract(name).call("verify", *arguments)
