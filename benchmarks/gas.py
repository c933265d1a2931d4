"""Gas of everything that touches the chain, from receipts of real transactions on a fresh Anvil.

Steady state: every story is played twice and the second time counts, when accounts, slots and balances exist already.
``gasUsed`` is what the sender pays for: the transaction's 21,000, its calldata, cold storage and refunds are all in it.
The figures are exact and the same in every run. What each of them means: docs/benchmarks.md.

    python benchmarks/gas.py            a table: target, ours, others
    python benchmarks/gas.py --json     one object

Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from _effects import measure_effects
from _panels import measure_panels
from _peers import PEERS, Peer
from _post_quantum import measure_post_quantum
from _stage import open_stage
from _stories import Figures, measure_disputes, measure_native, measure_orders, measure_records

__all__ = ["FIGURES", "Figure", "measure", "missed"]


WIDTH = 150
"""Columns that the table needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    what: str
    """In words."""
    at_most: float | None = None
    """The bound that must be kept."""
    aim: float | None = None
    """What we would like."""


FIGURES: dict[str, Figure] = {
    "order_total_gas": Figure(what="order: bonded, escrowed, disputable; offer to paid", at_most=185_000, aim=170_000),
    "order_txs": Figure(what="  transactions", at_most=2),
    "client_txs": Figure(what="  of them the client's", at_most=0),
    "order_funded_first_gas": Figure(what="order, funded before the work (3 transactions)"),
    "open_order_gas": Figure(what="order that names nobody: taken, delivered, paid (3 transactions)"),
    "replicated_order_gas": Figure(what="order that two of three replicas must agree with, offer to paid"),
    "replicated_order_replica_gas": Figure(what="  paid by each replica"),
    "pool_join_gas": Figure(what="  joining the pool"),
    "withdrawal_gas": Figure(what="withdrawal from the vault"),
    "fraud_commit_gas": Figure(what="fraud proof: committing to the find"),
    "fraud_proof_gas": Figure(what="fraud proof: int8 or int16 product of 256", at_most=200_000),
    "fraud_proof_worst_placed_gas": Figure(what="  the same, operands placed as badly as can be"),
    "withheld_trace_gas": Figure(what="withheld trace of 2^16 words: the whole dispute", at_most=700_000),
    "withheld_trace_challenger_gas": Figure(what="  paid by the challenger"),
    "withheld_trace_provider_gas": Figure(what="  paid by the provider"),
    "native_mlp_6k_gas": Figure(what="network of 6,209 weights on chain, beyond the order", at_most=100_000),
    "native_order_gas": Figure(what="  with the order, offer to paid (1 transaction)"),
    "effect_apply_gas": Figure(what="effect: a settled decision moves a guarded number", at_most=100_000),
    "effect_observe_gas": Figure(what="  its input of two words, vouched for by two of three"),
    "record_gas_per_decision_at_1e6": Figure(what="record of a decision, 10^6 to a checkpoint", at_most=0.1),
    "inclusion_proof_gas": Figure(what="inclusion proof of 20 hashes, execution", at_most=15_000),
    "pq_lms_gas": Figure(what="LMS signature verified (SP 800-208), as our signer makes it", at_most=150_000),
    "pq_lms_plain_gas": Figure(what="  the same, as any signer makes it"),
    "pq_lms_batch_gas": Figure(what="  a provider account's batch of one call"),
    "pq_slhdsa_gas": Figure(what="SLH-DSA-SHA2-128s signature verified (FIPS 205), as our signer makes it"),
    "pq_slhdsa_most_gas": Figure(what="  the dearest that it makes", at_most=700_000),
    "pq_slhdsa_plain_gas": Figure(what="  the mean of all that any signer makes"),
}
"""By key, as printed."""


def measure() -> Figures:
    """Everything, on a chain of its own."""
    with open_stage() as stage:
        figures = measure_orders(stage) | measure_disputes(stage) | measure_native(stage) | measure_records(stage)
        return figures | measure_effects(stage) | measure_post_quantum(stage) | measure_panels(stage)


def missed(figures: Figures) -> list[str]:
    """Keys of the bounds that were not kept."""
    return [key for key, line in FIGURES.items() if line.at_most is not None and figures[key] > line.at_most]


# -- the table ---------------------------------------------------------------------------------------------------------


def table(figures: Figures) -> Table:
    """Target, ours, others, and how many times ours that is."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("gas")
    for heading in ("at most", "ours"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("others")
    drawn.add_column("theirs", justify="right")
    drawn.add_column("theirs / ours", justify="right")
    failed = missed(figures)
    for key, line in FIGURES.items():
        ours = f"[red]{number(figures[key])}[/]" if key in failed else f"[green]{number(figures[key])}[/]"
        first, *rest = [against(peer, figures[key]) for peer in PEERS.get(key, ())] or [("", "", "")]
        drawn.add_row(line.what, bound(line), ours, *first)
        for cells in rest:
            drawn.add_row("", "", "", *cells)
    return drawn


def against(peer: Peer, ours: float) -> tuple[str, str, str]:
    """A peer's cells."""
    name = f"{peer.name}, {peer.version}" + (f" ({peer.transactions} tx)" if peer.transactions else "")
    if peer.gas is None:
        return name, "not measured", ""
    ratio = peer.gas / ours
    return name, number(peer.gas), f"{ratio:,.1f}" if ratio < 1000 else f"{ratio:,.0f}"


def bound(line: Figure) -> str:
    """A line's bound, and its aim in brackets."""
    if line.at_most is None:
        return ""
    return number(line.at_most) + (f" ({number(line.aim)})" if line.aim is not None else "")


def number(value: float) -> str:
    """With thousands set off; parts of a unit of gas where it is less than one."""
    return f"{value:,.3f}" if 0 < value < 1 and value != round(value, 1) else f"{value:,}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    figures = measure()
    failed = missed(figures)
    if asked.json:
        print(json.dumps(figures, indent=1))
    else:
        Console(width=max(Console().width, WIDTH)).print(table(figures))
    for key in failed:
        print(f"missed: {key} is {figures[key]:,}, at most {FIGURES[key].at_most:,}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
