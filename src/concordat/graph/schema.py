"""The schema of a model: how rows of the outside world become input words, and what the output words mean.

It travels in the model's manifest and is committed with it. Its JSON has no floats: steps and bounds are decimal
strings, so that every program prints it alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from concordat.graph.columns import MAX_ELEMENTS, Column, column_from_json, plain
from concordat.graph.elements import WORD, ElementType, Integers, pack_elements, unpack_elements
from concordat.primitives.errors import SchemaError

__all__ = ["ModelSchema", "Output", "OutputSchema", "Rows", "Score"]

MAX_EXPONENT = 300
"""Largest power of ten in a score's step, so that a score is a binary64 number."""
Rows = Any
"""A data frame, a 2-D array, a mapping of columns, a list of mappings, or a list of sequences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of a model's output."""

    name: str
    """Class label of a probability, or name of a regression's target."""
    step: Decimal
    """What one unit of the integer is worth."""

    def __post_init__(self) -> None:
        if not self.step.is_finite() or not -MAX_EXPONENT <= self.step.adjusted() <= MAX_EXPONENT:
            raise SchemaError(f"The step of {self.name[:40]!r} is beyond all measure.", code="BadSchema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a model said, for people and exactly."""

    label: str | int | None
    """Predicted class; None for a regression."""
    scores: Mapping[str, float]
    """Probabilities, decision values or targets by name."""
    integers: tuple[int, ...]
    """The output elements: the label's place (if any), then the scores in their steps."""

    def __str__(self) -> str:
        scores = ", ".join(f"{name}: {value:.4g}" for name, value in self.scores.items())
        return scores if self.label is None else f"{self.label} ({scores})" if scores else str(self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSchema:
    """Meaning of the output elements, which are 32-bit integers: the label's place, then the scores."""

    labels: tuple[str | int, ...]
    """Classes in the order of their places; none for a regression."""
    scores: tuple[Score, ...]
    """In order."""

    @property
    def elements(self) -> int:
        """How many integers an output has."""
        return bool(self.labels) + len(self.scores)

    def read(self, integers: Sequence[int]) -> Output:
        """Meaning of one row of output elements."""
        whole = tuple(int(value) for value in integers)
        if len(whole) != self.elements or (self.labels and not 0 <= whole[0] < len(self.labels)):
            raise SchemaError("This is not an output of the model.", code="BadOutput", hint="Was it another model's?")
        values = whole[bool(self.labels) :]
        scores = {score.name: float(value * score.step) for score, value in zip(self.scores, values, strict=True)}
        return Output(label=self.labels[whole[0]] if self.labels else None, scores=scores, integers=whole)


@dataclass(frozen=True, kw_only=True)
class ModelSchema:
    """Input columns and output meaning of one model."""

    columns: tuple[Column, ...]
    """Input columns, in the order of the input elements."""
    element_type: ElementType
    """How input elements are stored."""
    output: OutputSchema
    """What comes out."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all input elements."""
        return tuple(name for column in self.columns for name in column.names)

    def encode(self, rows: Rows, *, ignore_extra: bool = False) -> Integers:
        """Input elements of some rows, shape (B, n).

        Parameters
        ----------
        rows : data frame, 2-D array, mapping of columns, list of mappings or of sequences
            Columns by name where there are names, else in order.
        ignore_extra : bool
            Whether named columns that the model does not know are dropped (else refused).

        Raises
        ------
        SchemaError
            Naming the column that is unknown, missing, of the wrong type or out of range.
        """
        by_name = self._by_name(rows, ignore_extra)
        parts = []
        for column in self.columns:
            singles = [by_name[name] for name in column.names]
            if any(np.ndim(values) != 1 for values in singles):
                raise SchemaError(f"Column {column.name!r} holds lists.", code="WrongType", hint="One value per row.")
            values = singles[0] if column.count == 1 else np.stack(singles, axis=1)
            parts.append(column.encode(values).reshape(-1, column.count))
        words = np.concatenate(parts, axis=1)
        if not self.element_type.holds(int(words.min(initial=0)), int(words.max(initial=0))):
            raise SchemaError("A value is outside what the input elements hold.", code="OutOfRange")
        return words

    def encode_one(self, row: Mapping[str, Any] | Sequence[Any]) -> bytes:
        """Input words of one row, given by names or in order."""
        if isinstance(row, Mapping):
            return self.pack(self.encode([row])[0])
        return self.pack(self.encode([list(row)])[0])

    def pack(self, elements: Integers) -> bytes:
        """Words of one row of input elements."""
        return pack_elements(elements, self.element_type)

    def decode(self, output_words: bytes) -> Output:
        """Meaning of an execution's output words.

        Raises
        ------
        SchemaError
            If the words are not an output of this model.
        """
        count = self.output.elements
        if len(output_words) % WORD or len(output_words) < count * 4:
            raise SchemaError(f"{len(output_words)} bytes are not an output of the model.", code="BadOutput")
        elements = unpack_elements(output_words, ElementType.I32)
        if elements[count:].any():
            raise SchemaError("There is something after the output's last element.", code="BadOutput")
        return self.output.read(elements[:count].tolist())

    def decode_rows(self, elements: Integers) -> tuple[Output, ...]:
        """Meaning of many rows of output elements, shape (B, elements)."""
        return tuple(self.output.read(row) for row in np.asarray(elements).tolist())

    # -- rows in any form --------------------------------------------------------------------------------------------

    def _by_name(self, rows: Rows, ignore_extra: bool) -> dict[str, Any]:
        found = rows_by_name(rows, self.names)
        absent = [name for name in self.names if name not in found]
        if absent:
            raise SchemaError(
                f"Column {absent[0]!r} is not there.",
                code="MissingColumn",
                hint=f"The model takes {', '.join(self.names[:12])}{', …' if len(self.names) > 12 else ''}.",
                column=absent[0],
            )
        known = set(self.names)
        extra = [name for name in found if name not in known]
        if extra and not ignore_extra:
            raise SchemaError(
                f"The model has no column {extra[0]!r}.",
                code="UnknownColumn",
                hint=f"Leave it out, or correct its name; the model takes {', '.join(self.names[:12])}.",
                column=extra[0],
            )
        lengths = {len(found[name]) for name in self.names}
        if len(lengths) > 1:
            raise SchemaError("Some columns are longer than others.", code="WrongShape")
        return found

    # -- JSON --------------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Form for the manifest, without floats."""
        return {
            "input": {"elements": self.element_type.name.lower(), "columns": [c.to_json() for c in self.columns]},
            "output": {
                "labels": list(self.output.labels),
                "scores": [{"name": score.name, "step": plain(score.step)} for score in self.output.scores],
            },
        }

    @classmethod
    def from_json(cls, fields: Any) -> ModelSchema:
        """Inverse of :meth:`to_json`.

        Raises
        ------
        SchemaError
            If the fields are not a schema.
        """
        try:
            scores = tuple(
                Score(name=str(score["name"]), step=Decimal(score["step"])) for score in fields["output"]["scores"]
            )
            schema = cls(
                columns=tuple(column_from_json(column) for column in fields["input"]["columns"]),
                element_type=ElementType[fields["input"]["elements"].upper()],
                output=OutputSchema(labels=tuple(fields["output"]["labels"]), scores=scores),
            )
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise SchemaError(f"The schema cannot be read: {error!r}.", code="BadSchema") from error
        if sum(column.count for column in schema.columns) > MAX_ELEMENTS:
            raise SchemaError("The schema has too many input elements.", code="BadSchema")
        if not all(isinstance(label, str | int) for label in schema.output.labels):
            raise SchemaError("A label of the schema is neither word nor number.", code="BadSchema")
        if not schema.columns or len(set(schema.names)) != len(schema.names):
            raise SchemaError("The schema has no columns, or two of one name.", code="BadSchema")
        return schema


def rows_by_name(rows: Rows, names: Sequence[str]) -> dict[str, Any]:
    """Columns of rows in any accepted form; those without names get `names` in order.

    Raises
    ------
    SchemaError
        If there are no rows, or not as many columns as names.
    """
    if hasattr(rows, "columns") and hasattr(rows, "iloc"):
        return _not_empty({str(name): rows[name].to_numpy() for name in rows.columns})
    if isinstance(rows, Mapping):
        return _not_empty({str(name): np.atleast_1d(_column(values)) for name, values in rows.items()})
    if isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        keys = dict.fromkeys(key for row in rows for key in row)
        return {str(key): _column([row.get(key) for row in rows]) for key in keys if all(key in row for row in rows)}
    table = rows if isinstance(rows, np.ndarray) else _table(rows)
    if table.ndim == 1:
        table = table.reshape(1, -1)
    table = table.reshape(len(table), -1) if len(table) else table
    if table.ndim != 2 or not len(table) or table.shape[1] != len(names):
        raise SchemaError(
            f"The rows have the shape {table.shape}; the model takes {len(names)} columns.", code="WrongShape"
        )
    return {name: table[:, place] for place, name in enumerate(names)}


def _not_empty(columns: dict[str, Any]) -> dict[str, Any]:
    if not columns or not len(next(iter(columns.values()))):
        raise SchemaError("There are no rows.", code="WrongShape")
    return columns


def _column(values: Any) -> Any:
    array = np.asarray(values)
    return array if array.dtype.kind in "fiub" else np.asarray(values, dtype=object)


def _table(rows: Any) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        return np.array([list(row) for row in rows], dtype=object)
    except (TypeError, ValueError) as error:
        raise SchemaError(
            "These are no rows of equal length.", code="WrongShape", hint="Give a data frame or a list of rows."
        ) from error
