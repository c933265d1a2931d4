"""An ONNX model as an integer graph with its schema: the one function that publishers call.

1. Read and check the file, fold constants.
2. Find the input columns from the model, the calibration rows and the publisher's overrides.
3. Evaluate the float model on the calibration rows: shapes and ranges of all tensors.
4. Lower every operator; if the tolerance is missed, again with finer weights.
5. Refuse what no precision keeps within the tolerance, naming the operator that strays first and the worst row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np

from concordat.graph.elements import ElementType, Integers
from concordat.graph.execute import run_outputs
from concordat.graph.ir import Graph
from concordat.graph.onnx.agreement import Tolerance, agree, first_astray
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.evaluate import evaluate, operator_of
from concordat.graph.onnx.feeds import Feed, raw_feeds
from concordat.graph.onnx.inference import InputPlan, Overrides, Shapes, infer_inputs, with_shapes
from concordat.graph.onnx.lowering import Lowering
from concordat.graph.onnx.quantise import Precision, as_region, rescale
from concordat.graph.onnx.reader import MAX_FILE, OnnxModel, read_onnx
from concordat.graph.onnx.rewrite import rewrite
from concordat.graph.onnx.views import InputView, LabelView, RegionView
from concordat.graph.schema import ModelSchema, OutputSchema, Rows, Score
from concordat.primitives.errors import ModelError

__all__ = ["ImportedModel", "import_onnx"]

MAX_CALIBRATION = 2_048
"""Calibration rows that are looked at; of more, evenly spaced ones."""

MAX_SCORES = 1 << 14
"""Most numbers of an output."""

_CALIBRATION_ELEMENTS = 1 << 26
_FEWEST_ROWS = 8
_MARGIN = 0.05
"""Share of the tolerance that coarse weights may use up, since other rows are never quite like these."""

_I8, _I16 = ElementType.I8, ElementType.I16
_PRECISIONS: dict[int | str, tuple[Precision, ...]] = {
    8: (Precision(weights=_I8, activations=_I8, interpolate=False),),
    16: (Precision(weights=_I16, activations=_I16, interpolate=True),),
    "auto": (
        Precision(weights=_I8, activations=_I16, interpolate=False),
        Precision(weights=_I16, activations=_I16, interpolate=True),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model that can be published."""

    graph: Graph
    """What it computes, exactly."""
    schema: ModelSchema
    """How rows become its input and what its output means."""
    operators: Mapping[str, int]
    """How often each ONNX operator occurs."""
    weight_bits: int
    """Width of dense weights."""
    calibration_rows: int
    """Rows that its ranges come from."""
    agreement: float
    """Share of calibration rows with the float model's class (1 for a regression)."""
    error: float
    """Greatest error of a score on the calibration rows, as a share of the scores' span."""
    feeds: tuple[Feed, ...]
    """Input tensors of the ONNX file."""
    label_output: str | None
    """Name of the ONNX output that is the class, if there is one."""
    score_outputs: tuple[str, ...]
    """Names of the ONNX outputs that are the scores."""

    def to_json(self) -> dict[str, Any]:
        """Facts for the model's card; shares as decimal strings."""
        return {
            "operators": dict(self.operators),
            "weight_bits": self.weight_bits,
            "calibration_rows": self.calibration_rows,
            "agreement": f"{self.agreement:.6f}",
            "error": f"{self.error:.3e}",
            "nodes": len(self.graph.nodes),
            "weight_words": len(self.graph.weights) // 32,
            "trace_words": self.graph.trace_words,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Outputs:
    """Which tensors a model gives back."""

    label: str | None
    labels: tuple[str | int, ...]
    scores: tuple[str, ...]
    steps: tuple[Score, ...] = field(repr=False)


def import_onnx(
    source: bytes | Path | str,
    *,
    calibration: Rows,
    schema: Overrides | None = None,
    tolerance: Tolerance | None = None,
    bits: Literal[8, 16, "auto"] = "auto",
    shape: Shapes | None = None,
) -> ImportedModel:
    """Turn an ONNX model into an integer graph.

    Parameters
    ----------
    source : bytes, Path or str
        The serialised model, or where it lies.
    calibration : data frame, 2-D array, mapping of columns, or list of mappings
        Rows like those the model will see; only their ranges and decimals matter. At least a few dozen.
    schema : mapping, optional
        By column name, what to use instead of what the calibration rows suggest: ``step``, ``minimum``, ``maximum``
        (decimal strings), ``missing``; or ``categories``, ``unknown``.
    tolerance : Tolerance, optional
        What the integer graph must keep on the calibration rows.
    bits : 8, 16 or "auto"
        Width of dense weights; "auto" takes 16 where 8 miss the tolerance.
    shape : sequence of int, or mapping of sequences by input name, optional
        Of one row of an input whose shape the file leaves open, without the batch: ``(3, 48, 192)``. Left out, it is
        that of the calibration rows, if they are one array of as many dimensions.

    Raises
    ------
    ModelError
        If the file is malformed, hostile or unsupported, or cannot be kept within the tolerance.
    SchemaError
        If the calibration rows or overrides do not fit the model.
    """
    if bits not in _PRECISIONS:
        raise ModelError(f"{bits!r} is no width of weights.", code="BadPrecision", hint='Use 8, 16 or "auto".')
    wanted = tolerance or Tolerance()
    model = rewrite(with_shapes(read_onnx(_bytes(source)), calibration, shape))
    for node in model.nodes:
        operator_of(node)
    plan, samples = _samples(model, infer_inputs(model, calibration, schema or {}))
    best: tuple[Lowering, ImportedModel, Integers] | None = None
    for precision in _PRECISIONS[bits]:
        lowering = Lowering(model=model, plan=plan, samples=samples, precision=precision)
        lowering.run()
        found, grid = _finish(lowering, wanted)
        best = lowering, found, grid
        share = 1.0 if precision is _PRECISIONS[bits][-1] else _MARGIN
        if 1 - found.agreement <= share * (1 - wanted.agreement) and found.error <= share * wanted.error:
            return found
    assert best is not None  # every width has at least one precision
    raise _astray(*best, wanted)


def _bytes(source: bytes | Path | str) -> bytes:
    if isinstance(source, bytes | bytearray):
        return bytes(source)
    path = Path(source)
    try:
        if path.stat().st_size > MAX_FILE:
            raise ModelError(f"{path} has more than {MAX_FILE} bytes.", code="ModelTooLarge", hint="Export less.")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", code="NoFile", hint="Check the path.") from error


def _thinned(plan: InputPlan, most: int) -> InputPlan:
    count = len(next(iter(plan.rows.values())))
    if count <= most:
        return plan
    chosen = np.linspace(0, count - 1, most).astype(np.int64)
    return replace(plan, rows={name: np.asarray(column)[chosen] for name, column in plan.rows.items()})


def _samples(model: OnnxModel, plan: InputPlan) -> tuple[InputPlan, dict[str, Array]]:
    """Calibration rows, as many as memory allows, and float values of all tensors on them."""
    one = evaluate(model, raw_feeds(plan.feeds, plan.names, _thinned(plan, 1).rows))
    scores = sum(one[name].size // max(len(one[name]), 1) for name in model.outputs if one[name].ndim)
    if scores > MAX_SCORES:
        raise ModelError(
            f"The output has {scores} numbers, more than {MAX_SCORES}.",
            code="OutputTooLarge",
            hint="Export the label, or the most likely classes only.",
        )
    total = sum(one[name].size for node in model.nodes for name in node.outputs if name)
    plan = _thinned(plan, min(MAX_CALIBRATION, max(_CALIBRATION_ELEMENTS // max(total, 1), _FEWEST_ROWS)))
    samples = evaluate(model, raw_feeds(plan.feeds, plan.names, plan.rows))
    for name in model.outputs:
        values = samples[name]
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ModelError(
                f"Output {name[:80]!r} is not a finite number on some calibration row.",
                code="NotFinite",
                hint="Check the rows for gaps that the pipeline does not fill.",
            )
    return plan, samples


# -- the end of a lowering -------------------------------------------------------------------------------------------


def _finish(lowering: Lowering, tolerance: Tolerance) -> tuple[ImportedModel, Integers]:
    outputs = _outputs(lowering)
    graph = _graph(lowering, outputs)
    schema = ModelSchema(
        columns=lowering.plan.columns,
        element_type=lowering.plan.element_type,
        output=OutputSchema(labels=outputs.labels, scores=outputs.steps),
    )
    grid = schema.encode(lowering.plan.rows)
    integers = run_outputs(graph, grid)
    verdict = agree(schema.output, integers, _float_labels(lowering, outputs), _float_scores(lowering, outputs))
    operators: dict[str, int] = {}
    for node in lowering.model.nodes:
        operators[node.op] = operators.get(node.op, 0) + 1
    found = ImportedModel(
        graph=graph,
        schema=schema,
        operators=operators,
        weight_bits=8 * lowering.precision.weights.bytes,
        calibration_rows=len(grid),
        agreement=verdict.agreement,
        error=verdict.error,
        feeds=lowering.plan.feeds,
        label_output=outputs.label,
        score_outputs=outputs.scores,
    )
    return found, grid[[verdict.worst_row]]


def _outputs(lowering: Lowering) -> _Outputs:
    """Label and scores among the model's outputs, with names and steps."""
    labels = [name for name in lowering.model.outputs if isinstance(lowering.values[name], LabelView)]
    scores = [name for name in lowering.model.outputs if isinstance(lowering.values[name], InputView | RegionView)]
    if len(labels) > 1 or len(labels) + len(scores) != len(lowering.model.outputs):
        raise ModelError(
            "The model has two labels, or an output that does not depend on its input.",
            code="Unsupported",
            hint="Keep one label and its scores.",
        )
    label = lowering.values[labels[0]] if labels else None
    classes = label.classes if isinstance(label, LabelView) else ()
    if len(set(classes)) != len(classes):
        raise ModelError("Two classes of the model have one name.", code="Unsupported", hint="Give each its own.")
    steps: list[Score] = []
    for name in scores:
        width = lowering.values[name].n  # type: ignore[union-attr]
        names = _score_names(name, width, classes if len(scores) == 1 else ())
        steps += [Score(name=score, step=_step(lowering.samples[name], bool(labels))) for score in names]
    return _Outputs(
        label=labels[0] if labels else None,
        labels=tuple(_plain_class(c) for c in classes),
        scores=tuple(scores),
        steps=tuple(steps),
    )


def _plain_class(name: Any) -> str | int:
    return name if isinstance(name, str) else int(name)


def _score_names(tensor: str, width: int, classes: tuple[str | int, ...]) -> list[str]:
    if len(classes) == width:
        return [str(_plain_class(c)) for c in classes]
    return [tensor] if width == 1 else [f"{tensor}{i}" for i in range(width)]


def _step(sample: Array, classifier: bool) -> Decimal:
    """A millionth for probabilities, else a power of ten about eight digits below the greatest value."""
    reach = max(float(np.abs(sample).max()), 1e-9) if sample.any() else 1.0
    if classifier and reach <= 1:
        return Decimal("0.000001")
    return Decimal(1).scaleb(int(np.floor(np.log10(reach))) - 7)


def _graph(lowering: Lowering, outputs: _Outputs) -> Graph:
    builder = lowering.builder
    parts = []
    if outputs.label is not None:
        label = lowering.values[outputs.label]
        assert isinstance(label, LabelView)
        parts.append(builder.convert(label.region, ElementType.I32))
    at = 0
    for name in outputs.scores:
        view = lowering.values[name]
        assert isinstance(view, InputView | RegionView)
        parts.append(rescale(lowering, as_region(lowering, view), float(outputs.steps[at].step)).region)
        at += view.n
    return builder.build(parts[0] if len(parts) == 1 else builder.concatenate(parts))


def _float_labels(lowering: Lowering, outputs: _Outputs) -> Array | None:
    return None if outputs.label is None else lowering.samples[outputs.label].reshape(-1)


def _float_scores(lowering: Lowering, outputs: _Outputs) -> Array:
    tables = [lowering.samples[name].reshape(len(lowering.samples[name]), -1) for name in outputs.scores]
    count = len(next(iter(lowering.plan.rows.values())))
    return np.concatenate(tables, axis=1).astype(np.float64) if tables else np.zeros((count, 0))


def _astray(lowering: Lowering, found: ImportedModel, row: Integers, tolerance: Tolerance) -> ModelError:
    culprit = first_astray(lowering, found.graph, row)
    return ModelError(
        f"The integer graph agrees with the model on {found.agreement:.2%} of the calibration rows with an error up to "
        f"{found.error:.2%}; asked were {tolerance.agreement:.2%} and {tolerance.error:.2%}. "
        f"It strays first at {culprit}.",
        code="ToleranceMissed",
        hint='Use bits=16 or "auto", scale the inputs (StandardScaler), give finer steps, or allow more error.',
        agreement=f"{found.agreement:.6f}",
        error=f"{found.error:.6f}",
        operator=culprit,
    )
