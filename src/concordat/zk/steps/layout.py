"""Where the parts of a claim's data are: the proof, each column with a path of its own, and what every step gave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from concordat.zk.parameters import Parameters, hub_rows
from concordat.zk.relation import Relation
from concordat.zk.verifier.reader import NODE_BYTES

__all__ = ["CHUNK_BYTES", "COUNTS_BYTES", "Layout", "Step"]

CHUNK_BYTES = 1024
"""Data is opened by chunks of this size."""
COUNTS_BYTES = 8
"""The data begins with four u16: columns of witness, weights, input and hub."""
_ELEMENT, _SALT = 24, 16


class Step(IntEnum):
    """Steps in the order in which they build on one another; the contract's numbers."""

    LENGTH = 0
    SUMCHECKS = 1
    POSITIONS = 2
    HUB = 3
    FOLDS = 4
    EVALUATION = 5
    JOINT = 6
    PADS = 7
    WEIGHTS = 8
    INPUT = 9
    WITNESS = 10
    OUTSIDE = 11
    BALANCE = 12
    WITNESS_COLUMN = 13
    WEIGHT_COLUMN = 14
    INPUT_COLUMN = 15
    POWERS = 16
    HUB_COLUMN = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """First bytes of the parts, in their order."""

    nonce: int
    """The work before the positions; before it, from byte 8, the proof up to the hub's root."""
    hub: int
    """The hub's sumcheck and its mask's share."""
    row: int
    """The shown row."""
    pads: int
    """The shown pads, then the hub's work."""
    drawn: int
    """Eleven challenges, both final points, mu and balance, then the transcript's state."""
    hub_drawn: int
    """Delta, the hub's point and the mask, then the state before them."""
    folds: int
    """Constants and carries of three sumchecks."""
    evaluated: int
    """Twelve values of the relation, then the factors of the weight matrix's rows."""
    sums: int
    """Value of the joint claim, five sums over the shown row, the sum over the shown pads."""
    positions: int
    """u32 each: witness, weights, input, hub."""
    claims: int
    """Value and sum of every claim at a point: two for a column of the witness, one for others."""
    witness: int
    """Columns of the witness, each followed by that of the inverses."""
    weights: int
    """Columns of the weights."""
    input: int
    """Columns of the input."""
    hub_columns: int
    """Columns of the hub."""
    end: int
    """Bytes in all."""
    columns: tuple[int, int, int, int, int]
    """Bytes of one column with salt and path: witness, inverses, weights, input, hub."""

    @classmethod
    def of(cls, relation: Relation, parameters: Parameters, counts: tuple[int, int, int, int]) -> Layout:
        """The layout for so many columns of witness, weights, input and hub."""
        p = parameters
        rows = hub_rows(relation, p)
        bits = (rows - 1).bit_length()
        witness, weights, taken, hub = counts
        columns = (
            _column(16 * p.blocks(relation) + 24, p.log_domain),
            _column(24 * p.inverse_blocks(relation), p.log_domain),
            _column(8 * relation.weight_rows, p.weight_log_domain),
            _column(8, p.input_log_domain),
            _column(24 * (rows + 3), p.hub_log_domain),
        )
        sizes = {
            "nonce": 168 + 72 * bool(relation.matmuls) + 48 * relation.product_rounds + 96 * relation.log_rows,
            "hub": 8,
            "row": _ELEMENT * (2 * bits + 1),
            "pads": _ELEMENT * ((1 << p.hub_log_width) + p.hub_queries),
            "drawn": _ELEMENT * (2 * bits + p.hub_queries) + 8,
            "hub_drawn": _ELEMENT * (13 + relation.product_rounds + relation.log_rows) + 32,
            "folds": _ELEMENT * (bits + 2) + 32,
            "evaluated": _ELEMENT * 6,
            "sums": _ELEMENT * (12 + relation.weight_rows),
            "positions": _ELEMENT * 7,
            "claims": 4 * sum(counts),
            "witness": 2 * _ELEMENT * (2 * witness + weights + taken),
            "weights": witness * (columns[0] + columns[1]),
            "input": weights * columns[2],
            "hub_columns": taken * columns[3],
            "end": hub * columns[4],
        }
        at, places = COUNTS_BYTES, {}
        for name, size in sizes.items():
            at += size
            places[name] = at
        return cls(columns=columns, **places)


def _column(size: int, log_size: int) -> int:
    return size + _SALT + NODE_BYTES * log_size
