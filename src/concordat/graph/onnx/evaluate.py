"""The float meaning of a model in numpy: for calibration, for exact tree thresholds, and to know all shapes.

It follows onnxruntime's arithmetic where a comparison depends on it (single precision where the model has it). It is
not the judge of fidelity: onnxruntime itself is (`concordat.graph.fidelity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.folding import of_constants
from concordat.graph.onnx.operators import INTERNAL, OPERATORS
from concordat.graph.onnx.operators.registry import MAX_ROW_ELEMENTS, Operator
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.primitives.errors import ModelError

__all__ = ["MAX_ROW_TOTAL", "evaluate", "operator_of"]

MAX_ROW_TOTAL = 1 << 23
"""Most elements of all tensors of one row together."""


def operator_of(node: OnnxNode) -> Operator:
    """What is known about a node's operator.

    Raises
    ------
    ModelError
        ``UnsupportedOperator``, naming it.
    """
    if node.op not in OPERATORS:
        raise node.refuse(
            "there is no integer form of this operator",
            code="UnsupportedOperator",
            hint=f"Known operators: {', '.join(sorted(set(OPERATORS) - set(INTERNAL)))}.",
        )
    return OPERATORS[node.op]


def evaluate(model: OnnxModel, feeds: Mapping[str, Array], *, only: Sequence[str] | None = None) -> dict[str, Array]:
    """All tensors of a model for a batch.

    Parameters
    ----------
    model : OnnxModel
    feeds : mapping of str to array
        Input tensors, batch first, of the kinds that the model declares (text as objects).
    only : sequence of str, optional
        Stop as soon as these tensors are known.

    Raises
    ------
    ModelError
        If an operator is unknown, its inputs do not fit it, or a row grows too large.
    """
    values: dict[str, Array] = {**model.constants, **feeds}
    without_batch = set(model.constants)
    total = 0
    with np.errstate(all="ignore"):
        for node in model.nodes:
            if only is not None and all(name in values for name in only):
                break
            constant = all(name in without_batch for name in node.inputs if name)
            results = _evaluate_node(node, values, constant)
            if constant or node.op == "Shape":
                without_batch.update(node.outputs)
            batch = max(len(next(iter(feeds.values()))), 1)
            for name, result in zip(node.outputs, results, strict=False):
                total += result.size // batch
                if result.size // batch > MAX_ROW_ELEMENTS or total > MAX_ROW_TOTAL:
                    raise node.refuse(
                        f"a row of its output has {result.size // batch} elements, and all so far {total}",
                        code="ModelTooLarge",
                        hint=f"One tensor may have {MAX_ROW_ELEMENTS} to a row, all together {MAX_ROW_TOTAL}.",
                    )
                values[name] = result
            missing = [name for name in node.outputs[len(results) :] if name]
            if missing:
                raise node.refuse(f"it has no output {missing[0][:80]!r}")
    return values


def _evaluate_node(node: OnnxNode, values: Mapping[str, Array], constant: bool) -> Sequence[Array]:
    operator = operator_of(node)
    inputs = [values[name] if name else np.zeros(0) for name in node.inputs]
    try:
        return of_constants(node, inputs) if constant else operator.evaluate(node, inputs)
    except ModelError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
        raise node.refuse(
            f"its inputs or attributes do not fit ({type(error).__name__}: {str(error)[:160]})",
            hint="onnx.checker.check_model says more.",
        ) from error
