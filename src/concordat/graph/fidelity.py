"""How faithful an integer graph is to its ONNX file, judged by onnxruntime on rows it was not calibrated with.

Rows go to onnxruntime as they are, off the grid, so that rounding the inputs counts too. Beside all rows the report
looks at those nearest the decision threshold, where a difference would matter most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from concordat.graph.execute import run_outputs
from concordat.graph.onnx.agreement import Tolerance, integer_scores, score_span
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.feeds import raw_feeds
from concordat.graph.onnx.importer import ImportedModel
from concordat.graph.schema import Rows, rows_by_name
from concordat.primitives.errors import ConfigurationError, ModelError

__all__ = ["FidelityReport", "ScoreError", "fidelity"]

NEAREST = 0.05
"""Share of rows that count as nearest the threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreError:
    """How far one score is off."""

    name: str
    """Score."""
    greatest: float
    """Greatest absolute error."""
    mean: float
    """Mean absolute error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityReport:
    """Integer graph against onnxruntime."""

    rows: int
    """Rows compared."""
    agreement: float
    """Share with the same class (or, for one score with a threshold, on the same side of it)."""
    near_rows: int
    """Rows nearest the threshold; 0 if there is no decision."""
    near_agreement: float
    """Agreement on those."""
    scores: tuple[ScoreError, ...]
    """Errors of each score."""
    span: float
    """What errors are compared with: 1 for probabilities, else the spread of the scores."""
    worst_row: int
    """The row that is furthest off; a wrong class counts most."""

    @property
    def error(self) -> float:
        """Greatest error of any score, as a share of the span."""
        return max((score.greatest for score in self.scores), default=0.0) / self.span

    def check(self, tolerance: Tolerance | None = None) -> None:
        """Do nothing if the tolerance is kept.

        Raises
        ------
        ModelError
            ``ToleranceMissed``, naming the worst score and row.
        """
        wanted = tolerance or Tolerance()
        if self.agreement >= wanted.agreement and self.error <= wanted.error:
            return
        worst = max(self.scores, key=lambda score: score.greatest, default=None)
        raise ModelError(
            f"The integer graph agrees with onnxruntime on {self.agreement:.2%} of {self.rows} rows with an error "
            f"up to {self.error:.2%}; asked were {wanted.agreement:.2%} and {wanted.error:.2%}. "
            f"Row {self.worst_row} is furthest off{f', in {worst.name!r}' if worst else ''}.",
            code="ToleranceMissed",
            hint="Import with bits=16, more calibration rows or finer steps, or allow more error.",
            row=self.worst_row,
            agreement=f"{self.agreement:.6f}",
            error=f"{self.error:.6f}",
        )

    def lines(self) -> tuple[str, ...]:
        """The report for people."""
        found = [f"{self.rows} rows compared with onnxruntime"]
        if self.near_rows:
            found.append(f"same decision on {self.agreement:8.3%} of them")
            found.append(f"            and on {self.near_agreement:8.3%} of the {self.near_rows} nearest the threshold")
        found += [f"{score.name}: error at most {score.greatest:.2e}, mean {score.mean:.2e}" for score in self.scores]
        return (*found, f"furthest off is row {self.worst_row}")

    def to_json(self) -> dict[str, Any]:
        """The report for programs; numbers that are no counts as decimal strings."""
        return {
            "rows": self.rows,
            "agreement": f"{self.agreement:.6f}",
            "near_rows": self.near_rows,
            "near_agreement": f"{self.near_agreement:.6f}",
            "error": f"{self.error:.3e}",
            "scores": [
                {"name": score.name, "greatest": f"{score.greatest:.3e}", "mean": f"{score.mean:.3e}"}
                for score in self.scores
            ],
            "worst_row": self.worst_row,
        }


def fidelity(model: ImportedModel, onnx_bytes: bytes, rows: Rows, *, threshold: float | None = None) -> FidelityReport:
    """Compare an imported model with its ONNX file in onnxruntime.

    Parameters
    ----------
    model : ImportedModel
    onnx_bytes : bytes
        The file it was imported from.
    rows : data frame, 2-D array, mapping of columns, or list of mappings
        Rows to compare on, best ones that calibration has not seen.
    threshold : float, optional
        Where decisions are made on the last score, if not by the class.

    Raises
    ------
    ConfigurationError
        If onnxruntime is not installed.
    """
    schema = model.schema
    grid = schema.encode(rows, ignore_extra=True)
    integers = run_outputs(model.graph, grid)
    named = rows_by_name(rows, schema.names)
    labels, truth = _onnxruntime(model, onnx_bytes, raw_feeds(model.feeds, schema.names, named))
    ours = integer_scores(schema.output, integers)
    distance = np.abs(ours - truth)
    same = _same(model, integers, ours, labels, truth, threshold)
    margin = _margin(truth, threshold)
    near = _nearest(margin)
    span = score_span(truth)
    return FidelityReport(
        rows=len(grid),
        agreement=float(same.mean()),
        near_rows=len(near),
        near_agreement=float(same[near].mean()) if len(near) else 1.0,
        scores=tuple(
            ScoreError(name=score.name, greatest=float(column.max()), mean=float(column.mean()))
            for score, column in zip(schema.output.scores, distance.T, strict=True)
        ),
        span=span,
        worst_row=int(np.argmax(distance.max(axis=1, initial=0.0) + np.where(same, 0.0, 10 * span))),
    )


def _same(
    model: ImportedModel, integers: Array, ours: Array, labels: Array | None, truth: Array, threshold: float | None
) -> Array:
    """Whether each row's decision is the same."""
    if threshold is not None and truth.shape[1]:
        return np.asarray((ours[:, -1] > threshold) == (truth[:, -1] > threshold))
    if labels is not None:
        known = model.schema.output.labels
        pairs = zip(integers[:, 0].tolist(), labels.tolist(), strict=True)
        return np.array([known[place] == label for place, label in pairs])
    if truth.shape[1] > 1:
        return np.asarray(ours.argmax(axis=1) == truth.argmax(axis=1))
    return np.ones(len(integers), dtype=bool)


