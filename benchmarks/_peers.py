"""What other systems take for the same thing, measured once and written down here.

All of it was measured on Anvil 1.7.1 under Prague rules, with solc 0.8.30 and 200 optimiser runs, as ``gasUsed`` of
real receipts (the 21,000 of a transaction included), in the steady state, and with a plain EIP-3009 token where a
payment token is needed. Figures that were only read somewhere say so in their note.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One figure of somebody else."""

    name: str
    """Whose."""
    version: str
    """Which version, or the day of the snapshot."""
    gas: int | None
    """Gas; none where only the shape of the protocol is known."""
    transactions: int | None = None
    """Transactions that it is the sum of."""
    note: str
    """What it does and does not contain."""


ORDER = (
    Peer(
        name="Infernet Coordinator",
        version="sdk of 2024-10",
        gas=322_784,
        transactions=2,
        note="paid by subscription; nobody checks the output, no dispute",
    ),
    Peer(
        name="Ocean Escrow",
        version="contracts of 2026-06-29",
        gas=413_937,
        transactions=2,
        note="createLock and claimLock; no check, no dispute; 1,274,249 with 100 open locks",
    ),
    Peer(
        name="Olas MechMarketplace",
        version="1.1.0",
        gas=464_365,
        transactions=2,
        note="request and deliver, base of the mech stubbed; delivered is paid",
    ),
    Peer(
        name="ERC-8183 reference",
        version="base-contracts of 2026-04-17",
        gas=566_381,
        transactions=5,
        note="job escrow with a trusted evaluator; the approval's 46k not counted",
    ),
    Peer(
        name="Virtuals ACP v1",
        version="ACPSimple",
        gas=1_164_467,
        transactions=8,
        note="a memo for every phase",
    ),
)
FLOOR = Peer(
    name="x402 exact",
    version="main of 2026-04-21",
    gas=68_463,
    transactions=1,
    note="a payment and nothing else: no bond, no escrow, no result",
)
BISECTION = Peer(
    name="opML",
    version="documentation of 2026",
    gas=None,
    note="binary search through a virtual machine's steps, two transactions a round: dozens of them",
)

PEERS: dict[str, tuple[Peer, ...]] = {
    "order_total_gas": (*ORDER, FLOOR),
    "fraud_proof_gas": (BISECTION,),
    "withheld_trace_gas": (BISECTION,),
    "native_mlp_6k_gas": (
        Peer(
            name="ezkl",
            version="23.0.5",
            gas=538_144,
            transactions=1,
            note="verifying a proof of the same network, 30-64-64-1, alone; 4.9 s to prove",
        ),
    ),
    "record_gas_per_decision_at_1e6": (
        Peer(
            name="EAS attest",
            version="1.9.0",
            gas=272_949,
            transactions=1,
            note="one decision of four words, one attestation each",
        ),
    ),
    "pq_lms_gas": (
        Peer(
            name="SPHINCS- SLH-DSA-SHA2-128-24",
            version="its README of 2026",
            gas=226_000,
            transactions=1,
            note="draft SP 800-230 set, 2^24 signatures, eleven minutes to sign; not measured here",
        ),
        Peer(
            name="SPHINCS- C11",
            version="its README of 2026",
            gas=308_000,
            transactions=1,
            note="no standard; through ERC-4337; not measured here",
        ),
    ),
    "pq_slhdsa_gas": (
        Peer(
            name="ETHFALCON, Falcon-512",
            version="its README of 2026",
            gas=3_900_000,
            note="execution alone; FIPS 206 is not final; not measured here",
        ),
        Peer(
            name="ETHDILITHIUM, ML-DSA-44",
            version="its README of 2026",
            gas=8_100_000,
            note="FIPS 204, execution alone; not measured here",
        ),
    ),
}
"""By the key of our figure; a key that is missing has no peer."""
