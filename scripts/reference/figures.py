"""The README's table of figures: a few rows of docs/benchmarks.md, which the benchmarks' own test keeps true."""

from __future__ import annotations

import re
from pathlib import Path

from reference.markdown import table

__all__ = ["BEGIN", "END", "with_figures"]

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
_PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
_ROW = re.compile(r"^\| [^|]* \| `(\w+)` \|[^|]*\|\s*([^|]*?)\s*\|\s*([^|]*?)\s*\|$", re.MULTILINE)
_ROWS = (
    ("order_total_gas", "a decision from offer to payment: bonded, in escrow, open to challenge"),
    ("client_txs", "… transactions that the client sends for it"),
    ("native_mlp_6k_gas", "running a network of 6,209 weights in the contract, beyond the order"),
    ("fraud_proof_gas", "a fraud proof, one transaction"),
    ("withheld_trace_gas", "a whole dispute about a withheld trace of 2¹⁶ words"),
    ("record_gas_per_decision_at_1e6", "keeping one decision on record, a million to a checkpoint"),
    ("inclusion_proof_gas", "a contract checks that one of a million decisions is on record (execution)"),
)
"""Key in the benchmarks, and what it is in a line."""


def with_figures(readme: str) -> str:
    """The README with its table of figures as the benchmarks' page has them."""
    measured = {key: (ours, others) for key, ours, others in _ROW.findall(_PAGE.read_text())}
    rows = [(what, *measured[key]) for key, what in _ROWS]
    told = "Gas of real transactions, from [benchmarks](docs/benchmarks.md) (`.venv/bin/python benchmarks/gas.py`):\n\n"
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n{told}{table(('what', 'here', 'elsewhere'), rows)}{END}{rest.split(END)[1]}"
