"""The committed memory of an execution: its root, and where a claimed one is wrong.

The leftmost word in which a claimed trace differs from the honest one is always provably wrong: all that its node reads
lies to its left, so the court recomputes exactly the honest element there. :func:`find_fault` finds it in a trace that
is known, :class:`Dissection` in one that its provider keeps to himself. The proofs are made and judged here as well.
"""

from __future__ import annotations

from typing import NamedTuple

from concordat.graph.dissection import Dissection, node_in_question, revealed_children
from concordat.graph.elements import WORD
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.graph.judge import GraphJudge, judge_element, judge_output
from concordat.graph.openings import TraceView, element_proof, first_difference, output_proof, trace_tree
from concordat.primitives.errors import InputError
from concordat.primitives.units import Bytes32
from concordat.protocol.execution import MAX_OUTPUT_BYTES

__all__ = [
    "Dissection",
    "ElementFault",
    "GraphJudge",
    "OutputFault",
    "TraceView",
    "commit",
    "element_proof",
    "find_fault",
    "judge_element",
    "judge_output",
    "node_in_question",
    "output_proof",
    "revealed_children",
    "trace_tree",
]


class ElementFault(NamedTuple):
    """An element of the trace that is not what its node makes."""

    node: int
    """Index of the node."""
    element: int
    """Index in the node's region."""


class OutputFault(NamedTuple):
    """A delivered output that is not the trace's output region."""

    word: int
    """First word that differs; zero when the length is wrong, or when only a root can be carried."""


def commit(execution: Execution) -> Bytes32:
    """Trace root of an execution."""
    return trace_tree(execution.graph, execution.trace).root


def _carried(execution: Execution) -> bytes:
    large = len(execution.output) > MAX_OUTPUT_BYTES
    return commit(execution) if large else execution.output


def find_fault(
    graph: Graph,
    claimed_trace: bytes,
    input_words: bytes,
    output: bytes | None = None,
    *,
    honest: Execution | None = None,
) -> ElementFault | OutputFault | None:
    """Leftmost wrong element of a claimed trace; else what is wrong with the output; else ``None``.

    Parameters
    ----------
    graph : Graph
    claimed_trace : bytes
        Packed words; those left out at the end are zero.
    input_words : bytes
        The order's input.
    output : bytes, optional
        As delivered; without it only elements are looked at.
    honest : Execution, optional
        Of the same input, if it is there already.
    """
    if len(claimed_trace) % WORD or len(claimed_trace) > WORD << graph.trace_depth:
        raise InputError(f"{len(claimed_trace)} bytes are no trace of this program.", code="TraceLength")
    honest = run(graph, input_words) if honest is None else honest
    place = first_difference(honest.trace, claimed_trace)
    if place is not None:
        return ElementFault(*graph.element_at(place))
    if output is None or output == _carried(honest):
        return None
    place = first_difference(honest.output, output) if len(output) == len(honest.output) else None
    return OutputFault(word=(place or 0) // WORD)
