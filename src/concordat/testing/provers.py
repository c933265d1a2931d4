"""Provers that lie in one place and are consistent in all others.

One element of an execution is changed, everything after it is computed from the wrong number, and the cells are filled
as if the primitive had given it. The relation stays the honest one. No prover checks what it proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from concordat.graph.execute import Execution
from concordat.graph.ir import Comparison, Graph, Node
from concordat.primitives.hashing import sha256
from concordat.testing.interpreter import interpret
from concordat.zk.circuit import Circuit, Disclosure, compile_graph, gadgets
from concordat.zk.circuit import compile as compiling
from concordat.zk.circuit.blocks import Builder, Fill, Run, Value
from concordat.zk.parameters import Parameters, choose
from concordat.zk.prover import Taken, Weights, Witness, commit_input, commit_weights, prove
from concordat.zk.statement import Statement

__all__ = ["Liar", "deviating_circuit"]

_Columns = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Liar:
    """A prover with one model, one committed input and true commitments of both."""

    circuit: Circuit
    """The honest relation; cells follow what an execution says, not what is right."""
    input_words: bytes
    """The agreed input."""
    parameters: Parameters
    """Sizes of the codes."""
    weights: Weights | None
    """The opened commitment of the weights."""
    taken: Taken
    """The opened commitment of the input."""

    @classmethod
    def of(cls, graph: Graph, input_words: bytes, disclosure: Disclosure | None = None) -> Liar:
        """Compile and commit."""
        circuit = deviating_circuit(graph, disclosure)
        relation, parameters = circuit.relation, choose(circuit.relation, proofs=8)
        weights = None
        if relation.weight_rows:
            weights = commit_weights(relation, parameters, circuit.weights, sha256(b"liar's weights"))
        honest = Execution(graph=graph, trace=interpret(graph.to_bytes(), input_words))
        taken = commit_input(parameters, circuit.inputs([honest]), sha256(b"liar's input"))
        return cls(circuit=circuit, input_words=input_words, parameters=parameters, weights=weights, taken=taken)

    def execution(self, changed: dict[tuple[int, int], int]) -> Execution:
        """An execution with wrong elements, by node and element."""
        graph = self.circuit.graph
        return Execution(graph=graph, trace=interpret(graph.to_bytes(), self.input_words, changed))

    def columns(self, changed: dict[tuple[int, int], int]) -> _Columns:
        """Its cells."""
        return self.circuit.witness([self.execution(changed)])

    def statement(self, publics: tuple[tuple[int, ...], ...]) -> Statement:
        """What the proof is to show."""
        return Statement(
            chain_id=31337,
            contract=b"\x11" * 20,
            order=b"\x22" * 32,
            model=b"\x33" * 32,
            version=1,
            relation=self.circuit.relation,
            parameters=self.parameters,
            weights=self.weights.commitment if self.weights else None,
            input=self.taken.commitment,
            publics=publics,
        )

    def prove(self, changed: dict[tuple[int, int], int], columns: _Columns | None = None) -> tuple[Statement, bytes]:
        """A proof of what the changed execution gives, with its cells or others."""
        statement = self.statement(self.circuit.publics([self.execution(changed)]))
        a, b = columns or self.columns(changed)
        secret = sha256(b"liar's proof" + repr(sorted(changed.items())).encode())
        return statement, prove(statement, Witness(a=a, b=b), seed=secret, weights=self.weights, taken=self.taken)


def deviating_circuit(graph: Graph, disclosure: Disclosure | None = None) -> Circuit:
    """The circuit of a graph whose gadgets are filled to give what the execution says."""
    with patch.object(compiling, "_Compiler", _Deviating):
        return compile_graph(graph, disclosure=disclosure)


class _Deviating(compiling._Compiler):
    """Fills what the honest compiler computes anew from the elements of the execution."""

    def _node(self, place: int, node: Node) -> Value:
        said = self._elements(place)
        left = [node.k - 1]
        bare = not node.c.present and node.flags != Comparison.EQUAL
        with patch.multiple(
            compiling,
            requantise=partial(_requantise, said),
            greatest=partial(_greatest, said, left),
            is_not_negative=partial(_is_not_negative, said) if bare else gadgets.is_not_negative,
            is_zero=gadgets.is_zero if node.c.present else partial(_is_zero, said),
        ):
            return super()._node(place, node)


def _requantise(
    said: Fill, builder: Builder, terms: list[tuple[int, Value]], product: Any, exact: Fill, **numbers: Any
) -> Value:
    shift, bounds = numbers["shift"], numbers["bounds"]
    half = 1 << (shift - 1) if shift else 0

    def told(run: Run) -> npt.NDArray[np.int64]:
        right = np.clip((exact(run) + half) >> shift, bounds.low, bounds.high)
        moved: npt.NDArray[np.int64] = exact(run) + ((said(run) - right) << shift)
        return moved

    return gadgets.requantise(builder, terms, product, told, **numbers)


def _greatest(said: Fill, left: list[int], builder: Builder, x: Value, y: Value, spread: int) -> Value:
    left[0] -= 1
    if left[0]:
        return gadgets.greatest(builder, x, y, spread)
    bits = spread.bit_length()
    over_x = builder.bits(x.count, bits, lambda run: said(run) - x.fill(run))
    over_y = builder.bits(x.count, bits, lambda run: said(run) - y.fill(run))
    builder.zero([(1, x), (1, over_x), (-1, y), (-1, over_y)])
    builder.zero([(0, over_x)], product=(1, builder.row_of(over_x, over_y)))
    return Value(x.count, (*x.parts, *over_x.parts), x.constant, said)


def _is_not_negative(said: Fill, builder: Builder, value: Value, inner: Any) -> Value:
    if inner.low >= 0 or inner.high < 0:
        return gadgets.is_not_negative(builder, value, inner)
    sign = builder.bits(value.count, 1, said)
    size = max(inner.high, -inner.low - 1).bit_length()
    magnitude = builder.bits(
        value.count, size, lambda run: np.where(said(run) == 1, value.fill(run), -value.fill(run) - 1)
    )
    product = (2, builder.row_of(sign, value))
    builder.zero([(-1, value), (1, sign), (-1, magnitude)], product=product, constant=-1)
    return sign


def _is_zero(said: Fill, builder: Builder, value: Value) -> Value:
    with patch.object(gadgets, "once", lambda fill: said if fill.__name__ == "sign_of" else fill):
        return gadgets.is_zero(builder, value)
