"""Rows of the outside world as input words, and output words as meaning."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from concordat.graph.columns import MISSING, UNKNOWN, CategoricalColumn, NumericColumn
from concordat.graph.elements import ElementType, pack_elements, unpack_elements
from concordat.graph.schema import ModelSchema, OutputSchema, Score
from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import SchemaError


def number(name: str, step: str = "1", low: str = "-1000", high: str = "1000", **more: Any) -> NumericColumn:
    return NumericColumn(name=name, step=Decimal(step), minimum=Decimal(low), maximum=Decimal(high), **more)


SCHEMA = ModelSchema(
    columns=(
        number("income", "0.01", "0", "100000"),
        number("age", missing=True),
        CategoricalColumn(name="job", categories=("clerk", "cook")),
        CategoricalColumn(name="kind", categories=(10, 20), unknown=True),
    ),
    element_type=ElementType.I32,
    output=OutputSchema(
        labels=("deny", "approve"),
        scores=(Score(name="deny", step=Decimal("0.000001")), Score(name="approve", step=Decimal("0.000001"))),
    ),
)
ROW = {"income": 52_000.5, "age": 41, "job": "cook", "kind": 20}


def test_row_by_name_becomes_grid_points_and_codes() -> None:
    assert unpack_elements(SCHEMA.encode_one(ROW), ElementType.I32, 4).tolist() == [5_200_050, 41, 1, 1]


def test_all_forms_of_rows_give_the_same_elements() -> None:
    rows = [ROW, {**ROW, "income": 1.25, "job": "clerk"}]
    frame = pd.DataFrame(rows)
    expected = SCHEMA.encode(rows).tolist()
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    lists = [[row[name] for name in SCHEMA.names] for row in rows]
    for form in (frame, frame[["kind", "job", "age", "income"]], columns, lists, np.array(lists, dtype=object)):
        assert SCHEMA.encode(form).tolist() == expected
    assert SCHEMA.encode_one(lists[1]) == SCHEMA.pack(np.array(expected[1]))


@pytest.mark.parametrize("gap", [None, float("nan"), np.nan])
def test_missing_value_becomes_the_sentinel_where_allowed(gap: Any) -> None:
    assert SCHEMA.encode([{**ROW, "age": gap}])[0, 1] == MISSING
    with pytest.raises(SchemaError, match="'income' is missing"):
        SCHEMA.encode([{**ROW, "income": gap}])


def test_unknown_category_is_ignored_where_allowed() -> None:
    assert SCHEMA.encode([{**ROW, "kind": 77}])[0, 3] == UNKNOWN
    assert SCHEMA.encode([{**ROW, "kind": 20.0}])[0, 3] == 1
    with pytest.raises(SchemaError) as caught:
        SCHEMA.encode([{**ROW, "job": "astronaut"}])
    assert caught.value.code == "UnknownCategory"
    assert "'clerk', 'cook'" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"income": "much"}, "WrongType"),
        ({"income": "52000"}, "WrongType"),
        ({"income": [1, 2]}, "WrongType"),
        ({"income": -0.01}, "OutOfRange"),
        ({"income": float("inf")}, "OutOfRange"),
        ({"age": 1001}, "OutOfRange"),
        ({"job": None}, "UnknownCategory"),
        ({"job": 1}, "UnknownCategory"),
        ({"debt": 5}, "UnknownColumn"),
    ],
)
def test_row_that_does_not_fit_is_refused_by_column(change: dict[str, Any], code: str) -> None:
    with pytest.raises(SchemaError) as caught:
        SCHEMA.encode_one({**ROW, **change})
    assert caught.value.code == code
    assert repr(next(iter(change))) in caught.value.message
    assert caught.value.hint


def test_row_without_a_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="'job'"):
        SCHEMA.encode_one({name: value for name, value in ROW.items() if name != "job"})
    for short in ([52_000], [[1, 2]], []):
        with pytest.raises(SchemaError):
            SCHEMA.encode_one(short)


def test_extra_columns_are_dropped_only_when_asked() -> None:
    frame = pd.DataFrame([{**ROW, "target": 1}])
    assert SCHEMA.encode(frame, ignore_extra=True).shape == (1, 4)
    with pytest.raises(SchemaError, match="'target'"):
        SCHEMA.encode(frame)


@pytest.mark.parametrize(
    ("value", "step", "point"),
    [
        (0.5, "1", 0),
        (1.5, "1", 2),
        (-2.5, "1", -2),
        (0.1234, "0.0001", 1234),
        (7, "2", 4),
        (0.75, "0.25", 3),
        (90, "1E+2", 1),
    ],
)
def test_value_is_rounded_half_to_even_on_its_step(value: float, step: str, point: int) -> None:
    assert number("x", step).encode([value]).tolist() == [point]


def test_grid_point_gives_back_the_nearest_double_of_its_decimal() -> None:
    column = number("x", "0.001", "-1000", "1000", single=False)
    points = np.arange(-999_999, 999_999, 37)
    assert column.values(points).tolist() == [float(f"{p}e-3") for p in points.tolist()]
    assert (column.encode(column.values(points)) == points).all()
    assert np.isnan(column.values(np.array([MISSING]))).all()


def test_single_precision_column_rounds_as_the_float_model_does() -> None:
    assert number("x", "1", "0", "2E+9").encode([16_777_217]).tolist() == [16_777_216]
    assert number("x", "1", "0", "2E+9", single=False).encode([16_777_217]).tolist() == [16_777_217]


def test_schema_survives_json_without_floats() -> None:
    text = canonical_json(SCHEMA.to_json())
    again = ModelSchema.from_json(json.loads(text))
    assert again == SCHEMA
    assert canonical_json(again.to_json()) == text


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f["input"]["columns"].clear(),
        lambda f: f["input"]["columns"].append(f["input"]["columns"][0]),
        lambda f: f["input"]["columns"][0].update(step="0"),
        lambda f: f["input"]["columns"][0].update(step="NaN"),
        lambda f: f["input"]["columns"][0].update(step="0.0000001"),
        lambda f: f["input"]["columns"][0].update(minimum="9", maximum="8"),
        lambda f: f["input"]["columns"][0].update(kind="magic"),
        lambda f: f["input"]["columns"][2].update(categories=[]),
        lambda f: f["input"]["columns"][2].update(categories=["a", "a"]),
        lambda f: f["input"]["columns"][2].update(categories=["a", 1]),
        lambda f: f["input"]["columns"][2].update(categories="ab"),
        lambda f: f["input"].update(elements="i128"),
        lambda f: f["output"]["scores"][0].pop("step"),
        lambda f: f.pop("output"),
    ],
)
def test_damaged_schema_is_refused(damage: Any) -> None:
    fields = json.loads(canonical_json(SCHEMA.to_json()))
    damage(fields)
    with pytest.raises(SchemaError):
        ModelSchema.from_json(fields)


def test_output_words_are_read_exactly_and_for_people() -> None:
    words = pack_elements([1, 250_000, 750_000], ElementType.I32)
    output = SCHEMA.decode(words)
    assert output.label == "approve"
    assert output.scores == {"deny": 0.25, "approve": 0.75}
    assert output.integers == (1, 250_000, 750_000)
    assert SCHEMA.decode_rows(np.array([[1, 250_000, 750_000]])) == (output,)


@pytest.mark.parametrize("elements", [[2, 0, 0], [-1, 0, 0], [0, 1, 2, 3]])
def test_words_that_are_no_output_of_the_model_are_refused(elements: list[int]) -> None:
    with pytest.raises(SchemaError):
        SCHEMA.decode(pack_elements(elements, ElementType.I32))
    for broken in (b"", bytes(31), bytes(4)):
        with pytest.raises(SchemaError):
            SCHEMA.decode(broken)


def test_run_of_alike_columns_takes_tensors() -> None:
    run = number("x", "1", "0", "16", count=9)
    schema = ModelSchema(columns=(run,), element_type=ElementType.I8, output=SCHEMA.output)
    images = np.arange(18).reshape(2, 3, 3) % 17
    assert schema.encode(images).tolist() == images.reshape(2, 9).tolist()
    assert schema.names[:2] == ("x0", "x1")
    assert ModelSchema.from_json(schema.to_json()) == schema
