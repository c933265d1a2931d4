"""Check 13: run the model again, from its committed program, on the disclosed input."""

from __future__ import annotations

from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import ModelError
from concordat.primitives.merkle import MerkleTree
from concordat.verify.case import Case, Found, contradiction, holds, unchecked

__all__ = ["replay"]


def replay(case: Case, program: bytes) -> Found:
    """Execute and compare with the delivered result.

    The program is believed only if it opens the model's commitment, and run only if validation accepts it: a hostile
    one can neither overflow nor take more memory than the graph's limits allow.
    """
    model, opening = case.bundle.model, case.bundle.opening
    root = case.bundle.header.trace_root if opening is None else opening.trace_root
    try:
        graph = Graph.from_bytes(program)
        if graph.commitment(model.manifest_digest, model.native_digest) != model:
            return contradiction("The program is not the one that the model id commits to.")
        if case.bundle.input is None:
            return unchecked("The bundle does not disclose the input.")
        execution = run(graph, case.bundle.input.words)
    except ModelError as error:
        return contradiction(f"The program cannot be run: {error.message}")
    if case.bundle.output is None:
        return unchecked("The bundle does not disclose the output to compare with.")
    if execution.output != case.bundle.output:
        return contradiction("The model gives another output for this input.")
    if root == ZERO32:
        return holds("The model gives exactly this output for this input.")
    if MerkleTree.of_words(execution.trace, graph.trace_depth).root != root:
        return contradiction("The model's execution is not the one that the provider committed to.")
    return holds("The model gives exactly this output and this trace for this input.")
