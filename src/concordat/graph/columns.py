"""Input columns: how one value of the outside world becomes one whole number of the integer graph.

A numeric column has a step, the distance between neighbouring grid points; its value x becomes
``round-half-even(x * 10**k / m)`` in binary64, where the step is ``m * 10**-k``. Where the float model reads single
precision, x is rounded to it first, as that model would. A category becomes its place in a list.
A missing number becomes :data:`MISSING`, a category that the pipeline ignores becomes :data:`UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from concordat.graph.elements import Integers
from concordat.primitives.errors import SchemaError

__all__ = ["MISSING", "UNKNOWN", "CategoricalColumn", "Column", "NumericColumn", "column_from_json", "plain"]

MISSING = -(1 << 31)
"""What a missing number becomes."""
UNKNOWN = -1
"""What a category becomes that is not in the list, where the pipeline ignores such."""
MAX_ELEMENTS = 1 << 20
"""Most elements of all columns together: names are written out, and a schema may come from anybody."""
MAX_GRID = (1 << 31) - 2
"""Largest magnitude of a grid point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericColumn:
    """A number, or a run of `count` alike ones (pixels, say)."""

    name: str
    """Column name; a run is called ``name0``, ``name1``, …"""
    step: Decimal
    """Distance of neighbouring grid points."""
    minimum: Decimal
    """Smallest value accepted."""
    maximum: Decimal
    """Largest value accepted."""
    missing: bool = False
    """Whether the pipeline knows what to do with a missing value."""
    single: bool = True
    """Whether the float model reads it in single precision."""
    count: int = 1
    """Length of the run."""

    def __post_init__(self) -> None:
        numbers = (self.step, self.minimum, self.maximum)
        if not all(number.is_finite() for number in numbers) or self.step <= 0 or self.minimum > self.maximum:
            raise self._refuse("its step is not positive or its range is empty")
        if max(abs(self.minimum), abs(self.maximum)) / self.step > MAX_GRID:
            raise self._refuse(f"its range has more than {MAX_GRID} steps", "Give a coarser step or a narrower range.")
        _, digits, exponent = self.step.as_tuple()
        if len(digits) > 9 or not isinstance(exponent, int) or not -18 <= exponent <= 18:
            raise self._refuse(f"its step {self.step} is not a short decimal number")
        if not 1 <= self.count <= MAX_ELEMENTS:
            raise self._refuse("it has no elements, or too many")

    def _refuse(self, problem: str, hint: str = "") -> SchemaError:
        return SchemaError(f"Column {self.name!r}: {problem}.", code="BadColumn", hint=hint, column=self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all elements."""
        return (self.name,) if self.count == 1 else tuple(f"{self.name}{i}" for i in range(self.count))

    def _ratio(self) -> tuple[float, float]:
        """``(m, 10**k)`` with the step their quotient, both exact in binary64."""
        sign, digits, exponent = self.step.normalize().as_tuple()
        assert sign == 0
        assert isinstance(exponent, int)
        mantissa = int("".join(map(str, digits)))
        return float(mantissa * 10 ** max(exponent, 0)), float(10 ** max(-exponent, 0))

    def encode(self, values: Any) -> Integers:
        """Grid points of some values.

        Parameters
        ----------
        values : array-like, shape (B,) or (B, count)
            Numbers; None and NaN where missing.

        Raises
        ------
        SchemaError
            If one is not a number, missing where that is not allowed, or out of range.
        """
        numbers = self._floats(values)
        gaps = np.isnan(numbers)
        if gaps.any() and not self.missing:
            raise SchemaError(
                f"Column {self.name!r} is missing in row {int(np.argwhere(gaps)[0][0])}.",
                code="MissingValue",
                hint="The model has no rule for gaps; fill them first.",
                column=self.name,
            )
        m, denominator = self._ratio()
        filled = np.where(gaps, float(self.minimum), numbers)
        outside = (filled < float(self.minimum)) | (filled > float(self.maximum))
        if outside.any():
            row = int(np.argwhere(outside)[0][0])
            raise SchemaError(
                f"Column {self.name!r} is {filled[outside][0]:g} in row {row}, not in {self.minimum} … {self.maximum}.",
                code="OutOfRange",
                hint="Give a value in range, or publish the model with a wider range for this column.",
                column=self.name,
                row=row,
            )
        rounded = filled.astype(np.float32).astype(np.float64) if self.single else filled
        grid = np.rint(rounded * denominator / m).astype(np.int64)
        return np.where(gaps, MISSING, grid)

    def _floats(self, values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        array = np.asarray(values)
        try:
            if array.dtype.kind == "O":
                array = np.array([_number(item) for item in array.ravel()]).reshape(array.shape)
            elif array.dtype.kind not in "fiub":
                raise TypeError
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise SchemaError(
                f"Column {self.name!r} holds something that is not a number.",
                code="WrongType",
                hint="Numeric columns take numbers, and None or NaN where a value is missing.",
                column=self.name,
            ) from error

    def values(self, grid: Integers) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Nearest binary64 number of each grid point; NaN where missing."""
        m, denominator = self._ratio()
        return np.where(grid == MISSING, np.nan, grid.astype(np.float64) * m / denominator)

    def to_json(self) -> dict[str, Any]:
        """Canonical form, without floats."""
        fields: dict[str, Any] = {
            "name": self.name,
            "kind": "numeric",
            "step": plain(self.step),
            "minimum": plain(self.minimum),
            "maximum": plain(self.maximum),
            "missing": self.missing,
            "single": self.single,
        }
        return fields if self.count == 1 else {**fields, "count": self.count}


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoricalColumn:
    """One of a list of words or whole numbers."""

    name: str
    """Column name."""
    categories: tuple[str | int, ...]
    """All that the model knows, in the order of their codes."""
    unknown: bool = False
    """Whether the pipeline accepts others (and ignores them)."""

    def __post_init__(self) -> None:
        if not self.categories or len(set(self.categories)) != len(self.categories):
            raise SchemaError(f"Column {self.name!r} has no categories or one twice.", code="BadColumn")
        if len({type(category) for category in self.categories}) > 1 or isinstance(self.categories[0], bool):
            raise SchemaError(f"Column {self.name!r} mixes words and numbers.", code="BadColumn")

    @property
    def names(self) -> tuple[str, ...]:
        """The one name, as a run of one."""
        return (self.name,)

    @property
    def count(self) -> int:
        """A category is one element."""
        return 1

    def encode(self, values: Any) -> Integers:
        """Codes of some categories, shape (B,).

        Raises
        ------
        SchemaError
            If one is not in the list and the pipeline does not ignore such.
        """
        codes = {category: code for code, category in enumerate(self.categories)}
        items = np.asarray(values, dtype=object).ravel()
        return np.array([self._code(codes, item, row) for row, item in enumerate(items)], dtype=np.int64)

    def _code(self, codes: Mapping[str | int, int], item: Any, row: int) -> int:
        key = _whole(item) if isinstance(self.categories[0], int) else item
        code = codes.get(key) if isinstance(key, str | int) and not isinstance(key, bool) else None
        if code is not None:
            return code
        if self.unknown:
            return UNKNOWN
        known = ", ".join(repr(category) for category in self.categories[:12])
        raise SchemaError(
            f"Column {self.name!r} is {item!r} in row {row}, which is not a category of the model.",
            code="UnknownCategory",
            hint=f"Known: {known}{', …' if len(self.categories) > 12 else ''}.",
            column=self.name,
            row=row,
        )

    def to_json(self) -> dict[str, Any]:
        """Canonical form."""
        return {
            "name": self.name,
            "kind": "categorical",
            "categories": list(self.categories),
            "unknown": self.unknown,
        }


Column = NumericColumn | CategoricalColumn
"""Either kind."""


def column_from_json(fields: Any) -> Column:
    """Inverse of the columns' ``to_json``.

    Raises
    ------
    SchemaError
        If the fields describe no column.
    """
    try:
        if fields["kind"] == "numeric":
            step, minimum, maximum = (Decimal(str(fields[key])) for key in ("step", "minimum", "maximum"))
            return NumericColumn(
                name=str(fields["name"]),
                step=step,
                minimum=minimum,
                maximum=maximum,
                missing=bool(fields["missing"]),
                single=bool(fields.get("single", True)),
                count=int(fields.get("count", 1)),
            )
        if fields["kind"] == "categorical":
            categories = _listed(fields["categories"])
            return CategoricalColumn(
                name=str(fields["name"]), categories=categories, unknown=bool(fields.get("unknown", False))
            )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SchemaError(f"A column of the schema cannot be read: {error!r}.", code="BadSchema") from error
    raise SchemaError("A column of the schema is of no known kind.", code="BadSchema")


def _listed(categories: Sequence[Any]) -> tuple[str | int, ...]:
    if isinstance(categories, str) or not all(isinstance(item, str | int) for item in categories):
        raise ValueError("categories are words or whole numbers")
    return tuple(categories)


def plain(number: Decimal) -> str:
    """A decimal number in digits, without exponent or trailing zeros."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _number(item: Any) -> float:
    if isinstance(item, str | bytes):
        raise TypeError
    return float("nan") if item is None else float(item)


def _whole(item: Any) -> Any:
    """Whole-number view of what a data frame may have turned into a float."""
    if isinstance(item, float | np.floating):
        return int(item) if np.isfinite(item) and float(item).is_integer() else None
    return int(item) if isinstance(item, np.integer) else item
