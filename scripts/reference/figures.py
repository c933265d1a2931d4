"""The README's table of figures, from the gas snapshots that the contracts' tests commit."""

from __future__ import annotations

import json
from pathlib import Path

from reference.markdown import table

__all__ = ["BEGIN", "END", "with_figures"]

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
_ROOT = Path(__file__).resolve().parents[2]
_ROWS = (
    ("a decision from offer to payment: bonded, in escrow, open to challenge; two transactions, none of the client's",
     "core", "order: total"),
    ("a fraud proof, one transaction", "core", "fraud proof: proveElement"),
    ("… and the commitment to the find, a block earlier", "core", "fraud proof: commitFind"),
    ("a cheat who withholds a trace of 2¹⁶ words: all moves of both sides, and the proof", "core",
     "dissection 2^16: total"),
    ("anchoring the log, however many decisions it has", "registry", "checkpoint: post, whole transaction"),
    ("checking on chain that one of 2²⁰ decisions is in it (execution gas)", "registry",
     "inclusion of one entry in 2^20, execution"),
    ("registering a model", "registry", "artifact: registerModel, whole transaction"),
)  # fmt: skip
"""What, snapshot file, name in it."""


def with_figures(readme: str) -> str:
    """The README with its table of figures as the snapshots have them."""
    snapshots = {
        file: json.loads((_ROOT / "contracts" / "snapshots" / f"{file}.json").read_text()) for _, file, _ in _ROWS
    }
    rows = [(what, f"{int(snapshots[file][name]):,}") for what, file, name in _ROWS]
    told = (
        "Gas, measured by the contracts' tests (`node_modules/.bin/forge test`, kept in "
        "[`contracts/snapshots`](contracts/snapshots)):\n\n"
    )
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n{told}{table(('what', 'gas'), rows)}{END}{rest.split(END)[1]}"
