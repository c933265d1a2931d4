"""Stories of hash-based signatures: verified by a transaction of their own, and as the signer of a provider account."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from _stage import Stage
from _stories import Figures
from concordat.chain.account_contracts import create_account, create_verifier
from concordat.chain.contract_account import SLH_DSA_STEPS, ContractAccount, LmsSigner
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
LAYERS, DIGITS, TOP = 7, 32, 15
"""One-time signatures in an SLH-DSA signature, digits of what each signs, and the greatest digit."""


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
        **slh_dsa_figures(stage, slh_dsa),
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


def slh_dsa_figures(stage: Stage, verifier: Address) -> Figures:
    """Each signature that is measured is moved to the number of steps in question, at the price of a step."""
    measured = []
    for vector in json.loads(VECTORS.read_text())["slh_dsa"]:
        key, digest, signature = (bytes.fromhex(vector[part][2:]) for part in ("key", "digest", "signature"))
        gas = verify(stage, verifier, "SlhDsaVerifier", key, digest, signature)
        measured.append((slh_dsa_steps(key, digest, signature), gas))
    (least, cheap), (most, dear) = min(measured), max(measured)
    price = (dear - cheap) / (most - least)
    shares = steps_of_signatures()
    steps = np.arange(len(shares))
    ours = shares[: SLH_DSA_STEPS + 1] / shares[: SLH_DSA_STEPS + 1].sum()
    means = {
        "pq_slhdsa_gas": float(ours @ steps[: SLH_DSA_STEPS + 1]),
        "pq_slhdsa_most_gas": SLH_DSA_STEPS,
        "pq_slhdsa_plain_gas": float(shares @ steps),
    }
    return {key: round(mean(gas + (to - at) * price for at, gas in measured)) for key, to in means.items()}


def steps_of_signatures() -> NDArray[np.float64]:
    """How often an SLH-DSA signature has how many steps of chains: digests are uniform, so this is exact."""
    sums = np.ones(1)
    for _ in range(DIGITS):
        sums = np.convolve(sums, np.full(TOP + 1, 1 / (TOP + 1)))
    one = np.zeros(len(sums) + 3 * TOP)  # by steps of one signature: those of its digits, and of the checksum's three
    for checksum, share in enumerate(sums):
        one[checksum + sum(TOP - (checksum >> shift & TOP) for shift in (0, 4, 8))] += share
    shares = np.ones(1)
    for _ in range(LAYERS):
        shares = np.convolve(shares, one)
    return shares


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
