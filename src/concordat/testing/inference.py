"""A proven inference with everything that its prover knew, for tests that try to prove something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from concordat.graph.elements import ElementType
from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.primitives.hashing import sha256
from concordat.testing.graphs import random_input
from concordat.testing.small import small_graph
from concordat.zk import prover
from concordat.zk.circuit import Circuit, Disclosure, compile_graph
from concordat.zk.hidden import HiddenModel
from concordat.zk.parameters import Parameters, choose
from concordat.zk.prover import Witness, commit
from concordat.zk.prover.commit import CommittedInput, CommittedWeights
from concordat.zk.relation import Relation
from concordat.zk.statement import Statement, WeightCommitment

__all__ = ["ProvenCase", "prove_inference", "small_case"]


@dataclass(frozen=True, kw_only=True)
class ProvenCase:
    """What a prover holds."""

    circuit: Circuit
    """The relation and its compiler."""
    statement: Statement
    """What is true."""
    columns: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]
    """Cells that show it."""
    weights: CommittedWeights
    """The opened commitment of the weights."""
    taken: CommittedInput
    """The opened commitment of the input."""

    @property
    def hidden(self) -> HiddenModel:
        """The model as everybody sees it, of a case with committed weights and numbers of 32 bits."""
        statement = self.statement
        assert isinstance(statement.weights, WeightCommitment)
        return HiddenModel(
            relation=statement.relation,
            parameters=statement.parameters,
            weights=statement.weights,
            version=statement.version,
            input_type=ElementType.I32,
        )

    def prove(self, *, seed: int = 0, **changes: Any) -> bytes:
        """A proof of the statement, or of what is left of it after changes to statement, columns, weights or input."""
        statement = changes.pop("statement", self.statement)
        columns = changes.pop("columns", self.columns)
        witness = Witness(a=columns[0], b=columns[1])
        weights, taken = changes.pop("weights", self.weights), changes.pop("taken", self.taken)
        assert not changes
        return prover.prove(statement, witness, seed=sha256(b"proof%d" % seed), weights=weights, taken=taken)

    def with_cell(self, column: int, row: int, value: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The columns with one other cell."""
        columns = (self.columns[0].copy(), self.columns[1].copy())
        columns[column][row] = np.uint64(value)
        return columns

    def stating(self, **fields: Any) -> Statement:
        """The statement with other fields."""
        return replace(self.statement, **fields)


def prove_inference(
    graph: Graph,
    *,
    seed: int = 1,
    batch: int = 1,
    disclosure: Disclosure | None = None,
    parameters: Callable[[Relation], Parameters] | None = None,
    inputs: Sequence[bytes] = (),
    compiled: bool = False,
) -> ProvenCase:
    """Compile, commit and execute a graph on some or random inputs.

    Parameters
    ----------
    parameters : callable, optional
        Makes them of the relation; for 32 proofs if nothing else is asked.
    inputs : sequence of bytes
        Packed words, one for each inference of the batch; random ones if left out.
    compiled : bool
        Whether the compiled prover may be taken: the same proofs, but nobody can look into its commitments.
    """
    circuit = compile_graph(graph, batch=batch, disclosure=disclosure)
    words = inputs or [random_input(graph, seed + i) for i in range(batch)]
    done = [run(graph, one) for one in words]
    sizes = choose(circuit.relation, proofs=32) if parameters is None else parameters(circuit.relation)
    twin: Any = prover if compiled else commit
    weights = twin.commit_weights(circuit.relation, sizes, circuit.weights, sha256(b"weights%d" % seed))
    taken = twin.commit_input(sizes, circuit.inputs(done), sha256(b"input%d" % seed))
    statement = Statement(
        chain_id=31337,
        contract=b"\x11" * 20,
        order=b"\x22" * 32,
        model=b"\x33" * 32,
        version=1,
        relation=circuit.relation,
        parameters=sizes,
        weights=weights.commitment,
        input=taken.commitment,
        publics=circuit.publics(done),
    )
    return ProvenCase(circuit=circuit, statement=statement, columns=circuit.witness(done), weights=weights, taken=taken)


@cache
def small_case() -> ProvenCase:
    """A case of the small classifier, quick to prove without compiled code."""
    return prove_inference(small_graph(hidden=6))
