"""How far an integer graph is from its float model: on rows, and tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.elements import WORD, Integers, pack_elements, unpack_elements
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.evaluate import evaluate
from concordat.graph.onnx.feeds import grid_feeds
from concordat.graph.onnx.views import RegionView
from concordat.graph.schema import OutputSchema

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["Tolerance", "Verdict", "agree", "first_astray", "integer_scores", "score_span"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What an integer graph must keep."""

    agreement: float = 0.995
    """Least share of rows with the float model's class."""
    error: float = 0.02
    """Greatest error of a score, as a share of the scores' span (1 for probabilities)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What it kept on some rows."""

    agreement: float
    """Share of rows with the same class; 1 for a regression."""
    error: float
    """Greatest error of a score as a share of the scores' span."""
    worst_row: int
    """Where the greatest error is, a wrong class counting most."""


def integer_scores(output: OutputSchema, integers: Integers) -> Array:
    """Scores of rows of output elements as floats, shape (B, scores)."""
    steps = np.array([float(score.step) for score in output.scores])
    return np.asarray(integers[:, bool(output.labels) :] * steps)


def score_span(scores: Array) -> float:
    """What errors are compared with: 1 for probabilities, else the spread of the scores over the rows."""
    if not scores.size:
        return 1.0
    low, high = float(scores.min()), float(scores.max())
    return 1.0 if low >= 0 and high <= 1 else max(high - low, 1e-9)


def agree(output: OutputSchema, integers: Integers, labels: Array | None, scores: Array) -> Verdict:
    """Compare output elements with a float model's labels and scores.

    Parameters
    ----------
    output : OutputSchema
    integers : array, shape (B, output elements)
    labels : array, shape (B,), or None
        Classes of the float model.
    scores : array, shape (B, scores)
    """
    errors = np.abs(integer_scores(output, integers) - scores).max(axis=1, initial=0.0)
    if labels is not None:
        known = np.empty(len(output.labels), dtype=object)
        known[:] = output.labels
        same = np.array([a == b for a, b in zip(known[integers[:, 0]], labels.tolist(), strict=True)])
    elif scores.shape[1] > 1:
        same = integer_scores(output, integers).argmax(axis=1) == scores.argmax(axis=1)
    else:
        same = np.ones(len(integers), dtype=bool)
    span = score_span(scores)
    return Verdict(
        agreement=float(same.mean()),
        error=float(errors.max()) / span,
        worst_row=int(np.argmax(errors + np.where(same, 0.0, 10 * span))),
    )


def _elements(execution: Execution, view: RegionView) -> Integers:
    """What a view holds in a trace; it may reach over several regions of one type."""
    places = view.region.indexes().ravel()[view.index]
    words = execution.trace[view.region.start * WORD :]
    count = min(int(places.max()) + 1, len(words) // view.region.type.bytes)
    held = unpack_elements(words, view.region.type, count)
    return np.where(places < count, held[np.minimum(places, count - 1)], 0)  # the trace ends with its last element


def first_astray(lowering: Lowering, graph: Graph, row: Integers) -> str:
    """The operator whose output is the first to be off by more than a hundredth of its reach, on one row."""
    words = pack_elements(row[0], lowering.plan.element_type)
    execution = run(graph, words)
    floats = evaluate(lowering.model, grid_feeds(lowering.plan.feeds, lowering.plan.columns, row))
    worst, name = 0.0, "its label"
    for node in lowering.model.nodes:
        for output in node.outputs:
            view = lowering.values.get(output)
            if not isinstance(view, RegionView):
                continue
            elements = _elements(execution, view)
            distance = np.abs(elements * view.scale + view.offset - floats[output].ravel())
            share = float(distance.max()) / lowering.reach(output)
            if share > 0.01:
                return f"{node.op} {node.name!r} (off by {share:.1%} of its reach)"
            if share > worst:
                worst, name = share, f"{node.op} {node.name!r} (off by {share:.2%} of its reach)"
    return name
