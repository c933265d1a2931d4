"""Proofs of a transformer block: embeddings, attention, a softmax, layer normalisations and their roots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from concordat.graph.elements import pack_elements
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import VerificationError
from concordat.testing.inference import ProvenCase, prove_inference
from concordat.testing.sequences import transformer
from concordat.zk import verifier
from concordat.zk.circuit.ranges import weight_bits
from concordat.zk.circuit.sums import cell_bounds, wrapping
from concordat.zk.field import P
from concordat.zk.parameters import choose
from concordat.zk.verification import verify

LENGTH, TOKENS = 4, 20


def block(batch: int) -> ProvenCase:
    rows = np.random.default_rng(6).integers(0, TOKENS, size=(200, LENGTH))
    onnx = transformer(length=LENGTH, width=8, heads=2, hidden=16, classes=3, tokens=TOKENS)
    model = import_onnx(onnx, calibration=rows)
    kind = model.graph.nodes[0].out_type
    inputs = [pack_elements(row, kind) for row in model.schema.encode(rows[:batch])]
    return prove_inference(model.graph, batch=batch, parameters=choose, inputs=inputs, compiled=True)


@pytest.fixture(scope="module")
def said() -> ProvenCase:
    return block(1)


def test_transformer_block_is_proven_and_another_output_is_not(said: ProvenCase) -> None:
    statement, proof = said.statement, said.prove()
    verifier.verify(statement, proof)
    verify(statement, proof)
    (public,) = statement.publics
    lie = replace(statement, publics=((*public[:-1], public[-1] + 1),))
    for stated, given in ((lie, proof), (lie, said.prove(statement=lie))):
        with pytest.raises(VerificationError):
            verifier.verify(stated, given)


def test_transformer_block_is_proven_of_two_rows_at_once() -> None:
    case = block(2)
    verify(case.statement, case.prove())


def test_no_sum_of_a_transformer_block_wraps_around(said: ProvenCase) -> None:
    relation, weights = said.circuit.relation, said.circuit.weights
    bits = weight_bits(relation, weights, range(1, 63))
    assert wrapping(relation, bits) == ()
    assert wrapping(relation, (62,) * relation.weight_rows) != ()
    low, high = cell_bounds(relation, bits)
    for column, least, most in zip(said.columns, low, high, strict=True):
        signed = [int(n) - P if 2 * int(n) > P else int(n) for n in column]
        assert all(a <= n <= b for n, a, b in zip(signed, least, most, strict=True) if b - a < P)