def _margin(truth: Array, threshold: float | None) -> Array | None:
    """Distance of each row from a change of decision, or None if nothing is decided."""
    if threshold is not None and truth.shape[1]:
        return np.asarray(np.abs(truth[:, -1] - threshold))
    if truth.shape[1] < 2:
        return None
    ordered = np.sort(truth, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def _nearest(margin: Array | None) -> Array:
    """Rows nearest a change of decision."""
    if margin is None:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(np.argsort(margin, kind="stable")[: max(1, round(NEAREST * len(margin)))])


def _onnxruntime(model: ImportedModel, onnx_bytes: bytes, feeds: Mapping[str, Array]) -> tuple[Array | None, Array]:
    """Labels and scores of the float model."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigurationError(
            "A fidelity report needs onnxruntime.", code="MissingPackage", hint="pip install onnxruntime"
        ) from error
    names = [*([model.label_output] if model.label_output else []), *model.score_outputs]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
        results = session.run(names, dict(feeds))
        labels = np.asarray(results.pop(0)).reshape(-1) if model.label_output else None
        tables = [_table(result, model.schema.output.labels) for result in results]
    except Exception as error:  # onnxruntime's errors have no root of their own
        raise ModelError(
            f"onnxruntime cannot run the model: {str(error)[:300]}.", code="NotOnnx", hint="Export the model again."
        ) from error
    count = len(next(iter(feeds.values())))
    return labels, np.concatenate(tables, axis=1) if tables else np.zeros((count, 0))


def _table(result: Any, classes: Sequence[str | int]) -> Array:
    """Scores as a table; ZipMap gives a list of mappings."""
    if isinstance(result, list):
        names = classes if set(classes) == set(result[0]) else tuple(result[0])
        return np.array([[row[name] for name in names] for row in result], dtype=np.float64)
    return np.asarray(result, dtype=np.float64).reshape(len(result), -1)
