"""Lists of indices, of which some are `NOWHERE`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from concordat.zk.relation import NOWHERE

__all__ = ["compose", "rows_from"]

_Array = npt.NDArray[np.int64]


def compose(first: _Array | None, second: _Array) -> _Array:
    """``first[second]``; all in order where `first` is left out."""
    if first is None:
        return second
    return np.where(second == NOWHERE, NOWHERE, first[np.where(second == NOWHERE, 0, second)])


def rows_from(start: int, indices: _Array | None) -> int | _Array:
    """Rows of a block's cells: only the first if they are consecutive."""
    if indices is None:
        return start
    rows = np.where(indices == NOWHERE, NOWHERE, indices + start)
    if len(rows) and rows[0] != NOWHERE and (rows == rows[0] + np.arange(len(rows))).all():
        return int(rows[0])
    return rows
