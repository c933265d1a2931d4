"""Between rows and a float model's input tensors: which columns each tensor holds, and the tensors of some rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from concordat.graph.columns import CategoricalColumn, Column, NumericColumn
from concordat.graph.elements import Integers
from concordat.graph.onnx.constants import Array
from concordat.primitives.errors import SchemaError

__all__ = ["Feed", "grid_feeds", "raw_feeds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One input tensor and the columns that it is made of."""

    name: str
    """Tensor name."""
    kind: str
    """Element type as the model declares it."""
    shape: tuple[int, ...]
    """Of one row."""
    first: int
    """Place of its first element among all input elements."""
    width: int
    """How many elements it has."""

    def tensor(self, columns: Sequence[Any]) -> Array:
        """The tensor of some rows, from one array per element."""
        if self.kind == "string":
            data = np.empty((len(columns[0]), self.width), dtype=object)
            for place, column in enumerate(columns):
                data[:, place] = column
            return data.reshape(len(data), *self.shape)
        try:
            stacked = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
        except (TypeError, ValueError) as error:
            raise SchemaError(f"Input {self.name!r} holds something that is not a number.", code="WrongType") from error
        return stacked.astype(self.kind).reshape(len(stacked), *self.shape)


def raw_feeds(feeds: Sequence[Feed], names: Sequence[str], rows: Mapping[str, Any]) -> dict[str, Array]:
    """Tensors of rows as they are, without a grid: what the float model sees."""
    found = {}
    for feed in feeds:
        columns = [_raw(rows[name], feed.kind) for name in names[feed.first : feed.first + feed.width]]
        found[feed.name] = feed.tensor(columns)
    return found


def _raw(values: Any, kind: str) -> Any:
    array = np.asarray(values, dtype=object if kind == "string" else None)
    if kind == "string":
        return np.array([item if isinstance(item, str) else "" for item in array.ravel()], dtype=object)
    if array.dtype.kind == "O":
        return np.array([np.nan if item is None else item for item in array.ravel()], dtype=np.float64)
    return array


def grid_feeds(feeds: Sequence[Feed], columns: Sequence[Column], elements: Integers) -> dict[str, Array]:
    """Tensors of rows on the grid, from their input elements, shape (B, n)."""
    values: list[Any] = []
    at = 0
    for column in columns:
        part = elements[:, at : at + column.count]
        if isinstance(column, NumericColumn):
            values.extend(column.values(part).T)
        else:
            values.append(_categories(column, part[:, 0]))
        at += column.count
    return {feed.name: feed.tensor(values[feed.first : feed.first + feed.width]) for feed in feeds}


def _categories(column: CategoricalColumn, codes: Integers) -> Any:
    words = isinstance(column.categories[0], str)
    known = np.empty(len(column.categories) + 1, dtype=object if words else np.int64)
    unknown = "\0" if words else min(int(c) for c in column.categories) - 1
    known[:] = [*column.categories, unknown]
    return known[codes]
