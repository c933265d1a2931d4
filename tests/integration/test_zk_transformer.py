"""Proofs of a transformer block: embeddings, attention, a softmax, layer normalisations and their roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from concordat.graph.elements import pack_elements
from concordat.graph.execute import Execution, run
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import VerificationError
from concordat.testing.sequences import transformer
from concordat.zk import verifier
from concordat.zk.circuit import Circuit, compile_graph
from concordat.zk.circuit.ranges import weight_bits
from concordat.zk.circuit.sums import cell_bounds, wrapping
from concordat.zk.field import P
from concordat.zk.parameters import choose
from concordat.zk.prover import Witness, commit_input, commit_weights, prove
from concordat.zk.statement import Statement
from concordat.zk.verification import verify

LENGTH, TOKENS = 4, 20


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the block said of some rows."""

    circuit: Circuit
    """The compiled block."""
    executions: Sequence[Execution]
    """One for each row."""


def block(batch: int) -> Said:
    rows = np.random.default_rng(6).integers(0, TOKENS, size=(200, LENGTH))
    onnx = transformer(length=LENGTH, width=8, heads=2, hidden=16, classes=3, tokens=TOKENS)
    model = import_onnx(onnx, calibration=rows)
    kind = model.graph.nodes[0].out_type
    executions = [run(model.graph, pack_elements(row, kind)) for row in model.schema.encode(rows[:batch])]
    return Said(circuit=compile_graph(model.graph, batch=batch), executions=executions)


@pytest.fixture(scope="module")
def said() -> Said:
    return block(1)


def shown(said: Said, seed: bytes) -> tuple[Statement, Any]:
    """The statement, and a prover of any like it."""
    circuit = said.circuit
    relation, parameters = circuit.relation, choose(circuit.relation)
    weights = commit_weights(relation, parameters, circuit.weights, b"w" * 32)
    taken = commit_input(parameters, circuit.inputs(said.executions), b"x" * 32)
    statement = Statement(
        chain_id=1,
        contract=bytes(20),
        order=bytes(32),
        model=bytes(32),
        version=1,
        relation=relation,
        parameters=parameters,
        weights=weights.commitment,
        input=taken.commitment,
        publics=circuit.publics(said.executions),
    )
    a, b = circuit.witness(said.executions)
    return statement, lambda stated: prove(stated, Witness(a=a, b=b), seed=seed, weights=weights, taken=taken)


def test_transformer_block_is_proven_and_another_output_is_not(said: Said) -> None:
    statement, prover = shown(said, b"s" * 32)
    proof = prover(statement)
    verifier.verify(statement, proof)
    verify(statement, proof)
    (public,) = statement.publics
    lie = replace(statement, publics=((*public[:-1], public[-1] + 1),))
    for stated, given in ((lie, proof), (lie, prover(lie))):
        with pytest.raises(VerificationError):
            verifier.verify(stated, given)


def test_transformer_block_is_proven_of_two_rows_at_once() -> None:
    statement, prover = shown(block(2), b"s" * 32)
    verify(statement, prover(statement))


def test_no_sum_of_a_transformer_block_wraps_around(said: Said) -> None:
    relation, weights = said.circuit.relation, said.circuit.weights
    bits = weight_bits(relation, weights, range(1, 63))
    assert wrapping(relation, bits) == ()
    assert wrapping(relation, (62,) * relation.weight_rows) != ()
    low, high = cell_bounds(relation, bits)
    for column, least, most in zip(said.circuit.witness(said.executions), low, high, strict=True):
        signed = [int(n) - P if 2 * int(n) > P else int(n) for n in column]
        assert all(a <= n <= b for n, a, b in zip(signed, least, most, strict=True) if b - a < P)
