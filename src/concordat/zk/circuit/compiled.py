"""A compiled graph: its relation, and how executions satisfy it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from concordat.graph.elements import Integers
from concordat.graph.execute import Execution
from concordat.graph.ir import Graph
from concordat.zk.circuit.blocks import Builder, Run
from concordat.zk.relation import Relation

__all__ = ["Circuit", "Disclosure", "disclosed"]

_Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """What becomes public of an output."""

    kind: str = "all"
    """``all`` of it, one ``element`` (as a label), its ``argmax``, or if one element reaches a ``threshold``."""
    element: int = 0
    """Which element is shown or compared."""
    threshold: int = 0
    """With what, as the output's integer."""


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A relation and how to satisfy it."""

    graph: Graph
    """The program."""
    batch: int
    """Inferences in one proof."""
    disclosure: Disclosure
    """What of the output is public."""
    relation: Relation
    """What is proven."""
    builder: Builder
    """Where the cells come from."""

    @cached_property
    def weights(self) -> _Array:
        """The weight matrix."""
        return self.builder.weight_matrix(self.relation)

    def witness(self, executions: Sequence[Execution]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Both columns of cells for a batch of executions."""
        return self.builder.columns(self.relation, _runner(executions))

    def publics(self, executions: Sequence[Execution]) -> tuple[tuple[int, ...], ...]:
        """The public vectors of a batch of executions."""
        outputs = np.stack([execution.elements(self.graph.output_node) for execution in executions])
        return (tuple(int(n) for n in disclosed(self.disclosure, outputs).ravel()),)

    def inputs(self, executions: Sequence[Execution]) -> _Array:
        """The input elements of a batch."""
        return np.concatenate([execution.elements(0) for execution in executions])


def disclosed(disclosure: Disclosure, outputs: Integers) -> Integers:
    """The public part of outputs, shape (batch, n)."""
    if disclosure.kind == "argmax":
        return np.asarray(np.argmax(outputs, axis=1))[:, None]
    if disclosure.kind == "element":
        return outputs[:, disclosure.element : disclosure.element + 1]
    if disclosure.kind == "threshold":
        return (outputs[:, disclosure.element] >= disclosure.threshold).astype(np.int64)[:, None]
    return outputs


def _runner(executions: Sequence[Execution]) -> Run:
    cache: dict[int, Integers] = {}

    def run(node: int) -> Integers:
        if node not in cache:
            cache[node] = np.stack([execution.elements(node) for execution in executions])
        return cache[node]

    return run
